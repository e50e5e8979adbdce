"""``portraits``: real faces of people that no bundled model was trained on. Who is who, and which smiles are seen.

The portraits have no emotion labels; whoever has looked at some and written down who smiles can have that measured too.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from facezoo.plugin import (
    DatasetError,
    Emotion,
    Encoder,
    IncompatibleError,
    Measurement,
    Outcome,
    PairReader,
    Part,
    Protocol,
    ProtocolConfig,
    Sample,
    Subject,
    best_class,
    measure_share,
    open_dataset,
    owners_of,
)
from facezoo_evaluate.answers import columns_of, outcome_of
from facezoo_evaluate.emotions import LABELS
from facezoo_evaluate.peers import EMOTION, IDENTITY
from facezoo_evaluate.verification import CENTRED_NOTE, Pairs, measure_pairs

KINDS = {
    ("new", "1"): "smiling", ("new", "0"): "not smiling", ("old", "1"): "smiling, old", ("old", "0"): "not smiling, old",
}  # fmt: skip
"""What the columns set and smile say; anything else: whoever looked was not sure."""


class PortraitsConfig(ProtocolConfig):
    """Values of ``portraits``.

    Attributes:
        smiles: a csv file of one's own labels with the columns file, smile (1: yes, 0: no, anything else: not sure) and set
            (new; old: the time of long exposures, when hardly anybody smiled).
    """

    smiles: str = ""


class Portraits(Protocol):
    """Verification on the held-out people, and, where somebody labelled them, smiles."""

    config: PortraitsConfig
    config_class = PortraitsConfig
    task = "face-verification"
    dataset = "portraits"
    layout = "`facezoo datasets portraits` shows it. --set smiles=FILE adds labels of smiles (file, smile, set)."
    needs = ()
    peers: ClassVar[Mapping[str, str]] = {**IDENTITY, **EMOTION}
    notes = (
        "Members of the US Congress: mostly older white men, frontal, smiling or neutral.",
        "Pairs are of the same two kinds of picture (archive, colour) in pairs of one person and of two; two prints of one "
        "photo are no pair.",
        CENTRED_NOTE,
    )

    def prepare(self) -> None:
        reader = open_dataset("portraits", self.bench.data)
        if not isinstance(reader, PairReader):
            raise DatasetError("The reader portraits gives no pairs.")
        self.reader = reader
        self.smiling = _labels(Path(self.config.smiles)) if self.config.smiles else {}

    def measure(self, subject: Subject) -> Outcome:
        return outcome_of(subject, {"verification": self._verification, "smiles": self._smiles}, "portraits")

    def _verification(self, subject: Subject) -> Outcome:
        if not isinstance(subject.component, Encoder):
            raise IncompatibleError(f"{subject.name} is no encoder, so it has no view to compare.")
        view = subject.view("identity")
        part, pairs = self._pairs
        return Outcome(measure_pairs(subject.embed(part, view), pairs, self.bootstrap))

    @cached_property
    def _pairs(self) -> tuple[Part, Pairs]:
        chosen = self.bench.some(self.reader.pairs("test"))
        part, places = self.bench.pairs(self.reader, "test, pairs", chosen)
        return part, Pairs.of(chosen, places)

    def _smiles(self, subject: Subject) -> Outcome:
        """How often labelled smiles, and faces without one, are taken for happiness, and how often for neutral."""
        if not self.smiling:
            raise IncompatibleError("nobody's labels were given (--set smiles=FILE).")
        columns = columns_of(subject, LABELS, "logits")
        part, kinds = self._labelled
        given = best_class(subject.answers(part)[:, columns])
        found = []
        for emotion in (Emotion.HAPPINESS, Emotion.NEUTRAL):
            for kind in (kind for kind in KINDS.values() if kind in kinds):
                rows = np.flatnonzero(kinds == kind)
                share = measure_share(
                    kind, given[rows] == LABELS.index(emotion), self.bootstrap,
                    owners=owners_of(part.people, rows), group=f"taken for {emotion}",
                    better="higher" if (emotion == Emotion.HAPPINESS) is kind.startswith("smiling") else "lower",
                    task="emotion-recognition",
                )  # fmt: skip
                found.append(share)
        return Outcome(tuple(found))

    @cached_property
    def _labelled(self) -> tuple[Part, np.ndarray]:
        """The labelled portraits of the held-out people, and what they are, of ``KINDS``."""
        samples = [sample for sample in self.reader.samples("test") if sample.name in self.smiling]
        if not samples:
            raise DatasetError(
                f"None of the {len(self.smiling)} files in {self.config.smiles} is a portrait of the split test."
            )
        chosen: list[Sample] = self.bench.some(samples)
        part = self.bench.part(self.reader, "test", "measured on", chosen, name="test, labelled")
        return part, np.array([self.smiling[sample.name] for sample in part.samples])

    def baselines(self) -> Mapping[str, Outcome]:
        """Half of the pairs show one person; nothing where no model was asked for pairs."""
        if "_pairs" not in vars(self):
            return {}
        return {"chance": Outcome((Measurement(name="accuracy", value=50.0, count=len(self._pairs[1].same)),))}

    def remarks(self) -> tuple[str, ...]:
        return self.reader.notes()


def _labels(path: Path) -> dict[str, str]:
    """{file: one of ``KINDS``} of what whoever looked was sure of.

    Raises:
        DatasetError: no such file, or another form.
    """
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
            found = {row["file"]: KINDS.get((row["set"], row["smile"])) for row in rows}
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(
            f"{path} was not read ({error!r}); expected a csv file with the columns file, smile, set."
        ) from error
    return {file: kind for file, kind in found.items() if kind is not None}
