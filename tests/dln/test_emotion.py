"""What the emotion classifier promises, whatever its weights; and the codes that data sets have for emotions."""

from __future__ import annotations

import pytest
import torch

import facezoo
from facezoo import labels, weights
from facezoo.components import patterns
from facezoo.labels import Emotion
from facezoo.testing import check_component
from facezoo_dln.config import DLNEmotionConfig
from facezoo_dln.model import DLN, DLNEmotion
from tests.dln.untrained import SIDE, dln, emotion
from tests.untrained import FixedDetector, portrait

FACES = patterns(4, SIDE, SIDE)
SEVEN = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")


def test_the_component_keeps_its_contract():
    check_component(emotion())


def test_seven_logits_in_the_canonical_order():
    component = emotion()
    assert component.labels == DLNEmotionConfig().labels == SEVEN == tuple(labels.SEVEN_EMOTIONS)
    assert component(FACES).shape == (4, 7)
    assert component(FACES).dtype == torch.float32


def test_a_linear_layer_reads_the_deviation_of_the_network_it_starts_from():
    start = dln(seed=3)
    assert start.contract is not None
    start.contract = start.contract.model_copy(update={"mean": (0.1, 0.2, 0.3)})  # weights bring their own
    component = DLNEmotion.from_dln(start).trainable_(False)
    wanted = component.classifier(start.deviation(FACES))
    torch.testing.assert_close(component(FACES), wanted)
    assert component.contract == start.contract


def test_nothing_is_shared_with_the_network_it_starts_from():
    start = dln(seed=3)
    before = {name: tensor.clone() for name, tensor in start.state_dict().items()}
    component = DLNEmotion.from_dln(start)
    with torch.no_grad():
        for parameter in component.parameters():
            parameter.add_(1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in start.state_dict().items())


def test_branches_of_another_network_are_refused():
    with pytest.raises(facezoo.IncompatibleError, match=r"test_resnet at 48 pixels.*test_resnet at 64 pixels;"):
        emotion().copy_branches(dln(image_size=64))


def test_the_order_of_the_labels_travels_with_the_weights(tmp_path):
    turned = tuple(reversed(SEVEN))
    made = DLNEmotion.from_dln(dln(), turned)
    made.spec = emotion().spec
    weights.save(made.trainable_(False), tmp_path / "turned")
    loaded = facezoo.load(f"dir:{tmp_path / 'turned'}", device="cpu")
    assert loaded.labels == turned
    pipe = facezoo.pipeline("emotion-recognition", detector=FixedDetector(), classifier=loaded)
    scores = pipe(portrait(1)).faces[0].emotions.probabilities
    assert list(scores) == list(turned)
    assert sum(scores.values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("given", [("neutral",), ("neutral", "neutral", "fear"), ()])
def test_labels_are_two_or_more_and_distinct(given):
    with pytest.raises(facezoo.WeightsError, match="labels"):
        DLNEmotionConfig.from_values({"labels": given}, "a test")


def test_the_identity_branch_is_never_trained():
    network = emotion().trainable_(True)
    network.train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.5)
    torch.nn.functional.cross_entropy(network(FACES), torch.arange(4)).backward()
    optimiser.step()
    changed = {name.partition(".")[0] for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {"face_branch", "classifier"}


def test_the_papers_classifier_is_not_released_and_says_what_to_do():
    words = r"not released.*facezoo train dln-emotion --data.*--classifier dir:RUN/model.*docs/dln\.md"
    with pytest.raises(facezoo.WeightsUnavailableError, match=words) as caught:
        facezoo.pipeline("emotion-recognition", classifier="dln-emotion-affectnet-rafdb", device="cpu")
    assert "\n" not in str(caught.value)


def test_the_classifier_has_no_embedding_and_the_embedding_no_logits():
    assert not hasattr(emotion(), "polynomial")
    assert not isinstance(emotion(), DLN)


@pytest.mark.parametrize(
    ("table", "published"),
    [
        (labels.RAF_DB, {1: "surprise", 2: "fear", 3: "disgust", 4: "happiness", 5: "sadness", 6: "anger", 7: "neutral"}),
        (
            labels.AFFECTNET,
            {0: "neutral", 1: "happiness", 2: "sadness", 3: "surprise", 4: "fear", 5: "disgust", 6: "anger", 7: "contempt"},
        ),
        (labels.FER_2013, {0: "anger", 1: "disgust", 2: "fear", 3: "happiness", 4: "sadness", 5: "surprise", 6: "neutral"}),
    ],
    ids=["RAF-DB", "AffectNet", "FER-2013"],
)
def test_every_code_of_a_data_set_is_its_emotion(table, published):
    assert {code: value.value for code, value in table.items()} == published
    assert all(isinstance(value, Emotion) for value in table.values())
    assert set(labels.SEVEN_EMOTIONS) <= set(table.values())


def test_contempt_is_none_of_the_seven():
    assert Emotion.CONTEMPT not in labels.SEVEN_EMOTIONS
    assert [code for code, value in labels.AFFECTNET.items() if value not in labels.SEVEN_EMOTIONS] == [7]
    classifier = emotion(labels=(*SEVEN, "contempt"))
    assert classifier(FACES).shape == (4, 8)
    with pytest.raises(facezoo.IncompatibleError, match="contempt"):
        facezoo.pipeline("emotion-recognition", detector=FixedDetector(), classifier=classifier)
