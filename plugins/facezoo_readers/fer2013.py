"""FER-2013. Goodfellow et al.: "Challenges in Representation Learning: A report on three machine learning contests",
2013. Through Kaggle, under its terms; an explicit licence is unknown.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from facezoo.plugin import FER_2013, SEVEN_EMOTIONS, DatasetError, Reader, Sample
from facezoo_readers.lines import csv_lines

FILES = ("fer2013.csv", "icml_face_data.csv", "train.csv")
USAGES = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
SIDE = 48


class Fer2013(Reader):
    """35,887 grey pictures of 48 x 48: 28,709 train (Training), 3,589 validation (PublicTest), 3,589 test (PrivateTest).

    The pixels are text in the csv file, so the pictures of a split are read with it, 2 kB each. The faces fill them.
    """

    layout: ClassVar[str] = """\
ROOT/fer2013.csv            columns emotion (0 to 6), pixels (48 x 48 numbers), Usage
ROOT/icml_face_data.csv     the same columns in another order, of the Kaggle challenge
ROOT/train.csv              of the Kaggle challenge: no column Usage; the only split is then `train`
ROOT may also be the file.
"""
    splits = tuple(USAGES.values())

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        places = [self.root] if self.root.is_file() else [self.root / name for name in FILES]
        found = [place for place in places if place.is_file()]
        if not found:
            raise self.expected(self.root / FILES[0])
        self._path = found[0]
        _, self._columns = next(csv_lines(self._path), (1, []))
        if missing := {"emotion", "pixels"} - set(self._columns):
            raise DatasetError(
                f"{self._path} has no column {', '.join(sorted(missing))}; expected emotion, pixels, Usage, "
                f"found {', '.join(self._columns)[:80] or 'an empty file'}."
            )
        if "Usage" not in self._columns:
            self.splits = ("train",)

    @property
    def labels(self) -> tuple[str, ...]:
        """The seven emotions in facezoo's order, not in FER-2013's."""
        return tuple(emotion.value for emotion in SEVEN_EMOTIONS)

    def collect(self, split: str) -> list[Sample]:
        found: list[tuple[int, str, np.ndarray]] = []
        lines = csv_lines(self._path)
        next(lines)  # the header
        for number, fields in lines:
            row = dict(zip(self._columns, fields, strict=False))
            usage = row.get("Usage", "" if "Usage" in self._columns else "Training")
            if usage not in USAGES:
                raise self._wrong(number, f"a Usage of {', '.join(USAGES)}", usage)
            if USAGES[usage] == split:
                found.append((number, self._label(number, row), self._pixels(number, row)))
        pictures = np.stack([pixels for *_, pixels in found]) if found else np.zeros((0, SIDE, SIDE), np.uint8)
        return [
            # three equal channels that share the memory of one
            Sample(f"{number:05d}", np.broadcast_to(grey[:, :, None], (SIDE, SIDE, 3)), label=label, cropped=True)
            for (number, label, _), grey in zip(found, pictures, strict=True)
        ]

    def _label(self, number: int, row: dict[str, str]) -> str:
        code = row.get("emotion", "")
        if not code.isdecimal() or int(code) not in FER_2013:
            raise self._wrong(number, "an emotion from 0 to 6", code)
        return FER_2013[int(code)].value

    def _pixels(self, number: int, row: dict[str, str]) -> np.ndarray:
        words = row.get("pixels", "").split()
        try:
            pixels = np.frombuffer(bytes(map(int, words)), np.uint8)  # bytes takes 0 to 255 only
        except ValueError:
            pixels = np.zeros(0, np.uint8)
        if pixels.size != SIDE * SIDE:
            raise self._wrong(number, f"{SIDE * SIDE} pixels from 0 to 255", f"{len(words)} words, {' '.join(words)[:20]}")
        return pixels.reshape(SIDE, SIDE)

    def _wrong(self, number: int, wanted: str, found: str) -> DatasetError:
        return DatasetError(f"{self._path}, line {number}: expected {wanted}, found {found[:40]!r}.")
