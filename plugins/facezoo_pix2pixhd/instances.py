"""pix2pixHD's instance-wise encoder: low-dimensional features of an object's looks, the same for all of its pixels.

In training they stand beside the label map; afterwards, other objects' features give an object other looks. Source: Wang et
al., CVPR 2018, arXiv 1711.11585, section 3.4; NVIDIA/pix2pixHD @14b3b3c, ``models/networks.py`` (BSD).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facezoo.plugin import InputError
from facezoo_pix2pixhd.generator import GlobalGenerator


class InstanceEncoder(nn.Module):
    """A generator without residual blocks, and the mean of its output over each instance.

    Args:
        inputs: channels of the picture.
        outputs: features of an instance (feat_num).
        width: channels of the first map (nef).
        downs: how often the size is halved (n_downsample_E).
    """

    def __init__(self, inputs: int = 3, outputs: int = 3, width: int = 16, downs: int = 4) -> None:
        super().__init__()
        self.network = GlobalGenerator(inputs, outputs, width, downs, blocks=0)

    def forward(self, x: Tensor, instances: Tensor) -> Tensor:
        """Features of every pixel's instance.

        Args:
            x: (B, inputs, H, W) in [-1, 1], of any size.
            instances: (B, 1, H, W) integers, or floats with integer values: pixels with the same number are one instance of
                their picture.

        Returns:
            (B, outputs, H, W) in [-1, 1], constant over each instance.

        Raises:
            InputError: another number of channels, or instances of another size.
        """
        return mean_over_instances(self.network(x), instances)


def mean_over_instances(features: Tensor, instances: Tensor) -> Tensor:
    """Every pixel's features become the mean over its instance, picture by picture.

    Sums are taken in float32. On CUDA the order in which they are added is not fixed, so that two calls may differ in the
    last bits.

    Args:
        features: (B, K, H, W) float.
        instances: (B, 1, H, W) whole numbers; a number in two pictures is two instances.

    Returns:
        (B, K, H, W) of the features' dtype.

    Raises:
        InputError: instances of another shape.
    """
    batch, channels, height, width = features.shape
    if tuple(instances.shape) != (batch, 1, height, width):
        wanted = (batch, 1, height, width)
        raise InputError(f"Instances are one whole number per pixel, {wanted}, not {tuple(instances.shape)}.")
    numbers, own = torch.unique(instances.to(features.device, torch.long), return_inverse=True)  # own: B 1 H W
    place = own.flatten(1) + len(numbers) * torch.arange(batch, device=features.device)[:, None]  # B HW
    place = place.flatten()
    pixels = features.float().permute(0, 2, 3, 1).reshape(-1, channels)  # BHW K
    sums = pixels.new_zeros(batch * len(numbers), channels).index_add(0, place, pixels)
    sizes = torch.bincount(place, minlength=len(sums)).clamp(min=1)[:, None]
    means = (sums / sizes)[place]  # BHW K
    return means.reshape(batch, height, width, channels).permute(0, 3, 1, 2).to(features.dtype)
