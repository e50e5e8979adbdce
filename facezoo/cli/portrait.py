"""The picture of ``facezoo demo``, drawn with Pillow: a photograph, faces with captions, and charts."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from facezoo.cli.charts import cosines, posed, probabilities
from facezoo.cli.drawing import INK, LINE, PAPER, SOFT, enlarged, font, mark
from facezoo.cli.investigation import Findings
from facezoo.results import Face

WIDTH, HEIGHT, MARGIN = 1480, 1508, 48
RIGHT = WIDTH - MARGIN
FACE, GAP = 232, 34  # a face's side, and the space between two
LEFT, TOP = 556, 140  # width of the photograph; where pictures begin
ROW = FACE + 84  # a face with its caption
MOVED, NARROW = 178, 27  # the same for the reenactments
STRIP = 806  # where they begin
CHART = 1260  # where the chart of similarities begins
LONGEST = 26  # letters of a model's name that have room


def draw(findings: Findings) -> np.ndarray:
    """-> (HEIGHT, WIDTH, 3) uint8 RGB."""
    page = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(page)
    pen.text((MARGIN, 36), "One portrait, taken apart", fill=INK, font=font(40))
    height, width = findings.reconstruction.shape[:2]
    line = f"computed by {_model(findings, 'manipulator')} on this machine in {findings.seconds:.0f} s; "
    pen.text((MARGIN, 88), f"{line}every face is {width} x {height} pixels, shown larger", fill=SOFT, font=font(19))
    _photograph(page, pen, findings)
    _faces(page, pen, findings)
    _reenactments(page, pen, findings)
    _similarities(pen, findings)
    _credits(pen, findings)
    return np.asarray(page)


def _photograph(page: Image.Image, pen: ImageDraw.ImageDraw, findings: Findings) -> None:
    """The photograph with the detection and the crop, at the left; as high as the two rows of faces."""
    bare = Face(findings.face.box, findings.face.score, findings.face.landmarks)
    marked = Image.fromarray(mark(findings.portrait, [bare]))
    unit = max(1, min(marked.size) // 256)
    ImageDraw.Draw(marked).polygon([(float(x), float(y)) for x, y in findings.corners], outline=PAPER, width=unit)
    scale = min(LEFT / marked.width, (ROW + FACE) / marked.height)
    marked = marked.resize((round(marked.width * scale), round(marked.height * scale)), Image.Resampling.LANCZOS)
    page.paste(marked, (MARGIN, TOP))
    text = f"{_model(findings, 'detector')} found the face in the box; the white square is face 1"
    _caption(pen, MARGIN, TOP + marked.height, "The photograph", text)


def _faces(page: Image.Image, pen: ImageDraw.ImageDraw, findings: Findings) -> None:
    """Five faces and the emotions in two rows, at the right."""
    made, crop, pose = findings.face.pictures, findings.crop, findings.pose
    angles = "  ".join(f"{name} {angle:+z.0f}°" for name, angle in pose.to_dict().items())
    cells = [
        ("1  Face", "what the network sees", enlarged(crop, FACE)),
        ("2  Neutral", "1 turned to the front", enlarged(made["neutral"].pixels, FACE)),
        ("3  Mean face", "2 without identity", enlarged(made["mean_face"].pixels, FACE)),
        ("4  Put together again", "3 with identity and expression", enlarged(findings.reconstruction, FACE)),
        ("5  Head pose", f"{angles}\nblue: where the face looks", posed(crop, pose, FACE)),
        ("6  Emotion", f"probabilities, according to\n{_model(findings, 'classifier')}", None),
    ]
    for index, (title, text, face) in enumerate(cells):
        row, column = divmod(index, 3)
        x, y = RIGHT - FACE - (2 - column) * (FACE + GAP), TOP + row * ROW
        if face is None:
            probabilities(pen, findings.emotions.probabilities, (x, y), FACE)
        else:
            page.paste(face, (x, y))
        _caption(pen, x, y + FACE, title, text)


def _reenactments(page: Image.Image, pen: ImageDraw.ImageDraw, findings: Findings) -> None:
    """Drivers in a row, and below each what it makes of the portrait's face."""
    pen.line((MARGIN, STRIP, RIGHT, STRIP), fill=LINE, width=2)
    above, below = STRIP + 44, STRIP + 44 + MOVED + 14
    _caption(pen, MARGIN, above - 10, "7  Drivers", "lend head pose\nand expression;\nthe last five are\nrendered")
    _caption(pen, MARGIN, below - 10, "8  Reenactment", "face 1, driven by\nthe face above it")
    for index, made in enumerate(reversed(findings.reenactments)):
        x = RIGHT - MOVED - index * (MOVED + NARROW)
        pen.text((x + MOVED / 2, STRIP + 26), made.caption, fill=INK, font=font(17), anchor="mm")
        page.paste(enlarged(made.driver, MOVED), (x, above))
        page.paste(enlarged(made.face, MOVED), (x, below))


def _model(findings: Findings, slot: str) -> str:
    return _short(findings.models[slot])


def _short(name: str) -> str:
    """A model's name; of a long path the end."""
    return name if len(name) <= LONGEST else f"…{name[1 - LONGEST :]}"


def _caption(pen: ImageDraw.ImageDraw, x: float, y: float, title: str, text: str) -> None:
    pen.text((x, y + 10), title, fill=INK, font=font(20))
    pen.multiline_text((x, y + 36), text, fill=SOFT, font=font(16), spacing=5)


def _similarities(pen: ImageDraw.ImageDraw, findings: Findings) -> None:
    pen.line((MARGIN, CHART, RIGHT, CHART), fill=LINE, width=2)
    pen.text((MARGIN, CHART + 16), "How alike are identity codes?", fill=INK, font=font(20))
    pen.text((MARGIN, CHART + 44), "cosine with the code of face 1", fill=SOFT, font=font(16))
    bars = [(similarity.label, similarity.values) for similarity in findings.similarities]
    cosines(pen, bars, (RIGHT - 3 * FACE - 2 * GAP, RIGHT - 76 - MARGIN), CHART + 40, 34)


def _credits(pen: ImageDraw.ImageDraw, findings: Findings) -> None:
    # of the report: two tasks may each have an encoder
    names = ", ".join(dict.fromkeys(_short(row["model"]) for row in findings.report.rows))
    made = "Faces 2, 3, 4 and 8 are computed; the drivers but the first are rendered from the ICT-FaceKit head (MIT)."
    text = f"{findings.credit}. Models: {names}.\n{made} Made with facezoo."
    pen.multiline_text((MARGIN, HEIGHT - 60), text, fill=SOFT, font=font(15), spacing=5)
