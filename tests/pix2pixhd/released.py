"""The release's networks, numbered as it numbers its layers: what convert must read, at any size.

Written anew from the description of the layers, and apart from the plugin, so that both can be compared.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from facezoo import weights
from facezoo_pix2pixhd.config import Pix2PixHDConfig
from tests.untrained import spec


def normed(layer: nn.Module, channels: int) -> list[nn.Module]:
    return [layer, nn.InstanceNorm2d(channels), nn.ReLU()]


def padded(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.ReflectionPad2d(3), nn.Conv2d(inputs, outputs, 7)]


def down(channels: int) -> list[nn.Module]:
    return normed(nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1), 2 * channels)


def up(channels: int) -> list[nn.Module]:
    layer = nn.ConvTranspose2d(channels, channels // 2, 3, stride=2, padding=1, output_padding=1)
    return normed(layer, channels // 2)


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        first = [nn.ReflectionPad2d(1), *normed(nn.Conv2d(channels, channels, 3), channels)]
        second = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels)]
        self.conv_block = nn.Sequential(*first, *second)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


def trunk_layers(inputs: int, width: int, downs: int, blocks: int) -> list[nn.Module]:
    pad, conv = padded(inputs, width)
    layers = [pad, *normed(conv, width)]
    for i in range(downs):
        layers += down(width * 2**i)
    layers += [Block(width * 2**downs) for _ in range(blocks)]
    for i in reversed(range(downs)):
        layers += up(width * 2 ** (i + 1))
    return layers


class Global(nn.Module):
    """netG "global"; with no blocks the network of netE."""

    def __init__(self, inputs: int, outputs: int, width: int, downs: int, blocks: int) -> None:
        super().__init__()
        self.model = nn.Sequential(*trunk_layers(inputs, width, downs, blocks), *padded(width, outputs), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Local(nn.Module):
    """netG "local": model is the global generator without its end; model<n>_1 and model<n>_2 work at ever larger sizes."""

    def __init__(self, inputs: int, outputs: int, width: int, downs: int, blocks: int, enhancers: int, local: int) -> None:
        super().__init__()
        self.enhancers = enhancers
        self.model = nn.Sequential(*trunk_layers(inputs, width * 2**enhancers, downs, blocks))
        for n in range(1, enhancers + 1):
            own = width * 2 ** (enhancers - n)
            pad, conv = padded(inputs, own)
            end = [*padded(own, outputs), nn.Tanh()] if n == enhancers else []
            self.add_module(f"model{n}_1", nn.Sequential(pad, *normed(conv, own), *down(own)))
            self.add_module(f"model{n}_2", nn.Sequential(*(Block(2 * own) for _ in range(local)), *up(2 * own), *end))
        self.halve = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        sizes = [x]
        for _ in range(self.enhancers):
            sizes.insert(0, self.halve(sizes[0]))
        y = self.model(sizes[0])
        for n in range(1, self.enhancers + 1):
            y = self.get_submodule(f"model{n}_2")(y + self.get_submodule(f"model{n}_1")(sizes[n]))
        return y


class Discriminators(nn.Module):
    """netD saved without feature matching: one sequence per scale, the highest number for the full size."""

    def __init__(self, inputs: int, width: int, depth: int, scales: int) -> None:
        super().__init__()
        for scale in range(scales):
            layers: list[nn.Module] = [nn.Conv2d(inputs, width, 4, stride=2, padding=2), nn.LeakyReLU(0.2)]
            before = width
            for i in range(1, depth + 1):
                after = min(512, before * 2)
                stride = 2 if i < depth else 1
                layers += [nn.Conv2d(before, after, 4, stride=stride, padding=2), nn.InstanceNorm2d(after), nn.LeakyReLU(0.2)]
                before = after
            self.add_module(f"layer{scale}", nn.Sequential(*layers, nn.Conv2d(before, 1, 4, padding=2)))
        self.halve = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
        self.scales = scales

    def forward(self, x: Tensor) -> list[Tensor]:
        """The verdicts, the full size first."""
        verdicts = []
        for number in reversed(range(self.scales)):
            verdicts.append(self.get_submodule(f"layer{number}")(x))
            x = self.halve(x)
        return verdicts


def drawn(network: Any, seed: int = 0) -> Any:
    """Weights under which maps keep their range, in eval mode, without gradients."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        spread = (2 / parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.05
        parameter.data.normal_(0.0, spread, generator=generator)
    return network.eval().requires_grad_(False)


def untrained(**config: Any) -> Any:
    """A small pix2pixhd with random weights."""
    values = {"width": 4, "downs": 2, "blocks": 2, "local_blocks": 1, "image_size": 32, **config}
    return drawn(weights.create(spec("pix2pixhd"), Pix2PixHDConfig(**values)))


def picture(channels: int = 3, height: int = 32, width: int = 32, batch: int = 2, seed: int = 0) -> Tensor:
    """(batch, channels, height, width) of smooth random values in [-1, 1]."""
    coarse = torch.rand(batch, channels, 6, 5, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return nn.functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=True)
