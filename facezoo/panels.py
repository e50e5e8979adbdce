"""Faces as squares of one size, for pictures and films that show several side by side."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from facezoo.batches import Cut, to_uint8

PANEL = 256  # pixels, side of a panel


def panel(cut: Cut | None, image: np.ndarray) -> np.ndarray:
    """A face as a panel, (PANEL, PANEL, 3) uint8 RGB; where there is none, the middle of its picture (H, W, 3)."""
    if cut is not None:
        return enlarged(to_uint8(cut.face[None])[0])
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return enlarged(image[top : top + side, left : left + side])


def enlarged(face: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 RGB -> (PANEL, PANEL, 3) uint8 RGB."""
    tensor = torch.from_numpy(np.ascontiguousarray(face)).permute(2, 0, 1)[None].float() / 255
    return to_uint8(F.interpolate(tensor, (PANEL, PANEL), mode="bicubic", align_corners=False, antialias=True))[0]
