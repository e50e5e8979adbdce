"""Where beard, brows and the dark edges of the lids are, on the mean head.

``at`` is (B, N, 3) centimetres on the mean head; what comes back is (B, N, 1), from 0 to 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from facezoo_synthetic.stacks import Stack


def beard(at: Tensor) -> Tensor:
    """Chin, cheeks beside it and upper lip."""
    x, y, z = at.split(1, -1)
    front = z > 1.5
    under = ((-1.6 - y) / 1.2).clamp(0, 1) * ((8.2 - x.abs()) / 1.5).clamp(0, 1) * ((y + 9.8) / 1.5).clamp(0, 1)
    mouth = (3 * (1 - ((x / 2.7) ** 2 + ((y + 3.4) / 1.3) ** 2))).clamp(0, 1)
    side = ((x.abs() - 4.8) / 1.2).clamp(0, 1) * ((2.5 - y) / 2).clamp(0, 1)
    side = side * ((y + 9) / 1.5).clamp(0, 1) * ((8.3 - x.abs()) / 0.6).clamp(0, 1)
    upper_lip = (1.5 * (1 - (((y + 1.9) / 0.6) ** 2 + (x / 3.0) ** 2))).clamp(0, 1)
    return torch.maximum(torch.maximum(under * (1 - mouth), side), upper_lip) * front


def brows(at: Tensor, marks: Tensor, people: Stack) -> Tensor:
    """Along the landmarks 17-21 and 22-26, each person's thick, high and arched in an own way.

    Args:
        at: where.
        marks: (68, 3) canonical landmarks.
        people: whose.
    """
    x, y, z = at.unbind(-1)
    thick, lift, arch, strength = (value[:, None] for value in people.brow.unbind(1))
    found = torch.zeros_like(x)
    for points in (marks[17:22], marks[22:27].flip(0)):
        share = (x - points[0, 0]) / (points[-1, 0] - points[0, 0])  # 0 at the temple, 1 at the nose
        place = (share * 4).clamp(0, 3.999)
        left = place.floor().long()
        rest = place - left
        line = points[left, 1] * (1 - rest) + points[left + 1, 1] * rest + lift + arch * (1 - (2 * share - 1) ** 2)
        across = 1 - ((y - line) / (thick * (0.35 + 0.75 * share.clamp(0, 1)))).abs()
        ends = (share / 0.12).clamp(0, 1) * ((1.02 - share) / 0.12).clamp(0, 1)
        found = torch.maximum(found, (1.6 * across).clamp(0, 1) * ends)
    return (found * strength * (z > 6))[..., None]


def lid_line(at: Tensor, marks: Tensor) -> Tensor:
    """The dark edge of the lids, the lashes' place; stronger above. ``marks`` are (68, 3) canonical landmarks."""
    x, y, z = at.unbind(-1)
    found = torch.zeros_like(x)
    for first in (36, 42):
        ring = marks[first : first + 6, :2]
        for i in range(6):
            near, strength = (0.17, 1.0) if i < 3 else (0.1, 0.5)
            a, along = ring[i], ring[(i + 1) % 6] - ring[i]
            share = (((x - a[0]) * along[0] + (y - a[1]) * along[1]) / (along @ along)).clamp(0, 1)
            away = torch.hypot(x - a[0] - share * along[0], y - a[1] - share * along[1])
            found = torch.maximum(found, strength * (1 - away / near).clamp(0, 1))
    return (found * (z > 7))[..., None]
