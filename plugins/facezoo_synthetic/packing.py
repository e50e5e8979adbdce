"""Pictures of a chunk on disk: a file each, or a WebDataset shard of all of them."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facezoo_synthetic.labels import Row

JPEG_QUALITY = 95
PNG_LEVEL = 3  # of compression; 6, Pillow's own, takes twice the time for a few per cent


def encode(picture: np.ndarray, kind: str) -> bytes:
    """A picture file's bytes.

    Args:
        picture: (S, S, 3) uint8 RGB.
        kind: "png", or "jpg" (quality 95, colours at full resolution).
    """
    buffer = io.BytesIO()
    if kind == "jpg":
        Image.fromarray(picture).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    else:
        Image.fromarray(picture).save(buffer, "PNG", compress_level=PNG_LEVEL)
    return buffer.getvalue()


def write_files(root: Path, files: Sequence[str], contents: Sequence[bytes]) -> None:
    """A file per picture; folders are made."""
    for folder in dict.fromkeys((root / file).parent for file in files):
        folder.mkdir(parents=True, exist_ok=True)
    for file, content in zip(files, contents, strict=True):
        (root / file).write_bytes(content)


def write_shard(path: Path, rows: Sequence[Row], contents: Sequence[bytes]) -> list[tuple[int, int]]:
    """A tar file as WebDataset reads it: ``<key>.png`` and ``<key>.json`` (the labels) for each picture.

    Args:
        path: of the shard; there as a whole or not at all. The same pictures give the same bytes.
        rows: labels; ``file`` ends in "#<key>.<format>".
        contents: the picture files.

    Returns:
        Where each picture's bytes begin in the shard, and how many they are.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    places = []
    with tarfile.open(unfinished, "w", format=tarfile.USTAR_FORMAT) as shard:
        for row, content in zip(rows, contents, strict=True):
            name = row["file"].partition("#")[2]
            places.append((_add(shard, name, content), len(content)))
            facts = json.dumps({key: _plain(value) for key, value in row.items() if key != "file"}).encode()
            _add(shard, f"{name.partition('.')[0]}.json", facts)
    os.replace(unfinished, path)
    return places


def _add(shard: tarfile.TarFile, name: str, content: bytes) -> int:
    """Adds a member and says where its content begins."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    start = shard.offset + tarfile.BLOCKSIZE  # after the member's own header
    shard.addfile(member, io.BytesIO(content))
    return start


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [round(number, 6) for number in value.astype(float).tolist()]
    return round(float(value), 6) if isinstance(value, float | np.floating) else value
