"""What cannot be learnt from is said before anything is encoded: which sample, which class, which value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facezoo.datasets import Reader, Sample
from facezoo.errors import DatasetError
from facezoo_probes.figures import as_markdown, figures
from facezoo_probes.targets import Target, target_of

PICTURE = np.zeros((8, 8, 3), np.uint8)


class Made(Reader):
    """A reader of samples that are given."""

    layout = ""
    splits = ("train",)

    def __init__(self, names: Sequence[str] = ()) -> None:
        super().__init__(Path("."))
        self.names = tuple(names)

    @property
    def labels(self) -> tuple[str, ...] | None:
        return self.names or None

    def collect(self, split: str) -> list[Sample]:
        return []


def labelled(*labels: str | None) -> list[Sample]:
    return [Sample(f"{i}.jpg", PICTURE, label=label) for i, label in enumerate(labels)]


def measured(*values: Mapping[str, float]) -> list[Sample]:
    return [Sample(f"{i}.jpg", PICTURE, values=each) for i, each in enumerate(values)]


def target(
    samples: Sequence[Sample], *wanted: str, labels: Sequence[str] = (), names: Sequence[str] = (), units: str = ""
) -> Target:
    return target_of(wanted or ("label",), labels, units, samples, Made(names))


def test_classes_come_in_the_readers_order_and_only_those_that_are_there():
    made = target(labelled("b", "c", "b"), names=("c", "a", "b"))
    assert made == Target("logits", ("c", "b"))
    assert made.numbers(labelled("b", "c")).tolist() == [1, 0]


def test_classes_that_the_reader_does_not_list_come_sorted():
    assert target(labelled("b", "a", "b")).names == ("a", "b")


def test_chosen_classes_keep_their_order_and_drop_the_others():
    samples = labelled("b", "c", "a")
    made = target(samples, labels=("b", "a"))
    assert made.names == ("b", "a") and [s.label for s in made.keep(samples)] == ["b", "a"]


def test_words_for_emotions_choose_classes_too_where_all_are_emotions():
    assert target(labelled("happiness", "anger", "fear"), labels=("Angry", "joy")).names == ("anger", "happiness")
    assert target(labelled("happiness", "anger"), labels=("anger", "joy", "happiness")).names == ("anger", "happiness")
    with pytest.raises(DatasetError, match="'joy'; there are anna, happiness"):
        target(labelled("happiness", "anna"), labels=("joy", "anna"))


@pytest.mark.parametrize(
    ("samples", "options", "message"),
    [
        (labelled("a", "a"), {}, "All 2 training samples of . are 'a'"),
        (labelled("a", None, "b"), {}, r"1 of 3 training samples of . have no class \(first 1.jpg\)"),
        (labelled("a", "b"), {"labels": ("a", "happy")}, "No training sample of . is 'happy'; there are a, b"),
    ],
)
def test_classes_that_cannot_be_learnt_are_refused(samples: list[Sample], options: dict[str, Any], message: str):
    with pytest.raises(DatasetError, match=message):
        target(samples, **options)


def test_samples_with_values_only_say_so_when_classes_are_wanted():
    with pytest.raises(DatasetError, match=r"--set target=\[pitch,yaw\]"):
        target(measured({"yaw": 1.0, "pitch": 2.0}))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([{"yaw": 1.0}, {"yaw": float("nan")}], "The sample 1.jpg has yaw=nan"),
        ([{"yaw": 1.0}, {"yaw": float("inf")}], "The sample 1.jpg has yaw=inf"),
        ([{"yaw": 1.0}, {"yam": 1.0}], "The sample 1.jpg has no value 'yaw'; it has yam. Did you mean yam"),
        ([{"yaw": 1.0}, {}], "it has none"),
        (
            [{"yam": 1.0}, {"age": 1.0}],
            "None of the 2 training samples of . has a value 'yaw'; they have yam, age. Did you mean yam",
        ),
        ([{}, {}], "has a value 'yaw'; they have none"),
        ([{"yaw": 1.0}, {"yaw": 1.0}], "yaw is 1 in all 2 training samples"),
    ],
)
def test_values_that_cannot_be_learnt_are_refused(values: list[dict[str, float]], message: str):
    with pytest.raises(DatasetError, match=message):
        target(measured(*values), "yaw")


def test_angles_are_in_degrees_and_other_values_in_what_is_said():
    angles = measured({"yaw": 1.0, "valence": 0.1}, {"yaw": 2.0, "valence": 0.2})
    assert target(angles, "yaw").units == "degrees"
    assert target(angles, "valence").units == ""
    assert target(angles, "yaw", units="radians").units == "radians"
    assert target(angles, "valence", "yaw").units == ""


def test_figures_stand_beside_what_needs_no_face():
    made = Target("logits", ("a", "b"))
    given = np.array([[2.0, 1.0], [2.0, 1.0], [0.0, 1.0], [3.0, 1.0]])
    found = figures(made, given, np.array([0, 0, 1, 1]), np.array([1, 1, 0]))
    assert found == {"accuracy": 0.75, "balanced_accuracy": 0.75, "baseline_accuracy": 0.5}
    assert "| b | 2 | 50.0% |" in as_markdown(made, found, given, np.array([0, 0, 1, 1]))


def test_errors_of_values_are_in_their_units_beside_the_means():
    made = Target("values", ("yaw", "pitch"), "degrees")
    given, wanted = np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[2.0, 5.0], [2.0, 9.0]])
    found = figures(made, given, wanted, np.array([[0.0, 5.0], [0.0, 5.0]]))
    assert found["mae_yaw"] == 1.0 and found["baseline_mae_yaw"] == 2.0
    assert found["mae_pitch"] == 2.0 and found["baseline_mae_pitch"] == 2.0
    assert found["relative_mae"] == 0.75
    assert "| yaw | 1 | 2 |" in as_markdown(made, found, given, wanted)
