"""The release's perceptual term: Gram matrices of three maps of VGG19. A distance of style more than of content."""

from __future__ import annotations

from typing import Self

import torch.nn.functional as F
from torch import Tensor, nn

from facezoo_cycle_face.initial import vgg19
from facezoo_cycle_face.losses import gram

MAPS = (6, 11, 20)  # relu2_1, relu3_1, relu4_1 in VGG19's `features`


class GramDistance:
    """Sum over the maps of the mean squared difference of Gram matrices. Called with two (B, 3, S, S) batches.

    Source: ``vgg19.py`` and ``Loss.py`` of JiaRenChang/FaceCycle @14509c9.
    """

    def __init__(self, features: nn.Sequential) -> None:
        self.layers = features[: MAPS[-1] + 1]

    @classmethod
    def from_timm(cls) -> Self | None:
        """With ImageNet's weights; None where they cannot be had."""
        features = vgg19()
        return cls(features) if features is not None else None

    def __call__(self, image: Tensor, target: Tensor) -> Tensor:
        """-> (): no gradient goes to ``target``."""
        self.layers.to(image.device)
        total = image.new_zeros(())
        x, y = image, target.detach()
        for index, layer in enumerate(self.layers):
            x, y = layer(x), layer(y)
            if index in MAPS:
                total = total + F.mse_loss(gram(x.float()), gram(y.float()))
        return total
