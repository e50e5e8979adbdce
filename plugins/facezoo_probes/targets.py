"""From samples to what a probe has to say of each: class numbers, or values. Refuses what cannot be learnt from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from itertools import chain

import numpy as np

from facezoo.plugin import DatasetError, Emotion, Pose, Reader, Sample, emotion_of

LABEL = "label"
ANGLES = {angle.name for angle in fields(Pose)}


@dataclass(frozen=True, slots=True)
class Target:
    """What is learnt.

    Attributes:
        output: "logits" or "values".
        names: of the outputs, in their order.
        units: of values; None for logits.
    """

    output: str
    names: tuple[str, ...]
    units: str | None = None

    @property
    def is_classes(self) -> bool:
        return self.output == "logits"

    def keep(self, samples: Sequence[Sample]) -> list[Sample]:
        """The samples of the classes that are learnt; all for values."""
        return [s for s in samples if s.label in self.names] if self.is_classes else list(samples)

    def numbers(self, samples: Sequence[Sample]) -> np.ndarray:
        """(N,) int64 class numbers, or (N, K) float64 values. Raises DatasetError for a value that is none."""
        if self.is_classes:
            index = {name: i for i, name in enumerate(self.names)}
            return np.array([index[str(sample.label)] for sample in samples], np.int64)
        return np.array([[_value(sample, name) for name in self.names] for sample in samples], np.float64).reshape(
            -1, len(self.names)
        )


def target_of(wanted: Sequence[str], labels: Sequence[str], units: str, samples: Sequence[Sample], reader: Reader) -> Target:
    """What is learnt from the training samples.

    Args:
        wanted: ("label",), or the names of values.
        labels: the classes and their order; empty: all that the samples have, in the reader's order.
        units: of the values; empty: degrees for yaw, pitch and roll, else none.
        samples: of the training split.
        reader: where they come from.

    Raises:
        DatasetError: samples without a class, fewer than two classes, a value that is missing, not finite or constant.
    """
    if tuple(wanted) == (LABEL,):
        return Target("logits", _classes(labels, samples, reader))
    target = Target("values", tuple(wanted), units or ("degrees" if set(wanted) <= ANGLES else ""))
    _check_named(wanted, samples, reader)
    numbers = target.numbers(samples)
    for name, column in zip(target.names, numbers.T, strict=True):
        if np.ptp(column) == 0:
            raise DatasetError(
                f"{name} is {column[0]:g} in all {len(column)} training samples of {reader.root}; nothing to learn."
            )
    return target


def _classes(labels: Sequence[str], samples: Sequence[Sample], reader: Reader) -> tuple[str, ...]:
    counts = Counter(sample.label for sample in samples)
    if counts[None]:
        first = next(sample.name for sample in samples if sample.label is None)
        have = sorted(set(chain.from_iterable(sample.values for sample in samples)))
        values = f" They have the values {', '.join(have)}: --set target=[{','.join(have)}]." if have else ""
        raise DatasetError(
            f"{counts[None]} of {len(samples)} training samples of {reader.root} have no class (first {first}).{values}"
        )
    present = [str(label) for label in counts]
    known = [*(reader.labels or ()), *sorted(present)]
    wanted = [_called(name, present) for name in labels]
    names = tuple(dict.fromkeys(wanted or [str(k) for k in known if k in counts]))
    if missing := [name for name in names if not counts[name]]:
        raise DatasetError(f"No training sample of {reader.root} is {_or(missing)}; there are {', '.join(sorted(present))}.")
    if len(names) < 2:
        raise DatasetError(
            f"All {len(samples)} training samples of {reader.root} are {''.join(names)!r}; a probe needs two classes at least."
        )
    return names


def _called(name: str, present: Sequence[str]) -> str:
    """A class that was asked for, as the samples call it: where all their classes are emotions, words for these do too."""
    emotion = emotion_of(name) if name not in present and set(present) <= set(Emotion) else None
    return emotion.value if emotion else name


def _check_named(wanted: Sequence[str], samples: Sequence[Sample], reader: Reader) -> None:
    """Raises DatasetError for a value that no sample has at all, with what the reader says of it."""
    have = list(dict.fromkeys(chain.from_iterable(sample.values for sample in samples)))
    for name in wanted:
        if name not in have:
            known = f"they have {', '.join(have)}" if have else "they have none"
            notes = "".join(f" Left out: {note}." for note in reader.notes() if f"{name}:" in note)
            raise DatasetError(
                f"None of the {len(samples)} training samples of {reader.root} has a value {name!r}; {known}."
                + (notes or _meant(name, have))
            )


def _meant(name: str, have: Iterable[str]) -> str:
    close = get_close_matches(name, have, n=1, cutoff=0.5)
    return f" Did you mean {close[0]}?" if close else ""


def _value(sample: Sample, name: str) -> float:
    if name not in sample.values:
        have = f"it has {', '.join(sample.values)}" if sample.values else "it has none"
        raise DatasetError(f"The sample {sample.name} has no value {name!r}; {have}.{_meant(name, sample.values)}")
    value = float(sample.values[name])
    if not math.isfinite(value):
        raise DatasetError(f"The sample {sample.name} has {name}={value}; leave such rows out or mend them.")
    return value


def _or(names: Sequence[str]) -> str:
    return " or ".join(map(repr, names))


def subject(target: Target) -> str:
    """What the classes are about, as far as their names tell: "emotion", or else "label"."""
    return "emotion" if target.is_classes and set(target.names) <= set(Emotion) else LABEL
