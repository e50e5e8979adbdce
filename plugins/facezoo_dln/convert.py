"""Reads DLN files in the layout of FuxiVirtualHuman/free_avatar @6f2eb6f, models/pipeline5.py.

``faceNet`` is the frozen branch and ``R_net`` the trained one, both with facenet-pytorch's names; ``linear2`` is the
embedding layer. ``BN1``, ``BN2`` and both branches' ``logits`` are in such a file, but its forward pass never reads them;
neither is ``last_D``, the layer of another task, part of the network. They are left out, and the report names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from facezoo.plugin import Converted, WeightsError, apply_renames, read_checkpoint
from facezoo_dln.config import INCEPTION, DLNConfig
from facezoo_dln.networks import DEVIATION_DIM
from facezoo_facenet.model import take_trunk

TABLE = (("faceNet.", "identity_branch."), ("R_net.", "face_branch."), ("linear2.", "polynomial.projections.0."))
BRANCHES = dict(TABLE[:2])
UNUSED = {
    "BN1": "a batch norm that the released forward pass does not use",
    "BN2": "a batch norm that the released forward pass does not use",
    "last_D": "a layer of another task",
}


def convert(path: Path, config: Mapping[str, Any]) -> Converted:
    """The component's tensors from a file of the release's layout.

    Args:
        path: the file (a ``torch.save`` state dictionary; saved under DataParallel is fine).
        config: values that shapes do not tell (``image_size``: the trunks take any size).

    Raises:
        WeightsError: truncated, a pickle with code in it, a file of another method, missing or misshapen parameters, or a
            configuration that such a file cannot fill.
    """
    groups = _groups(read_checkpoint(path, "a DLN checkpoint"), path)
    weight = _embedding(groups.pop("linear2"), path)
    released, report = {"linear2.weight": weight}, [f"embedding of {len(weight)} values, polynomial of order 1"]
    for prefix, name in BRANCHES.items():
        branch = prefix.rstrip(".")
        trunk, notes = take_trunk(groups.pop(branch), f"{path}, {branch}")
        released |= {prefix + inner: tensor for inner, tensor in trunk.items()}
        report += ["; ".join((f"{branch} is the {name.rstrip('.')}", *notes))]
    report += [f"left out: {name} ({len(groups[name])} tensors), {UNUSED[name]}" for name in sorted(groups)]
    names = apply_renames(released, TABLE)
    chosen = DLNConfig.from_values({"embedding_dim": len(weight), **config}, str(path))
    _fits(chosen, len(weight), path)
    report.append(f"image size {chosen.image_size}: not told by the file's shapes; the release works at 224")
    return Converted(chosen, {names[name]: tensor for name, tensor in released.items()}, tuple(report))


def to_free_avatar(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A component's tensors by the release's names; those that it does not use are not made up."""
    names = apply_renames(tensors, TABLE, backwards=True)
    return {names[name]: tensor for name, tensor in tensors.items()}


def _groups(state: Any, path: Path) -> dict[str, dict[str, Tensor]]:
    """{first part of the name: {the rest: tensor}}, all of it known and tensors."""
    if not isinstance(state, Mapping) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        given = ", ".join(sorted(map(str, state))[:5]) if isinstance(state, Mapping) else type(state).__name__
        raise WeightsError(
            f"{path} is no DLN checkpoint: it should be a state dictionary of tensors and is {given or 'empty'}."
        )
    groups: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        # a model saved under DataParallel has "module." before every name
        first, _, rest = str(name).removeprefix("module.").partition(".")
        groups.setdefault(first, {})[rest] = tensor
    needed = {prefix.partition(".")[0] for prefix, _ in TABLE}
    if missing := sorted(needed - set(groups)):
        raise WeightsError(f"{path} is no DLN checkpoint: it lacks {_parts(missing)} and has {_parts(sorted(groups)[:5])}.")
    if unknown := sorted(set(groups) - needed - set(UNUSED)):
        raise WeightsError(
            f"{path} has parts that a DLN checkpoint does not have: {_parts(unknown[:5])}. "
            f"Known are {_parts(sorted(needed | set(UNUSED)))}."
        )
    return groups


def _parts(names: list[str]) -> str:
    return ", ".join(f"{name}.*" for name in names)


def _embedding(state: Mapping[str, Tensor], path: Path) -> Tensor:
    if set(state) != {"weight"}:
        raise WeightsError(f"{path}: linear2 has {', '.join(sorted(state))}; in the release it has a weight and no bias.")
    weight = state["weight"]
    if weight.ndim != 2 or weight.shape[1] != DEVIATION_DIM:
        raise WeightsError(f"{path}: linear2.weight has shape {tuple(weight.shape)}, expected (16, {DEVIATION_DIM}).")
    return weight.float()


def _fits(config: DLNConfig, embedding_dim: int, path: Path) -> None:
    for name, value in {"backbone": INCEPTION, "polynomial_order": 1, "embedding_dim": embedding_dim}.items():
        if getattr(config, name) != value:
            raise WeightsError(f"{path} is of {name} {value!r}, and the configuration asks for {getattr(config, name)!r}.")
