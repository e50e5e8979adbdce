"""``fec-triplets``: how often an expression space agrees with people on which of three faces is the odd one out.

Source: Vemulapalli, Agarwala, CVPR 2019 (arXiv 1811.11283); the answer is right where both distances to the odd one are
larger than the one between the other two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field

from facezoo.plugin import (
    AnnotatedTriplet,
    DatasetError,
    Measurement,
    Outcome,
    Protocol,
    ProtocolConfig,
    Published,
    Reader,
    Subject,
    TripletReader,
    arrange,
    measure_share,
    open_dataset,
    triplet_accuracy,
)
from facezoo_evaluate.peers import EXPRESSION

GROUP = "accuracy by kind"


class TripletConfig(ProtocolConfig):
    """Values of ``fec-triplets``.

    Attributes:
        reader: of the data: fec, or another that gives annotated triplets.
        split: FEC's own are train and test; the paper measures on test.
        agreement: the share of a triplet's annotators who have to name the same odd one. 0 takes every triplet in which one
            face has most votes (the mode of six answers); the paper's rule is not known here.
    """

    reader: str = "fec"
    split: str = "test"
    agreement: float = Field(default=0.0, ge=0, le=1)


class FecTriplets(Protocol):
    """Overall and by kind. Triplets without a majority are left out and counted; lost pictures too, by the reader."""

    config: TripletConfig
    config_class = TripletConfig
    task = "odd-one-out"
    dataset = "FEC"
    layout = "`facezoo datasets fec` shows it; pictures that are dead on the web are left out and counted."
    needs = ("encoder:expression",)
    peers: ClassVar[Mapping[str, str]] = EXPRESSION
    published = (
        Published(name="FECNet", measurement="accuracy", value=81.8, source="arXiv 1811.11283, test split, all triplets"),
    )
    notes = (
        "Which triplets the paper keeps (its rule of agreement) is not known here, and many pictures are dead on the web: "
        "the published number is on another list.",
    )

    def prepare(self) -> None:
        reader = open_dataset(self.config.reader, self.bench.data)
        if not isinstance(reader, TripletReader):
            raise DatasetError(f"The reader {self.config.reader} gives no annotated triplets; fec does.")
        self.reader: Reader = reader
        every = reader.triplets(self.config.split)
        judged = [triplet for triplet in every if self._judged(triplet)]
        self.left_out = len(every) - len(judged)
        if not judged:
            raise DatasetError(f"None of the {len(every)} triplets has the agreement {self.config.agreement:g}; lower it.")
        self.triplets = self.bench.some(judged)
        self.part, self.places = self.bench.triplets(reader, self.config.split, self.triplets)
        self.odd = torch.tensor([triplet.odd for triplet in self.triplets])

    def _judged(self, triplet: AnnotatedTriplet) -> bool:
        """True where one face has most votes, and enough of them."""
        return triplet.odd is not None and max(triplet.votes) >= self.config.agreement * len(triplet.answers)

    def measure(self, subject: Subject) -> Outcome:
        codes = torch.from_numpy(subject.embed(self.part, subject.view("expression")))
        right = triplet_accuracy(*arrange(codes[torch.from_numpy(self.places)], self.odd))  # NaN is never nearer
        return Outcome(self._measured(right.numpy()))

    def _measured(self, right: np.ndarray) -> tuple[Measurement, ...]:
        kinds = np.array([triplet.kind for triplet in self.triplets])
        present = [kind for kind in ("one-class", "two-class", "three-class") if (kinds == kind).any()]
        by_kind = (measure_share(kind, right[kinds == kind], self.bootstrap, group=GROUP) for kind in present)
        return measure_share("accuracy", right, self.bootstrap), *by_kind

    def baselines(self) -> Mapping[str, Outcome]:
        """A third of all answers are right by chance."""
        chance = Measurement(name="accuracy", value=100 / 3, count=len(self.triplets))
        return {"chance": Outcome((chance,))}

    def remarks(self) -> tuple[str, ...]:
        split = self.config.split
        ties = f"{split}: triplets without a majority, or with too little agreement, are left out: {self.left_out:,}."
        return (*((ties,) if self.left_out else ()), *self.reader.notes())
