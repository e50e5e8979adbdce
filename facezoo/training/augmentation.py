"""What may happen to a face crop in training. Whatever is drawn comes from the numpy generator given, never a global one.

Geometry acts on the crop's place in its picture, before anything is cut: a crop that is shifted or turned shows what
really surrounds the face. Colours are torchvision's functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from facezoo.errors import FacezooError

Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]

LARGEST_BLUR = 2 / 224  # standard deviation, in sides of the crop
ERASED_AREA, ERASED_RATIO = (0.02, 1 / 3), (0.3, 10 / 3)  # torchvision's RandomErasing


class FaceAugmentation(BaseModel):
    """What may happen to a crop; as it stands, nothing. Lengths are shares of the crop's sides.

    Attributes:
        flip: share of crops that are mirrored.
        area: of the part that is shown, lowest and highest share of the crop's area. A part under 1 lies anywhere in the crop;
            over 1, the crop lies anywhere in it.
        ratio: width against height of that part, lowest and highest.
        shift: largest, right or left and up or down.
        rotation: largest angle in the plane, degrees.
        brightness: largest change of the factor 1.
        contrast: likewise.
        saturation: likewise.
        hue: largest turn, in colour circles, up to 0.5.
        colour_share: share of crops whose brightness, contrast, saturation and hue change.
        grayscale: share of crops that lose their colours.
        blur: share of crops that are blurred, by up to two pixels of 224.
        erasing: share of crops of which a rectangle, 2 to 33 % of the area, becomes noise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    flip: Share = 0.0
    area: tuple[float, float] = (1.0, 1.0)
    ratio: tuple[float, float] = (1.0, 1.0)
    shift: Amount = 0.0
    rotation: Amount = 0.0
    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    colour_share: Share = 1.0
    grayscale: Share = 0.0
    blur: Share = 0.0
    erasing: Share = 0.0

    def model_post_init(self, _: Any) -> None:
        for name in ("area", "ratio"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} is the lowest and the highest of positive numbers, not {(low, high)}")

    @property
    def moves(self) -> bool:
        """True if a crop may show another part of its picture."""
        return (self.area, self.ratio, self.shift, self.rotation) != ((1.0, 1.0), (1.0, 1.0), 0.0, 0.0)

    @property
    def recolours(self) -> bool:
        return bool(
            self.colour_share and (self.brightness or self.contrast or self.saturation or self.hue)
            or self.grayscale or self.blur or self.erasing
        )  # fmt: skip

    def part(self, rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
        """(3, 3) float64: coordinates in the part that is shown, [0, 1] x [0, 1], to those in the crop.

        Args:
            rng: draws the part.
            size: height and width of the crop; an angle in the plane needs their ratio.
        """
        area = rng.uniform(*self.area)
        ratio = math.exp(rng.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
        sides = np.sqrt([area * ratio, area / ratio])
        centre = rng.uniform(-0.5, 0.5, 2) * np.abs(1 - sides) + rng.uniform(-self.shift, self.shift, 2)
        angle = math.radians(rng.uniform(-self.rotation, self.rotation))
        pixels = np.diag([float(size[1]), float(size[0])])
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        found = np.eye(3)
        found[:2, :2] = np.linalg.inv(pixels) @ turn @ pixels @ np.diag(sides)
        found[:2, 2] = 0.5 + centre - found[:2, :2] @ [0.5, 0.5]
        return found

    def change(self, face: Tensor, rng: np.random.Generator) -> Tensor:
        """The crop mirrored, in other colours, blurred, with a rectangle of noise, as drawn.

        Args:
            face: (3, H, W) float32 RGB in [0, 1].
            rng: draws what happens; the same number of draws whatever is on.
        """
        happens = rng.random(5) < (self.flip, self.colour_share, self.grayscale, self.blur, self.erasing)
        amounts = rng.uniform(-1, 1, 4) * (self.brightness, self.contrast, self.saturation, self.hue)
        sigma, place, noise = rng.uniform(0.05, 1) * LARGEST_BLUR, rng.random(4), int(rng.integers(2**32))
        if happens[0]:
            face = face.flip(-1)
        if not self.recolours:
            return face
        v2 = functional()
        if happens[1]:
            for adjust, amount in zip((v2.adjust_brightness, v2.adjust_contrast, v2.adjust_saturation), amounts, strict=False):
                face = adjust(face, 1 + float(amount)) if amount else face
            face = v2.adjust_hue(face, float(amounts[3])) if amounts[3] else face
        if happens[2]:
            face = v2.rgb_to_grayscale(face, num_output_channels=3)
        if happens[3]:
            face = _blurred(v2.gaussian_blur, face, sigma)
        return _erased(face, place, np.random.default_rng(noise)) if happens[4] else face


def _blurred(gaussian_blur: Callable[..., Tensor], face: Tensor, sigma: float) -> Tensor:
    deviation = sigma * min(face.shape[-2:])
    reach = max(1, math.ceil(3 * deviation))
    return gaussian_blur(face, [2 * reach + 1] * 2, [deviation] * 2)


def _erased(face: Tensor, place: np.ndarray, rng: np.random.Generator) -> Tensor:
    """With a rectangle of uniform noise; ``place`` holds four numbers in [0, 1): area, ratio, column and row."""
    _, height, width = face.shape
    area = height * width * (ERASED_AREA[0] + place[0] * (ERASED_AREA[1] - ERASED_AREA[0]))
    low, high = np.log(ERASED_RATIO)
    ratio = math.exp(low + place[1] * (high - low))
    rows = min(height, max(1, round(math.sqrt(area * ratio))))
    columns = min(width, max(1, round(math.sqrt(area / ratio))))
    top, left = int(place[3] * (height - rows + 1)), int(place[2] * (width - columns + 1))
    noise = torch.from_numpy(rng.random((3, rows, columns), dtype=np.float32))
    return functional().erase(face, top, left, rows, columns, noise)


def functional() -> Any:
    """torchvision's ``transforms.v2.functional``.

    Raises:
        FacezooError: torchvision is not installed.
    """
    try:
        from torchvision.transforms.v2 import functional as module
    except ImportError as error:
        raise FacezooError("Augmentation in colour needs torchvision; install it with: pip install 'facezoo[train]'") from error
    return module
