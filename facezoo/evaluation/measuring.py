"""From answers to measurements: shares, means and classes, each with its interval. No answer is a wrong answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from facezoo.errors import DatasetError
from facezoo.evaluation.intervals import Bootstrap, certain_share, owners_of
from facezoo.evaluation.report import Better, Confusion, Measurement

NO_ANSWER = -1  # in place of a class where no face was found


def measure_statistic(
    name: str,
    of_rows: Callable[[np.ndarray], float],
    count: int,
    bootstrap: Bootstrap,
    *,
    unit: str = "",
    owners: Sequence[str] | None = None,
    group: str = "",
    better: Better = "higher",
    task: str = "",
) -> Measurement:
    """Any number that follows from rows.

    Args:
        name: see ``Measurement``.
        of_rows: row numbers (M,) int64, some several times, to the number in ``unit``.
        count: N rows.
        bootstrap: how the interval is drawn.
        unit: see ``Measurement``.
        owners: N names of whom the rows show; see ``Bootstrap.interval``.
        group: see ``Measurement``.
        better: see ``Measurement``.
        task: see ``Measurement``.

    Raises:
        DatasetError: nothing to measure, or the statistic of all rows is no number.
    """
    value = float(of_rows(np.arange(count))) if count else float("nan")
    if not np.isfinite(value):
        raise DatasetError(f"{name} of {count} rows is no number; measure on more of the data.")
    interval = bootstrap.interval(of_rows, count, owners)
    return Measurement(name=name, value=value, interval=interval, unit=unit, count=count, group=group, better=better, task=task)


def measure_share(
    name: str,
    right: np.ndarray,
    bootstrap: Bootstrap,
    *,
    owners: Sequence[str] | None = None,
    group: str = "",
    better: Better = "higher",
    task: str = "",
) -> Measurement:
    """The percentage of rows that are right; where all or none are, with the exact interval of so many rows (or owners).

    Args:
        name: see ``measure_statistic``, as the rest.
        right: (N,) bool, N > 0.
        bootstrap: how the interval is drawn.
        owners: N names.
        group: see ``Measurement``.
        better: see ``Measurement``.
        task: see ``Measurement``.
    """
    percent = 100.0 * np.asarray(right, np.float64)
    found = measure_mean(name, percent, bootstrap, unit="%", owners=owners, group=group, better=better, task=task)
    if found.value not in (0.0, 100.0) or found.interval is None:
        return found
    units = len(right) if owners is None else len(set(owners))
    low, high = certain_share(found.value == 100.0, units, bootstrap.level)
    return Measurement.model_validate({**found.model_dump(), "interval": (100.0 * low, 100.0 * high)})


def measure_mean(
    name: str,
    values: np.ndarray,
    bootstrap: Bootstrap,
    *,
    unit: str,
    owners: Sequence[str] | None = None,
    group: str = "",
    better: Better = "higher",
    task: str = "",
) -> Measurement:
    """The mean of (N,) float values in ``unit``; the other arguments as of ``measure_statistic``."""
    return measure_statistic(
        name, lambda rows: float(values[rows].mean()), len(values), bootstrap,
        unit=unit, owners=owners, group=group, better=better, task=task,
    )  # fmt: skip


def best_class(answers: np.ndarray) -> np.ndarray:
    """(N, K) logits, rows of NaN where there is no face -> (N,) int64 class numbers, ``NO_ANSWER`` there."""
    classes = np.nan_to_num(answers).argmax(axis=1)
    classes[np.isnan(answers[:, 0])] = NO_ANSWER
    return classes


def measure_classes(
    labels: Sequence[str], given: np.ndarray, wanted: np.ndarray, bootstrap: Bootstrap, owners: Sequence[str] | None = None
) -> tuple[list[Measurement], Confusion]:
    """Accuracy, the mean of the classes' recalls, and each class's recall.

    Args:
        labels: K classes.
        given: (N,) int class numbers of the answers; ``NO_ANSWER`` counts as wrong.
        wanted: (N,) int class numbers of the truth.
        bootstrap: how intervals are drawn.
        owners: N names of whom the pictures show.

    Returns:
        The measurements, and the table of classes by answers.
    """
    right = np.asarray(given == wanted)
    recall = measure_statistic(
        "mean class accuracy", lambda rows: mean_recall(given[rows], wanted[rows]), len(wanted), bootstrap,
        unit="%", owners=owners,
    )  # fmt: skip
    measured = [measure_share("accuracy", right, bootstrap, owners=owners), recall]
    for number, label in enumerate(labels):
        of_class = np.flatnonzero(wanted == number)
        if len(of_class):
            own = owners_of(owners, of_class)
            measured.append(measure_share(str(label), right[of_class], bootstrap, owners=own, group="accuracy by class"))
    return measured, confusion(labels, given, wanted)


def mean_recall(given: np.ndarray, wanted: np.ndarray) -> float:
    """The mean over the classes that occur of the percentage of each that is right; arguments as of ``measure_classes``."""
    totals = np.bincount(wanted)
    hits = np.bincount(wanted, weights=given == wanted, minlength=len(totals))
    return float(100.0 * (hits[totals > 0] / totals[totals > 0]).mean())


def confusion(labels: Sequence[str], given: np.ndarray, wanted: np.ndarray) -> Confusion:
    """The table of ``measure_classes``'s classes by answers."""
    answered = given != NO_ANSWER
    counts = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(counts, (wanted[answered], given[answered]), 1)
    unanswered = np.bincount(wanted[~answered], minlength=len(labels))
    return Confusion(
        labels=tuple(map(str, labels)),
        counts=tuple(tuple(int(n) for n in row) for row in counts),
        unanswered=tuple(int(n) for n in unanswered),
    )
