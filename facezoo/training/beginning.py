"""What a run began with, so that it goes on with nothing else: its values and its data.

output/config.yaml     every value
output/data.json       {"examples", "digest"} of a recipe that is solved in one go; others have it in their checkpoints
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from facezoo.errors import InputError
from facezoo.training.recipe import TrainingConfig

CONFIG, DATA = "config.yaml", "data.json"
FREE = frozenset({"workers", "device", "keep_checkpoints", "checkpoint_every", "pictures_every", "max_steps", "patience"})
LONGER = (
    " Schedules follow from the number of epochs, so a run keeps it. To train longer begin a new run with epochs to spare, "
    "and end it by max_steps, which may be another at every --resume."
)


def check_values(output: Path, config: TrainingConfig, resume: bool) -> bool:
    """Compares the values with those of the run in the folder; False if there is none.

    Raises:
        InputError: a run that is not to go on, other values than it began with, or a folder of something else.
    """
    values, path = config.model_dump(mode="json"), output / CONFIG
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file; the output is a folder.")
    if path.is_file() and not resume:
        raise InputError(f"{output} holds a run already. Continue it with --resume, or name another folder.")
    if not path.is_file():
        if output.exists() and any(output.iterdir()):
            raise InputError(f"{output} is not empty and holds no run of facezoo's; name a new folder.")
        return False
    before = yaml.safe_load(path.read_text())
    since = {"validate_every": values.get("validate_every")}  # runs that began before there was this value go on
    # patience may decide whose weights are exported, and the best so far were kept or not
    kept = {"patience"} if (before.get("patience") is None) != (values.get("patience") is None) else set()
    changed = [k for k in values if k not in FREE - kept and before.get(k, since.get(k)) != values[k]]
    if changed:
        raise InputError(
            f"The run in {output} began with other values: "
            + "; ".join(f"{k} was {before.get(k)!r}, now {values[k]!r}" for k in changed)
            + ". Give those again, or name another output folder."
            + LONGER * ("epochs" in changed)
        )
    return True


def begin(output: Path, config: TrainingConfig, data: Mapping[str, Any] | None = None) -> None:
    """Makes the run's folder and writes its values: only now, so that data which cannot be read leave nothing behind.

    Args:
        output: the folder.
        config: the values.
        data: ``{"examples", "digest"}`` of a recipe that is solved in one go, where it says so.
    """
    output.mkdir(parents=True, exist_ok=True)
    (output / CONFIG).write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=True))
    if data is not None:
        (output / DATA).write_text(json.dumps(dict(data)) + "\n")


def data_of(output: Path) -> Mapping[str, Any] | None:
    """What ``begin`` wrote of the data; None where it wrote nothing. Raises InputError where the file is damaged."""
    path = output / DATA
    try:
        return json.loads(path.read_text()) if path.is_file() else None
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}), so nobody knows what was solved; name another folder.") from error


def check_data(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None, data: Path, output: Path) -> None:
    """Raises InputError where a run began with other data; None: nothing is known of them."""
    if before is not None and now is not None and before != now:
        raise InputError(
            f"{data} is not what the run in {output} began with: it had {before['examples']} examples (digest "
            f"{before['digest']}), here are {now['examples']} ({now['digest']}). Name another output folder, or give those "
            "data again; a picture that cannot be read is replaced by another under its name, not removed."
        )
