"""Viola-Jones cascades that come with OpenCV: the detector that needs no download.

A cascade alone is sure of textures that are no face, and its boxes jitter. So one cascade proposes, looking at the whole
picture in coarse steps; each proposal is then cut out at a fixed size and looked at again in fine steps, by the same
cascade and by two eye cascades. How often each of them answered gives the score, a probability that was fitted on
portraits and on pictures without a face.

The eyes also place the face. Nose and mouth stay unknown, and landmarks are never invented: ``landmarks`` is None, and
what the eyes say of position, size and roll goes into the box, which is an upright square around the face's reference.

Source: Viola and Jones, IJCV 57(2), 2004. Cascades: R. Lienhart and S. Hameed, in OpenCV (licence in each file's header).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from torch import Tensor

from facezoo.plugin import BoxReference, Detections, Detector
from facezoo_detectors.config import HaarConfig
from facezoo_detectors.per_thread import PerThread
from facezoo_detectors.pictures import golden_picture, nothing, table_of, to_picture
from facezoo_detectors.search import non_maximum_suppression, overlaps, resized, shares_inside

FACE_CASCADE = "haarcascade_frontalface_alt.xml"
EYE_CASCADES = ("haarcascade_eye.xml", "haarcascade_eye_tree_eyeglasses.xml")

CUT = 120  # side in pixels at which a proposal is looked at again
MARGIN = 0.3  # of the proposal on every side of it
SAME = 0.45  # proposals of higher IoU are one

# fitted by benchmarks/detectors.py on portraits
SCORE = (-12.6, 2.5, 3.2, 1.5)  # logit: constant, then factors of log(1 + count) in the first look, the second, the eyes
EYE_TRUST = 0.6  # share of the eyes in the face's size, against the proposal
BELOW_EYES = 0.47  # from the middle of the eyes down to the reference point, in reference lengths
EYES_TO_LENGTH = 1.19  # reference length in distances between the eyes
WINDOW = BoxReference(center=(0.0, 0.094), length=0.425)  # how the face cascade's windows relate to the reference


@dataclass(frozen=True, slots=True)
class Seen:
    """What the second look at a proposal shows, in pixels of the picture that is searched.

    Attributes:
        middle: (2,) x y, the mean of the face cascade's windows.
        side: their mean side.
        eyes: (2, 2) x y of the image-left and the image-right eye, or None.
        counts: how often the cascades answered: faces in the first look, faces in the second, the better seen eye.
    """

    middle: np.ndarray
    side: float
    eyes: np.ndarray | None
    counts: tuple[int, int, int]

    @property
    def score(self) -> float:
        """The probability that this is a face."""
        return float(1 / (1 + np.exp(-(SCORE[0] + np.log1p(self.counts) @ np.array(SCORE[1:])))))


class Haar(Detector):
    """Upright, roughly frontal faces (some 15 degrees of roll), without landmarks."""

    box_reference: ClassVar[BoxReference] = WINDOW  # its boxes are built to have this relation
    config: HaarConfig

    def __init__(self, config: HaarConfig) -> None:
        super().__init__(config)
        self._cascades = PerThread(_load_cascades)

    def detect(self, images: Sequence[np.ndarray], min_score: float = 0.5) -> list[Detections]:
        """The faces in each picture, best first, without landmarks.

        Args:
            images: (H, W, 3) uint8 RGB, of any sizes.
            min_score: probability in [0, 1]; fainter faces are left out.
        """
        return [self._detect(to_picture(image), min_score) for image in images]

    def _detect(self, image: np.ndarray, min_score: float) -> Detections:
        picture, factors = resized(image, self.config.min_side, self.config.max_side)
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        faces = [seen for proposal in self.proposals(grey) if (seen := self.look_again(grey, proposal)).score >= min_score]
        if not faces:
            return nothing(landmarks=False)
        boxes = np.array([_box(face) for face in faces], np.float32)
        scores = np.array([face.score for face in faces], np.float32)
        kept = _distinct(boxes, scores)
        return Detections(boxes[kept] * np.tile(factors, 2), scores[kept])

    def proposals(self, grey: np.ndarray) -> list[tuple[np.ndarray, int]]:
        """Places where windows of the face cascade gather, at least two: x0 y0 x1 y1, and how many windows."""
        windows = _windows(self._cascades()[0], grey, 1.1, self.config.min_face, max(grey.shape))
        groups = []
        while len(windows):
            same = overlaps(windows[0], windows) > SAME
            groups.append((windows[same].mean(axis=0), int(same.sum())))
            windows = windows[~same]
        return [(box, count) for box, count in groups if count >= 2]

    def look_again(self, grey: np.ndarray, proposal: tuple[np.ndarray, int]) -> Seen:
        """A proposal at close range."""
        box, count = proposal
        cut, scale, offset = _cut(grey, box)
        windows = _windows(self._cascades()[0], cut, 1.03, round(0.65 * CUT), round(1.5 * CUT))
        middle, side = np.full(2, len(cut) / 2), float(CUT)
        if len(windows):
            middle, side = (windows[:, :2] + windows[:, 2:]).mean(axis=0) / 2, float((windows[:, 2] - windows[:, 0]).mean())
        eyes, answers = self._find_eyes(cut)
        eyes = None if eyes is None else eyes * scale + offset
        return Seen(middle * scale + offset, side * scale, eyes, (count, len(windows), answers))

    def _find_eyes(self, cut: np.ndarray) -> tuple[np.ndarray | None, int]:
        """(2, 2) the image-left and the image-right eye, x y in the cut, or None; and the windows of the better seen one."""
        left, top = round((MARGIN - 0.05) * CUT), round((MARGIN + 0.1) * CUT)
        strip = cut[top : round((MARGIN + 0.65) * CUT), left : len(cut) - left]
        found = [_windows(cascade, strip, 1.08, round(0.18 * CUT), round(0.42 * CUT)) for cascade in self._cascades()[1:]]
        windows = np.concatenate(found)
        centres = (windows[:, :2] + windows[:, 2:]) / 2 + np.array([left, top])
        aside = centres[:, 0] - len(cut) / 2
        halves = [centres[aside < -0.06 * CUT], centres[aside > 0.06 * CUT]]
        fewest, most = sorted(len(half) for half in halves)
        if fewest < 2:
            return None, most
        eyes = np.array([_gathered(half) for half in halves])
        apart = eyes[1] - eyes[0]
        plausible = 0.28 * CUT < np.hypot(*apart) < 0.56 * CUT and abs(apart[1]) < 0.45 * apart[0]
        return (eyes if plausible else None), most

    def golden_inputs(self) -> dict[str, Tensor]:
        return {"image": golden_picture()}

    def golden_outputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``faces`` as ``table_of`` gives them."""
        return {"faces": table_of(self, inputs["image"])}


def _load_cascades() -> list[Any]:
    folder = cv2.data.haarcascades  # pyright: ignore[reportAttributeAccessIssue] - a module that OpenCV's stubs leave out
    return [cv2.CascadeClassifier(folder + name) for name in (FACE_CASCADE, *EYE_CASCADES)]


def _windows(cascade: Any, grey: np.ndarray, step: float, smallest: int, largest: int) -> np.ndarray:
    """(N, 4) float64 x0 y0 x1 y1 of every window that passes the cascade, surest first; the same order in every run."""
    if min(grey.shape) < smallest:
        return np.zeros((0, 4))
    found, _, weights = cascade.detectMultiScale3(
        grey, step, 0, minSize=(smallest, smallest), maxSize=(largest, largest), outputRejectLevels=True
    )
    windows = np.array(found, np.float64).reshape(-1, 4)
    windows[:, 2:] += windows[:, :2]
    # OpenCV's threads report windows in any order
    return windows[np.lexsort([*windows.T, -np.array(weights, np.float64).ravel()])]


def _cut(grey: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """A proposal with its margin at a fixed size, and the scale and offset that lead from there back to the picture."""
    scale = float(box[2] - box[0]) / CUT
    offset = box[:2] - MARGIN * CUT * scale
    side = round((1 + 2 * MARGIN) * CUT)
    half_pixel = (scale - 1) / 2  # OpenCV counts from the pixels' centres
    way = np.array([[scale, 0, offset[0] + half_pixel], [0, scale, offset[1] + half_pixel]])
    if scale > 1.5:  # warpAffine does not average, so fine detail has to go first
        grey = cv2.GaussianBlur(grey, (0, 0), 0.4 * scale)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(grey, way, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE), scale, offset


def _gathered(points: np.ndarray) -> np.ndarray:
    """(2,) where most of (N, 2) points lie."""
    middle = np.median(points, axis=0)
    near = points[np.hypot(*(points - middle).T) < 0.1 * CUT]
    return near.mean(axis=0) if len(near) else middle


def _box(seen: Seen) -> np.ndarray:
    """(4,) x0 y0 x1 y1: the square whose reference, by ``Haar.box_reference``, is where windows and eyes put the face's."""
    point, length = seen.middle + seen.side * np.array(WINDOW.center), seen.side * WINDOW.length
    if seen.eyes is not None:
        apart = seen.eyes[1] - seen.eyes[0]
        distance = float(np.hypot(*apart))
        length = length ** (1 - EYE_TRUST) * (EYES_TO_LENGTH * distance) ** EYE_TRUST
        down = np.array([-apart[1], apart[0]]) / distance  # a rolled head has its mouth to the side of its eyes
        point = (point + seen.eyes.mean(axis=0) + BELOW_EYES * length * down) / 2
    half = length / Haar.box_reference.length / 2
    centre = point - 2 * half * np.array(Haar.box_reference.center)
    return np.concatenate([centre - half, centre + half])


def _distinct(boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Indices, best first, of boxes that neither overlap much with a better one nor lie inside it or around it."""
    kept: list[int] = []
    for index in non_maximum_suppression(boxes, scores, 0.2):
        better = boxes[kept]
        around = any(shares_inside(other, boxes[index : index + 1])[0] > 0.5 for other in better)
        if not around and not (shares_inside(boxes[index], better) > 0.5).any():
            kept.append(int(index))
    return np.array(kept, dtype=np.int64)
