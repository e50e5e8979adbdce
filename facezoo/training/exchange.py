"""Networks that hold other weights for a while: averages, or those of the best validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Weights = Mapping[str, Mapping[str, Tensor]]


class Exchange:
    """Gives some modules other weights for a while, and their own back.

    Args:
        modules: by name; whose.
    """

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self.modules = modules
        self._own: Weights | None = None

    @contextmanager
    def holding(self, weights: Weights | None) -> Iterator[None]:
        """Inside, the modules hold ``weights``, as far as they go; None: their own."""
        if weights is None:
            yield
            return
        self._own = copied(self.modules)
        try:
            fill(self.modules, weights)
            yield
        finally:
            self.put_back()

    def put_back(self) -> None:
        """The modules' own weights, if they hold others. May be interrupted and called again."""
        if self._own is not None:
            fill(self.modules, self._own)
            self._own = None


def copied(modules: Mapping[str, nn.Module], device: torch.device | None = None) -> dict[str, dict[str, Tensor]]:
    """Their weights and buffers, in memory of their own on ``device`` (None: where each is)."""
    return {
        name: {key: tensor.detach().to(device, copy=True) for key, tensor in module.state_dict().items()}
        for name, module in modules.items()
    }


@torch.no_grad()
def fill(modules: Mapping[str, nn.Module], weights: Weights) -> None:
    """Copies weights into the modules, in place; what is not among them stays."""
    for name, given in weights.items():
        held = modules[name].state_dict()
        for key, tensor in given.items():
            held[key].copy_(tensor)
