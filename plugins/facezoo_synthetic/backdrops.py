"""What stands behind people: walls, gradients, blurred rooms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

STREAM = 11  # of random numbers, beside the shot's own seed
STAINS = ((2, 2), (3, 4), (9, 9), (30, 30))  # cells of noise, from a gradient to a pattern


def backdrops(seeds: Sequence[int], size: int, device: torch.device | str = "cpu") -> Tensor:
    """(B, 3, size, size) float32 linear RGB, each from its seed."""
    return torch.stack([_backdrop(np.random.default_rng([STREAM, seed]), size) for seed in seeds]).to(device)


def _backdrop(rng: np.random.Generator, size: int) -> Tensor:
    base = rng.uniform(0.02, 0.6) * np.exp(rng.normal(0, rng.choice((0.1, 0.5)), 3))
    out = torch.tensor(base, dtype=torch.float32).view(3, 1, 1).expand(3, size, size).clone()
    for cells in STAINS[: 1 + int(rng.integers(4))]:
        low = torch.tensor(rng.normal(0, 1, (1, 1, *cells)) + rng.normal(0, 0.12, (1, 3, 1, 1)), dtype=torch.float32)
        out = out * torch.exp(0.35 * F.interpolate(low, (size, size), mode="bicubic", align_corners=False)[0])
    for _ in range(int(rng.integers(0, 7)) if rng.random() < 0.5 else 0):  # furniture and windows
        x, y, width, height = rng.random(4) * size
        colour = torch.tensor(rng.uniform(0, 0.8) * np.exp(rng.normal(0, 0.4, 3)), dtype=torch.float32).view(3, 1, 1)
        out[:, int(y) : int(y + height / 2), int(x) : int(x + width / 2)] = colour
    small = F.interpolate(out[None], (max(4, size // 6),) * 2, mode="area")  # out of focus
    return F.interpolate(small, (size, size), mode="bicubic", align_corners=False)[0].clamp(0, 1)
