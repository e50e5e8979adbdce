"""Portraits of members of the US Congress, with five landmarks each: real faces with free rights, without emotion labels."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from facezoo.plugin import BoxReference, DatasetError, Detections, FacePair, PairReader, Sample, SquareCrop, cut, matrices
from facezoo_readers.lines import csv_lines
from facezoo_readers.table import SIDES

COLUMNS = ("file", "person", "tier", "grayscale", *SIDES)
HELD_OUT = Path(__file__).with_name("portraits_holdout.json")
LAST_DIGIT = 7  # of the numbers of the other people who are in `test`
CROP = SquareCrop(scale=2.6, shift=(0.0, -0.03))  # brows to chin
SIDE = 64  # pixels of the crops that are compared
ONE_PHOTO = 0.97  # correlation of two crops from which they are taken for prints of one photo
FOLDS = 10

Kind = tuple[str, str]  # tier and grayscale: which archive a picture is from, and whether it has colours


class Portraits(PairReader):
    """Upright face crops (the face's box x 1.45) of numbered people.

    ``test`` is everybody whose number ends in 7 and 250 people more who have several photos, drawn once with a seed
    (``portraits_holdout.json``); ``train`` is the rest, so that whoever learns on it is measured on strangers. ``person``
    is "c" and the number.

    Pairs: the first two photos of everybody who has several, and as many of two people, each pair of them of the same two
    kinds (tier, and whether it has colours) as one of the first, so that a kind does not tell. Two prints of one photo are no
    pair. To know that, the pictures are opened. The pairs of ``test`` are of the 250 people alone, who were the first hold-out:
    a model that goes on from weights of that time has seen the others.
    """

    layout: ClassVar[str] = """\
ROOT/portraits.csv           file, person, tier, grayscale, right_eye_x, right_eye_y, left_eye_x … left_mouth_y (pixels; right:
                             the person's own)
ROOT/images/<file>
"""
    splits = ("train", "test")

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._table = self.root / "portraits.csv"
        if not self._table.is_file():
            raise self.expected(self._table)
        if not (self.root / "images").is_dir():
            raise self.expected(self.root / "images", "folder")
        lines = csv_lines(self._table)
        _, columns = next(lines, (1, []))
        if missing := [name for name in COLUMNS if name not in columns]:
            raise DatasetError(f"{self._table} has no column {', '.join(missing)}; expected {', '.join(COLUMNS)}.")
        self._rows = [(number, self._row(number, columns, fields)) for number, fields in lines]

    def _row(self, number: int, columns: list[str], fields: list[str]) -> dict[str, str]:
        row = dict(zip(columns, fields, strict=False))
        if len(fields) != len(columns) or not row["person"].isdecimal():
            raise DatasetError(f"{self._table}, line {number}: expected {len(columns)} columns and a number of a person.")
        return row

    @cached_property
    def _first(self) -> frozenset[int]:
        """Numbers of the people of the first hold-out."""
        return frozenset(json.loads(HELD_OUT.read_text(encoding="utf-8")))

    @cached_property
    def _faces(self) -> dict[str, list[tuple[Sample, Kind]]]:
        """{split: its pictures and their kinds, in the order of the table}."""
        found: dict[str, list[tuple[Sample, Kind]]] = {split: [] for split in self.splits}
        for number, row in self._rows:
            person = int(row["person"])
            split = "test" if person % 10 == LAST_DIGIT or person in self._first else "train"
            path = self.root / "images" / row["file"]
            if path.is_file():
                found[split].append((self._sample(number, row, path), (row["tier"], row["grayscale"])))
            else:
                self.skip(split, "listed pictures are not in images", row["file"])
        return found

    def _sample(self, number: int, row: dict[str, str], path: Path) -> Sample:
        try:
            points = np.array([float(row[name]) for name in SIDES], np.float32).reshape(5, 2)
        except ValueError as error:
            raise DatasetError(f"{self._table}, line {number}: {error}; expected a number of pixels.") from error
        return Sample(row["file"], path, person=f"c{row['person']}", landmarks=points)

    def collect(self, split: str) -> list[Sample]:
        """Every picture, in the order of the table, also those that are in no pair."""
        return [sample for sample, _ in self._faces[split]]

    def collect_pairs(self, split: str) -> list[FacePair]:
        groups = self._groups(split)
        same = [pair for pairs in groups for pair in pairs]
        others = [(pairs[i][0], pairs[(i + 1) % len(pairs)][1]) for pairs in groups for i in range(len(pairs))]
        folds = np.empty(len(same), int)
        for fold, chosen in enumerate(np.array_split(np.random.default_rng(0).permutation(len(same)), FOLDS)):
            folds[chosen] = fold
        drawn = ((same, True), (others, False))
        return [FacePair(*pair, kind, int(fold)) for pairs, kind in drawn for pair, fold in zip(pairs, folds, strict=True)]

    def _groups(self, split: str) -> list[list[tuple[Sample, Sample]]]:
        """Two photos of everybody who has several, those of the same two kinds together, two such people at least."""
        photos: dict[str, list[tuple[Sample, Kind]]] = {}
        for sample, kind in self._faces[split]:
            person = str(sample.person)
            if split == "train" or int(person[1:]) in self._first:
                photos.setdefault(person, []).append((sample, kind))
        groups: dict[tuple[Kind, Kind], list[tuple[Sample, Sample]]] = {}
        for own in photos.values():
            if len(own) > 1:
                (first, kind), (second, other) = sorted(own, key=lambda photo: photo[1])[:2]
                if _one_photo(first, second):
                    self.skip(split, "people have one photo twice, which is no pair", first.name)
                else:
                    groups.setdefault((kind, other), []).append((first, second))
        for pairs in groups.values():
            if len(pairs) == 1:
                self.skip(split, "pairs have no counterpart of other people", pairs[0][0].name)
        return [pairs for pairs in groups.values() if len(pairs) > 1]


def _one_photo(first: Sample, second: Sample) -> bool:
    """True for two prints of one photo: crops whose grey values go together almost perfectly."""
    return float(np.corrcoef(_grey(first), _grey(second))[0, 1]) >= ONE_PHOTO


def _grey(sample: Sample) -> np.ndarray:
    """(S * S,) grey values of the face."""
    points = np.asarray(sample.landmarks, np.float32)[None]
    seen = Detections(np.full((1, 4), np.nan, np.float32), np.ones(1, np.float32), points)
    place = matrices(CROP, seen, BoxReference(length=1.0))
    return cut([sample.read()], [0], place, (SIDE, SIDE))[0].mean(0).flatten().numpy()
