"""What a probe is fitted on and measured on: samples of a data set as embeddings of an encoder's view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facezoo.plugin import (
    DatasetError,
    Encoder,
    Reader,
    Sample,
    embed_samples,
    held_out,
    open_dataset,
    place,
    refuse_idle,
    split_digest,
)
from facezoo_probes.settings import LinearProbeTraining
from facezoo_probes.targets import Target, target_of


@dataclass(frozen=True, slots=True)
class Part:
    """Samples of one split whose faces are known.

    Attributes:
        name: of the split, for cards.
        samples: N of them.
        embeddings: (N, D) float32.
        numbers: (N,) int64 class numbers or (N, K) float64 values.
        not_found: samples that were left out because no face was found in them.
        faces: how the faces were taken, a sentence.
        digest: which samples these are.
    """

    name: str
    samples: tuple[Sample, ...]
    embeddings: np.ndarray
    numbers: np.ndarray
    not_found: int
    faces: str
    digest: str

    @property
    def asked(self) -> int:
        """Samples that there are, found or not."""
        return len(self.samples) + self.not_found

    @property
    def people(self) -> list[str] | None:
        """Who is shown, or None where a sample does not say so."""
        named = [sample.person for sample in self.samples if sample.person is not None]
        return named if len(named) == len(self.samples) else None

    def told(self, what: str) -> str:
        """For the log and the card: how many samples of which split, and how their faces were taken."""
        known = f" of {len(set(self.people)):,} people" if self.people else ""
        return f"{what} {len(self.samples):,} samples{known}: {self.name} (digest {self.digest}). {self.faces}"


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that a probe needs of a data set.

    Attributes:
        target: what is learnt.
        train: what it is fitted on.
        test: what it is measured on, or None.
        notes: what a card must say of the data.
    """

    target: Target
    train: Part
    test: Part | None
    notes: tuple[str, ...]


def read_material(config: LinearProbeTraining, data: Path, encoder: Encoder, view: str) -> Material:
    """Reads, finds faces and encodes.

    Raises:
        DatasetError: another layout, no such split, nothing to learn from, or no face in any picture.
        InputError: a detector that is none, a picture that cannot be read, or a share to hold out beside a split to measure.
        UnknownNameError: no such reader or detector.
    """
    reader = open_dataset(reader_for(config.reader, data), data)
    train_name, test_name = _splits(config, reader)
    samples = reader.samples(train_name)
    target = target_of(config.target, config.labels, config.units, samples, reader)
    notes: list[str] = []
    chosen = _kept(target, samples, train_name, notes)
    others: Sequence[Sample] = ()
    if test_name:
        if config.held_out:
            refuse_idle(config, ("held_out",), f"the figures are measured on the split {test_name}")
        others = _kept(target, reader.samples(test_name), test_name, notes)
    elif config.held_out:
        chosen, others = held_out(chosen, config.held_out, config.seed)
        test_name = f"{config.held_out:.0%} of {train_name}, held out"
    train = _part(train_name, chosen, target, reader, config, encoder, view)
    test = _part(test_name, others, target, reader, config, encoder, view) if others else None
    _still_learnable(target, train)
    shared = set(train.people or ()) & set((test.people if test else None) or ())
    if shared:
        notes.append(
            f"{len(shared)} people are in both {train.name} and {test_name}: the figures are better than for strangers."
        )
    return Material(target, train, test, (*notes, *reader.notes()))


def reader_for(name: str, data: Path) -> str:
    """The reader's name; "auto" looks at the path's ending."""
    if name != "auto":
        return name
    return "csv" if data.suffix.lower() == ".csv" else "folder"


def _splits(config: LinearProbeTraining, reader: Reader) -> tuple[str, str]:
    """Names of the splits to fit on and to measure on; the second is empty where there is none."""
    train = config.train_split or ("train" if "train" in reader.splits else reader.splits[0])
    test = config.test_split or next((s for s in ("validation", "test") if s in reader.splits and s != train), "")
    if train == test:
        raise DatasetError(f"Fitting and measuring on the same split {train!r} would say nothing; name another test_split.")
    return train, test


def _kept(target: Target, samples: Sequence[Sample], split: str, notes: list[str]) -> list[Sample]:
    kept = target.keep(samples)
    if lost := len(samples) - len(kept):
        notes.append(f"{split}: {lost:,} samples of classes that are not learnt are left out.")
    return kept


def _part(
    name: str,
    samples: Sequence[Sample],
    target: Target,
    reader: Reader,
    config: LinearProbeTraining,
    encoder: Encoder,
    view: str,
) -> Part:
    placed = place(
        samples, encoder.contract, reader.box_reference,
        faces=config.faces, detector=config.detector, device=config.device,
    )  # fmt: skip
    if not placed.samples:
        raise DatasetError(
            f"{config.detector} found no face in any of the {len(samples)} pictures of {name} in {reader.root}. "
            "Pictures that are face crops already take faces=cropped; or name another detector."
        )
    kept = placed.samples
    embeddings = embed_samples(encoder, kept, config.batch_size, view, reader.box_reference, config.workers)
    return Part(name, kept, embeddings, target.numbers(kept), placed.not_found, placed.told, split_digest(kept))


def _still_learnable(target: Target, train: Part) -> None:
    """Raises DatasetError where the search for faces lost a whole class, or all but one value."""
    if target.is_classes:
        counts = Counter(train.numbers.tolist())
        lost = [name for i, name in enumerate(target.names) if not counts[i]]
    else:
        lost = [name for name, column in zip(target.names, train.numbers.T, strict=True) if np.ptp(column) == 0]
    if lost:
        raise DatasetError(
            f"Nothing is left to learn of {', '.join(lost)}: {len(train.samples)} training samples remain, and no face was "
            f"found in {train.not_found}. Name another detector, or faces=cropped for pictures that are crops already."
        )
