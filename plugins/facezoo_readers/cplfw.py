"""Cross-Pose LFW. Zheng, Deng: "Cross-Pose LFW: A Database for Studying Cross-Pose Face Recognition in Unconstrained
Environments", Beijing University of Posts and Telecommunications technical report 18-01, 2018. Research, whdeng.cn/CPLFW.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from facezoo.plugin import DatasetError, FacePair, PairReader, Sample

LIST = "pairs_CPLFW.txt"
PLACES = ("images", ".", "aligned images")
FOLDS = 10


class CpLfw(PairReader):
    """11,652 pictures of 3,929 people in other poses than LFW's; 6,000 pairs, half of one person, in ten folds.

    Faces have to be found. The publisher's aligned pictures are used where there are no others, and then are taken for
    face crops. The list names no folds: the first tenth of the pairs of one person and the first tenth of the others are
    fold 0, and so on, which is the same as six hundred lines after the other where these are balanced.
    """

    layout: ClassVar[str] = """\
ROOT/pairs_CPLFW.txt             two lines per pair, `AJ_Cook_1.jpg 1`: the label is the same in both, 1: one person
ROOT/images/AJ_Cook_1.jpg        also in ROOT itself or in `aligned images`
"""
    splits = ("test",)

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._list = self.root / LIST
        if not self._list.is_file():
            raise self.expected(self._list)
        for place in (self.root / place for place in PLACES):
            self._files = _pictures(place)
            if self._files:
                self._aligned = place.name == "aligned images"
                break
        else:
            raise self.expected(self.root / PLACES[0] / "AJ_Cook_1.jpg", "pictures such as")

    def collect_pairs(self, split: str) -> list[FacePair]:
        faces: dict[str, Sample] = {}
        for name, path in self._files.items():
            person = Path(name).stem.rpartition("_")[0] or Path(name).stem
            faces[name] = Sample(name, path, person=person, cropped=self._aligned)
        rows = list(_listed(self._list))
        counts = {kind: sum(same is kind for *_, same in rows) for kind in (True, False)}
        seen = {True: 0, False: 0}
        found = []
        for number, first, second, same in rows:
            fold = seen[same] * FOLDS // counts[same]
            seen[same] += 1
            if first in faces and second in faces:
                found.append(FacePair(faces[first], faces[second], same, fold))
            else:
                self.skip(split, "pairs lack a picture", f"{LIST}, line {number}")
        return found


def _pictures(folder: Path) -> dict[str, Path]:
    """{name: file} of the JPEG files in a folder; empty where there is none."""
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        return {entry.name: folder / entry.name for entry in entries if entry.name.lower().endswith((".jpg", ".jpeg"))}


def _listed(path: Path) -> Iterator[tuple[int, str, str, bool]]:
    """(number of its first line, first picture, second picture, same) of every pair.

    Raises:
        DatasetError: a line of another form, a half pair, or two labels in one.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]
    for number, words in rows:
        if len(words) != 2 or words[1] not in ("0", "1"):
            raise DatasetError(
                f"{path}, line {number}: expected a picture and 0 or 1, like `AJ_Cook_1.jpg 1`, found {' '.join(words)[:60]!r}."
            )
    if not rows or len(rows) % 2:
        raise DatasetError(f"{path} has {len(rows)} lines; expected two for each pair.")
    for (number, first), (_, second) in zip(rows[::2], rows[1::2], strict=True):
        if first[1] != second[1]:
            raise DatasetError(f"{path}, line {number}: the two lines of a pair have the labels {first[1]} and {second[1]}.")
        yield number, first[0], second[0], first[1] == "1"
