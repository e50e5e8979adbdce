"""Names of classes: words for emotions onto facezoo's own names, and the order in which classes are listed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from facezoo.plugin import Emotion, emotion_of


def emotion_names(names: Iterable[str]) -> dict[str, str]:
    """{name as it stands: class}: facezoo's emotions if every name is a word for one, else every name as it is.

    Case, leading numbers ("0_angry", "4 - Happy") and surrounding blanks do not count.
    """
    given = sorted(set(names))
    found = {name: emotion_of(re.sub(r"^\d+[\s._-]+", "", name.strip())) for name in given}
    if given and all(found.values()):
        return {name: str(emotion) for name, emotion in found.items()}
    return {name: name for name in given}


def in_order(classes: Iterable[str]) -> tuple[str, ...]:
    """The classes once each: emotions in the order of ``Emotion``, others sorted, numbers in names by their value."""
    order = {emotion.value: place for place, emotion in enumerate(Emotion)}
    found = set(classes)
    if found <= set(order):
        return tuple(sorted(found, key=order.__getitem__))
    return tuple(sorted(found, key=_natural))


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


SPLITS = {"train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
          "dev": "validation", "test": "test", "testing": "test"}  # fmt: skip
"""What splits are called on disk, and here."""
