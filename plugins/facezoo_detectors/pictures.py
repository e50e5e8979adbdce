"""What a detector is given and what it gives when it finds nothing; and its golden outputs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from facezoo.plugin import Detections, Detector, InputError
from facezoo_detectors.drawing import drawn_face


def to_picture(image: np.ndarray) -> np.ndarray:
    """The image, if it is what a detector takes.

    Raises:
        InputError: anything but (H, W, 3) uint8 with pixels.
    """
    if not isinstance(image, np.ndarray):
        raise InputError(f"A detector takes pictures as arrays, not {type(image).__name__}; facezoo.images.read makes them.")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        given = f"{image.dtype} {image.shape}"
        raise InputError(f"A detector takes pictures as (H, W, 3) uint8 RGB, not {given}; facezoo.images.read makes them.")
    return image


def nothing(landmarks: bool) -> Detections:
    """No faces."""
    points = np.zeros((0, 5, 2), np.float32) if landmarks else None
    return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), points)


def golden_picture() -> Tensor:
    """(1, 3, 136, 152) float32 in [0, 1]: a drawn face, its sides not multiples of a network's strides."""
    return torch.from_numpy(drawn_face(136, 152)).permute(2, 0, 1)[None].float() / 255


def table_of(detector: Detector, image: Tensor) -> Tensor:
    """What a detector finds in (1, 3, H, W) in [0, 1], as a table whose shape does not depend on it.

    Returns:
        (4, 15) float32: box, score and landmarks of the four best faces, zeros where there are fewer or no landmarks.
    """
    picture = (image[0] * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    faces = detector.detect([picture], min_score=0.1)[0]
    table = np.zeros((4, 15), np.float32)
    count = min(len(faces), len(table))
    table[:count, :4], table[:count, 4] = faces.boxes[:count], faces.scores[:count]
    if faces.landmarks is not None:
        table[:count, 5:] = np.nan_to_num(faces.landmarks[:count].reshape(count, 10))
    return torch.from_numpy(table)
