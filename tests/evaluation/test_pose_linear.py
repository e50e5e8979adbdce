"""``pose-linear``: angles that the pictures tell, the filter of the training faces, BIWI, and a constant beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from facezoo.components import View
from facezoo.datasets import open_dataset
from facezoo.errors import DatasetError
from facezoo.evaluation import Bootstrap, Conditions, Report, evaluate
from facezoo_evaluate.angles import measure_angles
from tests import published
from tests.evaluation.known import ByColour

ANGLES = ("yaw", "pitch", "roll")
MEASURED = Conditions(device="cpu", faces="cropped")


class Map(ByColour):
    """The mean colour as its features."""

    def view_table(self) -> dict[str, View]:
        return {"features": View(3, "features", ())}

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        return prepared.mean((2, 3))


def coloured(root: Path, wild: int = 0) -> Path:
    """FSA-Net's files of flat pictures whose colour says the angles; so many training faces are turned away and lie."""
    rng = np.random.default_rng(0)
    root.mkdir(parents=True, exist_ok=True)
    for name, count in (("AFW", 60), ("AFLW2000", 20), ("BIWI_noTrack", 10)):
        poses = rng.uniform(-60, 60, (count, 3))
        colours = np.rint(128 + 1.5 * poses).astype(np.uint8)
        if name == "AFW" and wild:
            poses[:wild, 1] = 150
        np.savez(root / f"{name}.npz", image=np.tile(colours[:, None, None], (1, 64, 64, 1)), pose=poses, img_size=64)
    return root


def figures(report: Report, row: int = 0) -> dict[str, float]:
    return {one.metric: one.value for one in report.systems[row].measurements}


def measured(data: Path, *settings: str) -> Report:
    return evaluate("pose-linear", data, [Map()], settings=["rounds=20", *settings], conditions=MEASURED)


def test_angles_that_the_pictures_tell_are_read_and_the_constant_stands_beside(tmp_path) -> None:
    report = measured(coloured(tmp_path), "penalty=0.0001")
    found, constant = figures(report), figures(report, 1)
    assert report.systems[1].name == "always the mean of the training angles"
    reader = open_dataset("fsa-npz", tmp_path)
    for split, prefix in (("test", ""), ("biwi", "BIWI, ")):
        for angle in ANGLES:
            true = np.array([sample.values[angle] for sample in reader.samples(split)])
            mean = np.mean([sample.values[angle] for sample in reader.samples("train")])
            assert found[f"{prefix}{angle} MAE (degrees)"] < 1
            assert constant[f"{prefix}{angle} MAE (degrees)"] == pytest.approx(np.abs(true - mean).mean(), abs=0.006)
    assert {p.name: p.value for p in report.published if p.measurement == "yaw MAE"}["FaceCycle"] == 11.70
    assert all(p.stated_by == "paper" and p.unit == "degrees" for p in report.published)


def test_training_faces_with_an_angle_beyond_99_degrees_are_left_out(tmp_path) -> None:
    report = measured(coloured(tmp_path, wild=15), "penalty=0.0001")
    assert figures(report)["pitch MAE (degrees)"] < 1
    assert {split.name: split.count for split in report.splits} == {"train": 45, "test": 20, "biwi": 10}
    assert "train: faces with an angle above 99 degrees are left out: 15" in report.notes
    assert figures(measured(tmp_path, "penalty=0.0001", "largest_angle=180"))["pitch MAE (degrees)"] > 5
    assert measured(tmp_path, "penalty=1", "fit_on=10").splits[0].count == 10
    with pytest.raises(DatasetError, match="0 of 60 training faces have angles up to 0.01"):
        measured(tmp_path, "largest_angle=0.01")


def test_the_published_folders_are_read_too(tmp_path) -> None:
    published.three_hundred_w_lp(tmp_path / "300W_LP", 4, 2, folders=("AFW",))
    published.aflw2000(tmp_path / "AFLW2000", 4)
    with_biwi = ("pose-linear", tmp_path)
    report = evaluate(*with_biwi, peers=["raw-pixels"], settings=["rounds=5", "penalty=1"], conditions=MEASURED)
    assert {split.name: split.count for split in report.splits} == {"train": 8, "test": 4}
    assert report.splits[0].people == 4  # copies of a photo are one
    published.biwi(tmp_path / "BIWI", 2, 2)
    report = evaluate(*with_biwi, peers=["raw-pixels"], settings=["rounds=5", "penalty=1"], conditions=MEASURED)
    assert {split.name: split.count for split in report.splits} == {"train": 8, "test": 4, "biwi": 4}
    assert "BIWI, yaw MAE (degrees)" in figures(report)


def test_where_no_face_is_found_the_guess_is_the_answer() -> None:
    given = np.array([[1.0, 2, 3], [np.nan] * 3])
    found = measure_angles(given, np.array([[1.0, 2, 3], [10, 20, 30]]), Bootstrap(5), guess=np.array([10.0, 0, 0]))
    assert [one.value for one in found] == [0, 10, 15] and [one.name for one in found] == [f"{angle} MAE" for angle in ANGLES]
    assert all(one.unit == "degrees" and one.better == "lower" and one.count == 2 for one in found)
