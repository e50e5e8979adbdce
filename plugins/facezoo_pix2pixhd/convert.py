"""Reads the release's files: NVIDIA/pix2pixHD's ``<epoch>_net_G.pth``, ``_net_D.pth`` and ``_net_E.pth``.

Each is a bare state dictionary. All sizes are told by its names and shapes; ``layouts`` has the tables, which rename one to
one in both directions, so that what was read can be written back as the release's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facezoo.plugin import Converted, WeightsError, apply_renames, read_checkpoint
from facezoo_pix2pixhd.config import Pix2PixHDConfig
from facezoo_pix2pixhd.discriminator import MultiscaleDiscriminator
from facezoo_pix2pixhd.instances import InstanceEncoder
from facezoo_pix2pixhd.layouts import (
    Table,
    discriminator_sizes,
    discriminator_table,
    encoder_sizes,
    generator_sizes,
    generator_table,
    global_table,
    some,
)
from facezoo_pix2pixhd.model import Pix2PixHD

# PyTorch before 0.4 wrote these for every instance norm, and did not read them; later files that count batches too do read them
STATISTICS = re.compile(r"\.running_(mean|var)$")
COUNT = ".num_batches_tracked"


def convert(path: Path, config: Mapping[str, Any]) -> Converted:
    """The component's tensors from a released generator, global or local.

    Args:
        path: ``latest_net_G.pth``.
        config: values that the file does not tell (``image_size``).

    Raises:
        WeightsError: truncated, a pickle with code in it, a discriminator's, an encoder's or another method's file, or missing
            parameters.
    """
    origin = str(path)
    tensors, dropped = state_of(read_checkpoint(path, "a pix2pixHD checkpoint"), origin)
    _refuse_others(tensors, origin)
    sizes = generator_sizes(tensors, origin)
    chosen = Pix2PixHDConfig.from_values({**sizes, **config}, origin)
    if changed := sorted(name for name, size in sizes.items() if getattr(chosen, name) != size):
        name = changed[0]
        raise WeightsError(f"{origin} has {name} {sizes[name]} by its shapes, not {getattr(chosen, name)}; leave {name} out.")
    table = generator_table(chosen)
    renamed = rename(tensors, table, origin)
    _check(renamed, _network(chosen), table, origin)
    report = [_described(chosen, len(tensors))]
    report += [f"left out: {dropped} running statistics, which an instance norm does not read"] if dropped else []
    if chosen.inputs == chosen.outputs == 3:
        report.append(
            f"faces of {chosen.image_size} pixels (image_size), cut to the whole head: not told by the file; "
            "`network` takes any size"
        )
    else:
        report.append(f"{chosen.inputs} channels in, {chosen.outputs} out: no RGB faces; call `component.network(maps)`")
    return Converted(chosen, {f"network.{name}": tensor for name, tensor in renamed.items()}, tuple(report))


def load_discriminator(state: Mapping[str, Tensor]) -> MultiscaleDiscriminator:
    """A released discriminator, to measure with or to train on. All sizes follow from names and shapes.

    Args:
        state: the state dictionary of ``latest_net_D.pth``, saved with feature matching or without.

    Returns:
        Float32, on the CPU; its ``forward`` gives [scale][layer], the full size first.

    Raises:
        WeightsError: another layout, or missing parameters.
    """
    origin = "This state dictionary"
    tensors, _ = state_of(state, origin)
    sizes, matching = discriminator_sizes(tensors, origin)
    table = discriminator_table(sizes["scales"], sizes["depth"], matching)
    discriminator = MultiscaleDiscriminator(**sizes)
    _fill(discriminator, tensors, table, origin)
    return discriminator


def load_encoder(state: Mapping[str, Tensor]) -> InstanceEncoder:
    """A released instance-wise encoder.

    Args:
        state: the state dictionary of ``latest_net_E.pth``.

    Raises:
        WeightsError: another layout, or missing parameters.
    """
    origin = "This state dictionary"
    tensors, _ = state_of(state, origin)
    sizes = encoder_sizes(tensors, origin)
    encoder = InstanceEncoder(**sizes)
    _fill(encoder.network, tensors, global_table(sizes["downs"], 0), origin)
    return encoder


def to_pix2pixhd(tensors: Mapping[str, Tensor], config: Pix2PixHDConfig) -> dict[str, Tensor]:
    """The inverse of ``convert``: a component's tensors by the release's names."""
    own = {name.removeprefix("network."): tensor for name, tensor in tensors.items()}
    return backwards(own, generator_table(config))


def discriminator_to_pix2pixhd(discriminator: MultiscaleDiscriminator) -> dict[str, Tensor]:
    """The inverse of ``load_discriminator``, as saved with feature matching."""
    table = discriminator_table(len(discriminator.scales), discriminator.depth, matching=True)
    return backwards(discriminator.state_dict(), table)


def encoder_to_pix2pixhd(encoder: InstanceEncoder) -> dict[str, Tensor]:
    """The inverse of ``load_encoder``."""
    return backwards(encoder.network.state_dict(), global_table(encoder.network.downs, 0))


def backwards(tensors: Mapping[str, Tensor], table: Table) -> dict[str, Tensor]:
    """{facezoo's name: tensor} -> {the release's name: tensor}."""
    names = apply_renames(tensors, table, backwards=True)
    return {names[name]: tensor for name, tensor in tensors.items()}


def rename(tensors: Mapping[str, Tensor], table: Table, origin: str) -> dict[str, Tensor]:
    """{the release's name: tensor} -> {facezoo's name: float32 tensor}.

    Raises:
        WeightsError: a name that the release does not have, such as a batch norm's.
    """
    try:
        names = apply_renames(tensors, table)
    except WeightsError as error:
        if any(name.endswith(COUNT) or (name.endswith(".weight") and t.ndim == 1) for name, t in tensors.items()):
            raise WeightsError(
                f"{origin} has norms with weights or with statistics that they read (--norm batch, for example). Only instance "
                "norms with neither, the release's default, are read."
            ) from error
        raise WeightsError(f"{origin} is not laid out as released. {error}") from error
    return {names[name]: tensor.float() for name, tensor in tensors.items()}


def state_of(state: object, origin: str) -> tuple[dict[str, Tensor], int]:
    """The tensors of a state dictionary without DataParallel's prefixes, and how many unread statistics were left out.

    Raises:
        WeightsError: no dictionary of tensors.
    """
    if not isinstance(state, Mapping) or not state or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        given = f"one with {some([str(key) for key in state])}" if isinstance(state, Mapping) else f"a {type(state).__name__}"
        raise WeightsError(f"{origin} is no state dictionary of pix2pixHD, which holds tensors by name, but {given}.")
    plain = {str(name).removeprefix("module."): tensor for name, tensor in state.items()}
    counted = any(name.endswith(COUNT) for name in plain)
    kept = {name: tensor for name, tensor in plain.items() if counted or not STATISTICS.search(name)}
    return kept, len(plain) - len(kept)


def _refuse_others(tensors: Mapping[str, Tensor], origin: str) -> None:
    """Raises WeightsError for a discriminator's or an encoder's file, which no component is made of."""
    try:
        discriminator_sizes(tensors, origin)
    except WeightsError:
        pass
    else:
        raise WeightsError(
            f"{origin} is a discriminator (netD), which makes no pictures; convert the generator (latest_net_G.pth). "
            "facezoo_pix2pixhd.convert.load_discriminator(state_dict) reads this one."
        )
    try:
        encoder_sizes(tensors, origin)
    except WeightsError:
        return
    raise WeightsError(
        f"{origin} is an instance-wise encoder (netE), no generator; convert latest_net_G.pth. "
        "facezoo_pix2pixhd.convert.load_encoder(state_dict) reads this one."
    )


def _network(config: Pix2PixHDConfig) -> nn.Module:
    """The network of a configuration, without weights."""
    with torch.device("meta"):
        return Pix2PixHD(config).network


def _fill(network: nn.Module, tensors: Mapping[str, Tensor], table: Table, origin: str) -> None:
    """Copies a file's weights in. Raises WeightsError, see ``rename`` and ``_check``."""
    renamed = rename(tensors, table, origin)
    _check(renamed, network, table, origin)
    network.load_state_dict(renamed)


def _check(tensors: Mapping[str, Tensor], network: nn.Module, table: Table, origin: str) -> None:
    """Raises WeightsError for what is missing or of another shape, by the release's names."""
    wanted = {name: tensor.shape for name, tensor in network.state_dict().items()}
    theirs = apply_renames(wanted, table, backwards=True)
    missing = [theirs[name] for name in wanted if name not in tensors]
    if missing:
        raise WeightsError(f"{origin} lacks {len(missing)} parameters of the release, the first being {missing[0]}.")
    for name, shape in wanted.items():
        if tensors[name].shape != shape:
            given = tuple(tensors[name].shape)
            raise WeightsError(f"{origin}: {theirs[name]} has shape {given}, expected {tuple(shape)} beside the other layers.")


def _described(config: Pix2PixHDConfig, count: int) -> str:
    kind = f"global generator, {config.downs} halvings, {config.blocks} residual blocks"
    if config.enhancers:
        kind += f"; {config.enhancers} local enhancer(s) of {config.local_blocks} residual blocks"
    return f"{kind}; {config.width} channels at full size (ngf); {count} tensors"
