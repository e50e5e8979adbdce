"""A contact sheet: a row per emotion, a column per person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facezoo_synthetic.studio import Labels, Studio

GAP = 2  # pixels between pictures
SCALE = 3  # a picture with labels is enlarged so much, or they could not be read
TEXT, DOT, MARK = (255, 255, 255), (90, 220, 255), (255, 210, 60)


def contact_sheet(studio: Studio, emotions: Sequence[str], people: int, *, labelled: bool = False) -> np.ndarray:
    """Pictures side by side.

    Args:
        studio: makes them.
        emotions: of the rows.
        people: how many columns; a column is one person, in another shot each time.
        labelled: draws emotion, pose, gaze, the strongest action units and landmarks.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    plans = [
        studio.plan(row * people + column, column, emotion) for row, emotion in enumerate(emotions) for column in range(people)
    ]
    shown, labels = studio.take(plans)
    pictures = list(shown.permute(0, 2, 3, 1).cpu().numpy())
    if labelled:
        pictures = [_labelled(picture, known) for picture, known in zip(pictures, labels, strict=True)]
    side = len(pictures[0]) + GAP
    sheet = np.full((len(emotions) * side - GAP, people * side - GAP, 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // people * side, number % people * side
        sheet[top : top + side - GAP, left : left + side - GAP] = picture
    return sheet


def _labelled(picture: np.ndarray, known: Labels) -> np.ndarray:
    """A picture enlarged, with what is known of it."""
    side = len(picture) * SCALE
    image = Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(image)
    for points, radius, colour in ((known.landmarks, 1, DOT), (known.five, 3, MARK)):
        for x, y in points * SCALE:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    strongest = sorted(known.units.items(), key=lambda unit: -unit[1])[:4]
    lines = [
        f"{known.emotion} {known.intensity:.2f}   person {known.person}",
        f"yaw {known.yaw:+.0f}  pitch {known.pitch:+.0f}  roll {known.roll:+.0f}",
        f"gaze {known.gaze[0]:+.0f} {known.gaze[1]:+.0f}",
        "  ".join(f"{unit} {value:.2f}" for unit, value in strongest if value > 0),
    ]
    font = ImageFont.load_default(size=side / 22)
    draw.multiline_text((4, 2), "\n".join(lines), fill=TEXT, stroke_width=2, stroke_fill=(0, 0, 0), font=font)
    return np.asarray(image)
