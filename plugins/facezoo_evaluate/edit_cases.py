"""Which faces are edited: from folders, pictures or a reader to samples, and each with the target that it is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facezoo.plugin import (
    BoxReference,
    Detector,
    FaceDataset,
    InputContract,
    InputError,
    Options,
    Sample,
    is_picture,
    locate,
    name_of,
    named,
    open_dataset,
    read,
)
from facezoo_evaluate.draws import draw_samples

OWN = "own pictures"


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """N faces of known place.

    Attributes:
        samples: N of them.
        reference: how their boxes relate to a face's reference.
        missing: in how many more pictures no face was found.
        unreadable: how many more files are no pictures.
        detector: who looked for faces in pictures without landmarks; None: there are none, or they are crops.
    """

    samples: tuple[Sample, ...]
    reference: BoxReference
    missing: int = 0
    unreadable: int = 0
    detector: str | None = None

    @property
    def people(self) -> tuple[str, ...]:
        """Who each of them shows; one that does not say so shows somebody of its own."""
        return tuple(sample.name if sample.person is None else str(sample.person) for sample in self.samples)

    @property
    def nameless(self) -> int:
        """How many do not say who they show."""
        return sum(sample.person is None for sample in self.samples)

    def cut(self, contract: InputContract, rows: Iterable[int]) -> Tensor:
        """(B, 3, H, W) float32 RGB in [0, 1]: some of them, as a contract says."""
        crops = FaceDataset(self.samples, contract, box_reference=self.reference)
        return torch.stack([crops.face(int(row)) for row in rows]).float() / 255


@dataclass(frozen=True, slots=True, eq=False)
class Gathering:
    """How faces are gathered.

    Attributes:
        detector: finds the largest face of each picture that does not say where its face is; None: the pictures are crops.
        options: of the call: batch_size, min_score, on_error.
        reader: a reader's name; None: folders of pictures.
        split: of the reader.
        limit: so many pictures at most, drawn from the seed.
        seed: of that.
    """

    detector: Detector | None
    options: Options
    reader: str | None
    split: str
    limit: int | None
    seed: int

    def faces(self, x: Any, what: str) -> Faces:
        """The faces of a folder, a picture, or a list of pictures or samples.

        Args:
            x: see ``EditAndMeasure.__call__``.
            what: "sources" or "targets", for messages.

        Raises:
            InputError: no picture, none with a face, or one that cannot be read.
        """
        data = None if self.reader is None else open_dataset(self.reader, x)
        samples = list(_samples(x, what)) if data is None else data.samples(self.split)
        samples, unreadable = self._readable(draw_samples(samples, self.limit, self.seed))
        reference = data.box_reference if data else self.detector.box_reference if self.detector else BoxReference(length=1.0)
        looked_by = None
        if self.detector is None:
            kept = [_cropped(sample) for sample in samples]
        else:
            looked_by = named(self.detector) if any(s.landmarks is None and not s.cropped for s in samples) else None
            kept, _ = locate(samples, self.detector, reference, self.options.min_score, self.options.batch_size)
        if not kept:
            raise InputError(
                f"In none of the {len(samples)} pictures of the {what} a face was found; try another detector or a lower "
                "min_score (--detector ID, --min-score 0.3), or say that they are face crops (cropped=True, --cropped)."
            )
        return Faces(tuple(kept), reference, len(samples) - len(kept), unreadable, looked_by)

    def _readable(self, samples: list[Sample]) -> tuple[list[Sample], int]:
        """With on_error="record" those that can be opened, and how many cannot; else all, and the first bad one raises."""
        if self.options.on_error == "raise":
            return samples, 0
        kept = []
        for sample in samples:
            try:
                sample.read()
            except InputError:
                continue
            kept.append(sample)
        return kept, len(samples) - len(kept)


def _cropped(sample: Sample) -> Sample:
    return Sample(sample.name, sample.image, sample.label, sample.values, sample.person, cropped=True)


def _samples(x: Any, what: str) -> Iterator[Sample]:
    """Pictures with the person that each shows: in a folder of folders the first folder's name, else each its own."""
    if isinstance(x, str | Path) and Path(x).is_dir():
        root = Path(x)
        inside = (path.relative_to(root) for path in sorted(root.rglob("*")) if is_picture(path) and path.is_file())
        found = [path for path in inside if not any(part.startswith(".") for part in path.parts)]
        if not found:
            raise InputError(f"{root} holds no picture.")
        for path in found:
            alone = len(path.parts) == 1
            yield Sample(path.as_posix(), root / path, person=f"{root.name}/{path.name}" if alone else path.parts[0])
        return
    several = isinstance(x, list | tuple)
    for number, picture in enumerate(x if several else [x]):
        if isinstance(picture, Sample):
            yield picture
        elif isinstance(picture, str | Path):
            yield Sample(name_of(picture), Path(picture), person=name_of(picture))
        else:
            yield Sample(f"{what} {number}", read(picture), person=f"{what} {number}")


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """N edits.

    Attributes:
        edit: which one.
        sources: N faces.
        targets: M faces; None where the edit takes none.
        turn: (N,) int64: which target each source is given; empty without targets.
    """

    edit: str
    sources: Faces
    targets: Faces | None
    turn: np.ndarray

    @classmethod
    def paired(cls, edit: str, sources: Faces, targets: Faces | None, seed: int) -> Cases:
        """Gives every source another person's target, all targets in turn. Raises InputError where there is no other."""
        if targets is None:
            return cls(edit, sources, None, np.zeros(0, np.int64))
        return cls(edit, sources, targets, round_robin(sources.people, targets.people, seed))


def round_robin(people: Sequence[str], others: Sequence[str], seed: int) -> np.ndarray:
    """(N,) int64: for every source a target that shows somebody else, all targets in turn.

    Args:
        people: N names, of the sources.
        others: M names, of the targets.
        seed: of the order of the targets.

    Raises:
        InputError: a person for whom there is no other.
    """
    order = np.random.default_rng(seed).permutation(len(others)).tolist()
    found = []
    for person in people:
        place = next((place for place, row in enumerate(order) if others[row] != person), None)
        if place is None:
            raise InputError(f"All targets show {person}, as a source does; an edit is measured with other people's.")
        found.append(order[place])
        order.append(order.pop(place))
    return np.array(found, np.int64)
