"""What is drawn of a set: some of its faces, and, where it has no list of its own, balanced pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facezoo.plugin import DatasetError, FacePair, Sample

FOLDS = 10
NEAR = 50  # so many people are looked through for one with another expression


def draw_pairs(samples: Sequence[Sample], seed: int) -> list[FacePair]:
    """One pair of every person who is shown twice, and as many of two people.

    The faces of a pair differ in expression (``label``), in pairs of one person as in pairs of two, as far as a person is
    shown with two expressions. Every person's first face is in one pair of each kind, in the same fold.

    Args:
        samples: with persons.
        seed: of the order and of the folds.

    Raises:
        DatasetError: fewer than two people who are shown twice.
    """
    shown: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.person is not None:
            shown.setdefault(sample.person, []).append(sample)
    rng = np.random.default_rng(seed)
    several = [own for own in shown.values() if len(own) > 1]
    if len(several) < 2:
        raise DatasetError(f"{len(several)} of {len(shown)} people are shown more than once; pairs take two such people.")
    twos = [_two_of([several[i][j] for j in rng.permutation(len(several[i]))]) for i in rng.permutation(len(several))]
    pairs = []
    for number, (first, second) in enumerate(twos):
        fold = number * FOLDS // len(twos)
        strangers = [twos[(number + step) % len(twos)][1] for step in range(1, min(len(twos), NEAR))]
        stranger = next((other for other in strangers if other.label != first.label), strangers[0])
        pairs += [FacePair(first, second, True, fold), FacePair(first, stranger, False, fold)]
    return pairs


def _two_of(own: Sequence[Sample]) -> tuple[Sample, Sample]:
    """The first face, and the next one with another expression."""
    return own[0], next((sample for sample in own[1:] if sample.label != own[0].label), own[1])


def draw_samples(samples: Sequence[Sample], count: int | None, seed: int) -> list[Sample]:
    """So many of them at most, drawn from the seed, in their order; None: all."""
    if count is None or len(samples) <= count:
        return list(samples)
    drawn = np.random.default_rng(seed).choice(len(samples), count, replace=False)
    return [samples[row] for row in sorted(drawn.tolist())]
