"""Skin: its tone and what varies it, wrinkles, lips. Linear RGB.

``at`` is always (B, N, 3) centimetres on the mean head; a colour is (B, N, 3), an amount (B, N, 1).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from facezoo_synthetic.stacks import Stack

BLOOD = (0.05, -0.30, -0.26)  # how a flush changes skin
SOCKET = (0.75, 1.0, 0.95)
LIPS = (0.88, 0.50, 0.52)  # of the skin's colour


def skin(at: Tensor, people: Stack, coarse: Tensor, middle: Tensor, fine: Tensor) -> Tensor:
    """(B, N, 3) colour: blush, mottling, dark eye sockets, spots.

    Args:
        at: where.
        people: whose skin.
        coarse: (B, N, 4) noise with bumps of 2.6 cm.
        middle: (B, N, 4) of 0.9 cm.
        fine: (B, N, 4) of 0.16 cm.
    """
    p = people.over_points
    x, y, z = at.split(1, -1)
    cheeks = torch.exp(-(((x.abs() - 4.6) / 2.2) ** 2 + ((y - 0.2) / 2.0) ** 2)) * (z > 3)
    nose = torch.exp(-((x / 1.2) ** 2 + ((y - 0.5) / 1.4) ** 2)) * (z > 9)
    ears = (x.abs() > 7.2) * (z < 3.5) * (y < 4.5) * (y > -1.5) * 0.6
    flush = p("blush") * (cheeks + 0.8 * nose + ears) + 0.3 * coarse[..., :1]
    tone = p("skin") * (1 + flush * torch.tensor(BLOOD, device=at.device) * 1.1)
    tone = tone * (1 + 0.07 * coarse[..., 1:2] + 0.045 * middle[..., 1:2] + 0.02 * fine[..., :1])
    socket = torch.exp(-(((x.abs() - 3.2) / 1.8) ** 2 + ((y - 3.2) / 1.2) ** 2)) * (z > 7)
    tone = tone * (1 - socket * p("socket") * torch.tensor(SOCKET, device=at.device))
    return tone * (1 - 0.3 * p("spots") * (middle[..., 3:4] - 0.9).clamp(0, 1))


def with_lips(tone: Tensor, lips: Tensor, people: Stack) -> Tensor:
    """(B, N, 3) skin with lips, natural or made up.

    Args:
        tone: (B, N, 3) the skin's colour.
        lips: (B, N, 1) 1 on the lips.
        people: whose.
    """
    p = people.over_points
    own = p("skin") * torch.tensor(LIPS, device=tone.device)
    own = own * (1 - p("made_up")) + p("lipstick") * p("made_up")
    return tone + lips * (own - tone) * torch.maximum(p("lips"), p("made_up"))


def wrinkles(at: Tensor, people: Stack, folds: Mapping[str, Tensor], uneven: Tensor) -> Tensor:
    """(B, N, 1) how much darker: forehead, between the brows, crow's feet, from nose to mouth; deeper with age.

    Args:
        at: where.
        people: of which age.
        folds: {kind of ``scene.FOLDS``: (B,)} how much an expression folds the skin.
        uneven: (B, N, 4) noise that bends the lines.
    """
    x, y, z = at.split(1, -1)
    age = people.age[:, None, None]

    def strength(kind: str, lasting: float) -> Tensor:
        """(B, 1, 1) of the fold, and of what stays of it in an old face at rest."""
        return (0.25 + 0.75 * age) * folds[kind][:, None, None] + lasting * (age - 0.55).clamp_min(0)

    def lines(along: Tensor, gap: float, sharp: float) -> Tensor:
        """(B, N, 1) a line per ``gap`` centimetres."""
        return (0.5 + 0.5 * torch.cos(2 * torch.pi * (along / gap + 0.12 * uneven[..., 2:3]))) ** sharp

    forehead = torch.exp(-((x / 4.2) ** 4 + ((y - 8.1) / 1.35) ** 4)) * (z > 6) * lines(y + 0.03 * x**2, 0.62, 6)
    glabella = torch.exp(-((x / 0.95) ** 4 + ((y - 6.1) / 1.1) ** 4)) * (z > 9) * lines(x, 0.75, 4)
    feet = torch.exp(-(((x.abs() - 6.0) / 0.8) ** 2 + ((y - 3.3) / 1.1) ** 2)) * (z > 4)
    feet = feet * lines(y + 0.3 * (x.abs() - 6) * (y - 3.4), 0.5, 4)
    fold = torch.exp(-(((x.abs() - 2.35 - 0.24 * (0.2 - y)) / 0.17) ** 2)) * torch.exp(-(((y + 1.6) / 1.6) ** 4)) * (z > 7)
    upper = 0.5 * forehead * strength("brow_up", 0.5) + 0.6 * glabella * strength("brow_down", 0.2)
    cheek = strength("smile", 0.6) + 0.8 * strength("sneer", 0.0)
    return (upper + 0.4 * feet * strength("squint", 0.3) + 0.33 * fold * cheek).clamp(0, 0.6)
