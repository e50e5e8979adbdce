"""Reads the authors' files: timesler/facenet-pytorch, with or without its classifier.

The component keeps the release's names below ``trunk.``, so a converted file can be written back as the authors'.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from facezoo.plugin import Converted, WeightsError, apply_renames, read_checkpoint
from facezoo_facenet.config import INCEPTION, FacenetConfig
from facezoo_facenet.layout import plain_state, take_trunk

NAMES = (("", "trunk."),)
EXPECTED = "a facenet-pytorch checkpoint"


def convert(path: Path, config: Mapping[str, Any]) -> Converted:
    """The component's tensors from an authors' file.

    Args:
        path: the .pt, a ``torch.save`` of a state dictionary.
        config: values that shapes do not tell (``image_size``: the layers are the same for every size).

    Raises:
        WeightsError: truncated, a pickle with code in it, a file of another network, or missing parameters.
    """
    state = plain_state(read_checkpoint(path, EXPECTED), str(path), EXPECTED)
    chosen = FacenetConfig.from_values(config, str(path))
    if chosen.backbone != INCEPTION or chosen.embedding_dim != 512:
        raise WeightsError(f"{path} holds {INCEPTION} with 512 values, not {chosen.backbone} with {chosen.embedding_dim}.")
    tensors, report = take_trunk(state, str(path))
    size = f"image size {chosen.image_size}: not told by the file's shapes; the released files are for 160"
    return Converted(chosen, to_facezoo(tensors), (f"{INCEPTION}, {len(tensors)} tensors", *report, size))


def to_facezoo(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """{name as released: tensor} -> {facezoo name: tensor}."""
    renamed = apply_renames(tensors, NAMES)
    return {renamed[name]: tensor for name, tensor in tensors.items()}


def to_facenet_pytorch(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of ``to_facezoo``: what the release's own ``InceptionResnetV1`` without classifier reads."""
    renamed = apply_renames(tensors, NAMES, backwards=True)
    return {renamed[name]: tensor for name, tensor in tensors.items()}
