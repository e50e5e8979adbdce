"""The bench: the same faces for all systems, searched once, counted where none is found; and who is let on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facezoo.components import Detections
from facezoo.contracts import BoxReference, FivePointCrop, InputContract, SquareCrop
from facezoo.datasets import Sample, open_dataset
from facezoo.errors import IncompatibleError, InputError
from facezoo.evaluation import Bench, Conditions, Subject, place, placing
from facezoo.evaluation.subjects import check, load_subject
from tests import untrained
from tests.evaluation.known import ByColour, ByRed, flat

SQUARE = InputContract(crop=SquareCrop(scale=2.0), size=(16, 16))
POINTS = InputContract(
    crop=FivePointCrop(template=((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))), size=(16, 16)
)
ANY = BoxReference(length=0.4)


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> untrained.FixedDetector:
    """Finds the middle of every picture that is not black."""
    found = untrained.FixedDetector()
    monkeypatch.setattr(placing, "start_from", lambda name, *kind, **more: found)
    return found


def bench(tmp_path: Path, **conditions) -> Bench:
    return Bench(tmp_path, Conditions(device="cpu", **conditions))


def samples(*pictures: np.ndarray, **known) -> list[Sample]:
    return [Sample("same name", picture, **known) for picture in pictures]


def test_what_is_known_is_not_searched(detector) -> None:
    for known in ({"cropped": True}, {"box": (1.0, 1.0, 9.0, 9.0)}, {"landmarks": np.ones((5, 2), np.float32)}):
        assert place(samples(flat(9), **known), SQUARE, ANY).found.all()
    assert not detector.pictures
    place(samples(flat(9), box=(1.0, 1.0, 9.0, 9.0)), POINTS, ANY)
    assert detector.pictures == [1], "a box does not say where the five points are"


def test_a_box_is_not_enough_for_five_points_where_nothing_is_found(monkeypatch) -> None:
    class Pointing(untrained.FixedDetector):
        def _one(self, image: np.ndarray) -> Detections:
            seen = super()._one(image)
            return Detections(seen.boxes, seen.scores, np.ones((len(seen.boxes), 5, 2), np.float32))

    found = Pointing()
    monkeypatch.setattr(placing, "start_from", lambda name, *kind, **more: found)
    known = {"box": (4.0, 4.0, 12.0, 12.0)}
    placed = place(samples(flat(9), flat(0), **known), POINTS, ANY)
    assert placed.found.tolist() == [True, False] and placed.samples[0].landmarks is not None


def test_faces_that_are_not_found_are_told_apart_even_by_the_same_name(detector) -> None:
    placed = place(samples(flat(9), flat(0), flat(7)), SQUARE, ANY)
    assert placed.found.tolist() == [True, False, True] and placed.not_found == 1
    assert [sample.read()[0, 0, 0] for sample in placed.samples] == [9, 7]
    assert {sample.name for sample in placed.samples} == {"same name"}
    assert "looked for by haar-frontal in 3 pictures and found in 2" in placed.told


def test_everything_is_searched_or_nothing_if_that_is_wanted(detector) -> None:
    black = samples(flat(0), cropped=True)
    assert place(black, SQUARE, ANY, faces="detect").not_found == 1
    assert place(samples(flat(0)), SQUARE, ANY, faces="cropped").samples[0].cropped
    assert detector.pictures == [1]


def test_two_systems_share_one_search(detector, tmp_path: Path, rafdb: Path) -> None:
    stand = bench(tmp_path, faces="detect")
    part = stand.part(open_dataset("rafdb", rafdb), "test", "measured on")
    for _ in range(2):
        assert Subject("known", ByColour(), stand).found(part).all()
    assert sum(detector.pictures) == 14
    stand.place(part, POINTS)
    assert sum(detector.pictures) == 28, "points are another question than boxes"


def test_rows_belong_to_samples_whether_a_face_was_found_or_not(detector, tmp_path: Path, rafdb: Path) -> None:
    stand = bench(tmp_path, faces="detect")
    reader = open_dataset("rafdb", rafdb)
    part = stand.part(reader, "test", "measured on", samples(flat(200, side=64), flat(0, side=64), flat(100, side=64)))
    subject = Subject("known", ByColour(), stand)
    codes = subject.embed(part, "identity")
    assert codes[[0, 2], 0] * 255 == pytest.approx([200, 100], abs=1) and np.isnan(codes[1]).all()
    assert subject.answered_by == "identity" and subject.used["test"].not_found == 1
    batches = list(subject.faces(part))
    assert [rows.tolist() for rows, _ in batches] == [[0, 2]] and batches[0][1].shape == (2, 3, 16, 16)


def test_a_trial_draws_the_same_some_in_their_order(tmp_path: Path, rafdb: Path) -> None:
    reader = open_dataset("rafdb", rafdb)
    whole = bench(tmp_path).part(reader, "train", "fitted on")
    first, again = (bench(tmp_path, limit=5).part(reader, "train", "fitted on") for _ in range(2))
    names = [sample.name for sample in first.samples]
    assert names == sorted(names) == [sample.name for sample in again.samples] and len(names) == 5
    assert first.split.digest == again.split.digest != whole.split.digest and whole.split.count == 28
    other = Bench(tmp_path, Conditions(limit=5), seed=1).part(reader, "train", "fitted on")
    assert other.split.digest != first.split.digest


def test_a_view_is_chosen_by_what_is_asked_unless_one_is_named(tmp_path: Path) -> None:
    stand = bench(tmp_path)
    assert Subject("known", ByColour(), stand).view("expression") == "expression"
    assert Subject("known", ByColour(), stand, view="identity").view("expression") == "identity"
    assert Subject("known", ByColour(), stand, "peer").view("expression") == "identity", "a peer's first view has to do"
    with pytest.raises(IncompatibleError, match="no view 'smile'"):
        Subject("known", ByColour(), stand, view="smile")
    with pytest.raises(IncompatibleError, match="no encoder"):
        Subject("known", ByRed(), stand).view("identity")


def test_another_size_is_shown_without_touching_the_weights(tmp_path: Path) -> None:
    component = untrained.cycle_face()
    subject = Subject("tiny", component, bench(tmp_path))
    subject.show(component.contract.model_copy(update={"size": (100, 100)}))
    assert subject.shown and subject.shown.size == (100, 100) and component.contract.size == (64, 64)
    assert subject.encoder is not component and next(subject.encoder.parameters()) is next(component.parameters())
    assert subject.encoder.views["identity"].space_id is None


def test_one_of_several_requirements_has_to_be_met(encoder: str, tmp_path: Path) -> None:
    check(ByRed(), ("encoder:identity", "classifier:emotion"), "this")
    with pytest.raises(IncompatibleError, match="needs encoder:identity or manipulator:neutralize"):
        check(ByRed(), ("encoder:identity", "manipulator:neutralize"), "this")
    with pytest.raises(IncompatibleError, match="needed is classifier:emotion"):
        load_subject(encoder, bench(tmp_path), ("classifier:emotion",), "this")
    loaded = load_subject(encoder.removeprefix("dir:"), bench(tmp_path), ("classifier:emotion", "encoder:features"), "this")
    assert loaded.name.endswith("/tiny") and not loaded.name.startswith("dir:/"), "a report does not tell a machine's folders"
    assert loaded.weights and loaded.weights.source == "dir" and len(loaded.weights.sha256 or "") == 64


def test_conditions_that_measure_nothing_are_refused() -> None:
    for wrong in ({"limit": 1}, {"batch_size": 0}, {"workers": -1}):
        with pytest.raises(InputError):
            Conditions(**wrong)
