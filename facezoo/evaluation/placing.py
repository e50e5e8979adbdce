"""Where the faces of a data set are: as the data say, or as a detector finds them; those not found are kept count of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from facezoo.components import Detector
from facezoo.contracts import BoxReference, FivePointCrop, InputContract
from facezoo.datasets import Sample
from facezoo.training import locate, start_from

Faces = Literal["auto", "detect", "cropped"]


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Samples that say where their face is.

    Attributes:
        samples: M of the N that were asked for, in their order.
        found: (N,) bool: which these are.
        told: how the faces were taken, a sentence.
    """

    samples: tuple[Sample, ...]
    found: np.ndarray
    told: str

    @property
    def not_found(self) -> int:
        """Pictures in which no face was found."""
        return int(len(self.found) - self.found.sum())


def place(
    samples: Sequence[Sample],
    contract: InputContract | None,
    reference: BoxReference,
    *,
    faces: Faces = "auto",
    detector: str = "haar-frontal",
    device: str = "auto",
) -> Placed:
    """Finds the faces of samples for a component with this contract.

    Args:
        samples: N of a reader.
        contract: a five-point crop needs landmarks, which a box alone does not give.
        reference: the reader's, for its boxes; boxes found are restated in it.
        faces: "auto": a picture whose face is known by its landmarks or box, or that is a crop, is not searched, if that is
            so for all of them; "detect": all are searched, whatever is known; "cropped": every picture is a crop.
        detector: an id, ``hub:…`` or ``dir:…``; loaded only when something is searched.
        device: where it runs.

    Raises:
        InputError: the detector is none, or a picture cannot be read.
        UnknownNameError: no such detector.
    """
    if faces == "cropped":
        crops = tuple(replace(sample, cropped=True) for sample in samples)
        return Placed(crops, np.ones(len(crops), bool), "Every picture is taken for a face crop.")
    if faces == "auto" and all(is_known(sample, contract) for sample in samples):
        return Placed(tuple(samples), np.ones(len(samples), bool), _known(samples))
    finder = start_from(detector, Detector, "a detector such as haar-frontal", device=device)
    if faces == "detect":
        samples = [replace(sample, cropped=False, box=None, landmarks=None) for sample in samples]
    # by number, since what comes back is told apart by its name alone
    kept, missing = locate([replace(sample, name=str(i)) for i, sample in enumerate(samples)], finder, reference)
    if any(sample.landmarks is not None for sample in kept):  # else the cut says that this detector gives none
        # where nothing was found a sample keeps its box, which is not enough for five points
        kept = [sample for sample in kept if is_known(sample, contract)]
    rows = [int(sample.name) for sample in kept]
    found = np.zeros(len(samples), bool)
    found[rows] = True
    asked = sum(not sample.cropped and sample.landmarks is None for sample in samples)
    told = f"Faces were looked for by {detector} in {asked:,} pictures and found in {asked - missing:,}."
    others = [sample for sample in samples if sample.cropped or sample.landmarks is not None]
    told += f" The others: {_known(others)}" if others else ""
    named = tuple(replace(sample, name=samples[row].name) for sample, row in zip(kept, rows, strict=True))
    return Placed(named, found, told)


def is_known(sample: Sample, contract: InputContract | None) -> bool:
    """True if a sample says well enough where its face is to be cut out as the contract wants it."""
    by_points = contract is not None and isinstance(contract.crop, FivePointCrop)
    return sample.cropped or sample.landmarks is not None or (sample.box is not None and not by_points)


def _known(samples: Sequence[Sample]) -> str:
    """Whence a reader knows the faces of samples that need no search."""
    crops = sum(sample.cropped for sample in samples)
    points = sum(sample.landmarks is not None and not sample.cropped for sample in samples)
    counts = {"are taken for face crops": crops, "have landmarks": points, "have a box": len(samples) - crops - points}
    found = [(what, count) for what, count in counts.items() if count]
    if len(found) == 1:
        return f"All {found[0][0]}."
    return "Of the pictures " + ", ".join(f"{count:,} {what}" for what, count in found) + "."
