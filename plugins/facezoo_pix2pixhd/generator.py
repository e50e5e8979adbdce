"""pix2pixHD's generators, coarse to fine: a picture (or label maps) in, a picture out, all in [-1, 1].

Source: Wang, Liu, Zhu, Tao, Kautz, Catanzaro, "High-Resolution Image Synthesis and Semantic Manipulation with Conditional
GANs", CVPR 2018, arXiv 1711.11585, section 3.2; agrees with NVIDIA/pix2pixHD @14b3b3c, ``models/networks.py`` (BSD).

A code (an embedding of what the result is to show) is not in the release, which has maps only. An instance norm subtracts a
map's mean, so a code that is tiled over the picture and goes through a convolution and a norm is gone, whatever its value. A
generator with a code therefore either leaves out the norm after its first convolution ("tiled"), or lets the code scale and
shift what the first norm of each residual block gives ("modulated").
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facezoo.plugin import InputError

Condition = Literal["tiled", "modulated", "both"]


def norm(channels: int) -> nn.InstanceNorm2d:
    """As released: neither weights nor running statistics."""
    return nn.InstanceNorm2d(channels, affine=False, track_running_stats=False)


def wide(inputs: int, outputs: int) -> nn.Sequential:
    """Seven by seven, mirrored at the edges; the size stays."""
    return nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(inputs, outputs, 7))


def halve(channels: int) -> nn.Sequential:
    """Half the size, twice the channels."""
    return nn.Sequential(nn.Conv2d(channels, 2 * channels, 3, 2, 1), norm(2 * channels), nn.ReLU())


def double(channels: int) -> nn.Sequential:
    """Twice the size, half the channels."""
    half = channels // 2
    return nn.Sequential(nn.ConvTranspose2d(channels, half, 3, 2, 1, output_padding=1), norm(half), nn.ReLU())


class Stem(nn.Module):
    """The first convolution, with a tiled code beside the picture if there is one; then without a norm.

    Args:
        inputs: channels of the picture.
        outputs: channels of the map.
        tiled: length of the code; 0: there is none.
    """

    def __init__(self, inputs: int, outputs: int, tiled: int) -> None:
        super().__init__()
        self.tiled = tiled
        self.wide = wide(inputs + tiled, outputs)
        self.norm = nn.Identity() if tiled else norm(outputs)

    def forward(self, x: Tensor, code: Tensor | None) -> Tensor:
        """(B, inputs, H, W), (B, tiled) or None -> (B, outputs, H, W)."""
        if self.tiled:
            planes = needed(code, self.tiled)[:, :, None, None].expand(-1, -1, *x.shape[-2:])
            x = torch.cat((x, planes.to(x.dtype)), dim=1)
        return F.relu(self.norm(self.wide(x)))


class ResnetBlock(nn.Module):
    """Two convolutions, mirrored at the edges, plus the input; a code scales and shifts what the first norm gives.

    Args:
        channels: of input and output.
        modulated: length of the code; 0: there is none.
    """

    def __init__(self, channels: int, modulated: int = 0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3)
        self.conv2 = nn.Conv2d(channels, channels, 3)
        self.norm = norm(channels)
        self.modulation = nn.Linear(modulated, 2 * channels) if modulated else None

    def forward(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        """(B, channels, H, W), (B, modulated) or None -> (B, channels, H, W)."""
        y = self.norm(self.conv1(F.pad(x, (1, 1, 1, 1), mode="reflect")))
        if self.modulation is not None:
            values = self.modulation(needed(code, self.modulation.in_features))
            scale, shift = values[:, :, None, None].chunk(2, dim=1)  # each B channels 1 1
            y = y * (1 + scale) + shift
        y = F.relu(y)
        return x + self.norm(self.conv2(F.pad(y, (1, 1, 1, 1), mode="reflect")))


class Trunk(nn.Module):
    """A picture to the map that an output is drawn from, through a coarse map.

    Args:
        inputs: channels of the picture; a code is not counted.
        width: channels of the first map (ngf); each halving doubles them.
        downs: how often the size is halved.
        blocks: residual blocks at the coarsest size.
        code: length of the code; 0: there is none.
        condition: how the code enters.
    """

    def __init__(self, inputs: int, width: int, downs: int, blocks: int, code: int, condition: Condition) -> None:
        super().__init__()
        tiled, modulated = entrances(code, condition)
        widest = width * 2**downs
        self.inputs, self.downs = inputs, downs
        self.stem = Stem(inputs, width, tiled)
        self.down = nn.Sequential(*(halve(width * 2**i) for i in range(downs)))
        self.blocks = nn.ModuleList(ResnetBlock(widest, modulated) for _ in range(blocks))
        self.up = nn.Sequential(*(double(widest // 2**i) for i in range(downs)))

    @property
    def multiple(self) -> int:
        """What ``features`` needs both sides of a picture to be a multiple of."""
        return 2**self.downs

    def features(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        """(B, inputs, H, W) -> (B, width, H, W)."""
        y = self.down(self.stem(x, code))  # B 2**downs*width H/2**downs W/2**downs
        for block in self.blocks:
            y = block(y, code)
        return self.up(y)


class GlobalGenerator(Trunk):
    """G1 of the paper, and, without residual blocks, the network of its encoder.

    Args:
        inputs: channels of the picture; a code is not counted.
        outputs: channels of the output.
        width: channels of the first map (ngf).
        downs: how often the size is halved.
        blocks: residual blocks at the coarsest size.
        code: length of the code; 0: there is none.
        condition: how the code enters.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int = 64,
        downs: int = 4,
        blocks: int = 9,
        code: int = 0,
        condition: Condition = "tiled",
    ) -> None:
        super().__init__(inputs, width, downs, blocks, code, condition)
        self.head = wide(width, outputs)

    def forward(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        """The output at the input's size.

        Args:
            x: (B, inputs, H, W) in [-1, 1]; a size that does not divide is padded, and the output cropped back.
            code: (B, code), if it takes one.

        Returns:
            (B, outputs, H, W) in [-1, 1].

        Raises:
            InputError: another number of channels, or a missing code.
        """
        return self.draw(self.features(padded(x, self.inputs, self.multiple), code))[..., : x.shape[-2], : x.shape[-1]]

    def draw(self, features: Tensor) -> Tensor:
        """(B, width, H, W) -> (B, outputs, H, W) in [-1, 1]."""
        return torch.tanh(self.head(features))


class Enhancer(nn.Module):
    """G2 of the paper without its last layer: one step from a size to twice that size.

    Args:
        inputs: channels of the picture; a code is not counted.
        width: channels of its first and its last map.
        blocks: residual blocks at half the size.
        code: length of the code; 0: there is none.
        condition: how the code enters.
    """

    def __init__(self, inputs: int, width: int, blocks: int, code: int, condition: Condition) -> None:
        super().__init__()
        tiled, modulated = entrances(code, condition)
        self.stem = Stem(inputs, width, tiled)
        self.down = halve(width)
        self.blocks = nn.ModuleList(ResnetBlock(2 * width, modulated) for _ in range(blocks))
        self.up = double(2 * width)

    def forward(self, x: Tensor, coarse: Tensor, code: Tensor | None) -> Tensor:
        """(B, inputs, H, W), the coarser level's (B, 2*width, H/2, W/2), code -> (B, width, H, W)."""
        y = self.down(self.stem(x, code)) + coarse
        for block in self.blocks:
            y = block(y, code)
        return self.up(y)


class LocalEnhancer(nn.Module):
    """A global generator at a fraction of the size, and enhancers, coarse to fine, each of which doubles it.

    A trained ``GlobalGenerator`` of ``width * 2**enhancers`` fits into ``base``, but for its last layer.

    Args:
        inputs: channels of the picture; a code is not counted.
        outputs: channels of the output.
        width: channels of the finest map (ngf); every coarser level has twice as many.
        downs: how often the global generator halves its size.
        blocks: its residual blocks.
        enhancers: how many.
        local_blocks: residual blocks of each enhancer.
        code: length of the code; 0: there is none.
        condition: how the code enters, at every level.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int = 32,
        downs: int = 4,
        blocks: int = 9,
        enhancers: int = 1,
        local_blocks: int = 3,
        code: int = 0,
        condition: Condition = "tiled",
    ) -> None:
        super().__init__()
        self.base = Trunk(inputs, width * 2**enhancers, downs, blocks, code, condition)
        widths = [width * 2**level for level in reversed(range(enhancers))]
        self.enhancers = nn.ModuleList(Enhancer(inputs, each, local_blocks, code, condition) for each in widths)
        self.head = wide(width, outputs)

    @property
    def multiple(self) -> int:
        """What ``features`` needs both sides of a picture to be a multiple of."""
        return self.base.multiple * 2 ** len(self.enhancers)

    def features(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        """(B, inputs, H, W) -> (B, width, H, W)."""
        pyramid = [x]
        for _ in self.enhancers:
            pyramid.append(half_size(pyramid[-1]))
        y = self.base.features(pyramid.pop(), code)
        for enhancer in self.enhancers:
            y = enhancer(pyramid.pop(), y, code)
        return y

    def forward(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        """As ``GlobalGenerator.forward``."""
        features = self.features(padded(x, self.base.inputs, self.multiple), code)
        return self.draw(features)[..., : x.shape[-2], : x.shape[-1]]

    def draw(self, features: Tensor) -> Tensor:
        """(B, width, H, W) -> (B, outputs, H, W) in [-1, 1]."""
        return torch.tanh(self.head(features))


def entrances(code: int, condition: Condition) -> tuple[int, int]:
    """-> length of the code that is tiled beside the picture, and of the one that modulates; 0 where it does not enter."""
    return (code if condition != "modulated" else 0), (code if condition != "tiled" else 0)


def needed(code: Tensor | None, length: int) -> Tensor:
    """The code. Raises InputError where it is missing or of another length."""
    if code is None or code.ndim != 2 or code.shape[1] != length:
        given = "none" if code is None else tuple(code.shape)
        raise InputError(f"This generator takes a code (B, {length}) beside the picture, not {given}.")
    return code


def half_size(x: Tensor) -> Tensor:
    """(B, K, H, W) -> (B, K, H/2, W/2): means of three by three pixels; beyond the edge nothing counts."""
    return F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)


def padded(x: Tensor, channels: int, multiple: int) -> Tensor:
    """(B, channels, H, W) with its right and lower edge repeated until both sides are multiples, two at the least.

    A map of one pixel would have no neighbour to be mirrored and nothing to be normalised by.

    Raises:
        InputError: another number of channels.
    """
    if x.ndim != 4 or x.shape[1] != channels:
        raise InputError(f"This network takes (B, {channels}, H, W) in [-1, 1], not {tuple(x.shape)}.")
    down, right = (max(2 * multiple - side, -side % multiple) for side in x.shape[-2:])
    return F.pad(x, (0, right, 0, down), mode="replicate") if right or down else x


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator | None = None) -> None:
    """Draws the release's initial weights: N(0, 0.02) for convolutions; biases and linear layers keep PyTorch's own."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.weight.normal_(0.0, 0.02, generator=generator)
