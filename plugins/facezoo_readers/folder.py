"""Pictures in folders that are named after their classes."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from facezoo.plugin import DatasetError, Reader, Sample, is_picture
from facezoo_readers.classes import SPLITS, emotion_names, in_order


class ClassFolders(Reader):
    """``root/<split>/<class>/…`` or ``root/<class>/…``; every picture is a face crop.

    Folders named train, val or test (or a common other word for them) are splits; without one the only split is
    "all". Classes become facezoo's emotions where every one of them is a word for an emotion ("Happy", "angry"),
    otherwise they keep their names. Pictures may lie in folders below their class. Hidden files are left out.
    """

    layout: ClassVar[str] = """\
ROOT/<split>/<class>/*.jpg    split: train, val (or valid, validation, dev), test
ROOT/<class>/*.jpg            the same without splits; the only split is then `all`
"""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        if not self.root.is_dir():
            raise DatasetError(f"{self.root} is no folder; expected a folder per class in it.")
        folders = _folders(self.root)
        named: dict[str, list[Path]] = {}
        for folder in folders:
            if split := SPLITS.get(folder.name.lower()):
                named.setdefault(split, []).append(folder)
        self._check(folders, named)
        self._places = {split: folder for split in ("train", "validation", "test") for folder in named.get(split, ())}
        self._places = self._places or {"all": self.root}
        self.splits = tuple(self._places)
        self._files = {split: _pictures_by_class(folder) for split, folder in self._places.items()}
        self._names = emotion_names(name for found in self._files.values() for name in found)
        if not self._names:
            raise self.expected(self._places[self.splits[0]] / "<class>", "folders of classes with pictures in them,")

    def _check(self, folders: list[Path], named: dict[str, list[Path]]) -> None:
        for split, places in named.items():
            if len(places) > 1:
                both = " and ".join(place.name for place in places)
                raise DatasetError(f"{self.root} has {both}, which are both the split {split!r}; keep one of them.")
        others = [folder.name for folder in folders if folder.name.lower() not in SPLITS]
        if named and others:
            raise DatasetError(
                f"{self.root} has folders of splits ({', '.join(place.name for [place] in named.values())}) beside others "
                f"({', '.join(others[:5])}); expected either ROOT/<split>/<class> or ROOT/<class>."
            )

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes that any split has."""
        return in_order(self._names.values())

    def collect(self, split: str) -> list[Sample]:
        found = self._files[split]
        for name in self._names.keys() - found.keys():
            self.skip(split, "classes of other splits have no picture here", name)
        return [
            Sample(path.relative_to(self.root).as_posix(), path, label=self._names[name], cropped=True)
            for name, paths in found.items()
            for path in paths
        ]


def _folders(place: Path) -> list[Path]:
    return sorted(entry for entry in place.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _pictures_by_class(place: Path) -> dict[str, list[Path]]:
    """{class as its folder is called: pictures, sorted}; folders without a picture are left out."""
    found = {}
    for folder in _folders(place):
        files = (path for path in folder.rglob("*") if is_picture(path) and path.is_file())
        pictures = sorted(p for p in files if not any(part.startswith(".") for part in p.relative_to(folder).parts))
        if pictures:
            found[folder.name] = pictures
    return found
