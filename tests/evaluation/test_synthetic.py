"""``synthetic``: every part measures what the pictures of a set tell; parts that a model has no answer for are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from facezoo.components import View
from facezoo.errors import IncompatibleError
from facezoo.evaluation import Conditions, Measurement, System, evaluate
from facezoo.labels import SEVEN_EMOTIONS
from facezoo.training import run
from tests import published
from tests.evaluation.known import STEP, ByColour, ByRed, flat

LABELS = [emotion.value for emotion in SEVEN_EMOTIONS]
FAINT = 0.4  # weaker expressions are painted as if they were neutral


def painted(facts: dict[str, Any]) -> np.ndarray:
    """Red says the emotion (unless it is faint), green and blue say who it is."""
    shown = LABELS.index(facts["emotion"]) if facts["intensity"] >= FAINT else 0
    first, second = np.clip(facts["identity"][:2], -2.5, 2.5)
    return flat(STEP * shown, 128 + 40 * first, 128 + 40 * second, side=48)


class Factors(ByColour):
    """Two views: how near red is to that of each emotion, and green with blue."""

    def view_table(self) -> dict[str, View]:
        return {"identity": View(2, "identity", ()), "expression": View(7, "expression", ())}

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        colour = prepared.mean((2, 3))
        if view == "identity":
            return colour[:, 1:] - 0.5
        return torch.exp(-((colour[:, :1] * 255 / STEP - torch.arange(7)) ** 2))


def measured(data: Path, model: Any, *settings: str) -> System:
    chosen = ["rounds=30", "penalty=0.001", *settings]
    return evaluate("synthetic", data, [model], settings=chosen, conditions=Conditions(device="cpu")).systems[0]


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 people with seven emotions each; four of them in ``test``."""
    return published.synthetic(tmp_path_factory.mktemp("set"), 40, paint=painted)


@pytest.fixture(scope="module")
def factors(faces: Path) -> System:
    """What is measured of ``Factors``."""
    return measured(faces, Factors(), "shapes=2")


def value(system: System, group: str, name: str) -> float:
    return figure(system, group, name).value


def figure(system: System, group: str, name: str) -> Measurement:
    return next(one for one in system.measurements if (one.group, one.name) == (group, name))


def test_emotions_are_counted_over_all_by_class_by_intensity_and_by_yaw(faces) -> None:
    found = measured(faces, ByRed())
    assert figure(found, "accuracy by intensity", "neutral").value == value(found, "accuracy by class", "neutral") == 100
    assert value(found, "accuracy by intensity", "0.2 to 0.4") == 0
    for name in ("0.4 to 0.6", "0.6 to 0.8", "0.8 to 1"):
        assert value(found, "accuracy by intensity", name) == 100
    bins = [one for one in found.measurements if one.group == "accuracy by intensity"]
    assert sum(one.count for one in bins) == figure(found, "", "accuracy").count == 28
    right = sum(one.value * one.count for one in bins) / 28
    assert found.measurements[0].metric == "accuracy (%)" and found.measurements[0].value == pytest.approx(right, abs=0.01)
    yaws = [one for one in found.measurements if one.group == "accuracy by |yaw|"]
    assert sum(one.count for one in yaws) == 28 and yaws[0].name == "0 to 15 degrees"
    assert found.confusion is not None and sum(map(sum, found.confusion.counts)) == 28
    assert [text.partition(":")[0] for text in found.left_out] == ["head pose", "verification", "disentanglement"]


def test_further_classes_of_a_classifier_do_not_count(faces) -> None:
    class Another(ByRed):
        def forward(self, faces: Tensor) -> Tensor:
            logits = super().forward(faces)
            return torch.where(torch.arange(logits.shape[1]) == 7, 99.0, logits)

    found = measured(faces, Another((*SEVEN_EMOTIONS, "contempt")))
    assert value(found, "", "accuracy") == value(measured(faces, ByRed()), "", "accuracy")
    with pytest.raises(IncompatibleError, match="does not say neutral.*it answers happiness, smile"):
        measured(faces, ByRed(("happiness", "smile")))


def test_a_person_is_known_by_the_view_that_shows_it_and_by_no_other(factors) -> None:
    found = factors
    assert (
        value(found, "verification", "area under ROC") == 1 == value(found, "verification, centred vectors", "area under ROC")
    )
    by_view = "verification by view, centred vectors"
    assert value(found, by_view, "identity") >= 75 and value(found, by_view, "expression") < 75
    assert found.view == "identity" and found.left_out[0].startswith("emotion: ")


def test_linear_probes_read_each_factor_from_the_view_that_holds_it(faces, factors) -> None:
    found = factors
    emotion, shape = "linear probe of emotion", "linear probe of shape"
    assert value(found, emotion, "expression") > 60 and value(found, emotion, "identity") < 25
    assert value(found, shape, "identity") > 0.9 and value(found, shape, "expression") < 0.1
    assert value(found, "linear probe of yaw", "identity") == pytest.approx(30, abs=8)  # nothing shows the pose
    assert any("probes=false" in text for text in measured(faces, Factors(), "probes=false").left_out)


def test_probes_are_fitted_on_other_people_and_on_some_faces_only(faces) -> None:
    report = evaluate(
        "synthetic", faces, [Factors()], settings=["rounds=5", "fit_on=100", "penalty=1", "split=all"],
        conditions=Conditions(device="cpu"),
    )  # fmt: skip
    splits = {split.name: (split.use, split.count, split.people) for split in report.splits}
    assert splits["all"] == ("measured on", 280, 40) and splits["test"] == ("measured on", 28, 4)
    assert splits["train"][:2] == ("fitted on", 100)
    assert splits["all, pairs"] == ("measured on", 80, 40)


def test_a_trial_takes_some_of_all_pairs(faces) -> None:
    trial = Conditions(device="cpu", limit=20)
    chosen = ["rounds=5", "probes=false", "split=all"]
    report = evaluate("synthetic", faces, [Factors()], settings=chosen, conditions=trial)
    assert {split.name: split.count for split in report.splits} == {"all": 20, "all, pairs": 20}


def test_frames_of_a_track_are_no_pairs_and_shapes_that_nobody_wrote_down_no_target(tmp_path) -> None:
    data = published.synthetic(tmp_path, 30, tracks=True, paint=painted)
    found = measured(data, Factors())
    assert any(text.startswith("verification: the pictures of a person share one light") for text in found.left_out)
    assert any(one.group == "linear probe of shape" for one in found.measurements)
    reader_shapes = "facezoo_synthetic.reader.SyntheticFaces.shapes"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader_shapes, lambda reader, split: np.zeros((len(reader.samples(split)), 100)))
        unknown = measured(data, Factors())
        assert not any(one.group == "linear probe of shape" for one in unknown.measurements)
        assert unknown.remarks[0].startswith("shape: the labels of this set have no shape coefficients")


def test_a_heads_angles_are_compared_with_the_true_ones_and_with_a_constant(tmp_path, encoder) -> None:
    data = published.synthetic(tmp_path / "set", 20, 3)
    values = {"encoder": encoder, "view": "features", "reader": "synthetic", "target": "yaw,pitch,roll", "penalty": 1.0,
              "device": "cpu"}  # fmt: skip
    head = run("linear-probe", data, tmp_path / "run", config=values, quiet=True)
    report = evaluate("synthetic", data, [f"dir:{head}"], settings=["rounds=30"], conditions=Conditions(device="cpu"))
    found, constant = report.systems[0], report.system("always the mean angles")
    assert [one.metric for one in found.measurements] == [f"{angle} MAE (degrees)" for angle in ("yaw", "pitch", "roll")]
    assert all(one.better == "lower" and one.task == "head-pose" and one.count == 6 for one in found.measurements)
    assert 20 < constant.measurements[0].value < 40 and found.measurements[0].value > 0
    assert [text.partition(":")[0] for text in found.left_out] == ["emotion", "verification", "disentanglement"]
