"""The demonstration's reenactment: a portrait moved like its mirror image, and like a rendered person who makes faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

STRIP = Path(__file__).with_name("drivers.png")  # made by benchmarks/demo_drivers.py
CAPTIONS = ("neutral", "happiness", "surprise", "anger", "turned by 25°")
"""What the strip's faces show, from left to right."""
MIRRORED = "face 1, mirrored"


@dataclass(frozen=True)
class Reenactment:
    """A face with somebody else's head pose and expression. Pictures are (H, W, 3) uint8 RGB.

    Attributes:
        caption: what the driver shows.
        driver: the face that lends head pose and expression.
        face: what came of it.
    """

    caption: str
    driver: np.ndarray
    face: np.ndarray


def rendered_drivers() -> dict[str, np.ndarray]:
    """{caption: face}, (128, 128, 3) uint8 RGB, cut out as cycle-face wants it."""
    import numpy as np

    from facezoo.images import read

    return dict(zip(CAPTIONS, np.split(read(STRIP), len(CAPTIONS), axis=1), strict=True))


def reenact(transfer: Any, face: np.ndarray, mirrored: np.ndarray) -> tuple[Reenactment, ...]:
    """A face moved like its mirror image first, then like each rendered driver.

    Args:
        transfer: the pipeline expression-transfer.
        face: (H, W, 3) uint8 RGB, a crop.
        mirrored: a crop of the mirrored portrait.
    """
    drivers = {MIRRORED: mirrored, **rendered_drivers()}
    moved = {caption: transfer(face, driver, cropped=True, layout="face") for caption, driver in drivers.items()}
    return tuple(Reenactment(caption, driver, moved[caption].pixels) for caption, driver in drivers.items())
