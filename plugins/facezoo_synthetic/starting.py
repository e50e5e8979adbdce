"""Before the first picture of a set: its settings, its folder, and whether the disk has room for it."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

from facezoo.plugin import DatasetError, InputError
from facezoo_synthetic.labels import arrow
from facezoo_synthetic.layout import MANIFEST, Settings, labels_path, read_settings

SMALLEST, LARGEST = 32, 512  # pixels a side; beyond, triangles may be larger than the rasteriser's largest box
MOST_FRAMES = 100  # two digits in the files' names


def open_set(out: Path, settings: Settings) -> list[int]:
    """Makes the folder of a set, or finds what was rendered of it.

    Args:
        out: the folder.
        settings: of the set.

    Returns:
        The chunks that are still to be rendered.

    Raises:
        DatasetError: the folder has a set with other settings, or other files.
        InputError: settings that make no set, or pyarrow is missing.
    """
    check(settings)
    arrow()
    if (out / MANIFEST).is_file():
        found, wanted = asdict(read_settings(out)), asdict(settings)
        other = [f"{name} {found[name]}, not {wanted[name]}" for name in wanted if found[name] != wanted[name]]
        if other:
            raise DatasetError(
                f"{out} has a set with {'; '.join(other)}. Two settings do not mix in one folder: give the same ones to go on "
                "with it, or another folder."
            )
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(f"{out} is there and is no set of synthetic faces; give an empty folder or a new one.")
    else:
        out.mkdir(parents=True, exist_ok=True)
        (out / MANIFEST).write_text(settings.as_json(), encoding="utf-8")
    return [chunk for chunk in range(settings.chunks) if not labels_path(out, chunk).is_file()]


def check(settings: Settings) -> None:
    """Raises InputError for settings that make no set."""
    for name, least in (("people", 1), ("frames", 1)):
        if getattr(settings, name) < least:
            raise InputError(f"--{name} {getattr(settings, name)}: it is {least} at least.")
    if settings.frames > MOST_FRAMES:
        raise InputError(f"--frames {settings.frames}: a person has {MOST_FRAMES} pictures at most.")
    check_picture(settings.seed, settings.size, settings.yaw)


def check_picture(seed: int, size: int, yaw: float) -> None:
    """Raises InputError for what no picture can have; arguments as in ``Settings``."""
    if seed < 0:
        raise InputError(f"--seed {seed}: it is 0 at least.")
    if not SMALLEST <= size <= LARGEST:
        raise InputError(f"--size {size}: a picture has {SMALLEST} to {LARGEST} pixels a side.")
    if not 0 <= yaw <= 90:
        raise InputError(f"--yaw {yaw:g}: it is a number of degrees from 0 to 90.")


def check_room(out: Path, needed: int) -> None:
    """Raises InputError where the disk of ``out`` has fewer bytes free than that."""
    free = shutil.disk_usage(out).free
    if needed > free:
        raise InputError(
            f"What is to be rendered takes about {needed / 1e9:.1f} GB, and the disk of {out} has {free / 1e9:.1f} GB free. "
            "Give a folder on another disk, fewer people, or --format jpg."
        )
