"""Biwi Kinect Head Pose. Fanelli, Dantone, Gall, Fossati, Van Gool: "Random Forests for Real Time 3D Face Analysis", IJCV 2013.
Research.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar

import numpy as np

from facezoo.plugin import DatasetError, Reader, Sample


class Biwi(Reader):
    """15,678 frames of 24 sequences of 20 people, 640 x 480, with the head's rotation as a tracker of depth found it.

    ``values`` are yaw, pitch and roll in degrees with facezoo's signs (``facezoo.results.Pose``), ``person`` is the
    sequence: four people were recorded twice, and the set does not say which. Faces have to be found.
    """

    layout: ClassVar[str] = """\
ROOT/01/frame_00003_rgb.png, ROOT/01/frame_00003_pose.txt      24 folders, 01 to 24; also in ROOT/hpdb/
a pose: three rows of the rotation, an empty line, the head's centre in millimetres
"""
    splits = ("all",)

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        inner = self.root / "hpdb"
        self._place = inner if inner.is_dir() else self.root
        self._poses = sorted(self._place.glob("[0-9][0-9]/frame_*_pose.txt"))
        if not self._poses:
            raise self.expected(self._place / "01" / "frame_00003_pose.txt")

    def collect(self, split: str) -> list[Sample]:
        found = []
        for path in self._poses:
            picture = path.with_name(path.name.replace("_pose.txt", "_rgb.png"))
            name = picture.relative_to(self._place).as_posix()
            if not picture.is_file():
                self.skip(split, "frames with a pose have no picture", name)
                continue
            yaw, pitch, roll = _angles(_rotation(path))
            found.append(Sample(name, picture, values={"yaw": yaw, "pitch": pitch, "roll": roll}, person=path.parent.name))
        return found


def _rotation(path: Path) -> np.ndarray:
    """(3, 3): from the head's axes to the camera's (right, down, away from the camera)."""
    try:
        numbers = [float(word) for word in path.read_text(encoding="ascii").split()]
    except ValueError as error:
        raise DatasetError(f"{path} has words that are no numbers: {error}.") from error
    rotation = np.array(numbers[:9] if len(numbers) >= 9 else [0.0] * 9).reshape(3, 3)
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-2):
        raise DatasetError(f"{path}: expected the three rows of a rotation first, found {len(numbers)} numbers without one.")
    return rotation


def _angles(rotation: np.ndarray) -> tuple[float, float, float]:
    """Yaw, pitch, roll in degrees, facezoo's signs.

    These are FSA-Net's angles (of the transposed rotation, in the signs of 300W-LP), but for the sign of yaw: facezoo
    counts it towards the picture's right.
    """
    yaw = math.atan2(-rotation[0, 2], math.hypot(rotation[1, 2], rotation[2, 2]))
    pitch = math.atan2(rotation[1, 2], rotation[2, 2])
    roll = -math.atan2(rotation[0, 1], rotation[0, 0])
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)
