"""Glasses of wire: two rims, a bridge and two temples."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from facezoo_synthetic.grid import tube
from facezoo_synthetic.hair import HIDDEN
from facezoo_synthetic.stacks import Stack

ALONG, AROUND = 28, 5  # vertices of a wire: along it, and around it
CLOSED = (True, True, False, False, False)  # rims, bridge, temples
VERTICES = len(CLOSED) * ALONG * AROUND


def triangles(first: int) -> np.ndarray:
    """(T, 3) int64 with vertices numbered from ``first``."""
    starts = range(first, first + VERTICES, ALONG * AROUND)
    return np.concatenate([tube(start, ALONG, AROUND, closed=closed) for start, closed in zip(starts, CLOSED, strict=True)])


def spectacles(marks: Tensor, people: Stack) -> Tensor:
    """Glasses on the nose; all at one hidden point where somebody wears none.

    Args:
        marks: (B, 68, 3) cm, landmarks of the heads without an expression.
        people: whose they are.

    Returns:
        (B, VERTICES, 3) cm.
    """
    left, right = (_rim(marks[:, eye].mean(1), marks[:, 27], people) for eye in (slice(42, 48), slice(36, 42)))
    inner_left, inner_right = left[:, ALONG // 2], right[:, 0]
    outer_left, outer_right = left[:, 1], right[:, ALONG // 2 - 1]
    ears = marks[:, (16, 0)] + torch.tensor((0.0, 0.4, -3.2), device=marks.device)
    bridge = _wire(inner_right, inner_left, 0.3)
    temples = _wire(outer_left, ears[:, 0]), _wire(ears[:, 1], outer_right)
    lines = (left, right, bridge, *temples)
    radius = people.rims[:, 2:3]
    tubes = [_tube(line, radius, closed=closed) for line, closed in zip(lines, CLOSED, strict=True)]
    return torch.where((people.glasses > 0)[:, None, None], torch.cat(tubes, 1), torch.tensor(HIDDEN, device=marks.device))


def _rim(eye: Tensor, nose: Tensor, people: Stack) -> Tensor:
    """(B, ALONG, 3): a superellipse before an eye, bent around the face.

    Args:
        eye: (B, 3) its middle.
        nose: (B, 3) the bridge of the nose.
        people: whose it is.
    """
    half_width, half_height, _, power = (value[:, None] for value in people.rims.unbind(1))
    turn = torch.linspace(0, 2 * torch.pi, ALONG + 1, device=eye.device)[None, :-1]
    cos, sin = turn.cos(), turn.sin()
    radius = (cos.abs() ** power + sin.abs() ** power) ** (-1 / power)
    x = eye[:, 0:1] * 1.02 + half_width * radius * cos
    y = eye[:, 1:2] - 0.35 + half_height * radius * sin
    z = (nose[:, 2:3] + 0.55) - 0.045 * x**2 * 0.8 + 0.05 * (y - eye[:, 1:2])
    return torch.stack((x, y, z), -1)


def _wire(start: Tensor, end: Tensor, rise: float = 0.0) -> Tensor:
    """(B, ALONG, 3) from (B, 3) to (B, 3); in the middle ``rise`` cm higher."""
    share = torch.linspace(0, 1, ALONG, device=start.device)[None, :, None]
    bow = torch.tensor((0.0, rise, 0.0), device=start.device) * (4 * share * (1 - share))
    return start[:, None] * (1 - share) + end[:, None] * share + bow


def _tube(line: Tensor, radius: Tensor, *, closed: bool) -> Tensor:
    """(B, ALONG, 3) points -> (B, ALONG * AROUND, 3) rings around them."""
    along = line.roll(-1, 1) - line.roll(1, 1)
    if not closed:
        along = torch.cat((along[:, 1:2], along[:, 1:-1], along[:, -2:-1]), 1)
    along = F.normalize(along, dim=-1)
    aside = torch.tensor((0.1, 0.2, 1.0), device=line.device).expand_as(along)
    out = F.normalize(torch.linalg.cross(along, aside), dim=-1)
    front = torch.linalg.cross(out, along)
    turn = torch.linspace(0, 2 * torch.pi, AROUND + 1, device=line.device)[:-1]
    ring = out[:, :, None] * turn.cos()[:, None] + front[:, :, None] * turn.sin()[:, None]
    return (line[:, :, None] + ring * radius[:, :, None, None]).flatten(1, 2)
