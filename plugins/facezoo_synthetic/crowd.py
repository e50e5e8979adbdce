"""Simulated annotators: which of three faces each of them finds least like the other two.

What is really seen is known: two expressions are as far apart as their action units, as a Euclidean distance. An
annotator finds some units more important than others (a weight per unit, log-normal) and sees every distance with an
error in proportion to it, of a size that is his own. The odd one out is the face that is not of the nearest pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ANNOTATORS = 40
ANSWERS = 6  # of each triplet
SPREAD = 0.5  # of the logarithm of an annotator's weights
ERRORS = (0.05, 0.4)  # the smallest and largest deviation of the logarithm of a seen distance
STREAM = 40_001  # annotators are the same people in every set
PAIRS = ((1, 2), (0, 2), (0, 1))  # left when the face of that number is the odd one out


@dataclass(frozen=True, slots=True)
class Crowd:
    """Some annotators.

    Attributes:
        names: A of them.
        weights: (A, U) float64, how much each action unit counts for each; their squares have mean 1.
        errors: (A,) float64, the deviation of the logarithm of the distances they see.
    """

    names: tuple[str, ...]
    weights: np.ndarray
    errors: np.ndarray

    def answers(self, units: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Who is asked about each triplet, and what they say.

        Args:
            units: (N, 3, U) action units of the three faces.
            rng: chooses who is asked, and makes the errors.

        Returns:
            (N, 6) annotators, and (N, 6) the odd one out that they name, 0 to 2; both int64.
        """
        asked = np.argsort(rng.random((len(units), len(self.names))), axis=1)[:, :ANSWERS]
        seen = np.stack([self._distances(units, asked, a, b) for a, b in PAIRS], axis=-1)
        errors = self.errors[asked][..., None] * rng.standard_normal(seen.shape)
        return asked, (seen * np.exp(errors)).argmin(-1)

    def _distances(self, units: np.ndarray, asked: np.ndarray, a: int, b: int) -> np.ndarray:
        """(N, 6), as the annotators who are asked weigh the difference of the faces a and b."""
        squares = (units[:, a] - units[:, b]) ** 2
        return np.sqrt(np.einsum("nu,nau->na", squares, self.weights[asked] ** 2))


def crowd(units: int) -> Crowd:
    """The forty annotators of every set, for so many action units."""
    rng = np.random.default_rng(STREAM)
    weights = np.exp(rng.normal(0, SPREAD, (ANNOTATORS, units)))
    weights /= np.sqrt((weights**2).mean(1, keepdims=True))
    names = tuple(f"simulated-{number:02d}" for number in range(ANNOTATORS))
    return Crowd(names, weights, rng.uniform(*ERRORS, ANNOTATORS))


def draw_triplets(classes: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Triplets of different faces, a third of each kind, as far as there are enough faces of enough classes.

    Args:
        classes: (N,) int64, the class of each face, from 0.
        count: of triplets.
        rng: draws them.

    Returns:
        (T, 3) places in ``classes``, int64, and (T,) how many classes they are of: 1, 2, 3, 1, …; T is less than
        ``count`` where a kind cannot be drawn.
    """
    sizes = np.bincount(classes)
    members = np.argsort(classes, kind="stable")
    starts = np.cumsum(sizes) - sizes
    kinds = np.arange(count) % 3 + 1
    enough = [bool((sizes >= 3).any()), bool((sizes >= 2).any() and (sizes > 0).sum() > 1), bool((sizes > 0).sum() > 2)]
    kinds = kinds[np.array(enough)[kinds - 1]]
    of = _draw_classes(sizes, kinds, rng)
    place = _draw_members(sizes[of], kinds, rng)
    return rng.permuted(members[starts[of] + place], axis=1), kinds


def _draw_classes(sizes: np.ndarray, kinds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, 3) classes: AAA, AAB or ABC. A is one with as many faces as are needed of it."""
    keys = rng.random((len(kinds), len(sizes)))
    first = np.where(sizes >= (4 - kinds)[:, None], keys, 2.0).argmin(1)
    rows = np.arange(len(kinds))
    rest = np.where(sizes > 0, keys, 2.0)
    rest[rows, first] = 3.0
    others = np.argsort(rest, axis=1)
    second = np.where(kinds == 3, others[:, min(1, len(sizes) - 1)], first)
    third = np.where(kinds == 1, first, others[:, 0])
    return np.stack([first, second, third], axis=1)


def _draw_members(sizes: np.ndarray, kinds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, 3) places within the classes, none twice within one class.

    Args:
        sizes: (T, 3) of the classes.
        kinds: (T,) 1, 2 or 3.
        rng: draws them.
    """
    chance = rng.random(sizes.shape)
    free = (chance * sizes).astype(np.int64)
    size = sizes[:, 0]
    # two different steps from the first member, around the class
    near = 1 + (chance[:, 1] * (size - 1)).astype(np.int64)
    far = 1 + (chance[:, 2] * (size - 2)).astype(np.int64)
    far += far >= near
    second = np.where(kinds < 3, (free[:, 0] + near) % size, free[:, 1])
    third = np.where(kinds < 2, (free[:, 0] + far) % size, free[:, 2])
    return np.stack([free[:, 0], second, third], axis=1)
