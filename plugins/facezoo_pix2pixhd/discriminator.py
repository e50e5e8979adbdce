"""pix2pixHD's discriminators: one network at several sizes of a picture beside its condition.

Source: Wang et al., CVPR 2018, arXiv 1711.11585, section 3.2 and supplement; agrees with NVIDIA/pix2pixHD @14b3b3c,
``models/networks.py`` (BSD).
"""

from __future__ import annotations

from torch import Tensor, nn

from facezoo_pix2pixhd.generator import half_size, norm

WIDEST = 512  # channels


class PatchDiscriminator(nn.Module):
    """Says of overlapping patches how real they are.

    Args:
        inputs: channels of condition and picture together.
        width: channels of the first map (ndf); each layer doubles them, up to 512.
        depth: layers that halve the size (n_layers_D).
    """

    def __init__(self, inputs: int, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        channels = [width, *(min(WIDEST, width * 2**i) for i in range(1, depth + 1))]
        layers: list[nn.Module] = [nn.Sequential(nn.Conv2d(inputs, width, 4, 2, 2), nn.LeakyReLU(0.2))]
        for i in range(1, depth + 1):
            stride = 2 if i < depth else 1
            conv = nn.Conv2d(channels[i - 1], channels[i], 4, stride, 2)
            layers.append(nn.Sequential(conv, norm(channels[i]), nn.LeakyReLU(0.2)))
        layers.append(nn.Sequential(nn.Conv2d(channels[-1], 1, 4, 1, 2)))
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, inputs, H, W) -> every layer's map; the last, (B, 1, h, w), is near 1 where a patch looks real."""
        maps = []
        for layer in self.layers:
            x = layer(x)
            maps.append(x)
        return maps


class MultiscaleDiscriminator(nn.Module):
    """Several discriminators, each on half the size of the one before it.

    Args:
        inputs: channels of condition and picture together.
        width: channels of each one's first map (ndf).
        depth: layers of each that halve the size (n_layers_D).
        scales: how many (num_D).
    """

    def __init__(self, inputs: int, width: int = 64, depth: int = 3, scales: int = 2) -> None:
        super().__init__()
        self.inputs, self.width, self.depth = inputs, width, depth
        self.scales = nn.ModuleList(PatchDiscriminator(inputs, width, depth) for _ in range(scales))

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        """(B, inputs, H, W) in [-1, 1] -> [scale][layer], the full size first; each scale's last map is its verdict."""
        found = []
        for i, scale in enumerate(self.scales):
            x = x if i == 0 else half_size(x)
            found.append(scale(x))
        return found
