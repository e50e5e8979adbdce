"""What an edit kept of a person and did to the expression, in numbers: from codes of faces before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facezoo.plugin import (
    Bootstrap,
    Measurement,
    measure_mean,
    measure_share,
    measure_statistic,
    measure_verification,
    similarities,
)

FOLDS = 10
STRANGERS = 50  # so many other people's faces at most are compared with a source, drawn from the seed
FEWEST = 4  # people whom a threshold and folds take
IDENTITY, EXPRESSION, DIFFERENCES = (
    "identity",
    "distance to the target's expression",
    "distance between two people's expressions",
)
OTHER_PHOTO, UNEDITED = "verification by another photo", "verification by another photo, not edited"


@dataclass(frozen=True, slots=True)
class Shown:
    """Who is shown in N sources, and whom each of them is compared with.

    Attributes:
        people: N names.
        strangers: (N, K) int64: rows of faces of others; K is 0 where one person alone is shown.
        second: (N,) int64: the row of another photo of the same person, -1 where there is none.
        folds: (N,) int64: the people in ten parts.
    """

    people: tuple[str, ...]
    strangers: np.ndarray
    second: np.ndarray
    folds: np.ndarray

    @classmethod
    def drawn(cls, people: Sequence[str], seed: int) -> Shown:
        """Draws strangers and folds."""
        rng = np.random.default_rng(seed)
        names, numbers = np.unique(np.asarray(people), return_inverse=True)
        others = [np.flatnonzero(numbers != own) for own in numbers]
        count = min([STRANGERS, *map(len, others)])
        strangers = np.stack([rng.choice(rows, count, replace=False) for rows in others]).reshape(len(numbers), count)
        second = np.full(len(numbers), -1)
        for own in range(len(names)):
            rows = np.flatnonzero(numbers == own)
            if len(rows) > 1:
                second[rows] = np.roll(rows, -1)
        place = rng.permutation(len(names))
        return cls(tuple(people), strangers, second, place[numbers] * FOLDS // max(FOLDS, len(names)))


def measure_identity(source: np.ndarray, result: np.ndarray, shown: Shown, bootstrap: Bootstrap) -> list[Measurement]:
    """How alike result and source are, beside different people and beside two photos of one.

    Args:
        source: (N, D) identity vectors.
        result: (N, D) those of the edited faces.
        shown: who they are.
        bootstrap: how intervals are drawn; by person.
    """
    own, people = similarities(source, result), shown.people
    found = [measure_mean("source and result", own, bootstrap, unit="", owners=people, group=IDENTITY)]
    pairs = np.flatnonzero(shown.second >= 0)
    if len(pairs):
        alike = similarities(source[pairs], source[shown.second[pairs]])
        owners = [people[row] for row in pairs]
        found.append(measure_mean("two photos of one person", alike, bootstrap, unit="", owners=owners, group=IDENTITY))
    if not shown.strangers.shape[1]:
        return found
    strange = stranger_similarities(source, shown)
    high = float(np.quantile(strange, 0.95))
    return [
        *found,
        measure_statistic(
            "different people", lambda rows: float(strange[rows].mean()), len(own), bootstrap, owners=people, group=IDENTITY,
            better="lower",
        ),
        measure_statistic(
            "different people, 95 % quantile", lambda rows: float(np.quantile(strange[rows], 0.95)), len(own), bootstrap,
            owners=people, group=IDENTITY, better="lower",
        ),
        measure_share("result nearer than a stranger", own > strange[:, 0], bootstrap, owners=people, group=IDENTITY),
        measure_share("result nearer than 95 % of strangers", own > high, bootstrap, owners=people, group=IDENTITY),
    ]  # fmt: skip


def stranger_similarities(source: np.ndarray, shown: Shown) -> np.ndarray:
    """(N, K) cosines of each source and the sources of ``shown.strangers``."""
    columns = [similarities(source, source[shown.strangers[:, column]]) for column in range(shown.strangers.shape[1])]
    return np.stack(columns, axis=1) if columns else np.zeros((len(source), 0))


def measure_expression(
    before: np.ndarray, after: np.ndarray, people: Sequence[str], bootstrap: Bootstrap, group: str = EXPRESSION
) -> list[Measurement]:
    """How much nearer an edit came to the expression that was asked for.

    Args:
        before: (N,) distances of the source's expression vector to the target's; rows that are 0 have nothing to gain and
            are in no ratio.
        after: (N,) those of the result's.
        people: N names of the sources.
        bootstrap: how intervals are drawn; by person.
        group: of the figures.
    """
    rows = np.flatnonzero(before > 0)
    ratio, owners = after[rows] / before[rows], [people[row] for row in rows.tolist()]
    found = [
        measure_mean("before", before, bootstrap, unit="", owners=people, group=group, better="lower"),
        measure_mean("after", after, bootstrap, unit="", owners=people, group=group, better="lower"),
    ]
    if not len(rows):
        return found
    return [
        *found,
        measure_statistic(
            "after / before, median", lambda drawn: float(np.median(ratio[drawn])), len(ratio), bootstrap,
            owners=owners, group=group, better="lower",
        ),
        measure_mean("after / before, mean", ratio, bootstrap, unit="", owners=owners, group=group, better="lower"),
        measure_share("halved at least", ratio <= 0.5, bootstrap, owners=owners, group=group),
    ]  # fmt: skip


def measure_recognition(source: np.ndarray, result: np.ndarray, shown: Shown, bootstrap: Bootstrap) -> list[Measurement]:
    """Verification of originals against edited faces: every result with its own person's original, and with a stranger's.

    Args:
        source: (N, D) identity vectors.
        result: (N, D) those of the edited faces.
        shown: who they are.
        bootstrap: how intervals are drawn; by person.

    Returns:
        Accuracy over ten folds and the area under the ROC curve: against the very photo that was edited; and where people
        have several photos against another one, with the same of what was not edited beside it. Empty for fewer than
        four people.
    """
    every = np.arange(len(source))
    found = _verified(source, result, every, every, shown, bootstrap, "")
    rows = np.flatnonzero(shown.second >= 0)
    for group, edited in ((OTHER_PHOTO, result), (UNEDITED, source)):
        found += _verified(source, edited, rows, shown.second[rows], shown, bootstrap, group)
    return found


def _verified(
    original: np.ndarray, edited: np.ndarray, rows: np.ndarray, own: np.ndarray, shown: Shown, bootstrap: Bootstrap, group: str
) -> list[Measurement]:
    """Each of ``edited[rows]`` against ``original[own]``, the same person, and against a stranger's original."""
    people = [shown.people[row] for row in rows]
    if len(set(people)) < FEWEST:
        return []
    other = shown.strangers[rows, 0]
    alike = np.concatenate([similarities(original[each], edited[rows]) for each in (own, other)])
    same, folds = np.repeat([True, False], len(rows)), np.tile(shown.folds[rows], 2)
    measured = measure_verification(alike, same, folds, bootstrap, [*people, *people])
    return [one.model_copy(update={"group": group}) for one in measured if one.threshold is None]
