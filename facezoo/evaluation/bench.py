"""What every system is measured on: parts of a data set, each face found once for all that can share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from facezoo.contracts import BoxReference, FivePointCrop, InputContract
from facezoo.datasets import AnnotatedTriplet, FacePair, Reader, Sample, split_digest
from facezoo.errors import InputError, PluginError
from facezoo.evaluation.placing import Faces, Placed, place
from facezoo.evaluation.report import Split, Use

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds for all systems of one evaluation.

    Attributes:
        faces: see ``placing.place``.
        detector: an id, for pictures that do not say where their face is.
        limit: a trial on so many of every split; None: all.
        device: see ``facezoo.load``.
        batch_size: faces at once.
        workers: processes that read and cut.
    """

    faces: Faces = "auto"
    detector: str = "haar-frontal"
    limit: int | None = None
    device: str = "auto"
    batch_size: int = 64
    workers: int = 0

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 2:
            raise InputError(f"A trial needs two of every split at least; limit is {self.limit}.")
        if self.batch_size < 1 or self.workers < 0:
            raise InputError(f"batch_size starts at 1 and workers at 0, not {self.batch_size} and {self.workers}.")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Pictures that something is fitted or measured on.

    Attributes:
        split: what a report says of it.
        samples: N of them, each once.
        reference: how their boxes relate to a face's reference.
    """

    split: Split
    samples: tuple[Sample, ...]
    reference: BoxReference

    @property
    def name(self) -> str:
        return self.split.name

    @property
    def people(self) -> list[str] | None:
        """Who is shown in each of the N pictures; None where a sample does not say so."""
        return people_of(self.samples)


@dataclass(slots=True)
class Bench:
    """The data, as a protocol lays them out, and how faces are found in them.

    Attributes:
        data: what --data names.
        conditions: the same for all systems.
        seed: of what a trial draws.
        parts: what was laid out, for the report.
    """

    data: Path
    conditions: Conditions
    seed: int = 0
    parts: list[Part] = field(default_factory=list)
    _placed: dict[tuple[int, bool], Placed] = field(default_factory=dict, init=False, repr=False)

    def part(self, reader: Reader, split: str, use: Use, samples: Sequence[Sample] | None = None, *, name: str = "") -> Part:
        """Pictures of a split, fewer of them in a trial.

        Args:
            reader: where they come from.
            split: of the reader.
            use: what for.
            samples: some of the split; None: all.
            name: what reports call it, if not the split's name.
        """
        chosen = self.some(reader.samples(split) if samples is None else samples)
        people = people_of(chosen)
        shown = len(set(people)) if people else None
        facts = Split(name=name or split, use=use, count=len(chosen), people=shown, digest=split_digest(chosen))
        return self.add(Part(facts, tuple(chosen), reader.box_reference))

    def pairs(self, reader: Reader, split: str, pairs: Sequence[FacePair]) -> tuple[Part, np.ndarray]:
        """The faces of some pairs, to be measured on.

        Args:
            reader: where they come from.
            split: what reports call it.
            pairs: N of them; already fewer in a trial (``some``).

        Returns:
            A part of each face once, and (N, 2) int64: which of its samples a pair's two faces are.
        """
        samples, places = _faces_of([(pair.first, pair.second) for pair in pairs], 2)
        return self._compared(reader, split, samples, len(pairs), "pairs", split_digest(pairs)), places

    def triplets(self, reader: Reader, split: str, triplets: Sequence[AnnotatedTriplet]) -> tuple[Part, np.ndarray]:
        """The faces of some triplets; arguments and result as of ``pairs``, with (N, 3) places."""
        samples, places = _faces_of([triplet.images for triplet in triplets], 3)
        return self._compared(reader, split, samples, len(triplets), "triplets", split_digest(triplets)), places

    def _compared(self, reader: Reader, name: str, samples: Sequence[Sample], count: int, what: str, digest: str) -> Part:
        people = people_of(samples)
        shown = len(set(people)) if people else None
        facts = Split(name=name, use="measured on", count=count, what=what, people=shown, digest=digest)
        return self.add(Part(facts, tuple(samples), reader.box_reference))

    def add(self, part: Part) -> Part:
        """Lays out a part that a protocol made itself.

        Raises:
            PluginError: another part has its name, so that a report could not tell their faces apart.
        """
        if any(other.name == part.name for other in self.parts):
            raise PluginError(f"The protocol lays out two parts named {part.name!r}; give one of them another name.")
        self.parts.append(part)
        return part

    def some(self, items: Sequence[T]) -> list[T]:
        """All of them; in a trial so many as its limit, drawn from the seed, in their order."""
        limit = self.conditions.limit
        if limit is None or len(items) <= limit:
            return list(items)
        drawn = np.random.default_rng(self.seed).choice(len(items), limit, replace=False)
        return [items[i] for i in sorted(drawn.tolist())]

    def place(self, part: Part, contract: InputContract | None) -> Placed:
        """The part's samples with the place of their faces; searched once for all crops of a kind."""
        key = id(part), contract is not None and isinstance(contract.crop, FivePointCrop)
        if key not in self._placed:
            chosen = self.conditions
            self._placed[key] = place(
                part.samples, contract, part.reference,
                faces=chosen.faces, detector=chosen.detector, device=chosen.device,
            )  # fmt: skip
        return self._placed[key]


def _faces_of(groups: Sequence[Sequence[Sample]], size: int) -> tuple[list[Sample], np.ndarray]:
    """Every face once, in order of appearance, and (N, size) int64: which of them each group has."""
    samples = list(dict.fromkeys(sample for group in groups for sample in group))
    row = {sample: number for number, sample in enumerate(samples)}
    return samples, np.array([[row[sample] for sample in group] for group in groups], np.int64).reshape(-1, size)


def people_of(samples: Sequence[Sample]) -> list[str] | None:
    """Who is shown in each picture; None where one does not say so."""
    named = [sample.person for sample in samples if sample.person is not None]
    return named if len(named) == len(samples) else None
