"""Google's facial expression comparison (FEC). Vemulapalli, Agarwala: "A Compact Embedding for Facial Expression
Similarity", CVPR 2019.

Of each triplet every annotator names the face that is LEAST like the other two. Which images are the positive pair
follows from these answers alone: the order of the columns says nothing about it.
"""

from __future__ import annotations

import csv
import hashlib
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import unquote, urlsplit

from PIL import Image

from facezoo.plugin import AnnotatedTriplet, Sample, TripletReader

Kind = Literal["one-class", "two-class", "three-class"]
KINDS: dict[str, Kind] = {
    "ONE_CLASS_TRIPLET": "one-class", "TWO_CLASS_TRIPLET": "two-class", "THREE_CLASS_TRIPLET": "three-class",
}  # fmt: skip
ODD = {"1": 0, "2": 1, "3": 2}
FACE = 5  # columns per image: URL, left, right, top, bottom
KIND = 3 * FACE  # the column of the triplet's type; pairs of annotator and answer follow
VALIDATION = 100  # one row in so many, the last ones of the train csv
SLACK = 0.5  # a box may reach so far beyond its picture, in shares of it; beyond, the numbers are no shares
READERS = 8  # threads that read sizes
ORIENTATION = 0x0112  # EXIF; 5 to 8 lie on their side

Face = tuple[str, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Row:
    """A well-formed line: three faces (URL; left, right, top, bottom in shares of the picture), kind, answers."""

    faces: tuple[Face, Face, Face]
    kind: Kind
    answers: tuple[tuple[str, int], ...]


class FacialExpressionComparison(TripletReader):
    """Triplets of faces on photographs that a user downloads from the csv files' URLs; many of these are dead.

    ``validation`` is the last hundredth of the train csv's well-formed rows, ``train`` the rest, whichever pictures
    are there. A triplet of which a picture is missing is left out and counted, as is a line that does not fit. The
    size of every picture is read first (its pixels are not), because boxes are shares of it; that also finds files
    that are no pictures, such as the page that a host sends in place of one.
    """

    layout: ClassVar[str] = """\
ROOT/faceexp-comparison-data-train-public.csv     splits train and validation
ROOT/faceexp-comparison-data-test-public.csv      split test
ROOT/images/<file>                                <file>: the last part of the picture's URL, percent-decoded; if
                                                  several URLs of the csv share it, with `<digest>-` in front
"""
    splits = ("train", "validation", "test")

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._rows: dict[Path, list[Row]] = {}
        self._samples_of: dict[tuple[str, Face], Sample] = {}
        tables = {split: self.table(split) for split in self.splits}
        self.splits = tuple(split for split, path in tables.items() if path.is_file())
        if not self.splits:
            raise self.expected(tables["train"])

    def table(self, split: str) -> Path:
        """The csv file of a split."""
        return self.root / f"faceexp-comparison-data-{'test' if split == 'test' else 'train'}-public.csv"

    def urls(self, split: str) -> dict[str, str]:
        """{URL: name of its file in ``images``} of every picture that a split's triplets need, in order of appearance."""
        self.check_split(split)
        names = file_names(face[0] for row in self._table_rows(split) for face in row.faces)
        return {face[0]: names[face[0]] for row in self._split_rows(split) for face in row.faces}

    def collect_triplets(self, split: str) -> list[AnnotatedTriplet]:
        images = self.root / "images"
        if not images.is_dir():
            raise self.expected(images, "folder of the pictures that the csv file's URLs lead to,")
        names = self.urls(split)
        with os.scandir(images) as entries:
            present = {entry.name for entry in entries}
        sizes = picture_sizes(images, sorted(set(names.values()) & present))
        for url, name in names.items():
            if name not in present:
                self.skip(split, "URLs have no picture in images", url)
            elif name not in sizes:
                self.skip(split, "files in images are no pictures", name)
        found = []
        for number, row in enumerate(self._split_rows(split)):
            first, second, third = row.faces
            if names[first[0]] in sizes and names[second[0]] in sizes and names[third[0]] in sizes:
                one, two, three = (self._sample(names[face[0]], face, sizes) for face in row.faces)
                found.append(AnnotatedTriplet((one, two, three), row.kind, row.answers))
            else:
                self.skip(split, "triplets lack a picture", f"row {number}")
        return found

    def _sample(self, name: str, face: Face, sizes: dict[str, tuple[int, int]]) -> Sample:
        """One object per face, however many triplets it is in."""
        sample = self._samples_of.get((name, face))
        if sample is None:
            _, left, right, top, bottom = face
            width, height = sizes[name]
            sample = self._samples_of[name, face] = Sample(
                f"images/{name}#{left:g},{right:g},{top:g},{bottom:g}",
                self.root / "images" / name,
                box=(left * width, top * height, right * width, bottom * height),
            )
        return sample

    def _split_rows(self, split: str) -> list[Row]:
        rows = self._table_rows(split)
        if split == "test":
            return rows
        last = max(1, len(rows) // VALIDATION) if len(rows) > 1 else 0
        return rows[len(rows) - last :] if split == "validation" else rows[: len(rows) - last]

    def _table_rows(self, split: str) -> list[Row]:
        """The well-formed rows of a split's csv, read once; the others are counted with their line numbers."""
        path = self.table(split)
        if path not in self._rows:
            rows: list[Row] = []
            faces: dict[Face, Face] = {}
            with path.open(encoding="utf-8", errors="replace") as lines:
                for number, line in enumerate(lines, 1):
                    try:
                        rows.append(parse(line, faces))
                    except ValueError as error:
                        self.skip(
                            "test" if split == "test" else "train",
                            f"lines of {path.name} are malformed",
                            f"line {number}: {error}",
                        )
            self._rows[path] = rows
        return self._rows[path]


def parse(line: str, faces: dict[Face, Face]) -> Row:
    """One line of the csv.

    Args:
        line: as it stands. Read on its own: a stray quotation mark must not swallow the lines below it.
        faces: those met before; the same face is the same object in all rows.

    Raises:
        ValueError: says what does not fit.
    """
    fields = next(csv.reader([line]), []) if '"' in line else line.rstrip("\r\n").split(",")
    while fields and not fields[-1].strip():  # some lines are padded to the longest
        fields.pop()
    if len(fields) < KIND + 3 or (len(fields) - KIND - 1) % 2:
        raise ValueError(f"{len(fields)} column{'s' * (len(fields) != 1)}; expected 16 and pairs of annotator and answer")
    kind = KINDS.get(fields[KIND].strip())
    if kind is None:
        raise ValueError(f"a triplet type {fields[KIND][:30]!r}")
    found = [_face(fields[start : start + FACE], faces) for start in range(0, KIND, FACE)]
    answers = []
    for annotator, answer in zip(fields[KIND + 1 :: 2], fields[KIND + 2 :: 2], strict=True):
        odd = ODD.get(answer.strip())
        if odd is None:
            raise ValueError(f"an answer {answer[:10]!r}; expected 1, 2 or 3")
        answers.append((sys.intern(annotator.strip()), odd))
    return Row((found[0], found[1], found[2]), kind, tuple(answers))


def _face(fields: list[str], faces: dict[Face, Face]) -> Face:
    url = fields[0].strip()
    try:
        left, right, top, bottom = (float(text) for text in fields[1:])
    except ValueError:
        raise ValueError(f"a box {','.join(fields[1:])[:40]!r}") from None
    face = url, left, right, top, bottom
    if face in faces:
        return faces[face]
    if not file_name(url):
        raise ValueError(f"an address {url[:40]!r}")
    if not (-SLACK <= left < right <= 1 + SLACK and -SLACK <= top < bottom <= 1 + SLACK):
        raise ValueError(f"a box {left:g},{right:g},{top:g},{bottom:g} (left, right, top, bottom in shares)")
    faces[face] = face
    return face


def file_name(url: str) -> str:
    """The last part of a URL's path, percent-decoded; "" if there is none that can be a file's name."""
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    return "" if name in (".", "..") or "\0" in name else name


def file_names(urls: Iterable[str]) -> dict[str, str]:
    """{URL: file}: its last part; eight digits of the URL's sha256 go in front where several URLs share that."""
    names = {url: file_name(url) for url in dict.fromkeys(urls)}
    often = Counter(names.values())
    return {
        url: name if often[name] == 1 else f"{hashlib.sha256(url.encode('utf-8', 'replace')).hexdigest()[:8]}-{name}"
        for url, name in names.items()
    }


def picture_sizes(folder: Path, names: list[str]) -> dict[str, tuple[int, int]]:
    """{name: (width, height)} of upright pictures, from their headers; files that are no pictures are left out."""
    with warnings.catch_warnings(), ThreadPoolExecutor(READERS) as pool:
        warnings.simplefilter("ignore")  # Pillow's, about odd files
        sizes = pool.map(_size, (folder / name for name in names), chunksize=64)
        return {name: size for name, size in zip(names, sizes, strict=True) if size is not None}


def _size(path: Path) -> tuple[int, int] | None:
    try:
        with Image.open(path) as image:
            width, height = image.size
            on_its_side = image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
    except Exception:  # decoders raise anything on a file that is no picture
        return None
    return (height, width) if on_its_side else (width, height)
