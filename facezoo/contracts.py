"""The input contract: what a network must be shown, as data that travels with its weights.

The most common silent bug with face networks is a wrong crop, colour order or normalisation. So a component
declares its input here, ``facezoo.crops`` makes exactly that from a detection, and the component refuses the rest.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Point = tuple[float, float]
Five = tuple[Point, Point, Point, Point, Point]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SquareCrop(_Frozen):
    """An upright square around a face's reference, so that head pose stays in the picture.

    The reference ``eyes-mouth`` is a point and a length: the point midway between the middle of the eyes and the
    middle of the mouth's corners; the length max(1.11 x the distance between the eyes, the distance from the middle
    of the eyes to the middle of the mouth), which hardly changes when the head turns or nods.

    Attributes:
        scale: side of the square in reference lengths.
        shift: offset of the square's centre from the reference point, right and down, in sides of the square.
    """

    kind: Literal["square"] = "square"
    reference: Literal["eyes-mouth"] = "eyes-mouth"
    scale: float = Field(gt=0)
    shift: Point = (0.0, 0.0)


class FivePointCrop(_Frozen):
    """A similarity transform (turn, scale, move) of five landmarks onto a template.

    Attributes:
        template: image-left eye, image-right eye, nose tip, image-left and image-right mouth corner, in shares of
            the crop's width and height.
    """

    kind: Literal["five-point"] = "five-point"
    template: Five


Crop = Annotated[SquareCrop | FivePointCrop, Field(discriminator="kind")]


class InputContract(_Frozen):
    """What arrives at a component's door, and what its networks see behind it.

    At the door: (B, 3, H, W) float, RGB, [0, 1], cut out by ``crop``. Behind it the component resizes to ``size``
    where needed, moves the values to ``range`` and applies (x - mean) / std.

    Attributes:
        crop: geometry, independent of the detector.
        size: height and width in pixels.
        resize: the filter.
        color: channel order at the door.
        range: the values of black and white that mean and std refer to.
        mean: per channel, in units of ``range``.
        std: per channel, in units of ``range``.
    """

    crop: Crop
    size: tuple[int, int]
    resize: Literal["bilinear-antialias"] = "bilinear-antialias"
    color: Literal["rgb"] = "rgb"
    range: tuple[float, float] = (0.0, 1.0)
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @model_validator(mode="after")
    def _usable(self) -> InputContract:
        if min(self.size) < 1:
            raise ValueError(f"size is height and width in pixels, not {self.size}")
        if self.range[0] >= self.range[1]:
            raise ValueError(f"range is (black, white) with black < white, not {self.range}")
        if min(self.std) <= 0:
            raise ValueError(f"std must be positive, not {self.std}")
        return self


class BoxReference(_Frozen):
    """How a detector's box relates to the reference ``eyes-mouth``, for faces without landmarks.

    Attributes:
        center: the reference point, from the box's centre, right and down, in widths and heights of the box.
        length: the reference length in heights of the box.
    """

    center: Point = (0.0, 0.0)
    length: float = Field(gt=0)
