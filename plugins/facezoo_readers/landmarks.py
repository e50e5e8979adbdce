"""Five landmarks from the usual 68 (jaw, brows, nose, eyes, mouth; counted from 0)."""

from __future__ import annotations

import numpy as np


def five_of_68(landmarks: np.ndarray) -> np.ndarray | None:
    """(5, 2) float32 of 68 landmarks: the means of 36 to 41 and of 42 to 47 (the eyes), 30 (nose tip), 48, 54 (mouth corners).

    Args:
        landmarks: (68, 2), or 136 numbers x y x y …, in pixels. None is given back for another number of them.
    """
    if landmarks.size != 136:
        return None
    points = landmarks.astype(np.float32).reshape(68, 2)
    return np.stack([points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]])
