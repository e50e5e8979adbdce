"""The recipes dln and dln-emotion, end to end on drawn faces: what they learn, keep, export, resume and refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import default_collate

import facezoo
from facezoo.datasets import open_dataset
from facezoo.errors import DatasetError, IncompatibleError, InputError
from facezoo.labels import SEVEN_EMOTIONS, Emotion
from facezoo.training import Moment, arrange, double_triplet, embed_samples, embed_triplets, run, triplet_accuracy
from facezoo_dln.emotion import DLNEmotionRecipe, DLNEmotionTraining, accuracies
from facezoo_dln.train import DLNTraining
from tests import madeup
from tests.dln.untrained import FACENET_SIDE as SIDE
from tests.dln.untrained import facenet
from tests.untrained import FixedDetector

FAST: dict[str, Any] = {"device": "cpu", "seed": 1}
LABELS = [str(emotion) for emotion in SEVEN_EMOTIONS]


@pytest.fixture(scope="module")
def fec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return madeup.fec(tmp_path_factory.mktemp("fec"), train=240, test=120, size=36)


@pytest.fixture(scope="module")
def trained(fec: Path, identity: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a run of the recipe dln."""
    output = tmp_path_factory.mktemp("runs") / "dln"
    values = {**FAST, "seed": 0, "identity": str(identity), "epochs": 4, "batch_size": 32, "rate": 0.3, "ema": 0.9}
    run("dln", fec, output, config=values | {"validate_every": 4}, quiet=True)
    return output


@pytest.fixture(scope="module")
def classifying(emotions: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a run of the recipe dln-emotion on that model."""
    output = tmp_path_factory.mktemp("runs") / "emotion"
    values = {**FAST, "start": str(trained / "model"), "epochs": 6, "batch_size": 15, "rate": 0.2}
    run("dln-emotion", emotions, output, config=values, quiet=True)
    return output


def lines(output: Path, name: str = "losses") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / f"{name}.jsonl").read_text().splitlines()]


def loaded(output: Path) -> Any:
    return facezoo.load(f"dir:{output / 'model'}", device="cpu")


def short(identity: Path, **values: Any) -> dict[str, Any]:
    """A run of a few seconds, not meant to learn."""
    return {**FAST, "identity": str(identity), "epochs": 1, "batch_size": 8, "max_steps": 2, "validate_every": 0, **values}


def test_expressions_in_unseen_pictures_are_judged_better_than_by_chance(trained: Path, fec: Path):
    reader = open_dataset("fec", fec)
    triplets = [triplet for triplet in reader.triplets("test") if triplet.odd is not None]
    odd = torch.tensor([triplet.odd for triplet in triplets])
    triple = arrange(embed_triplets(loaded(trained), triplets, box_reference=reader.box_reference), odd)
    margin = torch.tensor([0.1 if triplet.kind == "one-class" else 0.2 for triplet in triplets])
    loss, accuracy = double_triplet(*triple, margin).mean(), triplet_accuracy(*triple).double().mean()
    assert loss < 0.75 * (2 * margin).mean()  # what one and the same embedding for every face costs
    assert accuracy > 0.5  # chance is a third
    (validation,) = lines(trained, "validation")
    figures = validation["figures"]
    assert set(figures) == {"accuracy", "one_class", "two_class", "three_class", "loss"}
    assert (figures["accuracy"], figures["loss"]) == (pytest.approx(float(accuracy)), pytest.approx(float(loss), rel=1e-4))


def test_the_identity_branch_stays_bit_for_bit_and_the_face_branch_learns(trained: Path, identity: Path):
    before = facezoo.load(f"dir:{identity}", device="cpu").trunk.state_dict()
    component = loaded(trained)
    kept, learned = component.identity_branch.state_dict(), component.face_branch.state_dict()
    assert all(torch.equal(tensor, kept[name]) for name, tensor in before.items())
    changed = [name for name, tensor in before.items() if not torch.equal(tensor, learned[name])]
    assert any(name.endswith("running_mean") for name in changed)
    assert any(name.endswith("weight") for name in changed)


def test_the_exported_model_has_no_crowd_layer_and_its_card_says_what_happened(trained: Path):
    component = loaded(trained)
    assert {name.split(".")[0] for name in component.state_dict()} == {"identity_branch", "face_branch", "polynomial"}
    faces = torch.rand(2, 3, SIDE, SIDE)
    torch.testing.assert_close(component(faces).norm(dim=1), torch.ones(2))
    card = (trained / "model" / "README.md").read_text()
    assert "Crowd layer: matrix, 8 annotators; the exported model is without it" in card
    assert "order pairs beyond the majority's answer" in card
    assert "triplets of fec, split train" in card and "80 one-class" in card


def test_small_backbones_are_shown_what_their_identity_network_was(trained: Path, identity: Path, fec: Path, tmp_path: Path):
    assert loaded(trained).contract == facezoo.load(f"dir:{identity}", device="cpu").contract
    released = run("dln", fec, tmp_path / "run", config=short(identity, seen="released", max_steps=1, batch_size=2), quiet=True)
    contract = facezoo.load(f"dir:{released}", device="cpu").contract
    assert (contract.size, contract.range, contract.mean) == ((224, 224), (0.0, 1.0), (0.0, 0.0, 0.0))


def test_an_expression_embedding_comes_out_of_the_pipeline(trained: Path):
    pipe = facezoo.pipeline("expression-embedding", detector=FixedDetector(), encoder=loaded(trained), device="cpu")
    drawn = madeup.face(madeup.EXPRESSIONS[Emotion.HAPPINESS], 1)
    found = pipe(drawn, cropped=True).faces[0].embeddings["embedding"]
    assert found.values.shape == (16,) and found.space_id


def test_a_run_of_dln_continues_as_if_it_had_not_stopped(few: Path, identity: Path, tmp_path: Path):
    values = short(identity, max_steps=6, ema=0.9, polynomial_order=2, epochs=2, validate_every=1)
    run("dln", few, tmp_path / "whole", config=values, quiet=True)
    run("dln", few, tmp_path / "parts", config={**values, "max_steps": 4}, quiet=True)
    run("dln", few, tmp_path / "parts", config=values, resume=True, quiet=True)
    assert len(lines(tmp_path / "whole")) == 6
    for name in ("losses", "validation"):
        assert lines(tmp_path / "whole", name) == lines(tmp_path / "parts", name)
    one, other = (tmp_path / run / "model" / "model.safetensors" for run in ("whole", "parts"))
    assert one.read_bytes() == other.read_bytes()


def test_other_annotators_than_the_run_began_with_are_refused(few: Path, identity: Path, tmp_path: Path):
    data = shutil.copytree(few, tmp_path / "fec")
    run("dln", data, tmp_path / "run", config=short(identity), quiet=True)
    table = data / "faceexp-comparison-data-train-public.csv"
    table.write_text(table.read_text().replace("7000001", "42"))
    with pytest.raises(InputError, match="is not what the run .* began with"):
        run("dln", data, tmp_path / "run", config=short(identity, max_steps=3), resume=True, quiet=True)


def test_without_crowd_and_hierarchy_ties_are_left_out_and_counted(fec: Path, identity: Path, tmp_path: Path):
    triplets = open_dataset("fec", fec).triplets("train")
    tied = sum(triplet.odd is None for triplet in triplets)
    assert tied
    values = short(identity, crowd="off", hierarchy="none")
    model = run("dln", fec, tmp_path / "run", config=values, quiet=True)
    assert f"{tied} left out because their votes are tied" in (model / "README.md").read_text()
    assert [set(line["losses"]) for line in lines(tmp_path / "run")] == [{"triplet"}] * 2


def test_the_weights_of_the_best_validation_can_be_exported(few: Path, identity: Path, tmp_path: Path):
    values = short(identity, best=True, validate_every=1, epochs=3, max_steps=None, rate=1.0)
    card = (run("dln", few, tmp_path / "run", config=values, quiet=True) / "README.md").read_text()
    accuracies = [line["figures"]["accuracy"] for line in lines(tmp_path / "run", "validation")]
    assert len(accuracies) >= 2 and f"Validation of these weights: accuracy {max(accuracies):.4g}" in card


@pytest.mark.parametrize(
    ("recipe", "values", "error", "words"),
    [
        ("dln", {}, InputError, "identity=facenet-vggface2"),
        ("dln", {"identity": "haar-frontal"}, InputError, "a facenet is needed"),
        ("dln", {"reader": "rafdb"}, InputError, "has no triplets"),
        ("dln", {"crowd": "scalar"}, InputError, "crowd_placement=after"),
        ("dln-emotion", {}, InputError, "start=dir:RUN/model"),
        ("dln-emotion", {"start": "haar-frontal"}, InputError, "a dln, whose branches"),
        ("dln-emotion", {"start": "a", "identity": "b"}, InputError, "Both start and identity"),
    ],
)
def test_what_cannot_start_says_what_it_needs(recipe, values, error, words, fec, emotions, identity, tmp_path):
    given = {"identity": str(identity)} if set(values) & {"reader", "crowd"} else {}
    data = emotions / "rafdb" if values.get("reader") == "rafdb" else fec
    with pytest.raises(error, match=words):
        run(recipe, data, tmp_path / "run", config={**FAST, **given, **values}, quiet=True)


def test_a_face_network_with_shorter_vectors_is_refused(fec: Path, tmp_path: Path):
    narrow = facenet(tmp_path / "narrow", embedding_dim=64)
    with pytest.raises(IncompatibleError, match="64 values .* embedding_dim=512"):
        run("dln", fec, tmp_path / "run", config={**FAST, "identity": str(narrow)}, quiet=True)


def test_the_defaults_are_those_of_the_sources():
    one, two = DLNTraining(), DLNEmotionTraining()
    assert (one.rate, one.momentum, one.weight_decay, one.batch_size, one.epochs) == (0.002, 0.9, 5e-5, 64, 100)
    assert (one.margin_one_class, one.margin, one.reader, one.crowd, one.polynomial_order) == (0.1, 0.2, "fec", "matrix", 1)
    assert (two.rate, two.momentum, two.batch_size, two.epochs) == (0.001, 0.9, 30, 10)
    assert two.readers == ("affectnet", "rafdb") and two.weighting == "balanced" and not two.train_identity


def test_emotions_of_unseen_pictures_are_told_better_than_by_their_frequencies(classifying: Path, emotions: Path):
    samples = open_dataset("rafdb", emotions / "rafdb").samples("test")
    logits = torch.from_numpy(embed_samples(loaded(classifying), samples))
    truth = torch.tensor([LABELS.index(str(sample.label)) for sample in samples])
    prior = torch.bincount(truth, minlength=7).double() / len(truth)
    assert F.cross_entropy(logits.double(), truth) < -(prior * prior.log()).sum() - 0.02
    assert (logits.argmax(1) == truth).double().mean() > 0.4


def test_figures_are_given_over_all_and_per_data_set(classifying: Path):
    figures = lines(classifying, "validation")[-1]["figures"]
    expected = {"accuracy", "mean_class_accuracy"}
    both = {f"{name}_{reader}" for name in expected for reader in ("affectnet", "rafdb")}
    assert set(figures) == expected | both | {"cross_entropy"}
    whole = (42 * figures["accuracy_rafdb"] + 14 * figures["accuracy_affectnet"]) / 56
    assert figures["accuracy"] == pytest.approx(whole)


def test_the_mean_over_classes_does_not_count_a_class_that_does_not_occur():
    table = torch.tensor([[8, 0, 0], [1, 1, 0], [0, 0, 0]])
    assert accuracies(table) == {"accuracy": 0.9, "mean_class_accuracy": 0.75}


def test_contempt_is_left_out_with_a_count_and_classes_are_weighted(classifying: Path):
    card = (classifying / "model" / "README.md").read_text()
    assert "affectnet, split train: 21 pictures" in card and "left out: 3 contempt" in card
    assert "neutral 0.955, happiness 0.955, sadness 1.02" in card  # 16, 16, 15 … pictures


def test_the_loss_counts_a_picture_by_the_weight_of_its_class(emotions: Path, identity: Path):
    recipe = DLNEmotionRecipe(DLNEmotionTraining(identity=str(identity), device="cpu"), emotions)
    recipe.component.eval()  # no dropout
    recipe.class_weights = torch.arange(1.0, 8.0)
    dataset = recipe.dataset()
    batch = default_collate([dataset[i] for i in (0, 1, 2, 30)])
    moment = Moment(step=0, epoch=0, batch=0, steps_per_epoch=1, steps=1, generator=torch.Generator())
    single = F.cross_entropy(recipe.component(batch["faces"] / 255), batch["label"], reduction="none")
    expected = (single * (batch["label"] + 1)).sum() / (batch["label"] + 1).sum()
    torch.testing.assert_close(recipe.losses(batch, "emotion", moment)["cross_entropy"], expected)


def test_every_data_set_draws_anew_in_every_epoch(emotions: Path, identity: Path):
    dataset = DLNEmotionRecipe(DLNEmotionTraining(identity=str(identity), device="cpu"), emotions).dataset()
    dataset.set_epoch(3)
    assert [(part.epoch, part.seed) for part in dataset.datasets] == [(3, 0), (3, 1)]


def test_only_the_face_branch_and_the_classifier_learn(classifying: Path, trained: Path):
    before, after = loaded(trained).state_dict(), loaded(classifying).state_dict()
    for name, tensor in before.items():
        if name.startswith("identity_branch"):
            assert torch.equal(tensor, after[name])
    changed = [name for name in before if name.startswith("face_branch") and not torch.equal(before[name], after[name])]
    assert changed


def test_seven_labelled_probabilities_come_out_of_the_pipeline(classifying: Path):
    classifier = loaded(classifying)
    assert classifier.labels == tuple(LABELS)
    pipe = facezoo.pipeline("emotion-recognition", detector=FixedDetector(), classifier=classifier, device="cpu")
    face = pipe(madeup.face(madeup.EXPRESSIONS[Emotion.SURPRISE], 2), cropped=True).faces[0]
    assert list(face.emotions.probabilities) == LABELS
    assert sum(face.emotions.probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_a_run_of_dln_emotion_continues_as_if_it_had_not_stopped(emotions: Path, identity: Path, tmp_path: Path):
    values = short(identity, readers=["affectnet", "rafdb"], train_identity=True, max_steps=15, validate_every=1, epochs=2)
    run("dln-emotion", emotions, tmp_path / "whole", config=values, quiet=True)
    run("dln-emotion", emotions, tmp_path / "parts", config={**values, "max_steps": 5}, quiet=True)
    run("dln-emotion", emotions, tmp_path / "parts", config=values, resume=True, quiet=True)
    assert len(lines(tmp_path / "whole")) == 15  # thirteen make an epoch
    for name in ("losses", "validation"):
        assert lines(tmp_path / "whole", name) == lines(tmp_path / "parts", name)
    one, other = (tmp_path / run / "model" / "model.safetensors" for run in ("whole", "parts"))
    assert one.read_bytes() == other.read_bytes()
    start = facezoo.load(f"dir:{identity}", device="cpu").trunk.state_dict()
    trained = loaded(tmp_path / "whole").identity_branch.state_dict()
    assert any(not torch.equal(tensor, trained[name]) for name, tensor in start.items())


def test_several_readers_have_folders_of_their_names_and_one_has_the_folder(emotions: Path, identity: Path, tmp_path: Path):
    model = run("dln-emotion", emotions / "rafdb", tmp_path / "one", config=short(identity, readers=["rafdb"]), quiet=True)
    assert model.is_dir()
    with pytest.raises(DatasetError, match=r"rafdb.affectnet"):
        run("dln-emotion", emotions / "rafdb", tmp_path / "two", config=short(identity), quiet=True)
