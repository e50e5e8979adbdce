"""300W-LP and AFLW2000-3D: head pose as fitted by a 3D face model. Zhu, Lei, Liu, Shi, Li: "Face Alignment Across Large
Poses: A 3D Solution", CVPR 2016. Licence unknown (academic).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from facezoo.plugin import BoxReference, DatasetError, FacezooError, Reader, Sample
from facezoo_readers.landmarks import five_of_68

PARTS = ("AFW", "HELEN", "IBUG", "LFPW")
FOLDERS = tuple(part + ending for part in PARTS for ending in ("", "_Flip"))
MARGIN = 0.6  # of the landmarks' width and height, on each side


class FittedPose(Reader):
    """Pictures (450 x 450) with a .mat file each: landmarks and the angles of a fitted head.

    ``values`` are yaw, pitch and roll in degrees with facezoo's signs (``facezoo.results.Pose``): the sets count yaw
    towards the picture's left, facezoo towards its right; pitch and roll agree. ``box`` is FSA-Net's: the landmarks' own,
    enlarged by 0.6 of its width and height on every side, but neither rounded nor cut off at the picture's edges.
    """

    # measured on the neutral head of ICT-FaceKit, whose 68 landmarks were boxed in the same way
    box_reference = BoxReference(center=(0.0, -0.020), length=0.238)

    def sample(self, split: str, path: Path) -> Sample | None:
        """A picture by its .mat file; None, and counted, where the picture is missing.

        Raises:
            DatasetError: a .mat file without angles or landmarks.
        """
        picture = path.with_suffix(".jpg")
        name = picture.relative_to(self.root).as_posix()
        if not picture.is_file():
            self.skip(split, "annotated pictures are missing", name)
            return None
        annotation = read_mat(path)
        yaw, pitch, roll = angles(annotation, path)
        values = {"yaw": yaw, "pitch": pitch, "roll": roll}
        person = re.sub(r"_\d+$", "", path.stem)  # the turned copies of a photo are numbered
        box = loose_box(annotation, path)
        return Sample(name, picture, values=values, person=person, box=box, landmarks=five_points(annotation))


class ThreeHundredWLp(FittedPose):
    """300W-LP: 61,225 photos and turned copies of photos, and as many mirrored. All are for training.

    ``person`` is the photo that a copy was made from: copies of one photo are never told apart by a test.
    """

    layout: ClassVar[str] = """\
ROOT/AFW/<name>.jpg, ROOT/AFW/<name>.mat       and the same in HELEN, IBUG, LFPW
ROOT/AFW_Flip/…                                their mirror images, where there are
"""
    splits = ("train",)

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._folders = [self.root / name for name in FOLDERS if (self.root / name).is_dir()]
        if not self._folders:
            raise self.expected(self.root / FOLDERS[0], "folder")
        if not any(_annotations(folder) for folder in self._folders):
            raise self.expected(self._folders[0] / "<name>.mat")

    def collect(self, split: str) -> list[Sample]:
        for part in PARTS:
            if self.root / part not in self._folders:
                self.skip(split, "folders are missing", part)
        found = (self.sample(split, path) for folder in self._folders for path in _annotations(folder))
        return [sample for sample in found if sample is not None]


class Aflw2000(FittedPose):
    """AFLW2000-3D: 2,000 pictures of AFLW, for testing. Landmarks are the fitted model's, hidden ones too."""

    layout: ClassVar[str] = """\
ROOT/image00002.jpg, ROOT/image00002.mat       also in ROOT/AFLW2000/
"""
    splits = ("test",)

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        inner = self.root / "AFLW2000"
        self._files = _annotations(inner if inner.is_dir() else self.root)
        if not self._files:
            raise self.expected(self.root / "image00002.mat")

    def collect(self, split: str) -> list[Sample]:
        found = (self.sample(split, path) for path in self._files)
        return [sample for sample in found if sample is not None]


def _annotations(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(folder / entry.name for entry in entries if entry.name.endswith(".mat"))


def read_mat(path: Path) -> Mapping[str, Any]:
    """The arrays of a MATLAB file (up to version 7); nothing in it is executed.

    Raises:
        DatasetError: it is none.
        FacezooError: scipy is not installed.
    """
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise FacezooError("This data set's .mat files need scipy: pip install 'facezoo[eval]'.") from error
    try:
        return loadmat(path, variable_names=["Pose_Para", "pt2d", "pt3d_68"])
    except Exception as error:  # scipy reads a damaged file as far as it goes, and may raise anything
        raise DatasetError(f"{path} was not read as a .mat file: {error}.") from error


def angles(annotation: Mapping[str, Any], path: Path) -> tuple[float, float, float]:
    """Yaw, pitch, roll in degrees, facezoo's signs, of ``Pose_Para``: pitch, yaw, roll in radians and more."""
    given = np.asarray(annotation.get("Pose_Para", ()), np.float64).ravel()
    if given.size < 3 or not np.isfinite(given[:3]).all():
        raise DatasetError(f"{path} has no Pose_Para; expected pitch, yaw and roll in radians as its first three numbers.")
    pitch, yaw, roll = np.rad2deg(given[:3]).tolist()
    return -yaw, pitch, roll


def loose_box(annotation: Mapping[str, Any], path: Path) -> tuple[float, float, float, float]:
    """FSA-Net's box, x0 y0 x1 y1 in pixels, of ``pt2d`` (2, 68) or (2, 21).

    As there, landmarks that AFLW does not know (negative) do not count; the row with fewer positive numbers decides which.
    """
    points = np.asarray(annotation.get("pt2d", ()), np.float64)
    if points.ndim != 2 or len(points) != 2:
        raise DatasetError(f"{path} has no pt2d of two rows; expected landmarks in pixels.")
    known = min(points > 0, key=lambda row: int(row.sum()))
    if not known.any():
        raise DatasetError(f"{path}: no landmark of pt2d lies in the picture.")
    low, high = np.trunc(points[:, known].min(axis=1)), np.trunc(points[:, known].max(axis=1))
    low, high = low - MARGIN * (high - low), high + MARGIN * (high - low)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def five_points(annotation: Mapping[str, Any]) -> np.ndarray | None:
    """(5, 2) float32 landmarks in pixels from ``pt3d_68`` or from 68 of ``pt2d``; None where there are other ones only."""
    for name in ("pt3d_68", "pt2d"):
        points = np.asarray(annotation.get(name, ()), np.float64)
        if points.ndim == 2 and points.shape[0] >= 2 and points.shape[1] == 68:
            return five_of_68(points[:2].T)
    return None
