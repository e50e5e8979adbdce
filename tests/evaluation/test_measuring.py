"""Classes and verification by folds: what counts as right, and on which pairs a threshold is chosen."""

from __future__ import annotations

import numpy as np
import pytest

from facezoo.errors import DatasetError
from facezoo.evaluation import (
    NO_ANSWER,
    Bootstrap,
    best_class,
    measure_classes,
    measure_verification,
    similarities,
    verify_by_folds,
)
from facezoo.evaluation.verification import best_threshold

QUICK = Bootstrap(rounds=50)


def test_a_face_that_was_not_found_is_no_answer() -> None:
    logits = np.array([[0.1, 3.0], [np.nan, np.nan], [2.0, -1.0]], np.float32)
    assert best_class(logits).tolist() == [1, NO_ANSWER, 0]


def test_classes_are_counted_with_what_was_not_answered() -> None:
    given, wanted = np.array([0, 0, NO_ANSWER, 1, 1, 0]), np.array([0, 0, 0, 0, 1, 1])
    measured, confusion = measure_classes(("calm", "glad", "none shown"), given, wanted, QUICK)
    values = {m.metric: m.value for m in measured}
    assert values == {
        "accuracy (%)": 50.0, "mean class accuracy (%)": 50.0, "accuracy by class, calm (%)": 50.0,
        "accuracy by class, glad (%)": 50.0,
    }  # fmt: skip
    assert confusion.counts == ((2, 1, 0), (1, 1, 0), (0, 0, 0)) and confusion.unanswered == (1, 0, 0)


def test_the_mean_over_classes_counts_a_rare_class_as_much() -> None:
    given, wanted = np.array([0] * 9 + [0]), np.array([0] * 9 + [1])
    measured, _ = measure_classes(("often", "rare"), given, wanted, QUICK)
    assert [m.value for m in measured[:2]] == [90.0, 50.0]


def test_similarity_is_the_cosine() -> None:
    first, second = np.array([[1.0, 0], [2, 0], [0, 0], [np.nan, 1]]), np.array([[1.0, 1], [-3, 0], [1, 1], [1, 1]])
    assert similarities(first, second) == pytest.approx([0.5**0.5, -1.0, 0.0, np.nan], nan_ok=True)


def test_the_threshold_parts_best_and_lies_midway() -> None:
    assert best_threshold(np.array([0.1, 0.2, 0.6, 0.8]), np.array([False, False, True, True])) == pytest.approx(0.4)
    assert best_threshold(np.array([0.9, 0.2, 0.6, 0.8]), np.array([False, False, True, True])) == pytest.approx(0.4)
    nobody = best_threshold(np.array([0.9, 0.8, 0.1]), np.array([False, False, True]))
    assert nobody > 0.9, "where accepting any pair costs more than it gains, none is accepted"


def test_a_fold_is_decided_by_the_others_thresholds() -> None:
    """Fold 0 lies higher than the rest and is as large: with its own pairs counted too, all of it would be right."""
    similarity = np.array([0.8, 0.6] * 5 + [0.5, 0.1] * 4)
    same, folds = np.array([True, False] * 9), np.array([0] * 10 + [1] * 4 + [2] * 4)
    decided = verify_by_folds(similarity, same, folds)
    assert decided.thresholds == pytest.approx([0.3, 0.7, 0.7])
    assert decided.right.tolist() == [True, False] * 5 + [False, True] * 4


def test_a_pair_without_a_face_is_wrong_and_chooses_nothing() -> None:
    similarity, folds = np.array([0.9, np.nan, 0.9, 0.1, np.nan, 0.1]), np.array([0, 0, 1, 1, 2, 2])
    decided = verify_by_folds(similarity, np.array([True, False, True, False, True, False]), folds)
    assert decided.right.tolist() == [True, False, True, True, False, True] and np.isfinite(decided.thresholds).all()


def test_verification_says_accuracy_area_and_strangers_that_are_accepted() -> None:
    rng = np.random.default_rng(0)
    same, folds = np.arange(400) % 2 == 0, np.arange(400) // 40
    accuracy, area, strangers = measure_verification(same + rng.normal(0, 0.5, 400), same, folds, QUICK)
    assert 78 < accuracy.value < 90 and accuracy.count == 400  # two normal curves a distance of two sigma apart: 84 %
    assert area.value == pytest.approx(0.92, abs=0.03) and area.unit == ""
    assert strangers.metric == "false_accept_rate" and strangers.better == "lower" and strangers.count == 200
    assert 0.05 < strangers.value < 0.3 and strangers.threshold == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize(
    ("same", "folds", "message"),
    [([True, False, True], [0, 0, 0], "two folds"), ([True, True, False], [0, 0, 1], "both kinds")],
)
def test_too_little_to_choose_a_threshold_on(same: list[bool], folds: list[int], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        verify_by_folds(np.array([0.1, 0.2, 0.3]), np.array(same), np.array(folds))


def test_strangers_who_are_never_accepted_leave_a_doubt() -> None:
    same = np.array([True] * 20 + [False] * 20)
    similarity = np.where(same, 0.9, 0.1) + np.linspace(0, 0.05, 40)
    rate = measure_verification(similarity, same, np.arange(40) % 10, QUICK)[2]
    assert rate.value == 0 and rate.interval is not None
    assert rate.interval[0] == 0 and rate.interval[1] == pytest.approx(1 - 0.025 ** (1 / 20), abs=1e-3)  # exact, of 20
