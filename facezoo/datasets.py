"""Data sets: one picture, one pair, one triplet, and the readers that find them in a published layout.

A reader knows one layout on disk. It is opened by name, says which file is missing where when the folder is laid out
another way, and gives samples without opening their pictures. What it leaves out it counts: ``Reader.notes``.

    reader = open_dataset("rafdb", Path("/data/RAF-DB"))
    for sample in reader.samples("train"): sample.read(), sample.label
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from facezoo.contracts import BoxReference
from facezoo.errors import DatasetError, InputError, PluginError
from facezoo.plugins import discover
from facezoo.specs import DatasetSpec, resolve

Box = tuple[float, float, float, float]
TripletKind = Literal["one-class", "two-class", "three-class"]

FIRST = 3  # so many examples of what was left out are named


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One picture of a data set, not yet opened.

    Attributes:
        name: stable within the set: a relative path, or a row's number.
        image: a file, or (H, W, 3) uint8 RGB.
        label: its class; a value of ``facezoo.labels.Emotion`` where it is an emotion.
        values: numbers by name: yaw, pitch, roll in degrees; valence, arousal in [-1, 1].
        person: who is shown.
        box: x0 y0 x1 y1 of the face in pixels of the upright picture; may reach beyond it.
        landmarks: (5, 2) float32 in pixels of the upright picture, ordered as ``facezoo.labels.FIVE_LANDMARKS``.
        cropped: the whole picture is the face crop.
    """

    name: str
    image: Path | np.ndarray
    label: str | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    person: str | None = None
    box: Box | None = None
    landmarks: np.ndarray | None = None
    cropped: bool = False

    def read(self) -> np.ndarray:
        """The picture: (H, W, 3) uint8 RGB, upright, contiguous.

        Raises:
            InputError: names the file: missing, damaged, no picture.
        """
        from facezoo import images  # with torch, which listing and counting samples do not need

        return images.read(self.image)


@dataclass(frozen=True, slots=True, eq=False)
class FacePair:
    """Two faces, and whether they are one person's.

    Attributes:
        first: one face.
        second: the other.
        same: both show one person.
        fold: the part of the published list it belongs to, from 0. A threshold is chosen on the other folds.
    """

    first: Sample
    second: Sample
    same: bool
    fold: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedTriplet:
    """Three faces, and which of them people found least like the other two.

    Attributes:
        images: the three faces.
        kind: how many of the set's emotion names they were drawn from.
        answers: (annotator, index of the ODD ONE OUT, 0 to 2) per annotator.
    """

    images: tuple[Sample, Sample, Sample]
    kind: TripletKind
    answers: tuple[tuple[str, int], ...]

    @property
    def votes(self) -> tuple[int, int, int]:
        """How many annotators found each image the odd one out."""
        chosen = [index for _, index in self.answers]
        return chosen.count(0), chosen.count(1), chosen.count(2)

    @property
    def odd(self) -> int | None:
        """Index of the image that most annotators found least similar; None on a tie."""
        votes = self.votes
        most = max(votes)
        return votes.index(most) if votes.count(most) == 1 else None

    @property
    def positive(self) -> tuple[int, int] | None:
        """Indices of the two that are alike: those that are not ``odd``; None on a tie."""
        odd = self.odd
        return None if odd is None else ((1, 2), (0, 2), (0, 1))[odd]


@dataclass(slots=True)
class _Skipped:
    """How many were left out for one reason, and where the first of them are."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, where: str) -> None:
        self.count += 1
        if len(self.first) < FIRST:
            self.first.append(where)

    def __str__(self) -> str:
        return f"{self.count:,} ({', '.join(self.first)}{', …' if self.count > FIRST else ''})"


class Reader(ABC):
    """A published layout on disk. A subclass checks it in ``__init__`` and reads it in ``collect``.

    Args:
        root: the folder (or file) as the publisher lays it out.

    Attributes:
        layout: what is expected where, as text for messages and documentation.
        splits: names for ``samples``: train, validation, test, or all.
        box_reference: how the set's own boxes relate to a face's reference; an assumption unless a reader says
            otherwise, and used only for faces without landmarks.

    Raises:
        DatasetError: the layout is another; names the file that was expected and where.
    """

    layout: ClassVar[str]
    splits: tuple[str, ...]
    box_reference: BoxReference = BoxReference(center=(0.0, 0.069), length=0.379)  # as RetinaFace draws them

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._samples: dict[str, list[Sample]] = {}
        self._skipped: dict[tuple[str, str], _Skipped] = {}
        if not self.root.exists():
            raise DatasetError(f"There is no folder {self.root}; give the data set's own.")

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Names of the classes in canonical order, over all splits; None where samples have no class."""
        return None

    @abstractmethod
    def collect(self, split: str) -> list[Sample]:
        """The samples of one of ``splits``. Called once per split; counts what it leaves out with ``skip``."""

    def samples(self, split: str) -> list[Sample]:
        """The samples of a split, in the order of the layout; no picture is opened unless the layout demands it.

        Raises:
            DatasetError: no such split, a file that does not fit the layout, or a split without a usable sample.
        """
        self.check_split(split)
        if split not in self._samples:
            self._samples[split] = self.collect(split)
        if not self._samples[split]:
            raise DatasetError(self.nothing_left(split, "sample"))
        return list(self._samples[split])

    def check_split(self, split: str) -> None:
        """Raises DatasetError, with a close match, for anything but one of ``splits``."""
        if split not in self.splits:
            close = get_close_matches(split, self.splits, n=1, cutoff=0.4)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise DatasetError(f"{self.root} has no split {split!r}; it has {', '.join(self.splits)}.{hint}")

    def skip(self, split: str, reason: str, where: str) -> None:
        """Counts something that is left out.

        Args:
            split: in which split.
            reason: in the plural, the same for all of a kind: "pictures are missing".
            where: a file or line; the first few are named.
        """
        self._skipped.setdefault((split, reason), _Skipped()).add(where)

    def notes(self) -> tuple[str, ...]:
        """What was left out of the splits read so far and why, with counts and the first examples."""
        return tuple(f"{split}: {reason}: {skipped}" for (split, reason), skipped in self._skipped.items())

    def nothing_left(self, split: str, what: str) -> str:
        """The message for a split of which nothing can be used."""
        own = [note for note in self.notes() if note.startswith(f"{split}:")]
        return f"The split {split!r} of {self.root} has no usable {what}. " + (f"Left out: {'; '.join(own)}." if own else "")

    def expected(self, path: Path, what: str = "file") -> DatasetError:
        """An error to raise: something that the layout demands is not there; says what is there instead.

        Args:
            path: where it was expected.
            what: "file", "folder" or more words about it.
        """
        place = path.parent
        while not place.is_dir() and place != place.parent:
            place = place.parent
        inside = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in place.iterdir() if entry.name[0] != ".")
        shown = ", ".join(inside[:8]) + (f" and {len(inside) - 8} more" if len(inside) > 8 else "")
        return DatasetError(f"Expected the {what} {path}; in {place} there is {shown or 'nothing'}.")


class TripletReader(Reader):
    """A reader of annotated triplets. A subclass reads them in ``collect_triplets``."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._triplets: dict[str, list[AnnotatedTriplet]] = {}

    @abstractmethod
    def collect_triplets(self, split: str) -> list[AnnotatedTriplet]:
        """The triplets of one of ``splits``. Called once per split. One face is one ``Sample`` object throughout."""

    def triplets(self, split: str) -> list[AnnotatedTriplet]:
        """The triplets of a split, in the order of the layout, ties included.

        Raises:
            DatasetError: as ``samples``.
        """
        self.check_split(split)
        if split not in self._triplets:
            self._triplets[split] = self.collect_triplets(split)
        if not self._triplets[split]:
            raise DatasetError(self.nothing_left(split, "triplet"))
        return list(self._triplets[split])

    def collect(self, split: str) -> list[Sample]:
        """Every face of the split's triplets, once, in order of appearance."""
        return list(dict.fromkeys(sample for triplet in self.triplets(split) for sample in triplet.images))


class PairReader(Reader):
    """A reader of pairs, the same person or two. A subclass reads them in ``collect_pairs``."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._pairs: dict[str, list[FacePair]] = {}

    @abstractmethod
    def collect_pairs(self, split: str) -> list[FacePair]:
        """The pairs of one of ``splits``. Called once per split. One face is one ``Sample`` object throughout."""

    def pairs(self, split: str) -> list[FacePair]:
        """The pairs of a split, in the order of the layout.

        Raises:
            DatasetError: as ``samples``.
        """
        self.check_split(split)
        if split not in self._pairs:
            self._pairs[split] = self.collect_pairs(split)
        if not self._pairs[split]:
            raise DatasetError(self.nothing_left(split, "pair"))
        return list(self._pairs[split])

    def collect(self, split: str) -> list[Sample]:
        """Every face of the split's pairs, once, in order of appearance."""
        return list(dict.fromkeys(sample for pair in self.pairs(split) for sample in (pair.first, pair.second)))


def open_dataset(name: str, root: str | Path) -> Reader:
    """A data set on this machine.

    Args:
        name: a reader of ``facezoo datasets``, e.g. "rafdb".
        root: where the data set lies.

    Raises:
        UnknownNameError: no reader has the name; close matches are named.
        DatasetError: the files are laid out another way.
        PluginError: the reader is none.
    """
    reader = reader_of(name)
    try:
        return reader(Path(root))
    except DatasetError as error:
        raise DatasetError(f"{error} `facezoo datasets {name}` shows the layout that is read.") from error


def reader_of(name: str) -> type[Reader]:
    """The class of a reader, for what it says of itself. Raises as ``open_dataset``."""
    spec = discover().get(DatasetSpec, name)
    reader = resolve(spec.target, f"data set {spec.name}")
    if not (isinstance(reader, type) and issubclass(reader, Reader)):
        raise PluginError(f"data set {spec.name} points to {spec.target}, which is no facezoo.datasets.Reader.")
    return reader


def unreadable(samples: Iterable[Sample]) -> Iterator[tuple[Sample, str]]:
    """Opens every picture and gives those that cannot be read, with the reason: a run would stop at each of them."""
    for sample in samples:
        try:
            sample.read()
        except InputError as error:
            yield sample, str(error)


def split_digest(samples: Iterable[Sample | FacePair | AnnotatedTriplet]) -> str:
    """Twelve hex digits that say which split was used: sha256 over names, labels and values, in any order.

    Triplets count with the names of their images, kind and answers; pairs with both names, ``same`` and fold.
    """
    lines = sorted(json.dumps(_facts(sample), ensure_ascii=False) for sample in samples)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _facts(sample: Sample | FacePair | AnnotatedTriplet) -> list[object]:
    if isinstance(sample, FacePair):
        return [[sample.first.name, sample.second.name], sample.same, sample.fold]
    if isinstance(sample, AnnotatedTriplet):
        return [[image.name for image in sample.images], sample.kind, sample.answers]
    return [sample.name, sample.label, sorted((name, float(value)) for name, value in sample.values.items())]
