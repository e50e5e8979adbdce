"""Reads the authors' files: JiaRenChang/FaceCycle, stage 1 (ExpCode_*.tar) and stage 2 (idcode_*.tar, finalmodel.tar).

The tables rename parameters one to one, in both directions: a converted file can be written back as the authors'.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facezoo.plugin import Converted, WeightsError, apply_renames, read_checkpoint
from facezoo_cycle_face.config import CycleFaceConfig
from facezoo_cycle_face.model import CycleFace

Table = tuple[tuple[str, str], ...]

ENCODER: Table = (
    ("conv1.", "stem."), ("layer1.", "stage1."), ("layer2_1.", "stage2."), ("resblock1.", "residual1."),
    ("resblock2.", "residual2."), ("layer2_2.", "stage3."), ("layer3_1.", "stage4."), ("layer3_2.", "stage5."),
    ("expresscode.", "code."),
)  # fmt: skip
FLOW: Table = (
    ("motiongen1.", "expand."), ("motiongen2.1.", "refine.0."), ("motiongen2.3.", "refine.2."), ("motiongen2.4.", "refine.3."),
    ("resblock1.", "residual1."), ("resblock2.", "residual2."), ("toflow4.1.", "to_flow.0."), ("toflow4.3.", "to_flow.2."),
)  # fmt: skip
TRUNK: Table = tuple((f"conv{layer}.0.", f"trunk.conv{layer}.") for layer in ("1_1", "1_2", "2_1", "2_2", "3_1"))
EXPRESSION: Table = (
    *TRUNK, ("redconv.", "reduce."), ("cnn.", "blocks."), ("up.", "up1."), ("up2.", "up2."), ("torgb.", "to_rgb."),
    ("noise_encoding0.", "noise_coarse."), ("noise_encoding1.", "noise_fine."),
)  # fmt: skip
IDENTITY: Table = (
    *TRUNK, ("denorm.", "mlp_de."), ("renorm.", "mlp_re."), ("cnn3.0.", "blocks.6."), ("cnn.", "blocks."), ("up.", "up."),
    ("torgb.", "to_rgb."),
)  # fmt: skip

STAGE1 = {
    "codegeneration": ("expression_encoder", ENCODER),
    "exptoflow": ("flow_decoder", FLOW),
    "Swap_Generator": ("expression_decoder", EXPRESSION),
}
STAGE2 = {**STAGE1, "idcodegen": ("identity_encoder", ENCODER), "Swap_Norm": ("identity_decoder", IDENTITY)}


def convert(path: Path, config: Mapping[str, Any]) -> Converted:
    """The component's tensors from an authors' file.

    Args:
        path: the .tar (a ``torch.save`` dictionary of state dictionaries).
        config: values that shapes do not tell (``image_size``: the layers are the same for 64 and 128).

    Raises:
        WeightsError: truncated, a pickle with code in it, a file of another method, or missing parameters.
    """
    state = read_checkpoint(path, "a FaceCycle checkpoint")
    if not isinstance(state, Mapping) or not set(STAGE1) <= set(state):
        given = ", ".join(sorted(map(str, state))[:5]) if isinstance(state, Mapping) else type(state).__name__
        raise WeightsError(f"{path} is no FaceCycle checkpoint: it needs {', '.join(STAGE1)} and has {given or 'nothing'}.")
    stage = "identity" if {"idcodegen", "Swap_Norm"} & set(state) else "expression"
    networks = STAGE2 if stage == "identity" else STAGE1
    tensors = to_facezoo({name: state.get(name, {}) for name in networks}, str(path))
    chosen = CycleFaceConfig.from_values({"stage": stage, **config}, str(path))
    _check(tensors, chosen, path)
    dropped = sorted(str(name) for name in set(state) - set(networks))
    report = [f"stage 2: all five networks, {len(tensors)} tensors" if stage == "identity" else "stage 1: no identity networks"]
    report += [f"left out: {', '.join(dropped)}"] if dropped else []
    report.append(f"image size {chosen.image_size}: not told by the file's shapes; the released file is for 64")
    return Converted(chosen, tensors, tuple(report))


def to_facezoo(networks: Mapping[str, Mapping[str, Tensor]], origin: str) -> dict[str, Tensor]:
    """{network: {parameter: tensor}} as released -> {facezoo name: tensor}."""
    tensors: dict[str, Tensor] = {}
    for network, state in networks.items():
        role, table = STAGE2[network]
        if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
            raise WeightsError(f"{origin}: {network} is not a state dictionary of tensors.")
        # a model saved under DataParallel has "module." before every name
        plain = {name.removeprefix("module."): tensor for name, tensor in state.items()}
        try:
            renamed = apply_renames(plain, table)
        except WeightsError as error:
            raise WeightsError(f"{origin}: {network} is not laid out as released. {error}") from error
        tensors |= {f"{role}.{renamed[name]}": tensor.float() for name, tensor in plain.items()}
    return tensors


def to_facecycle(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The inverse of ``to_facezoo``: what the authors' own loader reads."""
    state: dict[str, dict[str, Tensor]] = {}
    for network, (role, table) in STAGE2.items():
        own = {n.removeprefix(f"{role}."): t for n, t in tensors.items() if n.startswith(f"{role}.")}
        if own:
            renamed = apply_renames(own, table, backwards=True)
            state[network] = {renamed[name]: tensor for name, tensor in own.items()}
    return state


def _check(tensors: Mapping[str, Tensor], config: CycleFaceConfig, path: Path) -> None:
    with torch.device("meta"):
        wanted = {name: tensor.shape for name, tensor in CycleFace(config).state_dict().items()}
    missing = sorted(set(wanted) - set(tensors))
    if missing:
        raise WeightsError(f"{path} lacks {len(missing)} parameters of the release, the first being {missing[0]}.")
    odd = sorted(name for name in set(wanted) & set(tensors) if wanted[name] != tensors[name].shape)
    odd += sorted(set(tensors) - set(wanted))
    if odd:
        name = odd[0]
        raise WeightsError(f"{path}: {name} has shape {tuple(tensors[name].shape)}, expected {tuple(wanted.get(name, ()))}.")
