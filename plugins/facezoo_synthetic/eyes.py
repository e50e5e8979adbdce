"""Eyes, painted onto the eyeballs: iris, pupil, the white, and the shade of the lids."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from facezoo_synthetic.head import EYE_LEFT, EYE_RIGHT, Head
from facezoo_synthetic.points import Points
from facezoo_synthetic.stacks import Stack

BLUR = 0.05  # radians over which an edge runs
PUPIL = 0.42  # of the iris
WHITE = (1.0, 0.94, 0.9)


def paint(head: Head, vertices: Tensor, points: Points, people: Stack, towards: Tensor) -> tuple[Tensor, Tensor]:
    """Colour and normals of eyes.

    Args:
        head: the topology.
        vertices: (B, V, 3) before the camera.
        points: what pixels show.
        people: whose eyes.
        towards: (B, 3) unit, where both eyes look, before the camera.

    Returns:
        (B, N, 3) linear RGB, 0 where ``points`` shows no eye, and (B, N, 3) unit normals of all points.
    """
    colour, normal = torch.zeros_like(points.world), points.normal
    for side, part in enumerate((EYE_LEFT, EYE_RIGHT)):
        ball = vertices[:, head.eyes[side]]
        middle = (ball.amin(1) + ball.amax(1)) / 2
        out = F.normalize(points.world - middle[:, None], dim=-1)
        here = points.is_part(part)
        colour = torch.where(here, _eyeball(out, towards, people) * _shade_of_lids(points.canonical), colour)
        normal = torch.where(here, out, normal)
    return colour, normal


def _eyeball(out: Tensor, towards: Tensor, people: Stack) -> Tensor:
    """(B, N, 3) colour of an eyeball's points, by their directions (B, N, 3) from its middle."""
    p = people.over_points
    angle = torch.acos((out * towards[:, None]).sum(-1, keepdim=True).clamp(-1, 1))
    iris = ((p("iris_size") - angle) / BLUR).clamp(0, 1)
    edge = ((angle - p("iris_size") + 0.1) / 0.1).clamp(0, 1)
    turn = torch.atan2(out[..., 1:2] - towards[:, None, 1:2], out[..., 0:1] - towards[:, None, 0:1])
    streaks = 1 + 0.15 * torch.cos(24 * turn) + 0.1 * torch.cos(37 * turn)
    white = p("sclera") * torch.tensor(WHITE, device=out.device)
    painted = white * (1 - iris) + p("iris") * streaks * (1 - 0.7 * edge) * iris
    return painted * (1 - ((PUPIL * p("iris_size") - angle) / BLUR).clamp(0, 1) * 0.97)


def _shade_of_lids(canonical: Tensor) -> Tensor:
    """(B, N, 1) how light eyes are: darker below the upper lid and in the corners."""
    x, y = canonical[..., 0:1], canonical[..., 1:2]
    lids = 0.35 + 0.65 * ((3.95 - y) / 0.6).clamp(0, 1)
    corners = 0.6 + 0.4 * (1 - ((x.abs() - 3.15).abs() / 1.5)).clamp(0, 1)
    return lids * corners
