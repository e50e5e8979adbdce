"""Checkpoints: whole or absent, and no pickle in them.

    checkpoints/step-00001200/state.json            numbers, and where each tensor belongs
    checkpoints/step-00001200/tensors.safetensors

A folder is written under another name and renamed when it is on the disk, so a process killed in
between leaves nothing that a later run takes for a checkpoint.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from facezoo.errors import InputError

STATE, TENSORS = "state.json", "tensors.safetensors"


def pack(tree: Any, tensors: dict[str, Tensor], path: str = "") -> Any:
    """The tree as JSON holds it; its tensors go into ``tensors`` under the path at which they stood."""
    if isinstance(tree, Tensor):
        # cloned: tensors that share memory (tied weights) are refused by safetensors
        tensors[path] = tree.detach().cpu().contiguous().clone()
        return {"tensor": path}
    if isinstance(tree, Mapping):
        return {"items": [[key, pack(value, tensors, f"{path}/{key}")] for key, value in tree.items()]}
    if isinstance(tree, (list, tuple)):
        return {"list": [pack(value, tensors, f"{path}/{i}") for i, value in enumerate(tree)]}
    return {"value": tree}


def unpack(packed: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The inverse of ``pack``; tuples come back as lists, keys keep their type (int, str)."""
    if "tensor" in packed:
        return tensors[packed["tensor"]]
    if "items" in packed:
        return {key: unpack(value, tensors) for key, value in packed["items"]}
    if "list" in packed:
        return [unpack(value, tensors) for value in packed["list"]]
    return packed["value"]


def write(folder: Path, step: int, state: Mapping[str, Any], keep: int) -> Path:
    """Writes ``state`` (nested dicts and lists of tensors and plain values) and removes all but ``keep`` checkpoints."""
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".step-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    target, scratch = folder / f"step-{step:08d}", folder / f".step-{step:08d}"
    scratch.mkdir()
    tensors: dict[str, Tensor] = {}
    packed = pack(state, tensors)
    save_file(tensors, scratch / TENSORS)
    (scratch / STATE).write_text(json.dumps(packed))
    for path in (*scratch.iterdir(), scratch):
        _to_disk(path)
    if target.exists():  # the same step again: a run that resumed from an older checkpoint
        shutil.rmtree(target)
    os.replace(scratch, target)
    _to_disk(folder)
    for old in found(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def found(folder: Path) -> list[Path]:
    """Checkpoints, oldest first."""
    return sorted(path for path in folder.glob("step-*") if (path / STATE).is_file() and (path / TENSORS).is_file())


def read(checkpoint: Path) -> dict[str, Any]:
    """The state a checkpoint holds.

    Raises:
        InputError: it is damaged.
    """
    try:
        tensors = load_file(checkpoint / TENSORS)
        return unpack(json.loads((checkpoint / STATE).read_text()), tensors)
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise InputError(f"{checkpoint} is not a whole checkpoint ({error}). Remove it to resume from an older one.") from error


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def same_on(tensors: Any, device: torch.device) -> Any:
    """The tree with its tensors on ``device``."""
    if isinstance(tensors, Tensor):
        return tensors.to(device)
    if isinstance(tensors, dict):
        return {key: same_on(value, device) for key, value in tensors.items()}
    if isinstance(tensors, list):
        return [same_on(value, device) for value in tensors]
    return tensors
