"""RAF-DB basic. Li, Deng, Du: "Reliable Crowdsourcing and Deep Locality-Preserving Learning for Expression Recognition
in the Wild", CVPR 2017. Non-commercial research, on request at whdeng.cn/RAF.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

import numpy as np

from facezoo.plugin import RAF_DB, SEVEN_EMOTIONS, DatasetError, Reader, Sample

LIST = Path("EmoLabel", "list_patition_label.txt")  # spelt so by the publisher


class RafDb(Reader):
    """15,339 pictures with one emotion each: 12,271 train, 3,068 test.

    The aligned pictures (100 x 100, the face fills them) are used where they are; without them the originals, each with
    the five landmarks of ``Annotation/manual`` where that file is.
    """

    layout: ClassVar[str] = """\
ROOT/basic/EmoLabel/list_patition_label.txt           lines like `train_00001.jpg 5`, codes 1 to 7
ROOT/basic/Image/aligned/train_00001_aligned.jpg      used if the folder is there
ROOT/basic/Image/original/train_00001.jpg             otherwise, with
ROOT/basic/Annotation/manual/train_00001_manu_attri.txt     five landmarks in its first five lines
ROOT may also be the folder `basic`.
"""
    splits = ("train", "test")

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        inner = self.root / "basic"
        self._place = inner if inner.is_dir() or not (self.root / LIST).is_file() else self.root
        if not (self._place / LIST).is_file():
            raise self.expected(self._place / LIST)
        self._aligned = (self._place / "Image" / "aligned").is_dir()
        if not self._aligned and not (self._place / "Image" / "original").is_dir():
            raise self.expected(self._place / "Image" / "aligned", "folder")
        folder = self._place / "Image" / ("aligned" if self._aligned else "original")
        with os.scandir(folder) as entries:
            self._files = {entry.name: folder / entry.name for entry in entries}

    @property
    def labels(self) -> tuple[str, ...]:
        """The seven emotions in facezoo's order, not in RAF-DB's."""
        return tuple(emotion.value for emotion in SEVEN_EMOTIONS)

    def collect(self, split: str) -> list[Sample]:
        path = self._place / LIST
        found, listed = [], 0
        with path.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                words = line.split()
                if not words:
                    continue
                name, code = (words[0], words[1]) if len(words) == 2 else ("", "")
                kind = name.partition("_")[0]
                if kind not in self.splits or not code.isdecimal() or int(code) not in RAF_DB:
                    raise DatasetError(
                        f"{path}, line {number}: expected a picture and a code from 1 to 7, like `train_00001.jpg 5`, "
                        f"found {line.strip()[:80]!r}."
                    )
                if kind != split:
                    continue
                listed += 1
                picture = self._files.get(f"{Path(name).stem}_aligned.jpg" if self._aligned else name)
                if picture is None:
                    place = self._folder_name
                    self.skip(split, f"listed pictures are not in {place}", name)
                    continue
                found.append(self._sample(split, picture, RAF_DB[int(code)].value))
        if listed and not found:
            raise self.expected(self._place / self._folder_name / f"{split}_00001{'_aligned' * self._aligned}.jpg", "picture")
        return found

    @property
    def _folder_name(self) -> str:
        return f"Image/{'aligned' if self._aligned else 'original'}"

    def _sample(self, split: str, picture: Path, label: str) -> Sample:
        name = picture.relative_to(self._place).as_posix()
        if self._aligned:
            return Sample(name, picture, label=label, cropped=True)
        landmarks = five_landmarks(self._place / "Annotation" / "manual" / f"{picture.stem}_manu_attri.txt")
        if landmarks is None:
            self.skip(split, "originals have no landmarks in Annotation/manual, their faces need a detector", picture.name)
        return Sample(name, picture, label=label, landmarks=landmarks)


def five_landmarks(path: Path) -> np.ndarray | None:
    """(5, 2) float32 in pixels from the first five lines of a file; None if there is no such file or no such lines.

    Eyes and mouth corners are put in the picture's order, left before right.
    """
    try:
        rows = [line.split()[:2] for line in path.read_text(encoding="utf-8", errors="replace").splitlines()[:5]]
        points = np.array(rows, np.float32).reshape(5, 2)
    except (OSError, ValueError):
        return None
    eyes, mouth = points[:2], points[3:]
    return np.concatenate([eyes[eyes[:, 0].argsort()], points[2:3], mouth[mouth[:, 0].argsort()]])
