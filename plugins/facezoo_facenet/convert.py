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
from facezoo_facenet.layout import CLASSIFIER, plain_state, take_trunk

NAMES = (("", "trunk."),)
EXPECTED = "a facenet-pytorch checkpoint"
TRAINING_SETS = {8631: "VGGFace2", 10575: "CASIA-WebFace"}  # the released files have a logit for each of so many people


def convert(path: Path, config: Mapping[str, Any]) -> Converted:
    """The component's tensors from an authors' file.

    Args:
        path: the .pt, a ``torch.save`` of a state dictionary.
        config: values that shapes do not tell (``image_size``: the layers are the same for every size), and ``classes``:
            how many people the file was trained on, where that is known. A file without its classifier does not tell.

    Raises:
        WeightsError: truncated, a pickle with code in it, a file of another network or training set, or missing parameters.
    """
    state = plain_state(read_checkpoint(path, EXPECTED), str(path), EXPECTED)
    values = {name: value for name, value in config.items() if name != "classes"}
    chosen = FacenetConfig.from_values(values, str(path))
    if chosen.backbone != INCEPTION or chosen.embedding_dim != 512:
        raise WeightsError(f"{path} holds {INCEPTION} with 512 values, not {chosen.backbone} with {chosen.embedding_dim}.")
    tensors, report = take_trunk(state, str(path))
    if "classes" in config:
        report += _trained_on(state, config["classes"], path)
    size = f"image size {chosen.image_size}: not told by the file's shapes; the released files are for 160"
    return Converted(chosen, to_facezoo(tensors), (f"{INCEPTION}, {len(tensors)} tensors", *report, size))


def _trained_on(state: Mapping[str, Tensor], classes: int, path: Path) -> tuple[str, ...]:
    """What a report says of the training set. Raises WeightsError where the file's classifier tells of another one."""
    counts = {state[name].shape[0] for name in CLASSIFIER if name in state}
    if not counts:
        wanted = _people(classes)
        return (f"trained on {wanted}: taken on trust, since a file without its classifier does not tell",)
    if counts != {classes}:
        given = " and ".join(_people(count) for count in sorted(counts))
        raise WeightsError(f"{path} was trained on {given}, as its classifier tells, and not on {_people(classes)}.")
    return ()


def _people(count: int) -> str:
    """``8631 people (VGGFace2)``."""
    return f"{count} people" + (f" ({TRAINING_SETS[count]})" if count in TRAINING_SETS else "")


def to_facezoo(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """{name as released: tensor} -> {facezoo name: tensor}."""
    renamed = apply_renames(tensors, NAMES)
    return {renamed[name]: tensor for name, tensor in tensors.items()}


def to_facenet_pytorch(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of ``to_facezoo``: what the release's own ``InceptionResnetV1`` without classifier reads."""
    renamed = apply_renames(tensors, NAMES, backwards=True)
    return {renamed[name]: tensor for name, tensor in tensors.items()}
