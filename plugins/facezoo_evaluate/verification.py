"""``lfw`` and ``cplfw``: do two pictures show the same person? Ten folds, the threshold from the other nine.

Source: Huang et al. 2007 (LFW's image-restricted protocol); the list of CPLFW, Zheng and Deng 2018.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from facezoo.plugin import (
    Bootstrap,
    DatasetError,
    FacePair,
    Measurement,
    Outcome,
    PairReader,
    Protocol,
    ProtocolConfig,
    Published,
    Subject,
    measure_verification,
    open_dataset,
    similarities,
)
from facezoo_evaluate.peers import IDENTITY

CENTRED = "centred vectors"
CENTRED_NOTE = (
    "Centred vectors: the mean of all vectors of the list is subtracted first. It knows no label, and takes away what all "
    "faces have in common, which is much for vectors that nobody trained to be compared."
)
SOURCE = "arXiv 2108.03427, as the table of its release lists it"


@dataclass(frozen=True, slots=True)
class Pairs:
    """What is asked of N pairs: who is the same, and which vectors are compared.

    Attributes:
        places: (N, 2) int: rows of the two faces.
        same: (N,) bool: one person.
        folds: (N,) int.
        owners: N names; pairs with one first person are drawn together where intervals are drawn.
    """

    places: np.ndarray
    same: np.ndarray
    folds: np.ndarray
    owners: Sequence[str]

    @classmethod
    def of(cls, pairs: Sequence[FacePair], places: np.ndarray) -> Self:
        """Pairs of a reader, at these places."""
        same, folds = np.array([pair.same for pair in pairs]), np.array([pair.fold for pair in pairs])
        return cls(places, same, folds, [pair.first.person or pair.first.name for pair in pairs])

    def alike(self, codes: np.ndarray) -> np.ndarray:
        """(M, D) vectors of faces -> (N,) cosines; NaN where a face was not found."""
        return similarities(codes[self.places[:, 0]], codes[self.places[:, 1]])


def centred(codes: np.ndarray) -> np.ndarray:
    """(M, D) vectors without the mean of those that are no NaN."""
    return codes - np.nanmean(codes, axis=0)


def measure_pairs(codes: np.ndarray, pairs: Pairs, bootstrap: Bootstrap, group: str = "") -> tuple[Measurement, ...]:
    """Verification by the cosine of two vectors: as they are, and once more with the mean of all faces of the list subtracted.

    Args:
        codes: (M, D) float, a row per face; NaN where none was found, and such pairs count as wrong.
        pairs: which rows are compared.
        bootstrap: how intervals are drawn.
        group: of the figures; those of centred vectors have a group of their own.
    """
    found = []
    for name, rows in ((group, codes), (f"{group}, {CENTRED}" if group else CENTRED, centred(codes))):
        measured = measure_verification(pairs.alike(rows), pairs.same, pairs.folds, bootstrap, pairs.owners)
        found += [one.model_copy(update={"group": name, "task": "face-verification"}) for one in measured]
    return tuple(found)


class PairProtocol(Protocol):
    """Pairs of a reader, compared by the identity view.

    Attributes:
        reader_name: of the data.
    """

    task = "face-verification"
    needs = ("encoder:identity",)
    peers: ClassVar[Mapping[str, str]] = IDENTITY
    reader_name: ClassVar[str]

    def prepare(self) -> None:
        reader = open_dataset(self.reader_name, self.bench.data)
        if not isinstance(reader, PairReader):
            raise DatasetError(f"The reader {self.reader_name} gives no pairs.")
        self.reader = reader
        chosen = self.bench.some(reader.pairs("test"))
        self.part, places = self.bench.pairs(reader, "test", chosen)
        self.pairs = Pairs.of(chosen, places)

    def measure(self, subject: Subject) -> Outcome:
        codes = subject.embed(self.part, subject.view("identity"))
        return Outcome(measure_pairs(codes, self.pairs, self.bootstrap))

    def baselines(self) -> Mapping[str, Outcome]:
        """Half of the pairs show one person."""
        return {"chance": Outcome((Measurement(name="accuracy", value=50.0, count=len(self.pairs.same)),))}

    def remarks(self) -> tuple[str, ...]:
        return (CENTRED_NOTE, *self.reader.notes())


class LfwVerification(PairProtocol):
    """LFW's 6,000 pairs (View 2)."""

    config: ProtocolConfig
    dataset = "LFW"
    layout = "`facezoo datasets lfw` shows it."
    reader_name = "lfw"
    published = (
        Published(name="FaceCycle", measurement="accuracy", value=73.72, source=SOURCE),
        Published(name="VGG-like", measurement="accuracy", value=71.48, source=SOURCE),
        Published(name="LBP", measurement="accuracy", value=56.90, source=SOURCE),
        Published(name="HoG", measurement="accuracy", value=62.73, source=SOURCE),
    )
    notes = (
        "Which code, crop and threshold FaceCycle's paper compares by is not known. Here: the identity view, its own crop, the "
        "cosine, and the threshold that does best on the other nine folds.",
        "Faces are cut by the box in the middle of LFW's pictures, which is how they were made; with --detect they are "
        "looked for, and the largest counts.",
    )


class CpLfwVerification(PairProtocol):
    """CPLFW's 6,000 pairs."""

    config: ProtocolConfig
    dataset = "CPLFW"
    layout = "`facezoo datasets cplfw` shows it."
    reader_name = "cplfw"
    published = (
        Published(name="FaceCycle", measurement="accuracy", value=58.52, source=SOURCE),
        Published(name="LBP", measurement="accuracy", value=51.50, source=SOURCE),
        Published(name="HoG", measurement="accuracy", value=51.73, source=SOURCE),
    )
    notes = (
        "Which code, crop and threshold FaceCycle's paper compares by is not known. Here: the identity view, its own crop, the "
        "cosine, and the threshold that does best on the other nine folds.",
        "The list names no folds; they are its tenths, kind by kind.",
    )
