"""From released checkpoints to facezoo's names. The only module here that reads a pickle, through facezoo's strict reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from facezoo.plugin import Converted, WeightsError, apply_renames, read_checkpoint
from facezoo_detectors.config import RetinaFaceConfig
from facezoo_detectors.retinaface import RetinaFace

EXPECTED = "a RetinaFace checkpoint with a MobileNet x0.25 backbone (retinaface_mnet025.pth)"


def convert_retinaface(path: Path, config: Mapping[str, Any]) -> Converted:
    """The release of biubug6/Face-Detector-1MB-with-landmark by facezoo's names; tensors are unchanged.

    Args:
        path: its pickle, a flat state dict; names that start with ``module.`` (saved from several GPUs) are accepted.
        config: values of ``RetinaFaceConfig``.

    Raises:
        WeightsError: damaged, a pickle with code, or of another network; says which names or shapes do not fit.
    """
    state = read_checkpoint(path, EXPECTED)
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(f"{path} is not {EXPECTED}: it is no flat table of tensors.")
    released = {str(name).removeprefix("module."): tensor for name, tensor in state.items()}
    settings = RetinaFaceConfig.from_values(config, str(path))
    wanted = RetinaFace(settings).state_dict()
    names = apply_renames(wanted, RENAMES, backwards=True)  # ours -> released
    missing, unexpected = sorted(set(names.values()) - set(released)), sorted(set(released) - set(names.values()))
    odd = sorted(f"{old} {tuple(released[old].shape)}" for new, old in names.items()
                 if old in released and released[old].shape != wanted[new].shape)  # fmt: skip
    for what, found in (("missing", missing), ("unexpected", unexpected), ("of another shape", odd)):
        if found:
            rest = f" and {len(found) - 4} more" if len(found) > 4 else ""
            raise WeightsError(f"{path} is not {EXPECTED}: {what}: {', '.join(found[:4])}{rest}.")
    tensors = {new: released[old].detach().clone() for new, old in names.items()}
    return Converted(settings, tensors, (f"{len(tensors)} tensors renamed, none changed or dropped",))


def _separable(released: str, ours: str) -> Iterator[tuple[str, str]]:
    yield from _conv_norm(released, f"{ours}depthwise.", 0)
    yield from _conv_norm(released, f"{ours}pointwise.", 3)


def _conv_norm(released: str, ours: str, first: int = 0) -> Iterator[tuple[str, str]]:
    yield f"{released}{first}.", f"{ours}conv."
    yield f"{released}{first + 1}.", f"{ours}norm."


def _table() -> Iterator[tuple[str, str]]:
    """(released prefix, facezoo's prefix); each is one layer, so that the table is reversible."""
    yield from _conv_norm("body.stage1.0.", "backbone.stride8.0.")
    stages = {"stage1": ("stride8", range(1, 6)), "stage2": ("stride16", range(6)), "stage3": ("stride32", range(2))}
    for released, (ours, units) in stages.items():
        for unit in units:
            yield from _separable(f"body.{released}.{unit}.", f"backbone.{ours}.{unit}.")
    for level in range(3):
        yield from _conv_norm(f"fpn.output{level + 1}.", f"pyramid.lateral.{level}.")
    for level in range(2):
        yield from _conv_norm(f"fpn.merge{level + 1}.", f"pyramid.merge.{level}.")
    fields = {"conv3X3": "field3", "conv5X5_1": "shared", "conv5X5_2": "field5", "conv7X7_2": "inner7", "conv7x7_3": "field7"}
    for level in range(3):
        for released, ours in fields.items():
            yield from _conv_norm(f"ssh{level + 1}.{released}.", f"context.{level}.{ours}.")
        for released, ours in (("ClassHead", "face_heads"), ("BboxHead", "box_heads"), ("LandmarkHead", "landmark_heads")):
            yield f"{released}.{level}.conv1x1.", f"{ours}.{level}."


RENAMES = tuple(_table())
