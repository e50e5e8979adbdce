"""Labeled Faces in the Wild. Huang, Ramesh, Berg, Learned-Miller: "Labeled Faces in the Wild: A Database for Studying
Face Recognition in Unconstrained Environments", UMass Amherst technical report 07-49, 2007. Licence unknown; research.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from facezoo.plugin import BoxReference, DatasetError, FacePair, PairReader, Sample

LISTS = {"train": "pairsDevTrain.txt", "validation": "pairsDevTest.txt", "test": "pairs.txt"}
PLACES = ("lfw", "lfw_funneled", "lfw-funneled", "lfw-deepfunneled", ".")
SIDE = 250.0  # of every picture, in pixels
ENLARGED = 2.2  # the pictures are the detector's boxes, enlarged by this


class Lfw(PairReader):
    """13,233 pictures of 5,749 people; 6,000 pairs in ten folds (``test``, the publisher's View 2).

    The pictures are 250 x 250: a Viola-Jones detector's box, enlarged 2.2 times, so every sample has the box that lies in
    the middle. Other people may be in the picture; the one in the middle is meant.
    """

    layout: ClassVar[str] = """\
ROOT/pairs.txt                              View 2: `10 300`, then per fold 300 lines `name n1 n2`, 300 `name1 n1 name2 n2`
ROOT/pairsDevTrain.txt, pairsDevTest.txt    View 1, where there are: splits `train` and `validation`
ROOT/lfw/<Name>/<Name>_0001.jpg             also lfw_funneled/, lfw-deepfunneled/ or ROOT/<Name>/
"""
    # assumed: square boxes like those of today's Viola-Jones detectors
    box_reference = BoxReference(center=(0.0, 0.094), length=0.425)

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._lists = {split: self.root / name for split, name in LISTS.items() if (self.root / name).is_file()}
        if "test" not in self._lists:
            raise self.expected(self.root / LISTS["test"])
        self.splits = tuple(self._lists)
        places = [self.root / place for place in PLACES if (self.root / place).is_dir()]
        self._folder = next((place for place in places if next(place.glob("*/*_0001.jpg"), None)), None)
        if self._folder is None:
            raise self.expected(self.root / PLACES[0] / "<Name>" / "<Name>_0001.jpg", "pictures")
        self._faces: dict[str, Sample | None] = {}

    def collect_pairs(self, split: str) -> list[FacePair]:
        found = []
        for number, first, second, fold in _listed(self._lists[split]):
            faces = self._face(*first), self._face(*second)
            if faces[0] is None or faces[1] is None:
                self.skip(split, "pairs lack a picture", f"{self._lists[split].name}, line {number}")
                continue
            found.append(FacePair(faces[0], faces[1], first[0] == second[0], fold))
        return found

    def _face(self, person: str, number: int) -> Sample | None:
        """One object per picture; None where its file is missing."""
        name = f"{person}/{person}_{number:04d}.jpg"
        if name not in self._faces:
            path = (self._folder or self.root) / name
            margin = (SIDE - SIDE / ENLARGED) / 2
            box = (margin, margin, SIDE - margin, SIDE - margin)
            self._faces[name] = Sample(name, path, person=person, box=box) if path.is_file() else None
        return self._faces[name]


Named = tuple[str, int]


def _listed(path: Path) -> Iterator[tuple[int, Named, Named, int]]:
    """(line number, first picture, second picture, fold) of every pair of a list.

    Raises:
        DatasetError: a head or a line of another form, or another number of lines than the head says.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    head = lines[0].split() if lines else []
    if not (1 <= len(head) <= 2 and all(word.isdecimal() and int(word) for word in head)):
        raise DatasetError(
            f"{path}, line 1: expected the number of folds and of pairs of a kind, like `10 300`, or of pairs alone, "
            f"found {' '.join(head)[:40]!r}."
        )
    each = int(head[-1])
    folds = int(head[0]) if len(head) == 2 else 1
    rows = [(number, line.split()) for number, line in enumerate(lines[1:], 2) if line.strip()]
    if len(rows) != 2 * folds * each:
        raise DatasetError(
            f"{path} says {' '.join(head)}, which is {2 * folds * each} pairs, and has {len(rows)}; fetch the whole file again."
        )
    for index, (number, words) in enumerate(rows):
        same = index % (2 * each) < each
        names, numbers = (words[:1] * 2, words[1:]) if same else (words[::2], words[1::2])
        if len(words) != (3 if same else 4) or not all(word.isdecimal() for word in numbers):
            wanted = "a name and two numbers" if same else "a name, a number, another name and its number"
            raise DatasetError(f"{path}, line {number}: expected {wanted}, found {' '.join(words)[:60]!r}.")
        yield number, (names[0], int(numbers[0])), (names[1], int(numbers[1])), index // (2 * each)
