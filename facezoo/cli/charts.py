"""Charts on a page: a few bars, and the axes of a head. Imported where something is drawn: needs Pillow and numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from facezoo.cli.drawing import INK, SOFT, enlarged, font
from facezoo.results import Pose

BAR, RANGE, EMPTY = (64, 110, 190), (176, 196, 230), (242, 243, 245)
RIGHT, DOWN, OUT = (224, 66, 66), (52, 168, 83), (66, 133, 244)  # of the head's axes
SHARP = 4  # lines are drawn so many times as large and then made smaller: Pillow's own have steps


def probabilities(pen: ImageDraw.ImageDraw, values: Mapping[str, float], place: tuple[float, float], side: float) -> None:
    """Bars from 0 to 1 with names and numbers, as wide and as high as a face; the most probable one in a strong colour.

    Args:
        pen: of the page.
        values: {class: probability}.
        place: upper left corner.
        side: of the square that they fill.
    """
    (x, y), pitch = place, side / len(values)
    left, right = x + 0.36 * side, x + 0.84 * side
    highest = max(values.values())
    for index, (name, value) in enumerate(values.items()):
        middle = y + (index + 0.5) * pitch
        strong = value == highest
        pen.text((left - 9, middle), name, fill=INK if strong else SOFT, font=font(15), anchor="rm")
        pen.rectangle((left, middle - 8, right, middle + 8), fill=EMPTY)
        if (right - left) * value >= 1:
            pen.rectangle((left, middle - 8, left + (right - left) * value, middle + 8), fill=BAR if strong else RANGE)
        pen.text((right + 8, middle), f"{value:.2f}", fill=INK if strong else SOFT, font=font(15), anchor="lm")


def cosines(
    pen: ImageDraw.ImageDraw, bars: Sequence[tuple[str, Sequence[float]]], span: tuple[float, float], y: float, pitch: float
) -> None:
    """Bars on an axis from -1 to 1; of many values the range, with a tick at the mean.

    Args:
        pen: of the page.
        bars: label and values of each.
        span: where the axis begins and ends.
        y: middle of the first bar.
        pitch: from one bar to the next.
    """
    for value in (-1, 0, 1):
        pen.text((_place(value, span), y - 31), str(value), fill=SOFT, font=font(13), anchor="mt")
    for index, (label, values) in enumerate(bars):
        _cosine(pen, label, np.asarray(values), span, y + index * pitch)


def _place(cosine: float, span: tuple[float, float]) -> float:
    return span[0] + (span[1] - span[0]) * (cosine + 1) / 2


def _cosine(pen: ImageDraw.ImageDraw, label: str, values: np.ndarray, span: tuple[float, float], y: float) -> None:
    left, right = span
    low, mean, high = (_place(float(v), span) for v in (values.min(), values.mean(), values.max()))
    pen.text((left - 18, y), label, fill=INK, font=font(17), anchor="rm")
    pen.rectangle((left, y - 9, right, y + 9), fill=EMPTY)
    if len(values) == 1:
        start, end = sorted((_place(0, span), mean))
        pen.rectangle((start, y - 9, end, y + 9), fill=BAR)
        pen.text((right + 14, y), f"{values[0]:.2f}", fill=INK, font=font(17), anchor="lm")
        return
    pen.rectangle((low, y - 9, high, y + 9), fill=RANGE)
    pen.rectangle((mean - 2, y - 9, mean + 2, y + 9), fill=BAR)
    pen.text((right + 14, y), f"{values.min():.2f} to {values.max():.2f}", fill=INK, font=font(17), anchor="lm")


def axes(pose: Pose) -> np.ndarray:
    """The head's axes as the picture shows them, without perspective.

    Returns:
        (3, 2): to the picture's right, down, and out of the face, each of length 1 in the head; x to the right, y down.
    """
    yaw, pitch, roll = (math.radians(angle) for angle in (pose.yaw, pose.pitch, pose.roll))
    sy, cy, sp, cp, sr, cr = (f(angle) for angle in (yaw, pitch, roll) for f in (math.sin, math.cos))
    about_vertical = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])  # x right, y down, z towards the viewer
    about_level = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    in_the_picture = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return (in_the_picture @ about_level @ about_vertical).T[:, :2]


def posed(face: np.ndarray, pose: Pose, side: int) -> Image.Image:
    """A face, (h, w, 3) uint8 RGB, as a square of ``side`` pixels with the axes of its head drawn on it."""
    large = enlarged(face, side * SHARP)
    pen, middle = ImageDraw.Draw(large), np.full(2, side * SHARP / 2)
    for axis, colour, reach in zip(axes(pose), (RIGHT, DOWN, OUT), (0.26, 0.26, 0.4), strict=True):
        _arrow(pen, middle, middle + axis * reach * side * SHARP, colour, 0.018 * side * SHARP)
    return large.resize((side, side), Image.Resampling.LANCZOS)


def _arrow(pen: ImageDraw.ImageDraw, start: np.ndarray, end: np.ndarray, colour: tuple[int, int, int], width: float) -> None:
    """A line with a head; of one that comes towards the viewer the head is a dot."""
    length = float(np.linalg.norm(end - start))
    if length < 6 * width:
        pen.line((*start, *end), fill=colour, width=round(width))
        pen.ellipse((*(end - 1.6 * width), *(end + 1.6 * width)), fill=colour)
        return
    along = (end - start) / length
    across, neck = np.array([-along[1], along[0]]), end - 3.2 * width * along
    pen.line((*start, *neck), fill=colour, width=round(width))
    pen.polygon([tuple(end), tuple(neck + 1.7 * width * across), tuple(neck - 1.7 * width * across)], fill=colour)
