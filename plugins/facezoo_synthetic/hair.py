"""Hair: where the hairline runs, and the curtain of hanging hair that long hair adds to the head."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from facezoo_synthetic.grid import sheet
from facezoo_synthetic.noise import Noise
from facezoo_synthetic.people import LONG
from facezoo_synthetic.stacks import Stack

AROUND, DOWN = 41, 13  # vertices of the curtain: around the head, and from the crown down
VERTICES = AROUND * DOWN
HIDDEN = (0.0, 0.0, -2.0)  # inside the head: where vertices go that somebody does not need
MEAN_WIDTH = 14.72  # cm between the outermost landmarks of the mean head


def triangles(first: int) -> np.ndarray:
    """(T, 3) int64 of the curtain, both of its sides, with vertices numbered from ``first``."""
    front = sheet(first, AROUND, DOWN)
    return np.concatenate([front, front[:, ::-1]])


def hairline(canonical: Tensor) -> Tensor:
    """About how many centimetres points lie inside a usual hairline.

    Args:
        canonical: (..., 3) positions on the mean head.

    Returns:
        (...) float32, negative outside.
    """
    x, y, z = canonical.unbind(-1)
    front = 9.6 - 0.035 * x**2
    sideburns = ((4.4 - z) / 1.5).clamp(0, 1)
    nape = ((-0.4 - z) / 2.0).clamp(0, 1)
    line = (front * (1 - sideburns) + 2.2 * sideburns) * (1 - nape) - 4.5 * nape
    ear = torch.exp(-(((z - 0.8) / 2.4) ** 2 + ((y - 1.6) / 3.2) ** 2)) * (x.abs() > 7.3)
    return (y - line) * 0.7 - 6 * ear


def hanging_hair(plain: Tensor, marks: Tensor, people: Stack, noise: Noise) -> Tensor:
    """A curtain from the crown around the sides and the back; all at one hidden point where somebody has none.

    Args:
        plain: (B, v, 3) cm, the heads without an expression.
        marks: (B, 68, 3) cm, their landmarks.
        people: whose they are.
        noise: theirs.

    Returns:
        (B, VERTICES, 3) cm.
    """
    device = plain.device
    angle = torch.linspace(-1, 1, AROUND, device=device)[:, None] * torch.pi  # 0 at the back, ±π at the forehead
    share = torch.linspace(0, 1, DOWN, device=device)[None]
    width = ((marks[:, 16, 0] - marks[:, 0, 0]) / MEAN_WIDTH)[:, None, None]
    top = plain[..., 1].amax(1)[:, None, None]
    bottom = (marks[:, 8, 1] - people.length)[:, None, None]
    y = top - 0.6 - (top - 0.6 - bottom) * share
    volume = people.volume[:, None, None]
    # seen from in front the outline above the temples is an ellipse
    crown = ((top - y) / 6.5).clamp(0, 1) * (2 - ((top - y) / 6.5).clamp(0, 1))
    reach = crown.clamp_min(0).sqrt()
    below = ((2.0 - y) / 10).clamp(0, 1)
    swing = angle * (0.62 + 0.03 * below)  # it leaves the face open, nearer the chin a little less
    places = torch.stack(torch.broadcast_tensors(angle * 4 + 0 * y, y / 2, 0 * y + angle), -1)
    wave = noise(places.flatten(1, 2), 3.0)[..., 0].view(len(plain), AROUND, DOWN)
    out = 1 + 0.05 * people.wave[:, None, None] * wave
    side = (8.1 * width + volume * 0.8 - 1.2 * below) * reach * out
    back = (9.6 + volume * 0.8 - 3.0 * below) * reach * out
    points = torch.stack((side * swing.sin(), y.expand(-1, AROUND, -1), 1.2 - back * swing.cos()), -1).flatten(1, 2)
    return torch.where((people.style == LONG)[:, None, None], points, torch.tensor(HIDDEN, device=device))
