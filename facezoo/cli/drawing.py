"""Boxes, landmarks and captions on pictures. Imported where something is drawn: needs Pillow and numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facezoo.results import Face

BOX = (255, 176, 0)
INK, SOFT, PAPER, LINE = (28, 30, 34), (104, 110, 120), (255, 255, 255), (218, 221, 226)


def font(size: float) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Pillow's own scalable font."""
    return ImageFont.load_default(size)


def mark(image: np.ndarray, faces: Sequence[Face]) -> np.ndarray:
    """A copy of a picture, (H, W, 3) uint8 RGB, with box, landmarks, number and what was found of each face on it.

    Of a face that is the whole picture only what was found is written, at the lower edge.
    """
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    unit = max(1.0, min(picture.size) / 320)  # lines and letters grow with the picture
    for index, face in enumerate(faces):
        said = _found(face)
        if face.box is None:
            whole = (0.0, 0.0, float(picture.width), float(picture.height))
            if said:
                _label(draw, _lines(said), whole, _fitting(_lines(said), 11 * unit, picture.width), picture.size)
            continue
        x0, y0, x1, y1 = (float(v) for v in face.box)
        draw.rectangle((x0, y0, x1, y1), outline=BOX, width=round(2 * unit))
        for x, y in face.landmarks if face.landmarks is not None else ():
            radius = 1.6 * unit
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=BOX)
        label = _lines([f"{index}: {said[0]}" if said else f"{index}", *said[1:]])
        _label(draw, label, (x0, y0, x1, y1), font(11 * unit), picture.size)
    return np.asarray(picture)


def _lines(said: Sequence[str]) -> str:
    return "\n".join(f" {line} " for line in said)


def _fitting(text: str, size: float, width: int) -> Any:
    """The font in that size, or so much smaller that the lines fit into a width."""
    needed = ImageDraw.Draw(Image.new("RGB", (1, 1))).multiline_textbbox((0, 0), text, font=font(size))[2]
    return font(max(5.0, size * min(1.0, width / needed)))


def _label(
    draw: ImageDraw.ImageDraw, text: str, box: tuple[float, float, float, float], letters: Any, size: tuple[int, int]
) -> None:
    """Lines above a box, from its left edge on; where there is no room below it, else at its lower edge: eyes stay free."""
    left, top, right, bottom = draw.multiline_textbbox((0, 0), text, font=letters, anchor="la")
    x = max(0.0, min(box[0], size[0] - right))
    free = [y for y in (box[1] - bottom, box[3] + 1) if 0 <= y <= size[1] - bottom]
    y = free[0] if free else max(0.0, min(box[3], size[1]) - bottom)
    draw.rectangle((x + left, y + min(top, 0), x + right, y + bottom), fill=BOX)
    draw.multiline_text((x, y), text, fill=INK, font=letters, anchor="la")


def _found(face: Face) -> list[str]:
    """What is said of a face beside its box, line by line: what was computed, else the detector's score."""
    said = [f"{scores.label} {scores.probabilities[scores.label]:.2f}" for scores in (face.emotions,) if scores]
    if face.pose:
        said += [f"yaw {face.pose.yaw:+z.0f}°", f"pitch {face.pose.pitch:+z.0f}°", f"roll {face.pose.roll:+z.0f}°"]
    said += [f"{name}: {scores.label} {scores.probabilities[scores.label]:.2f}" for name, scores in face.scores.items()]
    said += [f"{name} {value.value:.3g} {value.units}".rstrip() for name, value in face.values.items()]
    if said or face.score is None:
        return said
    return [f"{face.score:.2f}"]


def enlarged_to(image: np.ndarray, side: int) -> np.ndarray:
    """A picture, (H, W, 3) uint8 RGB, whose shorter side has at least so many pixels."""
    factor = side / min(image.shape[:2])
    if factor <= 1:
        return image
    width, height = (round(length * factor) for length in (image.shape[1], image.shape[0]))
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def around(image: np.ndarray, box: np.ndarray | None, scale: float = 1.5) -> np.ndarray:
    """The square part of a picture around a face, white where it reaches beyond; without a box all of it.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: x0 y0 x1 y1 in pixels.
        scale: side of the square in longer sides of the box.
    """
    if box is None:
        return image
    x0, y0, x1, y1 = (float(v) for v in box)
    side = max(1, round(scale * max(x1 - x0, y1 - y0)))
    canvas = Image.new("RGB", (side, side), PAPER)
    canvas.paste(Image.fromarray(image), (round(side / 2 - (x0 + x1) / 2), round(side / 2 - (y0 + y1) / 2)))
    return np.asarray(canvas)


def enlarged(face: np.ndarray, side: int) -> Image.Image:
    """(h, w, 3) uint8 RGB as a square picture of ``side`` pixels."""
    return Image.fromarray(np.ascontiguousarray(face)).resize((side, side), Image.Resampling.BICUBIC)


def sheet(rows: Sequence[Sequence[tuple[str, np.ndarray]]], side: int = 256) -> np.ndarray:
    """Faces with captions in rows, as one picture (H, W, 3) uint8 RGB on white."""
    gap, line = side // 16, side // 7
    columns = max(len(row) for row in rows)
    canvas = Image.new("RGB", (columns * (side + gap) + gap, len(rows) * (side + line + gap) + gap), PAPER)
    draw = ImageDraw.Draw(canvas)
    for i, row in enumerate(rows):
        for j, (caption, face) in enumerate(row):
            x, y = gap + j * (side + gap), gap + i * (side + line + gap)
            canvas.paste(enlarged(face, side), (x, y))
            draw.text((x + side / 2, y + side + line / 2), caption, fill=INK, font=font(side / 14), anchor="mm")
    return np.asarray(canvas)
