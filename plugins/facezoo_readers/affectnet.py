"""AffectNet's manually annotated part. Mollahosseini, Hasani, Mahoor: "AffectNet: A Database for Facial Expression,
Valence, and Arousal Computing in the Wild", IEEE Transactions on Affective Computing 2017. Research only, by signed agreement.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from facezoo.plugin import AFFECTNET, BoxReference, DatasetError, Emotion, Reader, Sample
from facezoo_readers.landmarks import five_of_68
from facezoo_readers.lines import csv_lines

FOLDERS = {"train": "train_set", "validation": "val_set"}
TABLES = {"train": "training.csv", "validation": "validation.csv"}
TABLE_PLACES = (".", "Manually_Annotated_file_lists")
PICTURE_PLACES = ("Manually_Annotated/Manually_Annotated_Images", "Manually_Annotated_Images", "Manually_Annotated")
COLUMNS = (
    "subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks", "expression", "valence",
    "arousal",
)  # fmt: skip
NO_EMOTION = {8: "none", 9: "uncertain", 10: "no face"}


class AffectNet(Reader):
    """AffectNet in the layout of ``train_set`` and ``val_set``, or in that of ``training.csv`` and ``validation.csv``.

    Eight classes. ``values`` are valence and arousal in [-1, 1] where annotated. Of the 68 landmarks five are kept:
    the means of 36 to 41 and of 42 to 47 (the eyes), 30 (nose tip), 48 and 54 (mouth corners), counted from 0.
    There is no public test set; the validation split is what papers report on.
    """

    layout: ClassVar[str] = """\
either
ROOT/train_set/images/<n>.jpg, ROOT/val_set/images/<n>.jpg
ROOT/train_set/annotations/<n>_exp.npy                 expression; _val.npy, _aro.npy, _lnd.npy where there are
or
ROOT/training.csv, ROOT/validation.csv                 also in Manually_Annotated_file_lists/
ROOT/Manually_Annotated_Images/<n>/<name>.jpg          also in Manually_Annotated/ or both, one in the other
"""
    splits = ("train", "validation")
    emotions: ClassVar[tuple[Emotion, ...]] = tuple(Emotion)
    # assumed, for faces of the older layout without landmarks: square boxes like those of a Viola-Jones detector
    box_reference = BoxReference(center=(0.0, 0.094), length=0.425)

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._arrays = {split: self.root / folder for split, folder in FOLDERS.items() if (self.root / folder).is_dir()}
        self._tables = {
            split: place / table
            for split, table in TABLES.items()
            for place in (self.root / p for p in TABLE_PLACES)
            if (place / table).is_file()
        }
        if self._arrays:
            self._check_arrays()
        elif self._tables:
            self._check_tables()
        else:
            raise self.expected(self.root / "train_set", "folder (or the file training.csv)")
        self.splits = tuple(split for split in FOLDERS if split in (self._arrays or self._tables))

    def _check_arrays(self) -> None:
        for place in self._arrays.values():
            for part in ("images", "annotations"):
                if not (place / part).is_dir():
                    raise self.expected(place / part, "folder")

    def _check_tables(self) -> None:
        places = [self.root / place for place in PICTURE_PLACES]
        found = [place for place in places if place.is_dir()]
        if not found:
            raise self.expected(self.root / "Manually_Annotated_Images", "folder")
        self._pictures = found[0]

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions in facezoo's order, which is AffectNet's."""
        return tuple(emotion.value for emotion in self.emotions)

    def collect(self, split: str) -> list[Sample]:
        samples = list(self._from_arrays(split) if self._arrays else self._from_table(split))
        return [sample for sample in samples if self._wanted(split, sample)]

    def _wanted(self, split: str, sample: Sample) -> bool:
        if sample.label in self.labels:
            return True
        self.skip(split, f"pictures of {sample.label} are left out", sample.name)
        return False

    def emotion(self, split: str, code: str, where: str) -> str | None:
        """The class of an expression code; None for the codes without an emotion, which are counted.

        Raises:
            DatasetError: no code of AffectNet.
        """
        number = int(code) if code.strip().isdecimal() else -1
        if number in AFFECTNET:
            return AFFECTNET[number].value
        if number not in NO_EMOTION:
            raise DatasetError(f"{where}: expected an expression code from 0 to 10, found {code[:20]!r}.")
        code = f"the code {number} ({NO_EMOTION[number]})"
        self.skip(split, f"pictures have {code}", where)
        return None

    def _from_arrays(self, split: str) -> Iterator[Sample]:
        place = self._arrays[split]
        with os.scandir(place / "images") as entries:
            pictures = {entry.name.partition(".")[0]: entry.name for entry in entries if entry.name.endswith(".jpg")}
        with os.scandir(place / "annotations") as entries:
            names = {entry.name for entry in entries}
        annotated = sorted((name[:-8] for name in names if name.endswith("_exp.npy")), key=lambda n: (len(n), n))
        if not pictures:
            raise self.expected(place / "images" / "<n>.jpg", "pictures")
        if not annotated:
            raise self.expected(place / "annotations" / "<n>_exp.npy", "annotations")
        for number in sorted(pictures.keys() - set(annotated), key=lambda n: (len(n), n)):
            where = f"{FOLDERS[split]}/images/{pictures[number]}"
            self.skip(split, "pictures have no annotation", where)
        for number in annotated:
            if number not in pictures:
                where = f"{FOLDERS[split]}/annotations/{number}_exp.npy"
                self.skip(split, "annotations have no picture", where)
                continue
            stem = place / "annotations" / number
            label = self.emotion(split, _value_in(Path(f"{stem}_exp.npy")), f"{stem}_exp.npy")
            if label is None:
                continue
            values = {
                long: _number_in(Path(f"{stem}_{short}.npy"))
                for long, short in (("valence", "val"), ("arousal", "aro"))
                if f"{number}_{short}.npy" in names
            }
            landmarks = _landmarks_in(Path(f"{stem}_lnd.npy")) if f"{number}_lnd.npy" in names else None
            picture = place / "images" / pictures[number]
            yield Sample(
                f"{FOLDERS[split]}/images/{picture.name}", picture, label=label, values=_annotated(values),
                landmarks=landmarks, cropped=landmarks is None,
            )  # fmt: skip

    def _from_table(self, split: str) -> Iterator[Sample]:
        path = self._tables[split]
        present: dict[str, set[str]] = {}
        for number, row in _rows(path):
            where = f"{path.name}, line {number}"
            if row is None:
                self.skip(split, "lines have another number of columns", where)
                continue
            label = self.emotion(split, row["expression"], f"{path}, line {number}")
            if label is None:
                continue
            folder, _, name = row["subDirectory_filePath"].rpartition("/")
            if folder not in present:
                present[folder] = _names_in(self._pictures / folder)
            if name not in present[folder]:
                listed, place = row["subDirectory_filePath"], self._pictures.relative_to(self.root)
                self.skip(split, f"pictures are not in {place}", listed)
                continue
            try:
                x, y, width, height = (float(row[column]) for column in COLUMNS[1:5])
                values = _annotated({name: float(row[name]) for name in ("valence", "arousal")})
                points = row["facial_landmarks"].replace(";", " ").split()
                landmarks = five_of_68(np.array([float(point) for point in points]))
            except ValueError as error:
                self.skip(split, "lines have a column that is no number", f"{where}: {error}")
                continue
            picture = self._pictures / folder / name
            yield Sample(
                row["subDirectory_filePath"], picture, label=label, values=values, box=(x, y, x + width, y + height),
                landmarks=landmarks,
            )  # fmt: skip


class AffectNetSeven(AffectNet):
    """AffectNet without contempt, as most papers count seven classes; how many were left out is in ``notes``."""

    emotions: ClassVar[tuple[Emotion, ...]] = tuple(Emotion)[:7]


def _names_in(folder: Path) -> set[str]:
    if not folder.is_dir():
        return set()
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries}


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str] | None]]:
    """(line number, row by column, or None for a row of another length) of a csv file with or without a header."""
    columns: Sequence[str] = COLUMNS
    for number, fields in csv_lines(path):
        if number == 1 and COLUMNS[0] in fields:
            columns = fields
            if missing := [column for column in COLUMNS if column not in columns]:
                raise DatasetError(f"{path} has no column {', '.join(missing)}; expected {', '.join(COLUMNS)}.")
        else:
            yield number, dict(zip(columns, fields, strict=True)) if len(fields) == len(columns) else None


def _array_in(path: Path) -> np.ndarray:
    """The numbers of a .npy file; nothing in it is executed. Raises DatasetError for anything else."""
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{path} is no array of numbers or text: {error}.") from error


def _value_in(path: Path) -> str:
    """The one value of a .npy file as text, whether it was saved as a number or as text."""
    array = _array_in(path)
    if array.size != 1:
        raise DatasetError(f"{path} has {array.size} values; expected one.")
    return str(array.reshape(-1)[0])


def _number_in(path: Path) -> float:
    try:
        return float(_value_in(path))
    except ValueError as error:
        raise DatasetError(f"{path}: expected a number, found {_value_in(path)[:20]!r}.") from error


def _landmarks_in(path: Path) -> np.ndarray | None:
    try:
        return five_of_68(_array_in(path))
    except ValueError as error:
        raise DatasetError(f"{path}: expected the 136 numbers of 68 landmarks ({error}).") from error


def _annotated(values: Mapping[str, float]) -> dict[str, float]:
    """Valence and arousal without those that are no annotation: the publisher writes -2 there."""
    return {name: value for name, value in values.items() if -1 <= value <= 1}
