"""A drawn face that all three detectors find: computed alike on every machine, nobody's likeness."""

from __future__ import annotations

import numpy as np

EYES = 0.37, -0.13  # where the eyes are, in face units from the middle: +-x, y
MOUTH = 0.27, 0.58  # and the corners of the mouth
UNIT = 0.3  # face unit in shorter sides of the picture


def drawn_face(height: int = 160, width: int = 160) -> np.ndarray:
    """(H, W, 3) uint8 RGB: a frontal face in the middle of a plain ground, about two thirds of the shorter side high."""
    unit = UNIT * min(height, width)
    y, x = np.mgrid[:height, :width] + 0.5
    u, v = (x - width / 2) / unit, (y - height / 2) / unit
    picture = np.full((height, width, 3), (0.35, 0.42, 0.50))

    def paint(
        centre: tuple[float, float], radii: tuple[float, float], colour: tuple[float, float, float], alpha: float = 1.0
    ) -> None:
        inside = ((u - centre[0]) / radii[0]) ** 2 + ((v - centre[1]) / radii[1]) ** 2 - 1
        cover = alpha / (1 + np.exp(np.clip(12 * inside, -60, 60)))[:, :, None]
        picture[:] = picture * (1 - cover) + np.array(colour) * cover

    paint((0, -0.25), (0.95, 1.15), (0.22, 0.15, 0.10))  # hair
    paint((0, 1.60), (0.40, 0.70), (0.72, 0.55, 0.45))  # neck
    paint((0, 0.05), (0.78, 1.05), (0.87, 0.68, 0.57))  # face
    paint((0.62, 0.10), (0.30, 0.90), (0.60, 0.42, 0.34), 0.35)  # its shaded side
    eye, below = EYES
    for side in (-1, 1):
        paint((side * eye, below - 0.19), (0.20, 0.05), (0.25, 0.17, 0.12), 0.9)  # brow
        paint((side * eye, below - 0.01), (0.19, 0.12), (0.68, 0.48, 0.40), 0.7)  # socket
        paint((side * eye, below), (0.15, 0.07), (0.93, 0.90, 0.88))  # white
        paint((side * eye, below), (0.065, 0.065), (0.12, 0.08, 0.06))  # iris
        paint((side * 0.08, 0.27), (0.05, 0.035), (0.45, 0.25, 0.20), 0.8)  # nostril
    paint((0.06, 0.10), (0.06, 0.25), (0.70, 0.50, 0.42), 0.5)  # nose
    paint((0, MOUTH[1]), (MOUTH[0], 0.085), (0.70, 0.35, 0.33))  # lips
    paint((0, MOUTH[1]), (0.25, 0.02), (0.35, 0.12, 0.12))
    return np.rint(picture * 255).astype(np.uint8)
