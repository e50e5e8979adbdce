"""The release's terms: least-squares GAN, feature matching, VGG19's maps, and the pool of earlier results.

Source: section 3.3 and equations 2-4 of Wang et al., CVPR 2018; NVIDIA/pix2pixHD, ``models/networks.py``,
``models/pix2pixHD_model.py`` and ``util/image_pool.py`` (BSD). Pictures are RGB in [-1, 1], (B, 3, H, W). No term is
weighted here: the release's weights are 1 for the GAN and 10 for both other terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VGG19 = "vgg19.tv_in1k"
MAPS = {1: 1 / 32, 6: 1 / 16, 11: 1 / 8, 20: 1 / 4, 29: 1.0}  # relu1_1 … relu5_1 in VGG19's `features`: their weights


def least_squares(maps: Sequence[Sequence[Tensor]], real: bool) -> Tensor:
    """-> (): how far the discriminators' last maps are from 1 (``real``) or 0: mean square, summed over the scales.

    The generator's term takes a made picture for real; the discriminators' is half of both, as released.

    Args:
        maps: [scale][layer], what ``MultiscaleDiscriminator`` gives.
        real: what the picture is to pass for.
    """
    wanted = 1.0 if real else 0.0
    return torch.stack([(scale[-1].float() - wanted).square().mean() for scale in maps]).sum()


def feature_matching(fake: Sequence[Sequence[Tensor]], real: Sequence[Sequence[Tensor]]) -> Tensor:
    """-> (): L1 between the discriminators' inner maps of a made picture and of the true one.

    The last map, which is the verdict, is left out; no gradient goes to the true picture's maps. A map counts
    4 / (inner maps) / (scales), so that the sum hardly depends on how many there are.

    Args:
        fake: [scale][layer] of the made picture (beside its condition).
        real: [scale][layer] of the true one (beside the same condition).
    """
    total = fake[0][0].new_zeros((), dtype=torch.float32)
    for made, true in zip(fake, real, strict=True):
        inner = len(made) - 1
        for x, y in zip(made[:-1], true[:-1], strict=True):
            total = total + F.l1_loss(x.float(), y.detach().float()) * (4 / inner / len(fake))
    return total


class VGGDistance:
    """L1 between five maps of ImageNet's VGG19, the deeper ones weighing more. Called with two (B, 3, H, W) in [-1, 1].

    The pictures go in as they are, although VGG19 was trained on ImageNet-normalised ones: so the release does it.
    """

    def __init__(self, features: nn.Sequential) -> None:
        self.layers = features[: max(MAPS) + 1].requires_grad_(False).eval()

    @classmethod
    def from_timm(cls) -> Self | None:
        """With ImageNet's weights; None where they cannot be had."""
        import timm

        try:
            return cls(timm.create_model(VGG19, pretrained=True).features)  # pyright: ignore[reportArgumentType]
        except Exception:  # timm and the Hub's client raise many kinds: offline, refused, not found, too slow
            return None

    def __call__(self, image: Tensor, target: Tensor) -> Tensor:
        """-> (): no gradient goes to ``target``."""
        self.layers.to(image.device)
        total = image.new_zeros((), dtype=torch.float32)
        x, y = image, target.detach()
        for index, layer in enumerate(self.layers):
            x, y = layer(x), layer(y)
            if index in MAPS:
                total = total + MAPS[index] * F.l1_loss(x.float(), y.float())
        return total


class ImagePool(nn.Module):
    """Earlier results for the discriminator: every second picture is swapped for one that was made some steps ago.

    The pictures are buffers, so a run that goes on from a checkpoint that has them goes on exactly.

    Args:
        size: how many it holds; 0, as in the release's options, gives back what it gets.
        shape: channels, height and width of a picture (beside its condition, if the discriminator sees that).
    """

    images: Tensor
    held: Tensor

    def __init__(self, size: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.zeros(size, *shape))
        self.register_buffer("held", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The batch, or some of the pool in its place; what is swapped out is held instead.

        Args:
            images: (B, C, H, W) as made now.
            generator: draws whether and which; None is torch's own.

        Returns:
            (B, C, H, W) without gradients.
        """
        if self.size == 0:
            return images.detach()
        chosen = []
        for image in images.detach():
            held = int(self.held)
            if held < self.size:
                self.images[held] = image
                self.held += 1
            elif float(torch.rand((), generator=generator, device=self._place(generator))) > 0.5:
                index = int(torch.randint(self.size, (), generator=generator, device=self._place(generator)))
                image, self.images[index] = self.images[index].clone().to(image.dtype), image
            chosen.append(image)
        return torch.stack(chosen)

    @staticmethod
    def _place(generator: torch.Generator | None) -> torch.device:
        return generator.device if generator is not None else torch.device("cpu")
