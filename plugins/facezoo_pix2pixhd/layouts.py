"""How the release names its parameters: tables from its names to facezoo's, and the sizes that names and shapes tell.

The release numbers the layers of one long ``nn.Sequential``, paddings, norms and activations included, so that a table
depends on how many halvings and blocks there are. Every table is a bijection: prefixes of both sides, one to one.

Source: NVIDIA/pix2pixHD @14b3b3c, ``models/networks.py`` (BSD).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from torch import Tensor

from facezoo.plugin import WeightsError
from facezoo_pix2pixhd.config import Pix2PixHDConfig

Table = tuple[tuple[str, str], ...]
Names = Collection[str]


def trunk_table(downs: int, blocks: int) -> Table:
    """The global generator without its last layer: ``model.1`` to the last transposed convolution."""
    first_block = 4 + 3 * downs  # padding, convolution, norm, ReLU; then three layers for each halving
    first_up = first_block + blocks
    table = [("model.1.", "stem.wide.1.")]
    table += [(f"model.{4 + 3 * i}.", f"down.{i}.0.") for i in range(downs)]
    table += _block_table("model", first_block, blocks)
    table += [(f"model.{first_up + 3 * i}.", f"up.{i}.0.") for i in range(downs)]
    return tuple(table)


def global_table(downs: int, blocks: int) -> Table:
    """The global generator; with no blocks, the encoder."""
    head = 4 + 3 * downs + blocks + 3 * downs + 1  # after the last doubling's three layers, and a padding
    return (*trunk_table(downs, blocks), (f"model.{head}.", "head.1."))


def local_table(downs: int, blocks: int, enhancers: int, local_blocks: int) -> Table:
    """The local enhancer: ``model`` is the trunk, ``model<n>_1`` and ``model<n>_2`` are enhancers, coarse to fine."""
    table = [(theirs, f"base.{ours}") for theirs, ours in trunk_table(downs, blocks)]
    for n in range(enhancers):
        before, after, own = f"model{n + 1}_1", f"model{n + 1}_2", f"enhancers.{n}"
        table += [(f"{before}.1.", f"{own}.stem.wide.1."), (f"{before}.4.", f"{own}.down.0.")]
        table += [(theirs, f"{own}.{ours}") for theirs, ours in _block_table(after, 0, local_blocks)]
        table.append((f"{after}.{local_blocks}.", f"{own}.up.0."))
    table.append((f"model{enhancers}_2.{local_blocks + 4}.", "head.1."))
    return tuple(table)


def _block_table(model: str, first: int, blocks: int) -> list[tuple[str, str]]:
    pairs = ((1, "conv1"), (5, "conv2"))
    return [(f"{model}.{first + i}.conv_block.{n}.", f"blocks.{i}.{conv}.") for i in range(blocks) for n, conv in pairs]


def generator_table(config: Pix2PixHDConfig) -> Table:
    """The table of a component's network."""
    if config.enhancers:
        return local_table(config.downs, config.blocks, config.enhancers, config.local_blocks)
    return global_table(config.downs, config.blocks)


def discriminator_table(scales: int, depth: int, matching: bool) -> Table:
    """The multiscale discriminator. The release's highest number sees the full size, facezoo's scale 0 does.

    Args:
        scales: how many (num_D).
        depth: layers that halve the size (n_layers_D).
        matching: as saved with feature matching, ``scale<i>_layer<j>.0``; else ``layer<i>.<n>``, one long sequence.
    """
    table = []
    for scale in range(scales):
        number = scales - 1 - scale
        for layer in range(depth + 2):
            # a convolution and its activation, then a convolution, a norm and an activation each
            place = f"scale{number}_layer{layer}.0." if matching else f"layer{number}.{max(0, 3 * layer - 1)}."
            table.append((place, f"scales.{scale}.layers.{layer}.0."))
    return tuple(table)


def generator_sizes(tensors: Mapping[str, Tensor], origin: str) -> dict[str, int]:
    """What the names and shapes of a released generator tell: the values of ``Pix2PixHDConfig``, ``image_size`` aside.

    Raises:
        WeightsError: the layers are not numbered as any of the release's generators, or the first or last one is missing.
    """
    places = _numbers(r"model\.(\d+)\.conv_block\.", tensors)
    if not places:
        raise WeightsError(f"{origin} is no generator of pix2pixHD: it has no residual block (model.<n>.conv_block).")
    downs, rest = divmod(places[0] - 4, 3)
    if rest or downs < 1 or places != list(range(places[0], places[-1] + 1)):
        raise WeightsError(
            f"{origin} is not laid out as the release: its residual blocks are the layers {', '.join(map(str, places))}; with "
            "d halvings they begin at layer 4 + 3 d and leave none out."
        )
    enhancers = max(_numbers(r"model(\d+)_[12]\.", tensors), default=0)
    local_blocks = len(_numbers(r"model1_2\.(\d+)\.conv_block\.", tensors))
    if enhancers and not local_blocks:
        raise WeightsError(f"{origin} is not laid out as the release: its enhancers have no residual block (model1_2).")
    counts = {"downs": downs, "blocks": len(places), "enhancers": enhancers}
    counts |= {"local_blocks": local_blocks} if enhancers else {}
    table = local_table(downs, len(places), enhancers, local_blocks) if enhancers else global_table(downs, len(places))
    first, last = convolution(tensors, "model.1.", origin), convolution(tensors, table[-1][0], origin)
    return {"inputs": first[1], "outputs": last[0], "width": max(1, first[0] >> enhancers), **counts}


def encoder_sizes(tensors: Mapping[str, Tensor], origin: str) -> dict[str, int]:
    """The arguments of ``InstanceEncoder``. Raises WeightsError for another layout."""
    places = _numbers(r"model\.(\d+)\.weight", tensors)
    downs = len(places) // 2 - 1
    wanted = [int(theirs.split(".")[1]) for theirs, _ in global_table(max(downs, 0), 0)]
    if downs < 1 or places != wanted:
        raise WeightsError(
            f"{origin} is no encoder of pix2pixHD: its convolutions are the layers {', '.join(map(str, places)) or 'none'} of "
            "`model`; an encoder has 1, as many halvings as doublings three apart, and a last one, and no residual block."
        )
    first, last = convolution(tensors, "model.1.", origin), convolution(tensors, f"model.{places[-1]}.", origin)
    return {"inputs": first[1], "outputs": last[0], "width": first[0], "downs": downs}


def discriminator_sizes(tensors: Mapping[str, Tensor], origin: str) -> tuple[dict[str, int], bool]:
    """The arguments of ``MultiscaleDiscriminator``, and whether the file was saved with feature matching.

    Raises:
        WeightsError: another layout.
    """
    layers = _numbers(r"scale0_layer(\d+)\.0\.weight", tensors)
    matching = bool(layers)
    layers = layers or _numbers(r"layer0\.(\d+)\.weight", tensors)
    numbers = _numbers(r"scale(\d+)_layer" if matching else r"layer(\d+)\.", tensors)
    if len(layers) < 3:
        raise WeightsError(
            f"{origin} is no discriminator of pix2pixHD: it needs scale0_layer0.0 and so on (saved with feature matching), or "
            f"layer0.0 and so on, and has {some(tensors)}."
        )
    first = convolution(tensors, "scale0_layer0.0." if matching else "layer0.0.", origin)
    sizes = {"inputs": first[1], "width": first[0], "depth": len(layers) - 2, "scales": max(numbers) + 1}
    return sizes, matching


def convolution(tensors: Mapping[str, Tensor], place: str, origin: str) -> tuple[int, ...]:
    """The shape of a convolution's weight. Raises WeightsError where it is missing or no such weight."""
    name = f"{place}weight"
    if name not in tensors:
        raise WeightsError(f"{origin} lacks {name}, so it is not a whole file of the release.")
    if tensors[name].ndim != 4:
        raise WeightsError(f"{origin}: {name} has shape {tuple(tensors[name].shape)}; a convolution's weight has four sides.")
    return tuple(tensors[name].shape)


def some(names: Names) -> str:
    """The first few names, sorted, for messages."""
    listed = sorted(names)
    return (", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")) or "nothing"


def _numbers(pattern: str, names: Names) -> list[int]:
    """The numbers at one place of the names that begin so, each once, sorted."""
    return sorted({int(found[1]) for name in names if (found := re.match(pattern, name))})
