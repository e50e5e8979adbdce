"""One or two looks at a picture, and one box per face.

The networks know faces of some ten to a few hundred pixels. Shown a larger one, they find parts of it and are sure of
them. So a large picture is looked at twice, as it is and small: small faces come from the first look, large faces from
the second, and what the first found inside a large face is part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facezoo.plugin import Detections
from facezoo_detectors.config import SearchConfig

LARGEST = 256  # pixels; the first look's longest side of a face. Measured on a portrait enlarged step by step.
OVERLAPPING = 0.8  # of LARGEST: from here on the second look counts as well, so that no size falls between
COARSE = 256  # pixels; the longer side of the picture in the second look
INSIDE = 0.7  # share of a small box that lies in a large face: part of that face


@dataclass(frozen=True, slots=True)
class Look:
    """A picture as it is searched.

    Attributes:
        picture: (h, w, 3) uint8 RGB.
        factors: (2,) float32; take x and y in it to the picture given.
        smallest: longer side of the smallest face to be taken from here, in pixels of ``picture``.
        largest: the same of the largest.
    """

    picture: np.ndarray
    factors: np.ndarray
    smallest: float = 0.0
    largest: float = float("inf")


def looks(picture: np.ndarray, config: SearchConfig) -> list[Look]:
    """The one or two sizes at which to search (H, W, 3) uint8."""
    first, factors = resized(picture, config.min_side, config.max_side)
    longer = max(first.shape[:2])
    if longer <= LARGEST / OVERLAPPING:
        return [Look(first, factors)]
    second, coarse = resized(picture, 1, min(COARSE, longer // 2))
    smallest = LARGEST * OVERLAPPING * float(factors[0] / coarse[0])
    return [Look(first, factors, largest=LARGEST), Look(second, coarse, smallest=smallest)]


def resized(picture: np.ndarray, min_side: int, max_side: int) -> tuple[np.ndarray, np.ndarray]:
    """The picture at a size worth searching.

    Args:
        picture: (H, W, 3) uint8.
        min_side: wanted of the shorter side.
        max_side: allowed of the longer side; it wins.

    Returns:
        The picture, (h, w, 3) uint8, and (2,) float32 factors that take x and y in it back to the picture given.
    """
    height, width = picture.shape[:2]
    factor = min(max(1.0, min_side / min(height, width)), max_side / max(height, width))
    if factor == 1.0:
        return picture, np.ones(2, np.float32)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    return small, np.array([width / size[0], height / size[1]], np.float32)


def combine(seen: Sequence[tuple[Look, Detections]], overlap: float) -> Detections:
    """What one or two looks found, in pixels of the picture given, best first.

    Args:
        seen: each look and the faces in its pixels, all with landmarks or all without.
        overlap: boxes of higher IoU with a better one are the same face.
    """
    parts = [_taken(look, faces) for look, faces in seen]
    if len(parts) == 1:
        return parts[0]
    small, large = parts
    if len(large):
        parts_of_faces = [bool((shares_inside(box, large.boxes) > INSIDE).any()) for box in small.boxes]
        parts[0] = chosen(small, ~np.array(parts_of_faces, dtype=bool))
    landmarks = [part.landmarks for part in parts if part.landmarks is not None]
    together = Detections(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate(landmarks) if landmarks else None,
    )
    return chosen(together, non_maximum_suppression(together.boxes, together.scores, overlap))


def _taken(look: Look, faces: Detections) -> Detections:
    """The faces that this look is good for, in pixels of the picture given."""
    sides = (faces.boxes[:, 2:] - faces.boxes[:, :2]).max(axis=1, initial=0)
    faces = chosen(faces, (sides >= look.smallest) & (sides <= look.largest))
    landmarks = None if faces.landmarks is None else faces.landmarks * look.factors
    return Detections(faces.boxes * np.tile(look.factors, 2), faces.scores, landmarks)


def chosen(faces: Detections, which: np.ndarray) -> Detections:
    """Those faces that a mask or indices choose."""
    return Detections(faces.boxes[which], faces.scores[which], None if faces.landmarks is None else faces.landmarks[which])


def _shared(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    return np.prod(np.clip(high - low, 0, None), axis=1)


def shares_inside(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(N,) share of one box (4,) that lies in each of (N, 4), all x0 y0 x1 y1."""
    return _shared(box, boxes) / max(float(np.prod(box[2:] - box[:2])), 1e-9)


def overlaps(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(N,) intersection over union of one box (4,) with (N, 4), all x0 y0 x1 y1."""
    shared = _shared(box, boxes)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shared / np.maximum(np.prod(box[2:] - box[:2]) + areas - shared, 1e-9)


def non_maximum_suppression(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
    """Indices of the boxes to keep, best first; of equal scores the earlier box wins."""
    waiting = np.argsort(-scores, kind="stable")
    kept = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        waiting = waiting[overlaps(boxes[best], boxes[waiting]) <= overlap]
    return np.array(kept, dtype=np.int64)
