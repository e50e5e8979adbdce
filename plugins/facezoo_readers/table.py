"""Pictures listed in a csv file: the way to bring annotations of one's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from facezoo.plugin import FIVE_LANDMARKS, DatasetError, Reader, Sample
from facezoo_readers.classes import SPLITS, emotion_names, in_order
from facezoo_readers.lines import csv_lines

NAMES = ("faces.csv", "samples.csv")
BOX = ("x0", "y0", "x1", "y1")
POINTS = tuple(f"{name}_{axis}" for name in FIVE_LANDMARKS for axis in "xy")
SIDES = tuple(f"{name}_{axis}" for name in ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth") for axis in "xy")
WORDS = ("file", "label", "person", "split")
OWN = {*WORDS, *BOX, *POINTS, *SIDES, "repeat"}  # every other column of numbers is a value


class Table(Reader):
    """A csv file with a header: ``file`` and at least one of ``label``, ``person`` and columns of numbers.

    Labels become facezoo's emotions where every one of them is a word for an emotion. A column of which some cells are
    no numbers is no value, and ``notes`` name the first such cell; an empty cell is a value that is missing there. Without
    boxes and landmarks every picture is a face crop.
    """

    layout: ClassVar[str] = """\
ROOT/faces.csv (or samples.csv, or the only *.csv in ROOT; ROOT may also be the file itself), with a header:
file                               path of the picture, from the csv file's folder or from `images` beside it
label, person, split               optional; split: train, val, test or any other name, without it `all`
x0, y0, x1, y1                     optional; the face's box in pixels
image_left_eye_x, image_left_eye_y, image_right_eye_x …, nose_tip_x …, image_left_mouth_corner_x …,
image_right_mouth_corner_x, image_right_mouth_corner_y       optional; five landmarks in pixels
any other column of numbers        a value by that name: yaw, pitch, roll in degrees, valence, arousal, …
"""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._path = self._table()
        lines = csv_lines(self._path)
        _, self._columns = next(lines, (1, []))
        self._check_columns()
        self._rows = [(number, self._row(number, fields)) for number, fields in lines]
        if not self._rows:
            raise DatasetError(f"{self._path} has a header and no rows; expected a row per picture.")
        self._values = self._numeric()
        if not (self._values or {"label", "person"} & set(self._columns)):
            raise DatasetError(
                f"{self._path} says nothing of its pictures; expected a column label, person, or one of numbers."
            )
        self._landmarks = next((names for names in (POINTS, SIDES) if set(names) <= set(self._columns)), None)
        self._folder = self._place_of_pictures()
        self._names = emotion_names(row["label"] for _, row in self._rows if row.get("label"))
        found = {self._split(row) for _, row in self._rows}
        known = [split for split in ("train", "validation", "test") if split in found]
        self.splits = (*known, *sorted(found - set(known)))

    def _table(self) -> Path:
        if self.root.is_file():
            return self.root
        named = [self.root / name for name in NAMES if (self.root / name).is_file()]
        found = named or sorted(self.root.glob("*.csv"))
        if not found:
            raise self.expected(self.root / NAMES[0])
        if len(found) > 1 and not named:
            raise DatasetError(
                f"{self.root} has several csv files: {', '.join(path.name for path in found[:5])}; name the one that is meant."
            )
        return found[0]

    def _check_columns(self) -> None:
        columns = self._columns
        if "file" not in columns:
            shown = ", ".join(columns)[:100] or "an empty file"
            raise DatasetError(f"{self._path} has no column file; found {shown}.")
        if twice := sorted({column for column in columns if columns.count(column) > 1}):
            raise DatasetError(f"{self._path} has the column {', '.join(twice)} twice.")
        for group in (BOX, POINTS, SIDES):
            missing = [name for name in group if name not in columns]
            if 0 < len(missing) < len(group):
                raise DatasetError(
                    f"{self._path} has no column {', '.join(missing)}; expected all of {', '.join(group)} or none."
                )

    def _row(self, number: int, fields: Sequence[str]) -> dict[str, str]:
        if len(fields) != len(self._columns):
            count = f"{len(fields)} column{'s' * (len(fields) != 1)}"
            raise DatasetError(f"{self._path}, line {number}: {count}; the header has {len(self._columns)}.")
        return dict(zip(self._columns, fields, strict=True))

    def _numeric(self) -> list[str]:
        """The columns that are values: not facezoo's own, and every cell a number or empty."""
        found = []
        for column in self._columns:
            if column in OWN:
                continue
            cells = [(number, row[column]) for number, row in self._rows if row[column]]
            wrong = next(((number, cell) for number, cell in cells if _number(cell) is None), None)
            if cells and wrong is None:
                found.append(column)
                continue
            why = f"line {wrong[0]} has {wrong[1][:20]!r}" if wrong else "all cells are empty"
            self.skip("all splits", "columns are not all numbers, so they are no values", f"{column}: {why}")
        return found

    def _place_of_pictures(self) -> Path:
        """``images`` beside the csv file if the first picture that is there lies in it, else the csv file's folder."""
        own = self._path.parent
        beside = own / "images"
        places = (beside, own) if beside.is_dir() else (own,)
        files = (row["file"] for _, row in self._rows if row["file"])
        return next((place for file in files for place in places if (place / file).is_file()), own)

    def _split(self, row: dict[str, str]) -> str:
        given = row.get("split", "")
        return SPLITS.get(given.lower(), given) or "all"

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The classes that any split has; None without a column of labels."""
        return in_order(self._names.values()) or None

    def collect(self, split: str) -> list[Sample]:
        return [
            self._sample(number, row) for number, row in self._rows if self._split(row) == split and self._present(split, row)
        ]

    def _present(self, split: str, row: dict[str, str]) -> bool:
        if row["file"] and (self._folder / row["file"]).is_file():
            return True
        name = row["file"] or "an empty name"
        where = "beside the csv file" if self._folder == self._path.parent else "in the folder images beside the csv file"
        where = "there" if Path(name).is_absolute() else where
        self.skip(split, f"listed pictures are not {where}", name)
        return False

    def _sample(self, number: int, row: dict[str, str]) -> Sample:
        box = self._numbers(number, row, BOX) if "x0" in self._columns else None
        if box and not (box[0] < box[2] and box[1] < box[3]):
            raise DatasetError(f"{self._path}, line {number}: the box {box} has no area; expected x0 < x1 and y0 < y1.")
        points = self._numbers(number, row, self._landmarks) if self._landmarks else None
        return Sample(
            row["file"],
            self._folder / row["file"],
            label=self._names[row["label"]] if row.get("label") else None,
            values={name: float(row[name]) for name in self._values if row[name]},
            person=row.get("person") or None,
            box=(box[0], box[1], box[2], box[3]) if box else None,
            landmarks=np.array(points, np.float32).reshape(5, 2) if points else None,
            cropped=not (box or points),
        )

    def _numbers(self, number: int, row: dict[str, str], columns: Sequence[str]) -> list[float] | None:
        """The numbers of a box or of landmarks; None where all its cells are empty."""
        if not any(row[column] for column in columns):
            return None
        found = [_number(row[column]) for column in columns]
        if None in found:
            wrong = columns[found.index(None)]
            raise DatasetError(f"{self._path}, line {number}: {wrong} is {row[wrong][:20]!r}; expected a number of pixels.")
        return [value for value in found if value is not None]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
