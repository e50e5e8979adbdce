"""Turning the head, and the camera that looks at it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from facezoo_synthetic.stacks import Stack

PIVOT = (0.0, 0.0, 1.0)  # cm; the head turns about the middle of its neck's upper end


def rotation(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """(B, 3, 3) of (B,) degrees: about the head's own vertical first, about the camera's axis last.

    Yaw is positive when the face looks to the picture's right, pitch when it looks up, roll when the top of the head leans
    to the picture's right.
    """
    y, p, r = torch.deg2rad(yaw), torch.deg2rad(-pitch), torch.deg2rad(-roll)
    zero, one = torch.zeros_like(y), torch.ones_like(y)
    about_y = torch.stack((y.cos(), zero, y.sin(), zero, one, zero, -y.sin(), zero, y.cos()), -1).view(-1, 3, 3)
    about_x = torch.stack((one, zero, zero, zero, p.cos(), -p.sin(), zero, p.sin(), p.cos()), -1).view(-1, 3, 3)
    about_z = torch.stack((r.cos(), -r.sin(), zero, r.sin(), r.cos(), zero, zero, zero, one), -1).view(-1, 3, 3)
    return about_z @ about_x @ about_y


def turned(own: Tensor, turn: Tensor) -> Tensor:
    """(B, V, 3) vertices of heads, turned by (B, 3, 3) about ``PIVOT``, which becomes the origin."""
    return (own - torch.tensor(PIVOT, device=own.device)) @ turn.transpose(1, 2)


def direction(turn: Tensor, degrees: Tensor) -> Tensor:
    """(B, 3) unit: where eyes look, before the camera.

    Args:
        turn: (B, 3, 3) of the head.
        degrees: (B, 2) gaze to the picture's right and up, relative to the head.
    """
    right, up = torch.deg2rad(degrees).unbind(1)
    forward = torch.stack((right.sin() * up.cos(), up.sin(), right.cos() * up.cos()), -1)
    return (turn @ forward[..., None])[..., 0]


class Camera:
    """A pinhole before each face, on a level with the middle between eyes and mouth.

    Args:
        shots: B shots.
        marks: (B, 68, 3) cm, the faces' landmarks before the camera.
        size: side of the pictures in pixels.

    Attributes:
        place: (B, 3) cm, where it is.
    """

    def __init__(self, shots: Stack, marks: Tensor, size: int) -> None:
        self.size, self.shots = size, shots
        self.middle = (marks[:, 36:48].mean(1) + (marks[:, 48] + marks[:, 54]) / 2) / 2
        self.away = shots.extent / 2 / torch.tan(torch.deg2rad(shots.view) / 2)
        self.place = self.middle + F.pad(self.away[:, None], (2, 0))

    def __call__(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, 3) cm -> (B, N, 2) pixels, x to the right and y down, and (B, N) distances in cm."""
        local = points - self.middle[:, None]
        distance = (self.away[:, None] - local[..., 2]).clamp_min(1.0)
        zoom = (self.away / self.shots.extent * self.size)[:, None] / distance
        x = local[..., 0] * zoom + (0.5 + self.shots.shift[:, :1]) * self.size
        y = -local[..., 1] * zoom + (0.5 + self.shots.shift[:, 1:]) * self.size
        return torch.stack((x, y), -1), distance
