"""Pictures with known faces, and pictures without any, for measuring and calibrating the detectors."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import skimage

from facezoo import images, video
from facezoo.components import Detections
from facezoo.contracts import BoxReference
from facezoo.crops import references

PAD = 40  # portraits are cropped closely; their edges are repeated by this many pixels of 160
POINTS = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")  # the person's right is the picture's left
# of the pictures that scikit-image carries; not coins.png, whose coins bear heads
FACELESS = (
    "brick.png", "cell.png", "chelsea.png", "coffee.png", "color.png", "grass.png", "gravel.png", "horse.png",
    "hubble_deep_field.jpg", "ihc.png", "microaneurysms.png", "moon.png", "motorcycle_left.png", "motorcycle_right.png",
    "page.png", "phantom.png", "retina.jpg", "rocket.jpg", "text.png",
)  # fmt: skip
NOWHERE = BoxReference(length=1.0)


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture, (H, W, 3) uint8 RGB, and the (N, 3) references x, y, length of its faces in pixels."""

    name: str
    picture: np.ndarray
    faces: np.ndarray


def portraits(data: Path, count: int, parity: int, seed: int = 0) -> Iterator[Sample]:
    """A fixed random choice of the portraits of people with even (0) or odd (1) numbers."""
    with zipfile.ZipFile(data / "portraits.zip") as archive:
        with archive.open("portraits.csv") as table:
            rows = [row for row in csv.DictReader(io.TextIOWrapper(table)) if int(row["person"]) % 2 == parity]
        for index in sorted(np.random.default_rng(seed).permutation(len(rows))[:count]):
            row = rows[index]
            picture = images.read(archive.read(f"images/{row['file']}"))
            points = np.array([[float(row[f"{name}_x"]), float(row[f"{name}_y"])] for name in POINTS]) + PAD
            padded = np.pad(picture, ((PAD, PAD), (PAD, PAD), (0, 0)), mode="edge")
            yield Sample(row["file"], padded, reference_of(points))


def reference_of(points: np.ndarray) -> np.ndarray:
    """(1, 3) from five landmarks (5, 2)."""
    return references(Detections(np.zeros((1, 4)), np.ones(1), points[None]), NOWHERE)


def clips(data: Path, step: int = 1) -> Iterator[tuple[str, np.ndarray]]:
    """Frames of the talking-face clips; each shows one face."""
    for path in sorted((data / "clips").glob("*.mpg")):
        for frame in video.frames(path):
            if frame.index % step == 0:
                yield f"{path.stem} {frame.index}", frame.image


def astronaut() -> np.ndarray:
    """NASA's portrait of Eileen Collins (public domain), with one face."""
    return images.read(Path(skimage.__file__).parent / "data" / "astronaut.png")


def faceless() -> Iterator[Sample]:
    """Photographs, textures and drawings without a human face, each turned by 0, 90, 180 and 270 degrees at two sizes."""
    folder = Path(skimage.__file__).parent / "data"
    for name in FACELESS:
        picture = images.read(folder / name)
        for size in (640, 360):
            factor = min(1.0, size / max(picture.shape))
            small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            for turns in range(4):
                yield Sample(f"{name} {size} {turns}", np.ascontiguousarray(np.rot90(small, turns)), np.zeros((0, 3)))
