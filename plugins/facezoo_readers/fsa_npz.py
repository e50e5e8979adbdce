"""The head-pose sets as FSA-Net packs them. Yang, Chen, Lin, Chuang: "FSA-Net: Learning Fine-Grained Structure Aggregation
for Head Pose Estimation from a Single Image", CVPR 2019; github.com/shamangary/FSA-Net, Apache-2.0. The pictures' licences are
those of 300W-LP, AFLW2000-3D and BIWI.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np

from facezoo.plugin import DatasetError, Reader, Sample

FILES = {
    "train": ("AFW", "AFW_Flip", "HELEN", "HELEN_Flip", "IBUG", "IBUG_Flip", "LFPW", "LFPW_Flip"),
    "test": ("AFLW2000",),
    "biwi": ("BIWI_noTrack",),
    "biwi-train": ("BIWI_train",),
    "biwi-test": ("BIWI_test",),
}
PLACES = (".", "type1", "BIWI")


class FsaNpz(Reader):
    """Face crops of 64 x 64 with yaw, pitch and roll.

    Protocol 1 learns on ``train`` (300W-LP) and is tested on ``test`` (AFLW2000) or ``biwi``; protocol 2 on ``biwi-train``
    and ``biwi-test``, sixteen and eight sequences. The crops are loose: the box of the landmarks, enlarged by 0.6 of its
    width and height on every side, stretched to a square. Stored as BGR, given as RGB. ``values`` are degrees with
    facezoo's signs (``facezoo.results.Pose``): yaw is stored with the other one. A split stays in memory, 12 kB a face.
    """

    layout: ClassVar[str] = """\
ROOT/AFLW2000.npz                                 arrays image (N, 64, 64, 3) uint8 BGR, pose (N, 3) yaw, pitch, roll
ROOT/AFW.npz, AFW_Flip.npz, HELEN.npz, …          the eight files of 300W-LP
ROOT/BIWI_noTrack.npz, BIWI_train.npz, BIWI_test.npz
all where there are; also in ROOT/type1/ and ROOT/BIWI/
"""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._files = {
            name: path
            for names in FILES.values()
            for name in names
            for path in (self.root / place / f"{name}.npz" for place in reversed(PLACES))
            if path.is_file()
        }
        self.splits = tuple(split for split, names in FILES.items() if set(names) & set(self._files))
        if not self.splits:
            raise self.expected(self.root / "AFLW2000.npz")

    def collect(self, split: str) -> list[Sample]:
        found: list[Sample] = []
        for name in FILES[split]:
            if name not in self._files:
                self.skip(split, "files are missing", f"{name}.npz")
                continue
            pictures, poses = _arrays(self._files[name])
            found += [
                Sample(
                    f"{name}/{index:05d}",
                    picture[:, :, ::-1],
                    values={"yaw": -float(pose[0]), "pitch": float(pose[1]), "roll": float(pose[2])},
                    cropped=True,
                )
                for index, (picture, pose) in enumerate(zip(pictures, poses, strict=True))
            ]
        return found


def _arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(N, S, S, 3) uint8 BGR and (N, 3) degrees. Nothing in the file is executed."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            pictures, poses = arrays["image"], np.asarray(arrays["pose"], np.float64)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path} was not read: {error}. Expected an npz file with the arrays image and pose.") from error
    if pictures.ndim != 4 or pictures.shape[3] != 3 or pictures.dtype != np.uint8 or poses.shape != (len(pictures), 3):
        raise DatasetError(
            f"{path}: expected image (N, 64, 64, 3) uint8 and pose (N, 3), found {pictures.dtype} {pictures.shape} "
            f"and {poses.shape}."
        )
    return pictures, poses
