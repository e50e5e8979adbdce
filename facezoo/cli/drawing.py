"""Boxes, landmarks and captions on pictures. Imported where something is drawn: needs Pillow and numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facezoo.results import Face

BOX = (255, 176, 0)
INK, SOFT, PAPER, LINE = (28, 30, 34), (104, 110, 120), (255, 255, 255), (218, 221, 226)


def font(size: float) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Pillow's own scalable font."""
    return ImageFont.load_default(size)


def mark(image: np.ndarray, faces: Sequence[Face]) -> np.ndarray:
    """A copy of a picture, (H, W, 3) uint8 RGB, with box, landmarks, number and score (or emotion) of each face on it."""
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    unit = max(1.0, min(picture.size) / 320)  # lines and letters grow with the picture
    for index, face in enumerate(faces):
        if face.box is None:
            continue
        x0, y0, x1, y1 = (float(v) for v in face.box)
        draw.rectangle((x0, y0, x1, y1), outline=BOX, width=round(2 * unit))
        for x, y in face.landmarks if face.landmarks is not None else ():
            radius = 1.6 * unit
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=BOX)
        label = f" {index}: {_found(face)} " if _found(face) else f" {index} "
        letters = font(11 * unit)
        left, top, right, bottom = draw.textbbox((x0, y0), label, font=letters, anchor="lb")
        below = max(0.0, -top)  # a label that would leave the picture moves into the box
        draw.rectangle((left, top + below, right, bottom + below), fill=BOX)
        draw.text((x0, y0 + below), label, fill=INK, font=letters, anchor="lb")
    return np.asarray(picture)


def _found(face: Face) -> str:
    """What is said of a face beside its box."""
    if face.emotions:
        return f"{face.emotions.label} {face.emotions.probabilities[face.emotions.label]:.2f}"
    return f"{face.score:.2f}" if face.score is not None else ""


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
