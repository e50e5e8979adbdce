"""The network. It is shown faces that are cut out and normalised as its contract says."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from facezoo.plugin import IMAGENET_MEAN, IMAGENET_STD, ComponentConfig, Encoder, InputContract, SquareCrop, View


class ToyConfig(ComponentConfig):
    """Values that decide the layers. They travel with the weights; every one has a default.

    Attributes:
        filters: number of filters on each patch.
        grid: number of patches along a side.
    """

    filters: int = 5
    grid: int = 4


class Toy(Encoder):
    """One convolution without overlap: a few numbers for every patch of a face."""

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.config: ToyConfig
        self.patches = nn.Conv2d(3, config.filters, kernel_size=8, stride=8, bias=False)

    @classmethod
    def default_contract(cls, config: ToyConfig) -> InputContract:
        side = 8 * config.grid
        return InputContract(crop=SquareCrop(scale=2.6), size=(side, side), mean=IMAGENET_MEAN, std=IMAGENET_STD)

    def view_table(self) -> dict[str, View]:
        """One view. ``parts`` are the submodules it reads: their weights make its space."""
        dim = self.config.filters * self.config.grid**2
        return {"colours": View(dim, "identity", ("patches",), normalised=True)}

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        """(B, 3, S, S) normalised RGB -> (B, dim) of length 1."""
        return F.normalize(self.patches(prepared).flatten(1).float(), dim=1)
