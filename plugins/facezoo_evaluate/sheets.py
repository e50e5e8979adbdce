"""Contact sheets: faces in rows, with a heading per column and a line beneath each row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

INK, PAPER = (28, 30, 34), (255, 255, 255)
FOOT = 0.06  # of the shorter side: room below, where a mark hides no face


def sheet_of(
    rows: Sequence[Sequence[np.ndarray]],
    columns: Sequence[str],
    said: Sequence[str] = (),
    *,
    side: int = 128,
    abreast: int = 1,
) -> np.ndarray:
    """Faces as one picture.

    Args:
        rows: of (h, w, 3) uint8 RGB, each of them shown in a square of ``side`` pixels.
        columns: a heading per face of a row.
        said: a line per row; none: no lines.
        side: pixels.
        abreast: so many rows stand beside each other.

    Returns:
        (H, W, 3) uint8 RGB on white.
    """
    gap, line = max(2, side // 16), max(10, side // 8)
    below, block = line if said else 0, len(columns) * (side + gap) + 2 * gap
    width, height = abreast * block, line + gap + -(-len(rows) // abreast) * (side + below + gap)
    foot = round(FOOT * min(width, height))
    canvas = Image.new("RGB", (width, height + foot), PAPER)
    draw = ImageDraw.Draw(canvas)
    letters = ImageFont.load_default(line * 0.75)
    for place in range(abreast):
        for column, text in enumerate(columns):
            middle = place * block + gap + column * (side + gap) + side / 2
            draw.text((middle, gap + line / 2), text, fill=INK, font=letters, anchor="mm")
    for number, row in enumerate(rows):
        left, top = (number % abreast) * block + gap, line + gap + (number // abreast) * (side + below + gap)
        for column, face in enumerate(row):
            large = Image.fromarray(np.ascontiguousarray(face)).resize((side, side), Image.Resampling.BICUBIC)
            canvas.paste(large, (left + column * (side + gap), top))
        if said:
            draw.text((left, top + side + below / 2), said[number], fill=INK, font=letters, anchor="lm")
    return np.asarray(canvas)
