"""Pipelines: one picture or many, in order, whatever is wrong with some of them."""

from __future__ import annotations

import dataclasses
import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import facezoo
from facezoo import tasks
from facezoo.batches import Shot, in_portions, make_options, select
from facezoo.components import Classifier, Detections, Provenance
from facezoo.config import ComponentConfig
from facezoo.contracts import InputContract, SquareCrop
from facezoo.registry import Metric, load_registry
from facezoo.specs import ComponentSpec
from tests.untrained import FixedDetector, cycle_face, cycle_face_directory, portrait


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return facezoo.load(f"dir:{cycle_face_directory(tmp_path_factory.mktemp('pipelines') / 'c')}", device="cpu")


@pytest.fixture
def pipe(encoder):
    return facezoo.pipeline("identity-embedding", detector=FixedDetector(), encoder=encoder)


@pytest.fixture
def folder(tmp_path):
    for index in range(3):
        Image.fromarray(portrait(index)).save(tmp_path / f"{index}.png")
    return tmp_path


def values(result):
    return result.faces[0].embeddings["identity"].values


def test_every_form_of_a_picture_gives_the_same(pipe, tmp_path):
    array = portrait()
    Image.fromarray(array).save(tmp_path / "a.png")
    tensor = torch.from_numpy(array).permute(2, 0, 1)
    forms = [
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        (tmp_path / "a.png").read_bytes(),
        Image.fromarray(array),
        array,
        tensor,
    ]
    results = [pipe(form) for form in forms]
    for result in results:
        assert isinstance(result, facezoo.ImageResult)
        np.testing.assert_array_equal(values(result), values(results[0]))
    assert results[0].source == str(tmp_path / "a.png")
    assert results[0].size == (100, 120)


def test_lists_folders_and_generators_keep_their_order(pipe, folder):
    single = [pipe(folder / f"{i}.png") for i in range(3)]
    for many in (
        folder,
        [folder / f"{i}.png" for i in range(3)],
        (portrait(i) for i in range(3)),
        np.stack([portrait(i) for i in range(3)]),
    ):
        results = pipe(many)
        assert isinstance(results, list)
        for one, other in zip(single, results, strict=True):
            np.testing.assert_allclose(values(one), values(other), atol=1e-5)


def test_batches_do_not_change_results(encoder):
    pictures = [portrait(i) for i in range(5)]
    detector = FixedDetector(faces=3)
    pipe = facezoo.pipeline("identity-embedding", detector=detector, encoder=encoder)
    whole, pieces = pipe(pictures), pipe(pictures, batch_size=2)
    for a, b in zip(whole, pieces, strict=True):
        assert len(a.faces) == len(b.faces) == 3
        for x, y in zip(a.faces, b.faces, strict=True):
            np.testing.assert_allclose(x.embeddings["identity"].values, y.embeddings["identity"].values, atol=1e-5)
            np.testing.assert_array_equal(x.box, y.box)


def test_streaming_reads_no_further_than_it_must(pipe):
    read = []

    def endless():
        for index in itertools.count():
            read.append(index)
            yield portrait(index % 7)

    stream = pipe.stream(endless(), batch_size=2)
    assert len(list(itertools.islice(stream, 3))) == 3
    assert len(read) <= 4


def test_an_embedding_knows_its_space(pipe, encoder):
    embedding = pipe(portrait()).faces[0].embeddings["identity"]
    assert embedding.space_id == encoder.views["identity"].space_id
    assert embedding.values.shape == (256,)
    assert embedding.values.dtype == np.float32


def test_no_face_is_not_an_error(pipe):
    result = pipe(np.zeros((50, 60, 3), np.uint8))
    assert result.faces == ()
    assert result.error is None


def test_bad_pictures_raise_or_are_recorded(pipe, folder):
    (folder / "1.png").write_bytes(b"no picture")
    with pytest.raises(facezoo.InputError, match=r"1\.png"):
        pipe(folder)
    results = pipe(folder, on_error="record")
    assert [bool(r.error) for r in results] == [False, True, False]
    assert "1.png" in results[1].error
    assert len(results[2].faces) == 1


def test_options_select_faces(encoder):
    pipe = facezoo.pipeline("face-detection", detector=FixedDetector(faces=3))
    boxes = pipe(portrait()).faces
    assert [round(f.score, 1) for f in boxes] == [0.9, 0.8, 0.7]
    assert len(pipe(portrait(), max_faces=2).faces) == 2
    assert len(pipe(portrait(), min_score=0.75).faces) == 2
    largest = pipe(portrait(), largest=True).faces
    assert len(largest) == 1
    np.testing.assert_array_equal(largest[0].box, boxes[2].box)


@pytest.mark.parametrize(
    "options", [{"batchsize": 2}, {"batch_size": 0}, {"min_score": 2}, {"on_error": "ignore"}, {"max_faces": 0}]
)
def test_wrong_options_are_errors(pipe, options):
    with pytest.raises(facezoo.InputError):
        pipe(portrait(), **options)
    with pytest.raises(facezoo.InputError):
        pipe(42)


def test_own_boxes_replace_the_detector(encoder):
    detector = FixedDetector()
    pipe = facezoo.pipeline("identity-embedding", detector=detector, encoder=encoder)
    found = pipe(portrait())
    asked = len(detector.pictures)
    given = pipe(portrait(), boxes=found.faces[0].box[None])
    assert len(detector.pictures) == asked
    np.testing.assert_array_equal(values(given), values(found))
    both = pipe([portrait(), portrait(1)], boxes=[found.faces[0].box, np.zeros((0, 4))])
    assert [len(r.faces) for r in both] == [1, 0]
    for bad in ([1, 2, 3], [[5, 5, 1, 9]]):
        with pytest.raises(facezoo.InputError, match="x0 y0 x1 y1"):
            pipe(portrait(), boxes=bad)
    with pytest.raises(facezoo.InputError, match="landmarks"):
        pipe(portrait(), landmarks=np.zeros((1, 5, 2)))


def test_cropped_faces_skip_detection(encoder):
    detector = FixedDetector()
    pipe = facezoo.pipeline("identity-embedding", detector=detector, encoder=encoder)
    face = portrait(3, 64, 64)
    result = pipe(face, cropped=True)
    assert detector.pictures == []
    wanted = encoder.encode_identity(torch.from_numpy(face).permute(2, 0, 1)[None] / 255)[0].numpy()
    np.testing.assert_allclose(values(result), wanted, atol=1e-6)
    assert result.faces[0].box is None


def test_several_tasks_share_one_detection_and_one_crop(encoder):
    detector = FixedDetector(faces=2)
    pipe = facezoo.pipeline(
        ["identity-embedding", "expression-embedding", "frontalization"],
        detector=detector,
        encoder=encoder,
        manipulator=encoder,
    )
    result = pipe(portrait())
    assert detector.pictures == [1]
    for face in result.faces:
        assert set(face.embeddings) == {"identity", "expression"}
        assert set(face.pictures) == {"neutral", "mean_face"}
        assert face.pictures["neutral"].pixels.shape == (64, 64, 3)
        assert face.crop.shape == (64, 64, 3)


def test_results_become_json_rows_and_tables(pipe):
    result = pipe(portrait())
    data = json.loads(result.to_json())
    assert data["faces"][0]["embeddings"]["identity"]["space_id"] == result.faces[0].embeddings["identity"].space_id
    assert len(data["faces"][0]["box"]) == 4
    frame = facezoo.table([result, pipe(np.zeros((9, 9, 3), np.uint8))])
    assert list(frame["face"])[:1] == [0]
    assert list(facezoo.table(result)["face"]) == [0]
    assert len(frame) == 2
    assert frame.attrs["spaces"] == {"identity": result.faces[0].embeddings["identity"].space_id}
    with pytest.raises(AttributeError):
        result.face  # noqa: B018
    with pytest.raises(AttributeError, match="slots are detector, encoder"):
        pipe.classifier  # noqa: B018


def test_the_report_names_every_slot(pipe, encoder):
    report = pipe.report()
    assert [row["slot"] for row in report.rows] == ["detector", "encoder"]
    assert encoder.views["identity"].space_id in str(report).replace("\n", "")


def test_verification_claims_no_threshold_it_does_not_have(encoder):
    pipe = facezoo.pipeline("face-verification", detector=FixedDetector(), encoder=encoder)
    same = pipe(portrait(), portrait())
    assert same.similarity == pytest.approx(1.0, abs=1e-5)
    assert same.same is None
    assert same.threshold is None
    assert pipe(portrait(), portrait(5)).similarity < same.similarity
    with pytest.raises(facezoo.InputError, match="two pictures"):
        pipe(portrait())
    with pytest.raises(facezoo.InputError, match="No face"):
        pipe(portrait(), np.zeros((60, 60, 3), np.uint8))


def test_verification_refuses_a_view_that_was_not_made_for_it(encoder, monkeypatch):
    table = {name: dataclasses.replace(view, comparable=name != "identity") for name, view in encoder.view_table().items()}
    monkeypatch.setattr(encoder, "view_table", lambda: table)
    with pytest.raises(facezoo.IncompatibleError, match="not made to tell people apart.*facenet-vggface2"):
        facezoo.pipeline("face-verification", detector=FixedDetector(), encoder=encoder)
    assert facezoo.pipeline("identity-embedding", detector=FixedDetector(), encoder=encoder)(portrait()).faces


def test_a_component_in_the_wrong_slot_is_told_where_it_fits(encoder):
    with pytest.raises(facezoo.IncompatibleError, match=r"pipeline\('expression-embedding', encoder=.*--encoder"):
        facezoo.pipeline("emotion-recognition", detector=FixedDetector(), classifier=encoder)
    with pytest.raises(facezoo.IncompatibleError, match=r"used for face-detection: pipeline\('face-detection', detector="):
        facezoo.pipeline("identity-embedding", encoder=FixedDetector())


def test_a_measured_threshold_comes_with_its_false_accept_rate(encoder, monkeypatch):
    entry = load_registry().model("cycle-face-nano")
    metric = Metric(task="face-verification", dataset="d", split="s", metric="false_accept_rate", value=0.01, threshold=0.7,
                    protocol="p", measured_by="facezoo")  # fmt: skip
    known = entry.model_copy(update={"metrics": (metric,)})
    monkeypatch.setattr(tasks, "load_registry", lambda: SimpleNamespace(models=(known,)))
    monkeypatch.setattr(encoder, "provenance", Provenance("cycle-face-nano", "package"))
    pipe = facezoo.pipeline("face-verification", detector=FixedDetector(), encoder=encoder)
    answer = pipe(portrait(), portrait())
    assert (answer.same, answer.threshold, answer.false_accept_rate) == (True, 0.7, 0.01)


def test_transfer_between_pictures(encoder, tmp_path):
    pipe = facezoo.pipeline("expression-transfer", detector=FixedDetector(), manipulator=encoder)
    source = portrait(1)
    side = pipe(source, portrait(2), output=tmp_path / "out.png")
    assert side.pixels.shape == (256, 768, 3)
    assert np.asarray(Image.open(tmp_path / "out.png")).shape == (256, 768, 3)
    assert pipe(source, portrait(2), layout="face").pixels.shape == (64, 64, 3)
    back = pipe(source, portrait(2), layout="picture").pixels
    assert back.shape == source.shape
    assert (back[0, 0] == source[0, 0]).all()
    with pytest.raises(facezoo.InputError, match="layout"):
        pipe(source, source, layout="collage")
    with pytest.raises(facezoo.InputError, match="No face"):
        pipe(source, np.zeros((50, 50, 3), np.uint8))


class TinyClassifier(Classifier):
    """Brightness to three emotions."""

    def __init__(self, config):
        super().__init__(config)
        self.weight = torch.nn.Parameter(torch.tensor([1.0, 0.0, -1.0]))
        self.labels = ("happiness", "neutral", "sadness")
        self.spec = ComponentSpec(arch="tiny", kinds=("classifier",), target="", config="", summary="")

    @classmethod
    def default_contract(cls, config):
        return InputContract(crop=SquareCrop(scale=2.6), size=(16, 16))

    def forward(self, faces):
        return self.prepare(faces).mean((1, 2, 3))[:, None] * self.weight


def test_emotions_are_probabilities():
    pipe = facezoo.pipeline("emotion-recognition", detector=FixedDetector(), classifier=TinyClassifier(ComponentConfig()))
    scores = pipe(np.full((80, 80, 3), 250, np.uint8)).faces[0].emotions
    assert scores.label == "happiness"
    assert sum(scores.probabilities.values()) == pytest.approx(1.0)
    odd = TinyClassifier(ComponentConfig())
    odd.labels = ("happiness", "neutral", "bored")
    with pytest.raises(facezoo.IncompatibleError, match="bored"):
        facezoo.pipeline("emotion-recognition", detector=FixedDetector(), classifier=odd)


def test_a_crowd_is_split_and_put_together_again():
    boxes = np.arange(28, dtype=np.float32).reshape(7, 4)
    crowd = Shot("a", np.zeros((1, 1, 3), np.uint8), Detections(boxes, np.ones(7, np.float32)))
    empty = Shot("b", np.zeros((1, 1, 3), np.uint8), Detections(boxes[:0], np.ones(0, np.float32)))
    pair = Shot("c", np.zeros((1, 1, 3), np.uint8), Detections(boxes[:2], np.ones(2, np.float32)))
    portions = list(in_portions([crowd, empty, pair], 3))
    assert [sum(len(s.detections) for s in p) for p in portions] == [3, 3, 3]
    joined = np.concatenate([s.detections.boxes for p in portions for s in p])
    np.testing.assert_array_equal(joined, np.concatenate([boxes, boxes[:2]]))


def test_selection_is_by_score():
    detections = Detections(
        np.zeros((3, 4), np.float32), np.array([0.2, 0.9, 0.6], np.float32), np.zeros((3, 5, 2), np.float32)
    )
    kept = select(detections, make_options({}))
    np.testing.assert_allclose(kept.scores, [0.9, 0.6])
    assert kept.landmarks.shape == (2, 5, 2)


def test_untrained_components_have_no_space():
    pipe = facezoo.pipeline("identity-embedding", detector=FixedDetector(), encoder=cycle_face())
    assert pipe(portrait()).faces[0].embeddings["identity"].space_id is None
