"""What recipes' optimisers have in common: what decays, and a rate that rises, then falls along a cosine."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import nn
from torch.optim import Optimizer

from facezoo.training.recipe import Moment

Descent = Literal["sgd", "adamw"]

LOWEST = 0.01  # share of the rate that is left at the end


def descend(
    kind: Descent, parameters: Iterable[nn.Parameter], rate: float, weight_decay: float, momentum: float = 0.9
) -> Optimizer:
    """An optimiser under which matrices and filters decay; biases and the parameters of norms do not.

    Args:
        kind: "sgd" with momentum, or "adamw".
        parameters: all that is trained.
        rate: the learning rate.
        weight_decay: of matrices and filters.
        momentum: of "sgd"; "adamw" has its own.
    """
    given = list(parameters)
    groups: list[dict[str, Any]] = [
        {"params": [p for p in given if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in given if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if kind == "adamw":
        return torch.optim.AdamW(groups, lr=rate)
    return torch.optim.SGD(groups, lr=rate, momentum=momentum)


def warm_cosine(rate: float, warm_up: float, moment: Moment) -> float:
    """The rate of a step: up to ``rate`` over the share ``warm_up`` of the run, then down along a cosine."""
    rise = min(1.0, (moment.step + 1) / max(1, round(warm_up * moment.steps)))
    return rate * rise * (LOWEST + (1 - LOWEST) * (1 + math.cos(math.pi * moment.progress)) / 2)
