"""Intervals: as wide as the data allow, people drawn as a whole, the same on every machine."""

from __future__ import annotations

import numpy as np
import pytest

from facezoo.evaluation import Bootstrap, measure_mean, measure_share, owners_of
from facezoo.evaluation.intervals import certain_share

QUICK = Bootstrap(rounds=400)


def mean_of(values: np.ndarray):
    return lambda rows: float(values[rows].mean())


def test_the_interval_of_a_mean_is_that_of_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    low, high = Bootstrap(rounds=2000).interval(mean_of(values), 400) or (0, 0)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.02) and high == pytest.approx(values.mean() + half, abs=0.02)


def test_the_seed_decides_it() -> None:
    values = np.arange(50.0)
    first, again, other = (Bootstrap(200, seed).interval(mean_of(values), 50) for seed in (0, 0, 1))
    assert first == again != other


def test_a_person_is_drawn_with_all_pictures() -> None:
    """Twenty pictures each of ten people are ten measurements, not two hundred."""
    person = np.repeat(np.arange(10), 20)
    values = np.random.default_rng(0).normal(size=10)[person]
    names = [f"p{number}" for number in person]
    alone, together = QUICK.interval(mean_of(values), 200), QUICK.interval(mean_of(values), 200, names)
    assert alone and together and together[1] - together[0] > 3 * (alone[1] - alone[0])
    shuffled = np.random.default_rng(1).permutation(200)
    assert QUICK.interval(mean_of(values[shuffled]), 200, [names[i] for i in shuffled]) == pytest.approx(together)


def test_people_with_unequal_numbers_of_pictures_keep_theirs() -> None:
    seen: list[list[int]] = []

    def note(rows: np.ndarray) -> float:
        seen.append(sorted(rows.tolist()))
        return 0.0

    Bootstrap(rounds=60).interval(note, 4, ["b", "a", "b", "c"])
    whole = {"a": [1], "b": [0, 2], "c": [3]}
    assert all(len(rows) == sum(len(whole[o]) * n for o, n in counted(rows).items()) for rows in seen)
    assert {len(rows) for rows in seen} > {3, 4}


def counted(rows: list[int]) -> dict[str, int]:
    """How often each owner was drawn."""
    assert rows.count(0) == rows.count(2), "both pictures of b come together"
    return {"a": rows.count(1), "b": rows.count(0), "c": rows.count(3)}


@pytest.mark.parametrize(("count", "owners"), [(1, None), (5, ["one"] * 5)])
def test_one_alone_has_no_interval(count: int, owners: list[str] | None) -> None:
    assert QUICK.interval(lambda rows: 1.0, count, owners) is None


def test_a_statistic_that_is_no_number_has_none() -> None:
    assert QUICK.interval(lambda rows: float("nan"), 10) is None


def test_where_all_agree_the_exact_interval_says_what_is_left_to_doubt() -> None:
    found = measure_share("accuracy", np.ones(20, bool), QUICK)
    assert found.value == 100.0 and found.interval == (83.16, 100.0)  # 1 - 0.025 ** (1 / 20)
    assert measure_share("accuracy", np.zeros(20, bool), QUICK).interval == (0.0, 16.84)
    one_person_twice = measure_share("accuracy", np.ones(20, bool), QUICK, owners=[f"p{i // 2}" for i in range(20)])
    assert one_person_twice.interval and one_person_twice.interval[0] == round(100 * certain_share(True, 10)[0], 2)


def test_a_mean_is_in_its_unit() -> None:
    found = measure_mean("yaw MAE", np.array([1.0, 2.0, 6.0]), QUICK, unit="degrees", better="lower")
    assert (found.value, found.metric, found.count) == (3.0, "yaw MAE (degrees)", 3)
    assert str(found).startswith("3.00 [")


def test_owners_of_some_rows() -> None:
    assert owners_of(["a", "b", "c"], np.array([2, 0])) == ["c", "a"] and owners_of(None, np.array([1])) is None
