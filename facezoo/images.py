"""Pictures in, pictures out: whatever a caller has becomes (H, W, 3) uint8 RGB, upright; and back to a file.

What is decided here, once: EXIF orientation is applied; transparency is laid on white, as a page would show it;
16-bit grey keeps its upper eight bits, rounded; of an animation the first frame counts; CMYK, palette and the rest are
converted by Pillow without colour profiles. A file is hostile input: whatever goes wrong inside a decoder becomes an
``InputError`` that names the file, and Pillow's warnings about odd files stay inside.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
import uuid
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from facezoo import disclosure
from facezoo.errors import InputError

Source = str | Path | bytes | Image.Image | np.ndarray | torch.Tensor

MAX_PIXELS = 2**27
"""A picture of more pixels (134 million, 400 MB decoded) is taken for a decompression bomb."""

PICTURES = frozenset({
    ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff",
    ".webp",
})  # fmt: skip
VIDEOS = frozenset({
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv",
})  # fmt: skip


def read(source: Source) -> np.ndarray:
    """One picture as an array.

    Args:
        source: a path, the bytes of a picture file, a Pillow image, an array (H, W), (H, W, 3) or (H, W, 4) of uint8 or
            uint16 in RGB order, or a tensor (3, H, W) or (1, H, W), uint8 or float in [0, 1], RGB.

    Returns:
        (H, W, 3) uint8, RGB, contiguous, upright by its EXIF orientation.

    Raises:
        InputError: names the file and says what is wrong: missing, empty, truncated, no picture, too many pixels, or an
            array of another shape or dtype.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, torch.Tensor):
        return _from_tensor(source)
    if isinstance(source, Image.Image):
        return _decode(source, name_of(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return _open(bytes(source), name_of(source))
    if isinstance(source, str | os.PathLike):
        return _open(_content(Path(source)), str(source))
    raise InputError(f"A picture is a path, bytes, a Pillow image, an array or a tensor, not {type(source).__name__}.")


def name_of(source: Any) -> str:
    """What to call a source in a result or message: its path where it has one."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    if isinstance(source, Image.Image):
        return str(getattr(source, "filename", "") or "<Pillow image>")
    kinds = {np.ndarray: "<array>", torch.Tensor: "<tensor>", bytes: "<bytes>", bytearray: "<bytes>"}
    return kinds.get(type(source), f"<{type(source).__name__}>")


def is_picture(path: str | Path) -> bool:
    """True if the name ends like a picture's; nothing is opened."""
    return Path(path).suffix.lower() in PICTURES


def is_video(path: str | Path) -> bool:
    """True if the name ends like a video's; nothing is opened."""
    return Path(path).suffix.lower() in VIDEOS


def pictures_in(folder: str | Path) -> list[Path]:
    """Every picture in a folder and its sub-folders, sorted by path; hidden files and folders are left out.

    Raises:
        InputError: there is no such folder, or no picture in it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"{root} is not a folder.")
    inside = (path for path in root.rglob("*") if is_picture(path) and path.is_file())
    found = sorted(p for p in inside if not any(part.startswith(".") for part in p.relative_to(root).parts))
    if not found:
        raise InputError(f"{root} holds no picture; picture names end in {' '.join(sorted(PICTURES))}.")
    return found


def write(
    image: np.ndarray | torch.Tensor, path: str | Path, *, made: disclosure.Synthesis | None = None, mark: bool = True
) -> Path:
    """Writes a picture; the file appears whole or not at all. Folders are made as needed.

    Args:
        image: (H, W, 3) uint8 RGB, or a tensor (3, H, W), uint8 or float RGB in [0, 1].
        path: its ending decides the format; JPEG is written at quality 95.
        made: how a network made it; noted in the file.
        mark: draw the visible mark on a picture that was made.

    Raises:
        InputError: an ending that is no picture format, a format without room for the note, or an array that is no picture.
    """
    target = Path(path)
    kind, options = _saving(target, made)
    pixels = read(image)
    picture = Image.fromarray(disclosure.marked(pixels) if made is not None and mark else pixels)
    with _appearing(target) as part:
        picture.save(part, format=kind, **options)
    return target


def write_animation(
    frames: Iterable[np.ndarray], path: str | Path, fps: float, *, made: disclosure.Synthesis | None = None, mark: bool = True
) -> int:
    """Writes a GIF that repeats for ever; the file appears whole or not at all. Frames are held in memory, one byte a pixel.

    Args:
        frames: (H, W, 3) uint8 RGB, all of one size.
        path: ends in .gif.
        fps: frames per second; GIF counts in hundredths of a second, and many programs show no more than 50.
        made: how a network made them; noted in the file.
        mark: draw the visible mark on frames that were made.

    Returns:
        The number of frames.

    Raises:
        InputError: another ending, an impossible rate, no frame, or frames that are no pictures.
    """
    target = Path(path)
    kind, options = _saving(target, made)
    if kind != "GIF" or not 0 < fps <= 100:
        raise InputError(f"A GIF ends in .gif and has up to 100 frames per second, not {target.name} with {fps:g}.")
    pictures = (disclosure.marked(read(f)) if made is not None and mark else read(f) for f in frames)
    stored = [Image.fromarray(pixels).quantize(dither=Image.Dither.FLOYDSTEINBERG) for pixels in pictures]
    if not stored:
        raise InputError(f"No frame was given for {target}; there is no such animation.")
    if odd := next((other.size for other in stored if other.size != stored[0].size), None):
        raise InputError(f"The frames of {target} are of one size; there are {stored[0].size} and {odd}.")
    with _appearing(target) as part:
        stored[0].save(part, kind, save_all=True, append_images=stored[1:], duration=round(1000 / fps), loop=0, **options)
    return len(stored)


def as_png(pixels: np.ndarray, made: disclosure.Synthesis | None = None) -> bytes:
    """The bytes of a PNG file of (H, W, 3) uint8 RGB, with note and mark if a network made it."""
    buffer = io.BytesIO()
    options = disclosure.saving(made, "PNG") if made is not None else {}
    Image.fromarray(disclosure.marked(pixels) if made is not None else pixels).save(buffer, "PNG", **options)
    return buffer.getvalue()


def synthesis_of(path: str | Path) -> disclosure.Synthesis | None:
    """What the file of a picture says about a network that made it; None where it says nothing.

    Raises:
        InputError: names the file: missing, empty, or no picture.
    """
    content, name = _content(Path(path)), str(path)
    _open(content, name)  # says what is wrong with a damaged file
    with _quiet_pillow(), Image.open(io.BytesIO(content)) as image:
        image.load()  # a PNG's chunks may stand behind its pixels
        return disclosure.read_from(image)


def takes_note(path: str | Path) -> bool:
    """True if the name ends like a picture in whose file a note about its making has room; nothing is opened."""
    return Image.registered_extensions().get(Path(path).suffix.lower()) in disclosure.FORMATS


def _saving(target: Path, made: disclosure.Synthesis | None) -> tuple[str, dict[str, Any]]:
    """Pillow's name of the format that an ending stands for, and what it is to be told."""
    kind = Image.registered_extensions().get(target.suffix.lower())
    if kind is None or kind not in Image.SAVE:
        raise InputError(f"{target} does not end like a picture; try {target.with_suffix('.png').name}.")
    options: dict[str, Any] = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
    if made is None:
        return kind, options
    if kind not in disclosure.FORMATS:
        raise InputError(
            f"{target}: a {kind} file has no room for the note that a network made the picture; "
            f"try {target.with_suffix('.png').name}."
        )
    return kind, options | disclosure.saving(made, kind)


@contextlib.contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A file to write to, which takes its name when the block ends without an error; else nothing is left."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with _quiet_pillow():
            yield part
        part.replace(target)
    except (OSError, ValueError) as error:
        raise InputError(f"{target} could not be written: {error}.") from error
    finally:
        part.unlink(missing_ok=True)


def _content(path: Path) -> bytes:
    """A file's bytes, or an InputError that says why there are none."""
    if "://" in str(path) or str(path).startswith(("http:/", "https:/")):
        raise InputError(f"{path} is an address; download the picture and give its path or its bytes.")
    if path.is_dir():
        raise InputError(f"{path} is a folder, and here one picture is wanted.")
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    if is_video(path):
        raise InputError(
            f"{path} is a video by its name, and here a picture is wanted. Tasks that look at single pictures look at every "
            "frame of a video: `facezoo run TASK VIDEO`, or pipe.video(path)."
        )
    return content


def _open(content: bytes, name: str) -> np.ndarray:
    if not content:
        raise InputError(f"{name} is empty (0 bytes).")
    try:
        with _quiet_pillow(), Image.open(io.BytesIO(content)) as image:
            return _decode(image, name)
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(f"{name} holds no picture in a format that Pillow reads, whatever its name says.") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{name} claims more than {MAX_PIXELS:,} pixels; it is refused as a decompression bomb.") from error
    except Exception as error:  # decoders raise anything on a damaged file: SyntaxError, struct.error, IndexError, zlib.error
        raise InputError(f"{name} is damaged or cannot be decoded: {error}.") from error


def _decode(image: Image.Image, name: str) -> np.ndarray:
    """A Pillow image of any mode as (H, W, 3) uint8."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InputError(f"{name} is {width} x {height}; more than {MAX_PIXELS:,} pixels are refused as a decompression bomb.")
    if width * height == 0:
        raise InputError(f"{name} is {width} x {height}: it has no pixels.")
    try:
        with _quiet_pillow():
            image.load()
            return np.ascontiguousarray(_to_rgb(_upright(image), name))
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{name} is damaged or cut short: {error}.") from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a broken EXIF block says nothing about the pixels; without one a picture is upright as stored
        return image


def _to_rgb(image: Image.Image, name: str) -> np.ndarray:
    mode = image.mode
    if mode.startswith("I"):  # I;16, I;16B, and I, which older formats use to carry 16 bits
        return _from_array(_sixteen_bit(np.asarray(image), name))
    if mode == "F":
        raise InputError(f"{name} has floating-point pixels of unknown scale; save it with 8 or 16 bits.")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _sixteen_bit(grey: np.ndarray, name: str) -> np.ndarray:
    if grey.size and (grey.min() < 0 or grey.max() > 65535):
        raise InputError(f"{name} has pixels from {grey.min()} to {grey.max()}; 16-bit pictures end at 65535.")
    return grey.astype(np.uint16)


def _from_array(array: np.ndarray) -> np.ndarray:
    if array.dtype not in (np.uint8, np.uint16):
        raise InputError(f"An array of {array.dtype} has no known scale; give uint8, or a float tensor (3, H, W) in [0, 1].")
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise InputError(f"An array is (H, W), (H, W, 3) or (H, W, 4), not {array.shape}; tensors are (3, H, W).")
    if array.dtype == np.uint16:
        array = ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 becomes 255, rounded to nearest
    if array.shape[2] == 4:
        alpha = array[:, :, 3:].astype(np.float32) / 255
        array = np.rint(array[:, :, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))


def check_spared(output: Path | None, *inputs: Any) -> None:
    """Raises InputError where the output would take the place of a file that is read, or lie in a folder that is."""
    if output is None:
        return
    written = output.resolve()
    for read in (Path(each).resolve() for each in inputs if isinstance(each, str | Path)):
        if written == read or (read.is_dir() and read in written.parents):
            raise InputError(f"{output} would be written over or among the pictures that are read; name another place.")


def _from_tensor(tensor: torch.Tensor) -> np.ndarray:
    if tensor.ndim != 3 or tensor.shape[0] not in (1, 3) or 0 in tensor.shape:
        raise InputError(f"A picture as a tensor is (3, H, W), not {tuple(tensor.shape)}; arrays are (H, W, 3).")
    values = tensor.detach().cpu()
    if values.is_floating_point():
        low, high = (float(value) for value in torch.aminmax(values.float()))
        if not (low >= -1e-3 and high <= 1 + 1e-3):  # also catches NaN
            raise InputError(f"A float picture is in [0, 1]; this one reaches from {low:.3g} to {high:.3g}.")
        values = (values.float() * 255).round().clamp(0, 255).to(torch.uint8)
    elif values.dtype != torch.uint8:
        raise InputError(f"A picture as a tensor is uint8 or float in [0, 1], not {tensor.dtype}.")
    return _from_array(values.permute(1, 2, 0).numpy())


_quiet_lock = threading.Lock()
_quiet_users: list[warnings.catch_warnings[Any]] = []


@contextlib.contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Silences warnings raised inside Pillow while any thread decodes.

    The warning filters belong to the process. The first thread in sets the filter and the last one out restores what
    was there, so that decoding runs in parallel and threads do not restore each other's filters.
    """
    with _quiet_lock:
        if not _quiet_users:
            outer = warnings.catch_warnings()
            outer.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
        else:
            outer = _quiet_users[0]
        _quiet_users.append(outer)
    try:
        yield
    finally:
        with _quiet_lock:
            outer = _quiet_users.pop()
            if not _quiet_users:
                outer.__exit__(None, None, None)
