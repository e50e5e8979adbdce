"""The trunk's tensors as timesler/facenet-pytorch names them, and how to take them out of a released file.

The names are this package's own: a converter strips its prefix, drops what is no part of the trunk and checks the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from facezoo.plugin import WeightsError
from facezoo_facenet.networks import InceptionResnetV1

CLASSIFIER = ("logits.weight", "logits.bias")  # over the identities of the training set; no part of an embedding
COUNTER = ".num_batches_tracked"  # torch before 0.4.1 did not store it, and nothing reads it here


def trunk_layout() -> dict[str, torch.Size]:
    """{name: shape} of Inception-ResNet v1 without its classifier, names as released ("conv2d_1a.conv.weight")."""
    with torch.device("meta"):
        return {name: tensor.shape for name, tensor in InceptionResnetV1().state_dict().items()}


def plain_state(content: Any, origin: str, expected: str) -> dict[str, Tensor]:
    """What a file holds, if that is one state dictionary; names as without DataParallel, which sets "module." before each.

    Args:
        content: as read from the file.
        origin: what to call the file in a message.
        expected: what it should be ("a facenet-pytorch checkpoint").

    Raises:
        WeightsError: anything but a mapping of names to tensors.
    """
    named = isinstance(content, Mapping) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())
    if not named or not content:
        given = ", ".join(sorted(map(str, content))[:5]) if isinstance(content, Mapping) else type(content).__name__
        raise WeightsError(f"{origin} is no state dictionary of tensors, as is {expected}; it has {given or 'nothing'}.")
    return {name.removeprefix("module."): tensor for name, tensor in content.items()}


def take_trunk(state: Mapping[str, Tensor], origin: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Inception-ResNet v1 from a released state dictionary, with or without its classifier.

    Args:
        state: {name without prefix: tensor}.
        origin: what to call the file in a message.

    Returns:
        {the same names: float32 tensors, counters int64} and what a conversion's report should say.

    Raises:
        WeightsError: lists what is missing, unexpected or of another shape.
    """
    wanted = trunk_layout()
    counters = [name for name in wanted if name.endswith(COUNTER) and name not in state]
    uncounted = [name for name in counters if name.replace(COUNTER, ".running_var") in state]
    tensors = {name: tensor for name, tensor in state.items() if name not in CLASSIFIER}
    tensors |= {name: torch.zeros((), dtype=torch.int64) for name in uncounted}
    _check(tensors, wanted, origin)
    report = []
    if dropped := [f"{name} {tuple(state[name].shape)}" for name in CLASSIFIER if name in state]:
        report.append(f"left out: {', '.join(dropped)}, the classifier over the identities of the training set")
    if uncounted:
        report.append(f"set to 0: {len(uncounted)} counters of batches ({COUNTER[1:]}) that the file does not have")
    cast = {name: tensors[name] if name.endswith(COUNTER) else tensors[name].float() for name in wanted}
    return cast, tuple(report)


def _check(tensors: Mapping[str, Tensor], wanted: Mapping[str, torch.Size], origin: str) -> None:
    faults = []
    if missing := sorted(set(wanted) - set(tensors)):
        faults.append(f"it lacks {len(missing)}, the first being {missing[0]}")
    if odd := sorted(set(tensors) - set(wanted)):
        faults.append(f"it has {len(odd)} that do not belong there, the first being {odd[0]}")
    if faults:
        raise WeightsError(
            f"{origin} has no Inception-ResNet v1 as in facenet-pytorch: of its {len(wanted)} tensors {'; '.join(faults)}."
        )
    for name, shape in wanted.items():
        if tensors[name].shape != shape:
            raise WeightsError(f"{origin}: {name} has shape {tuple(tensors[name].shape)}, expected {tuple(shape)}.")
