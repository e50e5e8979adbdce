"""Radboud Faces Database. Langner, Dotsch, Bijlstra, Wigboldus, Hawk, van Knippenberg, Cognition and Emotion, 2010.

For researchers at accredited universities, on request; no commercial use.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from facezoo.plugin import DatasetError, Emotion, Reader, Sample, emotion_of, is_picture

NAME = re.compile(
    r"Rafd(?P<camera>\d{3})_(?P<model>\d+)_(?P<group>[^_]+)_(?P<sex>[^_]+)_(?P<word>[^_]+)_(?P<gaze>[^_]+)", re.IGNORECASE
)
FIRST = "Rafd090_01_Caucasian_female_happy_frontal.jpg"
GAZES = {"left": -1.0, "frontal": 0.0, "right": 1.0}
LAST_DIGITS = {7: "test", 8: "validation"}  # of the models' numbers; all others are `train`


class Rafd(Reader):
    """67 people with eight expressions, three directions of gaze and five cameras each: 8,040 pictures.

    The publisher has no split. Here people are split by their numbers: those that end in 7 are ``test``, in 8 ``validation``,
    the rest ``train``. ``values`` are ``camera`` (degrees as in the name: 90 is in front, 0 and 180 are the profiles) and
    ``gaze`` (-1, 0, 1 for what the name calls left, frontal, right). Nothing says where a face is; a detector has to look.
    """

    layout: ClassVar[str] = """\
ROOT/Rafd090_01_Caucasian_female_happy_frontal.jpg     camera, number of the model, group, sex, expression, gaze; also in
                                                       folders below
"""
    splits = ("train", "validation", "test", "all")

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._files = sorted(path for path in self.root.rglob("*") if path.name.lower().startswith("rafd") and is_picture(path))
        if not self._files:
            raise self.expected(self.root / FIRST, "pictures such as")

    @property
    def labels(self) -> tuple[str, ...]:
        """All eight emotions."""
        return tuple(emotion.value for emotion in Emotion)

    def collect(self, split: str) -> list[Sample]:
        found = []
        for path in self._files:
            facts = NAME.fullmatch(path.stem)
            if facts is None:
                raise DatasetError(
                    f"{path} is not called as the publisher calls its pictures, "
                    f"Rafd<camera>_<model>_<group>_<sex>_<expression>_<gaze>, such as {FIRST}."
                )
            number = int(facts["model"])
            if split not in (LAST_DIGITS.get(number % 10, "train"), "all"):
                continue
            emotion, gaze = emotion_of(facts["word"]), GAZES.get(facts["gaze"].lower())
            if emotion is None or gaze is None:
                self.skip(split, "pictures have another expression or gaze in their names", path.name)
                continue
            values = {"camera": float(facts["camera"]), "gaze": gaze}
            name = path.relative_to(self.root).as_posix()
            found.append(Sample(name, path, label=emotion.value, values=values, person=f"m{number:02d}"))
        return found
