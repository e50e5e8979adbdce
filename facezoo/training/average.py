"""A running average of weights: in a short run it is better than the last weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of all floating-point tensors of some modules.

    The first updates weigh more (the decay is (1 + n) / (10 + n) until that exceeds ``decay``), so the
    initial weights are forgotten.
    """

    def __init__(self, modules: Mapping[str, nn.Module], decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.tensors = {
            f"{name}/{key}": tensor
            for name, module in modules.items()
            for key, tensor in module.state_dict(keep_vars=True).items()
            if tensor.is_floating_point()
        }
        self.values = {key: tensor.detach().clone() for key, tensor in self.tensors.items()}

    @torch.no_grad()
    def update(self) -> None:
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for key, tensor in self.tensors.items():
            self.values[key].lerp_(tensor.detach(), 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the modules hold the averages."""
        kept = {key: tensor.detach().clone() for key, tensor in self.tensors.items()}
        self._fill(self.values)
        try:
            yield
        finally:
            self._fill(kept)

    @torch.no_grad()
    def _fill(self, values: Mapping[str, Tensor]) -> None:
        for key, tensor in self.tensors.items():
            tensor.copy_(values[key])

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self.updates, "values": self.values}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.updates = state["updates"]
        for key, value in self.values.items():
            value.copy_(state["values"][key])
