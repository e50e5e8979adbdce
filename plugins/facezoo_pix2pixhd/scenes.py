"""Photographs with the faces found in them, and how edited faces are laid out: put back, alone, or side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from facezoo.plugin import Cut, enlarged, panel, paste, to_uint8

Layout = Literal["picture", "face", "side-by-side"]


@dataclass(frozen=True, slots=True)
class Scene:
    """A photograph or frame, and its faces.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        faces: those that are to be edited, cut out as the manipulator wants them, best first.
    """

    image: np.ndarray
    faces: list[Cut]


@dataclass(frozen=True, slots=True)
class Frame:
    """What one picture of the result is made of.

    Attributes:
        scene: whose faces.
        codes: (faces, dim) float32, what each is to show; None: the scene stays as it is.
        beside: the face or frame that the expression is from, (H, W, 3) uint8 RGB, or None.
    """

    scene: Scene
    codes: Tensor | None
    beside: np.ndarray | None = None


def laid_out(frame: Frame, edited: Sequence[Tensor], layout: Layout) -> np.ndarray:
    """The picture of a frame, (H, W, 3) uint8 RGB.

    Args:
        frame: with at least one face, but for the layout "picture".
        edited: (3, S, S) float32 in [0, 1] per face of the scene; none: the faces as they are.
        layout: "picture": the scene with its faces replaced; "face": the first face alone, at the model's size;
            "side-by-side": the first face before, the one that lends the expression if there is one, and after.
    """
    scene = frame.scene
    if layout == "picture":
        return _replaced(scene, edited)
    own = scene.faces[0]
    result = to_uint8((edited[0] if len(edited) else own.face)[None])[0]
    if layout == "face":
        return result
    between = [enlarged(middle(frame.beside))] if frame.beside is not None else []
    return np.concatenate([panel(own, scene.image), *between, enlarged(result)], axis=1)


def middle(image: np.ndarray) -> np.ndarray:
    """The largest square in the middle of (H, W, 3)."""
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def _replaced(scene: Scene, edited: Sequence[Tensor]) -> np.ndarray:
    """The scene at its own resolution; what a face did not change keeps its pixels."""
    image = scene.image
    for cut, face in zip(scene.faces, edited, strict=False):
        if cut.matrix is not None:
            image = paste(image, face, cut.matrix, before=cut.face)
    return image
