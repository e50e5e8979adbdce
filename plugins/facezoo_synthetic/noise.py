"""Smooth noise in space, a field per person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

CELLS, CHANNELS = 18, 4


class Noise:
    """Four independent fields of deviation about 0.7 per person; beyond their cube they go on, mirrored.

    Args:
        seeds: one per person. The same seed gives the same field on every machine.
        device: where it is looked up.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device | str = "cpu") -> None:
        shape = (CHANNELS, CELLS, CELLS, CELLS)
        grids = [np.random.default_rng(seed).standard_normal(shape, dtype=np.float32) for seed in seeds]
        self.grids = torch.tensor(np.stack(grids), device=device)

    def __call__(self, positions: Tensor, size: float) -> Tensor:
        """The fields at some places.

        Args:
            positions: (B, N, 3), those of each person.
            size: about the width of one bump, in the unit of the positions.

        Returns:
            (B, N, 4) float32.
        """
        place = positions / (size * CELLS / 2)
        place = (place + 1) % 4
        place = torch.where(place > 2, 3 - place, place - 1)  # there and back, so that there is no seam
        found = F.grid_sample(self.grids, place[:, :, None, None], align_corners=False, padding_mode="border")
        return found[..., 0, 0].transpose(1, 2)
