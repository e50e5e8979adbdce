"""What a picture made by a network says about itself: a note inside its file, and a small mark that everybody sees.

The note is JSON under a key of its own where a format has keys, else in the format's field for a description; beside it
stands IPTC's digital source type as XMP, which programs that label synthetic media look for. Neither is a proof: whoever
wants to can take both away.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from facezoo import __version__
from facezoo.records import PlainRecord

COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
KEY = "facezoo"  # of a PNG's text chunk
DESCRIPTION, SOFTWARE, XMP = 0x010E, 0x0131, 700  # TIFF tags, which EXIF uses too
EXIF, COMMENT = ("JPEG", "WEBP", "TIFF", "AVIF"), ("GIF", "JPEG2000")  # Pillow's names of the formats that have them
FORMATS = ("PNG", *EXIF, *COMMENT)
"""Formats with room for a note."""
LONGEST = 4096  # characters of a note; a longer text is somebody else's

MARKS = ("synthetic · facezoo", "synthetic")
"""What the mark says: the first that takes no more than half of the picture's width."""
SMALLEST = 96  # pixels of a picture's shorter side from which a mark is legible and hides no face

PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmp:CreatorTool="{software}" Iptc4xmpExt:DigitalSourceType="{source}"/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


@dataclass(frozen=True, slots=True, repr=False)
class Synthesis(PlainRecord):
    """How a network made a picture or video.

    Attributes:
        task: the pipeline ("face-manipulation").
        model: id of the component that drew the faces.
        sha256: of its weights; None where they are no file of facezoo's.
        composite: True where parts of a recording are, or may be, left; False where all pixels are the network's.
        version: of facezoo.
    """

    task: str
    model: str
    sha256: str | None = None
    composite: bool = True
    version: str = __version__

    @property
    def source_type(self) -> str:
        """IPTC's term for it, a URL."""
        return COMPOSITE if self.composite else GENERATED

    @property
    def software(self) -> str:
        return f"facezoo {self.version}"

    def note(self) -> str:
        """The record as it stands in files: one line of JSON in ASCII."""
        return json.dumps({
            "synthetic": True, "facezoo": self.version, "task": self.task, "model": self.model, "sha256": self.sha256,
            "digital_source_type": self.source_type,
        })  # fmt: skip


def synthesis_in(text: Any) -> Synthesis | None:
    """The record that a note holds; None for any other text. Whoever wrote a file may have written anything into it."""
    if not isinstance(text, str) or len(text) > LONGEST:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # the latter for brackets in brackets in brackets
        return None
    if not isinstance(found, dict) or found.get("synthetic") is not True:
        return None
    task, model, version, sha256 = (found.get(key) for key in ("task", "model", "facezoo", "sha256"))
    if not (isinstance(task, str) and isinstance(model, str) and isinstance(version, str) and isinstance(sha256, str | None)):
        return None
    return Synthesis(task, model, sha256, found.get("digital_source_type") != GENERATED, version)


def saving(made: Synthesis, kind: str) -> dict[str, Any]:
    """What Pillow is to be told beside the pixels, so that a file of this format carries the note.

    Args:
        made: how the picture was made.
        kind: one of ``FORMATS``.

    Returns:
        Keywords of ``PIL.Image.Image.save``.
    """
    note, packet = made.note(), PACKET.format(software=made.software, source=made.source_type)
    if kind == "PNG":
        chunks = PngInfo()
        chunks.add_text(KEY, note)
        chunks.add_text("Software", made.software)
        chunks.add_itxt("XML:com.adobe.xmp", packet)
        return {"pnginfo": chunks}
    if kind in EXIF:
        tags = Image.Exif()
        tags[DESCRIPTION], tags[SOFTWARE] = note, made.software
        if kind == "TIFF":
            tags[XMP] = packet.encode()
            return {"exif": tags}
        return {"exif": tags, "xmp": packet.encode()}
    return {"comment": note.encode()}


def read_from(image: Image.Image) -> Synthesis | None:
    """The note in an open picture, or None."""
    info: Mapping[Any, Any] = image.info
    comment = info.get("comment")
    texts = [info.get(KEY), comment.decode("ascii", "replace") if isinstance(comment, bytes) else comment]
    try:
        texts.append(image.getexif().get(DESCRIPTION))
    except Exception:  # a damaged EXIF block holds no note
        texts.append(None)
    return next((made for made in map(synthesis_in, texts) if made is not None), None)


def marked(pixels: np.ndarray) -> np.ndarray:
    """A copy of a picture, (H, W, 3) uint8 RGB, with the mark in its lower right corner; a very small one without."""
    height, width = pixels.shape[:2]
    found = _mark(height, width)
    result = pixels.copy()
    if found is None:
        return result
    colour, alpha = found
    margin = max(2, min(height, width) // 64)
    rows = slice(height - margin - len(alpha), height - margin)
    columns = slice(width - margin - alpha.shape[1], width - margin)
    result[rows, columns] = np.rint(result[rows, columns] * (1 - alpha) + colour * alpha).astype(np.uint8)
    return result


@functools.lru_cache(maxsize=8)
def _mark(height: int, width: int) -> tuple[np.ndarray, np.ndarray] | None:
    """(h, w, 3) colours and (h, w, 1) opacities of the mark for pictures of a size: white letters on a dark ground."""
    if min(height, width) < SMALLEST:
        return None
    size = max(9.0, min(height, width) / 40)
    font = ImageFont.load_default(size)
    boxes = {text: ImageDraw.Draw(Image.new("L", (1, 1))).textbbox((0, 0), text, font=font, anchor="ls") for text in MARKS}
    fitting = [text for text in MARKS if boxes[text][2] <= width / 2]
    text = (fitting or [MARKS[-1]])[0]
    across, down = round(boxes[text][2] + size), round(1.55 * size)
    patch = Image.new("RGBA", (min(across, width - 4), down), (0, 0, 0, 0))
    pen = ImageDraw.Draw(patch)
    pen.rounded_rectangle((0, 0, patch.width - 1, down - 1), down / 3, fill=(16, 18, 22, 170))
    letters = Image.new("L", patch.size, 0)
    ImageDraw.Draw(letters).text((patch.width / 2, down / 2), text, fill=255, font=font, anchor="mm")
    patch.paste((255, 255, 255, 235), mask=letters)
    values = np.asarray(patch, np.float32)
    return values[..., :3], values[..., 3:] / 255
