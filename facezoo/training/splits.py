"""Which samples are learnt from, and which are measured and may choose the weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import numpy as np

from facezoo.datasets import Sample


def held_out(samples: Sequence[Sample], share: float, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Samples to learn from and samples to measure on, drawn from the seed, for sets without a split to measure on.

    Where every sample has a person, whole people are drawn; else the share of each class. No class is drawn as a whole.
    """
    order = [int(i) for i in np.random.default_rng(seed).permutation(len(samples))]
    people = all(sample.person is not None for sample in samples)
    groups: dict[str | None, list[int]] = {}
    for i in order:
        groups.setdefault(samples[i].person if people else samples[i].label, []).append(i)
    if not people:
        drawn = [own[: min(round(share * len(own)), len(own) - 1)] for own in groups.values()]
        return _parted(samples, set(chain.from_iterable(drawn)))
    left = Counter(sample.label for sample in samples)
    chosen: set[int] = set()
    for own in groups.values():
        theirs = Counter(samples[i].label for i in own)
        if len(chosen) + len(own) <= share * len(samples) and all(left[label] > theirs[label] for label in theirs):
            chosen.update(own)
            left -= theirs
    return _parted(samples, chosen)


def _parted(samples: Sequence[Sample], chosen: set[int]) -> tuple[list[Sample], list[Sample]]:
    return [s for i, s in enumerate(samples) if i not in chosen], [s for i, s in enumerate(samples) if i in chosen]


def chosen_by(figure: str, where: str) -> str:
    """What a card must say where a validation chooses the weights.

    Args:
        figure: the one that decides ("accuracy").
        where: what the figures were measured on ("the split test").
    """
    return f"Once a run is validated, its weights are chosen by their {figure} on {where}: it flatters them."
