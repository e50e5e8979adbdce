"""One picture of a face to one training crop, with every random choice drawn from the generator it is given.

Source: the released ``dataloader/preprocess.py`` (JiaRenChang/FaceCycle @14509c9) for the defaults.
Rotation, shift, stretch, turn, mouth and elastic are not the paper's: they make two pictures of a pair
differ in the plane (and a little as if the head had turned), so that the flow has something to undo
even where only single portraits are at hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Image = NDArray[np.uint8]
Points = NDArray[np.floating]
SUPERSAMPLING = 2  # crops are drawn twice as large and averaged, so that reduction does not alias


class Augmentation(BaseModel):
    """What may happen to a picture. Lengths are shares of the crop's side, angles degrees."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    area: tuple[float, float] = (0.95, 1.05)  # of a random crop of the crop; over 1 means the whole
    ratio: tuple[float, float] = (0.95, 1.05)
    brightness: float = 0.05
    contrast: float = 0.05
    saturation: float = 0.05
    hue: float = 0.01  # share of the colour circle
    colour_share: float = 0.8  # of pictures whose colours change
    flip: float = 0.5
    rotation: float = 0.0  # largest angle in the plane
    shift: float = 0.0  # largest
    zoom: float = 0.0  # largest change of size
    stretch: float = 0.0  # largest change of width against height
    turn: float = 0.0  # standard deviation of yaw; pitch has two thirds of it
    mouth: float = 0.0  # standard deviation of the lips' distance from their line
    elastic: float = 0.0  # standard deviation of the control points of a smooth random field


@dataclass(frozen=True)
class Square:
    """Where the crop lies in the picture: centre and side in pixels, pixel centres at integers + 0.5."""

    x: float
    y: float
    side: float


def _released_crop(rng: np.random.Generator, options: Augmentation) -> tuple[float, float, float, float]:
    """Width, height and centre of a random crop in the square, in shares of its side."""
    for _ in range(10):
        area = rng.uniform(*options.area)
        ratio = np.exp(rng.uniform(*np.log(options.ratio)))
        width, height = np.sqrt(area * ratio), np.sqrt(area / ratio)
        if width <= 1 and height <= 1:
            return width, height, rng.uniform(-1, 1) * (1 - width) / 2, rng.uniform(-1, 1) * (1 - height) / 2
    return 1.0, 1.0, 0.0, 0.0


def _deformation(
    rng: np.random.Generator, options: Augmentation, x: NDArray[np.floating], y: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Displacements in shares of the side, at positions in [-0.5, 0.5]."""
    import cv2

    dx, dy = np.zeros_like(x), np.zeros_like(y)
    if options.turn:  # parallax of an ellipsoid whose middle is 0.3 sides nearer than its rim
        depth = 0.3 * np.sqrt(np.clip(1 - (x / 0.42) ** 2 - (y / 0.5) ** 2, 0, None))
        yaw, pitch = np.radians(rng.normal(0, options.turn)), np.radians(rng.normal(0, options.turn * 2 / 3))
        dx += np.sin(yaw) * depth
        dy += np.sin(pitch) * depth
    if options.mouth:  # the mouth's line lies 0.19 sides below the middle of the crop
        near = np.exp(-((x / 0.14) ** 2) - ((y - 0.19) / 0.12) ** 2)
        dy -= rng.normal(0, options.mouth) * near * np.tanh((y - 0.19) / 0.02)
    if options.elastic:
        field = rng.normal(0, options.elastic, (5, 5, 2)).astype(np.float32)
        field = cv2.resize(field, x.shape[::-1], interpolation=cv2.INTER_CUBIC)
        dx += field[..., 0]
        dy += field[..., 1]
    return dx, dy


def draw(
    picture: Image,
    square: Square,
    size: int,
    rng: np.random.Generator | None,
    options: Augmentation,
    points: Points | None = None,
) -> tuple[Image, Points]:
    """The square of the picture, moved and bent, and where its landmarks came to lie.

    Args:
        picture: (H, W, 3) uint8 RGB; outside it its border is repeated.
        square: the crop.
        size: its side in pixels.
        rng: draws what happens; None: nothing does.
        options: what may happen.
        points: (5, 2) landmarks in pixels of the picture, or None.

    Returns:
        (size, size, 3) uint8 RGB, and (5, 2) float32 landmarks from -1 (left, upper edge) to 1: image left before image
        right also in a mirrored crop, NaN where there are none or one lies outside.
    """
    import cv2

    shrink = square.side / (size * SUPERSAMPLING)
    if shrink > 1.5:  # a big picture: reduce it first, a sampled one would alias
        picture = cv2.resize(picture, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
        square = Square(square.x / shrink, square.y / shrink, square.side / shrink)
        points = None if points is None else points / shrink
    fine = size * SUPERSAMPLING
    steps = (np.arange(fine) + 0.5) / fine - 0.5
    x, y = (a.astype(np.float32) for a in np.meshgrid(steps, steps))
    if rng is not None:
        width, height, left, top = _released_crop(rng, options)
        dx, dy = _deformation(rng, options, x, y)
        angle, zoom, stretch = np.radians(options.rotation), options.zoom, options.stretch
        angle, zoom, stretch = (rng.uniform(-a, a) for a in (angle, zoom, stretch))
        left, top = left + rng.uniform(-options.shift, options.shift), top + rng.uniform(-options.shift, options.shift)
        if rng.random() < options.flip:
            x = -x
        x, y = x + dx, y + dy
        x, y = x * width * np.exp(zoom + stretch / 2), y * height * np.exp(zoom - stretch / 2)
        x, y = x * np.cos(angle) - y * np.sin(angle) + left, x * np.sin(angle) + y * np.cos(angle) + top
    columns = (square.x + x * square.side - 0.5).astype(np.float32)
    rows = (square.y + y * square.side - 0.5).astype(np.float32)
    crop = cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA), _moved(points, columns, rows)


def _moved(points: Points | None, columns: NDArray[np.floating], rows: NDArray[np.floating]) -> Points:
    """Where a crop drawn from these source pixels shows the landmarks: at the sample nearest to each."""
    found = np.full((5, 2), np.nan, np.float32)
    if points is None:
        return found
    height, width = columns.shape
    for i, (x, y) in enumerate(points - 0.5):
        near = (columns - x) ** 2 + (rows - y) ** 2
        row, column = divmod(int(near.argmin()), width)
        if 0 < row < height - 1 and 0 < column < width - 1:
            found[i] = 2 * (column + 0.5) / width - 1, 2 * (row + 0.5) / height - 1
    return found[[1, 0, 2, 4, 3]] if found[0, 0] > found[1, 0] else found


def recolour(crop: Image, rng: np.random.Generator, options: Augmentation) -> Image:
    """-> (S, S, 3) uint8 RGB with brightness, contrast, saturation and hue changed (in this order)."""
    import cv2

    change = rng.random() < options.colour_share
    amounts = options.brightness, options.contrast, options.saturation, options.hue
    brightness, contrast, saturation, hue = (rng.uniform(-a, a) for a in amounts)
    if not change:
        return crop
    x = crop.astype(np.float32) / 255 * (1 + brightness)
    x = (x - x.mean()) * (1 + contrast) + x.mean()
    hsv = cv2.cvtColor(np.clip(x, 0, 1), cv2.COLOR_RGB2HSV)  # hue in degrees
    hsv[..., 0] = (hsv[..., 0] + 360 * hue) % 360
    x = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    grey = x @ np.array([0.299, 0.587, 0.114], np.float32)
    x = grey[..., None] + (x - grey[..., None]) * (1 + saturation)
    return (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)
