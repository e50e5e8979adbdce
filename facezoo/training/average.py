"""A running average of weights: in a short run it is better than the last weights."""

from __future__ import annotations

from collections.abc import Mapping
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
            (name, key): tensor
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

    def weights(self) -> dict[str, dict[str, Tensor]]:
        """The averages, per module."""
        found: dict[str, dict[str, Tensor]] = {}
        for (name, key), value in self.values.items():
            found.setdefault(name, {})[key] = value
        return found

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self.updates, "values": self.weights()}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.updates = state["updates"]
        for (name, key), value in self.values.items():
            value.copy_(state["values"][name][key])
