"""Reads the release's file: AmirSh15/FECNet, a state dictionary with the trunk (``Inc.``) and the trained part (``dense.``).

The table renames parameters one to one, in both directions: a converted file can be written back as the release's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facezoo.plugin import Converted, WeightsError, apply_renames, read_checkpoint
from facezoo_facenet.model import INCEPTION, plain_state, take_trunk
from facezoo_fecnet.config import FecnetConfig
from facezoo_fecnet.model import Fecnet

EXPECTED = "an AmirSh15/FECNet checkpoint"
TRUNK, DENSE = "Inc.", "dense."
NAMES = (
    (TRUNK, "trunk."),
    ("dense.features.conv0.", "dense.stem."),
    *((f"dense.features.denseblock1.denselayer{n + 1}.", f"dense.layers.{n}.") for n in range(5)),
    ("dense.features.norm_final.", "dense.norm."),
    ("dense.classifier.0.", "dense.hidden."),
    ("dense.classifier.2.", "dense.embedding."),
)
WARNING = (
    "warning: the published file was trained on scrambled images (arrays of height, width and BGR bytes reshaped, not "
    "transposed, to three planes, unscaled); shown upright faces as (x * 255 - 127.5) / 128, as here, expect poor embeddings"
)


def convert(path: Path, config: Mapping[str, Any]) -> Converted:
    """The component's tensors from the release's file.

    Args:
        path: the .pt, a ``torch.save`` of a state dictionary.
        config: values that shapes do not tell (``l2_normalize``, ``image_size``).

    Raises:
        WeightsError: truncated, a pickle with code in it, a file of another network, or missing parameters.
    """
    state = plain_state(read_checkpoint(path, EXPECTED), str(path), EXPECTED)
    chosen = FecnetConfig.from_values(config, str(path))
    released = {"l2_normalize", "image_size"}
    if odd := [n for n, v in FecnetConfig() if n not in released and getattr(chosen, n) != v]:
        raise WeightsError(f"{path} has the release's layers; {', '.join(odd)} cannot be chosen for it.")
    tensors, report = to_facezoo(state, str(path))
    _check(tensors, chosen, path)
    size = (
        f"image size {chosen.image_size}, l2_normalize {chosen.l2_normalize}: not told by the file; the release has 224, False"
    )
    return Converted(chosen, tensors, (f"FECNet on {INCEPTION}, {len(tensors)} tensors", *report, size, WARNING))


def to_facezoo(state: Mapping[str, Tensor], origin: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """{name as released: tensor} -> {facezoo name: tensor}, and what a conversion's report should say.

    Raises:
        WeightsError: names that are not the release's.
    """
    parts = {name: tensor for name, tensor in state.items() if name.startswith(DENSE)}
    trunk = {name.removeprefix(TRUNK): tensor for name, tensor in state.items() if name.startswith(TRUNK)}
    if not parts or not trunk or len(parts) + len(trunk) < len(state):
        odd = sorted({str(name).partition(".")[0] for name in state})
        raise WeightsError(f"{origin} is not {EXPECTED}: its names begin with Inc and dense, these with {', '.join(odd[:5])}.")
    tensors, report = take_trunk(trunk, origin)
    state = {f"{TRUNK}{name}": tensor for name, tensor in tensors.items()} | parts
    try:
        renamed = apply_renames(state, NAMES)
    except WeightsError as error:
        raise WeightsError(f"{origin}: the trained part is not laid out as released. {error}") from error
    made = {renamed[name]: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    return made, tuple(line.replace("logits.", f"{TRUNK}logits.") for line in report)


def to_fecnet(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of ``to_facezoo``: the release's state dictionary, without the trunk's classifier."""
    renamed = apply_renames(tensors, NAMES, backwards=True)
    return {renamed[name]: tensor for name, tensor in tensors.items()}


def _check(tensors: Mapping[str, Tensor], config: FecnetConfig, path: Path) -> None:
    with torch.device("meta"):
        wanted = {name: tensor.shape for name, tensor in Fecnet(config).state_dict().items()}
    if missing := sorted(set(wanted) - set(tensors)):
        raise WeightsError(f"{path} lacks {len(missing)} parameters of the release, the first being {missing[0]}.")
    odd = sorted(name for name in wanted if wanted[name] != tensors[name].shape) + sorted(set(tensors) - set(wanted))
    if odd:
        name = odd[0]
        raise WeightsError(f"{path}: {name} has shape {tuple(tensors[name].shape)}, expected {tuple(wanted.get(name, ()))}.")
