"""What becomes of every kind of picture, and what is said of files that are none."""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facezoo import images
from facezoo.errors import InputError


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """(40, 60, 3) uint8 with four different quarters, so that every flip shows."""
    made = np.zeros((40, 60, 3), np.uint8)
    made[:20, :30], made[:20, 30:], made[20:, :30], made[20:, 30:] = (250, 10, 10), (10, 250, 10), (10, 10, 250), (250, 250, 10)
    return made


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


STORED = {  # how an upright picture lies in a file with each EXIF orientation
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation_is_applied(picture: np.ndarray, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](picture)))
    assert np.array_equal(images.read(encoded(stored, exif=exif)), picture)


def test_every_kind_of_source_gives_the_same_array(picture: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(picture).save(path)
    tensor = torch.from_numpy(picture).permute(2, 0, 1)
    for source in (path, str(path), path.read_bytes(), Image.open(path), picture, tensor, tensor.float() / 255):
        read = images.read(source)
        assert read.dtype == np.uint8 and read.flags["C_CONTIGUOUS"]
        assert np.array_equal(read, picture)


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_grey_becomes_three_equal_channels(mode: str) -> None:
    read = images.read(encoded(Image.linear_gradient("L").convert(mode)))
    assert read.shape == (256, 256, 3)
    assert np.array_equal(read[..., 0], read[..., 1]) and np.array_equal(read[..., 1], read[..., 2])
    assert read[0].max() < read[-1].min()


def test_transparency_is_laid_on_white(picture: np.ndarray) -> None:
    alpha = np.full((40, 60, 1), 255, np.uint8)
    alpha[:20, :30], alpha[:20, 30:] = 0, 128
    rgba = np.concatenate([picture, alpha], axis=2)
    for read in (images.read(encoded(Image.fromarray(rgba))), images.read(rgba)):
        assert (read[5, 5] == 255).all()
        assert np.abs(read[5, 50].astype(int) - [132, 252, 132]).max() <= 1
        assert np.array_equal(read[20:], picture[20:])


def test_palette_with_and_without_transparency(picture: np.ndarray) -> None:
    palette = Image.fromarray(picture).quantize(8)
    assert np.abs(images.read(encoded(palette)).astype(int) - picture).max() <= 4
    clear = palette.getpixel((0, 0))
    read = images.read(encoded(palette, transparency=clear))
    assert (read[0, 0] == 255).all()
    assert np.abs(read[-1, -1].astype(int) - picture[-1, -1]).max() <= 4
    read = images.read(encoded(palette, transparency=bytes([255] * 8)))  # Pillow warns of this form
    assert np.abs(read.astype(int) - picture).max() <= 4


def test_a_transparent_colour_of_a_true_colour_png(picture: np.ndarray) -> None:
    assert (images.read(encoded(Image.fromarray(picture), transparency=(250, 10, 10)))[0, 0] == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_upper_eight(kind: str) -> None:
    grey = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    read = images.read(encoded(Image.fromarray(grey), kind))
    assert np.array_equal(read[..., 0], np.rint(grey / 257).astype(np.uint8))
    assert read[0, 0, 0] == 0 and read[-1, -1, 0] == 255
    assert np.array_equal(images.read(grey), read)


def test_cmyk_is_converted(picture: np.ndarray) -> None:
    read = images.read(encoded(Image.fromarray(picture).convert("CMYK"), "JPEG", quality=98))
    assert np.abs(read[10, 10].astype(int) - picture[10, 10]).max() < 12
    assert np.abs(read[30, 10].astype(int) - picture[30, 10]).max() < 12


def test_only_the_first_frame_of_an_animation_counts(picture: np.ndarray) -> None:
    first, second = Image.fromarray(picture), Image.new("RGB", (60, 40))
    read = images.read(encoded(first, "GIF", save_all=True, append_images=[second]))
    assert np.abs(read.astype(int) - picture).max() <= 4


def test_floating_point_pictures_are_refused() -> None:
    with pytest.raises(InputError, match="unknown scale"):
        images.read(encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"))


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


FAULTS = {
    "empty.jpg": (b"", "empty"),
    "note.jpg": (b"I am a text file.\n" * 20, "holds no picture"),
    "bomb.png": (png_that_claims(60_000, 60_000), "decompression bomb"),
    "smaller-bomb.png": (png_that_claims(12_500, 12_500), "decompression bomb"),
    "short.png": (png_that_claims(600, 600), "damaged|cut short"),
    "clip.mp4": (b"\0\0\0\x20ftypisom", "video"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_file_is_named(name: str, tmp_path: Path) -> None:
    content, reason = FAULTS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=reason) as caught:
        images.read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP"])
def test_a_truncated_file_is_named_and_never_half_read(kind: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    content = encoded(Image.fromarray(noise), kind)
    path = tmp_path / f"cut.{kind.lower()}"
    for share in (0.02, 0.5, 0.9):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(InputError, match="cut"):
            images.read(path)


def test_paths_that_hold_no_picture(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file .*missing.png"):
        images.read(tmp_path / "missing.png")
    with pytest.raises(InputError, match="folder"):
        images.read(tmp_path)
    with pytest.raises(InputError, match="download"):
        images.read("https://example.org/face.jpg")


@pytest.mark.parametrize(
    "source",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((3, 4, 5), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        torch.zeros(4, 4, 3),
        torch.full((3, 4, 4), 255.0),
        torch.full((3, 4, 4), float("nan")),
        torch.zeros(3, 4, 4, dtype=torch.int64),
        None,
    ],
)
def test_arrays_and_tensors_that_are_no_pictures(source: object) -> None:
    with pytest.raises(InputError):
        images.read(source)  # pyright: ignore[reportArgumentType]


def test_pillow_s_warnings_stay_inside(picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1500)  # of 2400: Pillow warns, and refuses from 3000
    content = encoded(Image.fromarray(picture))
    filters = list(warnings.filters)
    wrong = []

    def read() -> None:
        try:
            for _ in range(20):
                assert np.array_equal(images.read(content), picture)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert warnings.filters == filters
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(io.BytesIO(content))


def test_a_broken_exif_block_does_not_hide_the_picture(picture: np.ndarray) -> None:
    content = encoded(Image.fromarray(picture), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff broken")
    assert images.read(content).shape == picture.shape


def test_pictures_in_a_folder_come_sorted_and_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.PNG", "sub/c.webp", ".hidden.jpg", ".cache/d.jpg", "clip.mp4", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert [path.name for path in images.pictures_in(tmp_path)] == ["a.PNG", "b.jpg", "c.webp"]
    with pytest.raises(InputError, match="holds no picture"):
        images.pictures_in(_empty(tmp_path))
    with pytest.raises(InputError, match="not a folder"):
        images.pictures_in(tmp_path / "notes.txt")


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def test_a_written_picture_reads_the_same(picture: np.ndarray, tmp_path: Path) -> None:
    path = images.write(torch.from_numpy(picture).permute(2, 0, 1).float() / 255, tmp_path / "new" / "face.png")
    assert np.array_equal(images.read(path), picture)
    assert images.write(picture, tmp_path / "face.jpg").stat().st_size > 0


def test_a_picture_that_cannot_be_written_leaves_nothing(picture: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="face.png"):
        images.write(picture, tmp_path / "face.docx")
    (tmp_path / "face.png").mkdir()
    with pytest.raises(InputError, match="could not be written"):
        images.write(picture, tmp_path / "face.png")
    assert [path.name for path in tmp_path.iterdir()] == ["face.png"]


def test_names() -> None:
    assert images.name_of(Path("a/b.jpg")) == "a/b.jpg"
    assert images.name_of(np.zeros(1)) == "<array>" and images.name_of(b"") == "<bytes>"
    assert images.is_picture("A.JPG") and not images.is_picture("a.mp4")
    assert images.is_video("A.MPG") and not images.is_video("a.jpg")
