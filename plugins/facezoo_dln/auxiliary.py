"""Numbers that the deviation must also tell while it is trained: action units, valence, whatever the data know.

A triplet says little: which of three faces is the odd one. Where faces also come with numbers, a linear layer reads these
from the deviation, and its error teaches the face branch far faster. The layer is thrown away on export. Not the paper's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from facezoo.plugin import DatasetError, Descent, Sample, TrainingConfig, refuse_idle
from facezoo_dln.networks import DEVIATION_DIM

GAIN = 4 * DEVIATION_DIM**0.5  # brings a deviation's entries near 1: the logistic function's slope is 1/4, the length 1
LEAST_SPREAD = 0.05  # a number that hardly changes in the data is not blown up


class Descending(TrainingConfig):
    """Values that both recipes have beside the paper's.

    Attributes:
        auxiliary: names of the samples' values that the deviation must tell as well, by a linear layer that is thrown away;
            not the paper's.
        auxiliary_weight: of their loss.
        optimizer: "sgd" with momentum, or "adamw".
        schedule: of the rate: "constant", or "cosine": up over ``warm_up`` of the run, then down along a cosine.
        warm_up: share of the run.
    """

    auxiliary: tuple[str, ...] = ()
    auxiliary_weight: float = Field(default=1.0, gt=0)
    optimizer: Descent = "sgd"
    schedule: Literal["constant", "cosine"] = "constant"
    warm_up: float = Field(default=0.05, ge=0, lt=1)

    @property
    def remark(self) -> str:
        """For the card, where there are auxiliary values."""
        return f"In training the deviation also told {', '.join(self.auxiliary)}; the layer for that is not part of the model."

    def refuse_idle(self) -> None:
        """Raises InputError for values of these that were chosen and that another one switches off."""
        if not self.auxiliary:
            refuse_idle(self, ("auxiliary_weight",), "no auxiliary values are named")
        if self.optimizer == "adamw":
            refuse_idle(self, ("momentum",), "optimizer=adamw has momenta of its own")
        if self.schedule == "constant":
            refuse_idle(self, ("warm_up",), "the rate is constant with schedule=constant")


class Auxiliary(nn.Module):
    """A linear layer from deviations to numbers, each in units of its spread in the data.

    Args:
        names: of the numbers, K of them.
        known: (N, K) float32, the data's; NaN where one is not known.
    """

    def __init__(self, names: Sequence[str], known: np.ndarray) -> None:
        super().__init__()
        self.names = tuple(names)
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.from_numpy(np.nanmean(known, axis=0)).float())
        self.register_buffer("spread", torch.from_numpy(np.nanstd(known, axis=0)).float().clamp(min=LEAST_SPREAD))
        self.readout = nn.Linear(DEVIATION_DIM, len(self.names))

    def forward(self, deviation: Tensor) -> Tensor:
        """(B, 512) deviations -> (B, K) float32 numbers."""
        with torch.autocast(deviation.device.type, enabled=False):
            return self.readout(GAIN * deviation.float()) * self.spread + self.mean

    def loss(self, deviation: Tensor, values: Tensor) -> Tensor:
        """() float32, Huber's loss in units of the spreads, over the numbers that are known; 0 where none is.

        Args:
            deviation: (B, 512).
            values: (B, K) float32, NaN where one is not known.
        """
        known = values.isfinite()
        told = self(deviation)
        errors = F.smooth_l1_loss(told / self.spread, torch.where(known, values, told.detach()) / self.spread, reduction="none")
        return (errors * known).sum() / known.sum().clamp(min=1)


def known_values(samples: Sequence[Sample], names: Sequence[str]) -> np.ndarray:
    """(N, K) float32 of the samples' values, NaN where one is not known.

    Raises:
        DatasetError: a number that no sample has; says which they have.
    """
    found = np.array([[sample.values.get(name, np.nan) for name in names] for sample in samples], np.float32)
    found = found.reshape(len(samples), len(names))
    if absent := [name for name, column in zip(names, found.T, strict=True) if not np.isfinite(column).any()]:
        there = sorted({name for sample in samples for name in sample.values})
        raise DatasetError(f"No sample has a value {', '.join(absent)}; the samples have {', '.join(there) or 'none'}.")
    return found
