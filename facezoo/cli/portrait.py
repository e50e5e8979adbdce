"""The picture of ``facezoo demo``, drawn with Pillow: a photograph, six faces with captions, and a chart."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from facezoo.cli.demo import Findings, Similarity
from facezoo.cli.drawing import INK, LINE, PAPER, SOFT, enlarged, font, mark

WIDTH, HEIGHT, MARGIN = 1480, 1010, 48
FACE, GAP = 232, 34  # a face's side, and the space between two
LEFT, TOP = 560, 140  # width of the photograph; where pictures begin
BAR = (64, 110, 190)


def draw(findings: Findings) -> np.ndarray:
    """-> (HEIGHT, WIDTH, 3) uint8 RGB."""
    page = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(page)
    pen.text((MARGIN, 36), "One portrait, taken apart", fill=INK, font=font(40))
    height, width = findings.reconstruction.shape[:2]
    line = f"computed by {findings.model} on this machine in {findings.seconds:.0f} s; "
    pen.text((MARGIN, 88), f"{line}every face is {width} x {height} pixels, shown larger", fill=SOFT, font=font(19))
    _photograph(page, pen, findings)
    _faces(page, pen, findings)
    _chart(pen, findings.similarities)
    made = (
        f"Models: {findings.detector}, {findings.model}. Made with facezoo; faces 2, 3, 4 and 6 are computed, not photographed."
    )
    pen.text((MARGIN, HEIGHT - 32), f"{findings.credit}. {made}", fill=SOFT, font=font(15), anchor="ls")
    return np.asarray(page)


def _photograph(page: Image.Image, pen: ImageDraw.ImageDraw, findings: Findings) -> None:
    """The photograph with the detection and the crop, at the left; as high as the two rows of faces."""
    marked = Image.fromarray(mark(findings.portrait, [findings.face]))
    unit = max(1, min(marked.size) // 256)
    ImageDraw.Draw(marked).polygon([(float(x), float(y)) for x, y in findings.corners], outline=PAPER, width=unit)
    scale = min(LEFT / marked.width, (2 * FACE + 84) / marked.height)
    marked = marked.resize((round(marked.width * scale), round(marked.height * scale)), Image.Resampling.LANCZOS)
    page.paste(marked, (MARGIN, TOP))
    text = f"{findings.detector} found the face in the box; the white square is face 1"
    _caption(pen, MARGIN, TOP + marked.height, "The photograph", text)


def _faces(page: Image.Image, pen: ImageDraw.ImageDraw, findings: Findings) -> None:
    """Six faces in two rows, at the right."""
    made, crop = findings.face.pictures, findings.face.crop
    if crop is None:
        return
    cells = [
        ("1  Face", "what the network sees", crop),
        ("2  Neutral", "1 turned to the front", made["neutral"].pixels),
        ("3  Mean face", "2 without identity", made["mean_face"].pixels),
        ("4  Put together again", "3 with identity and expression", findings.reconstruction),
        ("5  Driver", "the same portrait, mirrored", findings.driver),
        ("6  Reenactment", "2 moved like 5", findings.reenactment),
    ]
    start = MARGIN + LEFT + 64
    for index, (title, text, face) in enumerate(cells):
        row, column = divmod(index, 3)
        x, y = start + column * (FACE + GAP), TOP + row * (FACE + 84)
        page.paste(enlarged(face, FACE), (x, y))
        _caption(pen, x, y + FACE, title, text)


def _caption(pen: ImageDraw.ImageDraw, x: float, y: float, title: str, text: str) -> None:
    pen.text((x, y + 10), title, fill=INK, font=font(20))
    pen.text((x, y + 36), text, fill=SOFT, font=font(16))


def _chart(pen: ImageDraw.ImageDraw, similarities: tuple[Similarity, ...]) -> None:
    """Similarities as bars on an axis from -1 to 1; of many faces the range, with a tick at the mean."""
    x, y = MARGIN, 800
    pen.line((x, y - 16, WIDTH - MARGIN, y - 16), fill=LINE, width=2)
    pen.text((x, y), "How alike are identity codes?", fill=INK, font=font(20))
    pen.text((x, y + 28), "cosine with the code of face 1", fill=SOFT, font=font(16))
    left, right = MARGIN + LEFT + 64, WIDTH - MARGIN - 124
    for value in (-1, 0, 1):
        pen.text((_place(value, left, right), y - 7), str(value), fill=SOFT, font=font(13), anchor="mt")
    for index, similarity in enumerate(similarities):
        _bar(pen, similarity, left, right, y + 24 + index * 34)


def _place(cosine: float, left: float, right: float) -> float:
    return left + (right - left) * (cosine + 1) / 2


def _bar(pen: ImageDraw.ImageDraw, similarity: Similarity, left: float, right: float, y: float) -> None:
    values = np.asarray(similarity.values)
    low, mean, high = (_place(float(v), left, right) for v in (values.min(), values.mean(), values.max()))
    pen.text((left - 18, y), similarity.label, fill=INK, font=font(17), anchor="rm")
    pen.rectangle((left, y - 9, right, y + 9), fill=(242, 243, 245))
    if len(values) == 1:
        start, end = sorted((_place(0, left, right), mean))
        pen.rectangle((start, y - 9, end, y + 9), fill=BAR)
        pen.text((right + 14, y), f"{values[0]:.2f}", fill=INK, font=font(17), anchor="lm")
        return
    pen.rectangle((low, y - 9, high, y + 9), fill=(176, 196, 230))
    pen.rectangle((mean - 2, y - 9, mean + 2, y + 9), fill=BAR)
    pen.text((right + 14, y), f"{values.min():.2f} to {values.max():.2f}", fill=INK, font=font(17), anchor="lm")
