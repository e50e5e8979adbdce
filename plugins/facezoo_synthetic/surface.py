"""The colour of every visible point: skin, lips, brows, beard, hair, clothes, teeth. Linear RGB.

Where a thing is painted is a matter of canonical position (``head``), how it looks one of the person.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from facezoo_synthetic.features import beard, brows, lid_line
from facezoo_synthetic.hair import hairline
from facezoo_synthetic.head import BACK, GLASSES, GUMS, LOCKS, SKIN, TEETH
from facezoo_synthetic.noise import Noise
from facezoo_synthetic.people import BALD
from facezoo_synthetic.points import Points
from facezoo_synthetic.skin import skin, with_lips, wrinkles
from facezoo_synthetic.stacks import Stack

GRAIN = (1.0, 0.3, 0.6)  # fine noise is stretched: hairs hang down
LID = (0.8, 0.9, 0.9)  # how much of each colour the edge of a lid takes
SHAVEN = 0.22  # what is seen of hair on a bald head
TOOTH, GUM = (0.62, 0.56, 0.43), (0.27, 0.055, 0.05)


def albedo(points: Points, people: Stack, noise: Noise, marks: Tensor, folds: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """What everything but the eyes reflects.

    Args:
        points: the visible ones.
        people: who they belong to.
        noise: theirs.
        marks: (68, 3) canonical landmarks.
        folds: {kind of ``scene.FOLDS``: (B,)} how much an expression wrinkles the skin.

    Returns:
        (B, N, 3) linear RGB in [0, 1], and (B, N, 1) how shiny it is.
    """
    p = people.over_points
    at = points.canonical
    coarse, middle, fine = noise(at, 2.6), noise(at, 0.9), noise(at * torch.tensor(GRAIN, device=at.device), 0.16)
    tone = skin(at, people, coarse, middle, fine)
    tone = tone * (1 - wrinkles(at, people, folds, middle))
    colour = _with_hairs(with_lips(tone, points.lips, people), points, people, marks, fine)
    hair = _hair(points, people, middle, fine)
    strands = (1 + 0.38 * fine[..., 1:2] + 0.3 * middle[..., 2:3] + 0.15 * coarse[..., 2:3]).clamp(0.25, 2.2)
    colour = colour * (1 - hair) + p("hair") * strands * hair
    x, y, z = at.split(1, -1)
    dressed = ((-11.6 - p("collar") - y - 0.25 * (z - 3) + 0.03 * x**2) / 0.2).clamp(0, 1) * points.is_part(SKIN, BACK)
    colour = colour * (1 - dressed) + p("cloth") * (1 + 0.12 * middle[..., 3:4]) * dressed
    shine = (0.5 + 0.35 * points.lips) * (1 - 0.4 * hair) * (1 - dressed)
    return _with_other_parts(colour, shine, points, people)


def _with_hairs(colour: Tensor, points: Points, people: Stack, marks: Tensor, fine: Tensor) -> Tensor:
    """(B, N, 3) a face's colour with stubble, brows and the edges of the lids."""
    p = people.over_points
    at = points.canonical
    stubble = beard(at) * p("beard") * (0.7 + 0.5 * fine[..., :1]).clamp(0, 1.3) * (1 - points.lips)
    stubble = stubble.clamp(0, 0.95)
    colour = colour * (1 - stubble) + p("hair") * 0.8 * stubble
    brow = (brows(at, marks, people) * (0.85 + 0.45 * fine[..., 1:2])).clamp(0, 0.97)
    colour = colour * (1 - brow) + p("hair") * p("brow_shade") * brow
    line = lid_line(at, marks) * (0.45 + 0.4 * (p("made_up") > 0) + 0.15 * p("age"))
    return colour * (1 - line * torch.tensor(LID, device=at.device))


def _hair(points: Points, people: Stack, middle: Tensor, fine: Tensor) -> Tensor:
    """(B, N, 1) how much of a point is hair of the head: its edge is uneven, hanging hair is nothing else."""
    at = points.canonical
    inside = hairline(at)[..., None] + people.over_points("hairline") + 0.3 * middle[..., :1] + 0.25 * fine[..., 2:3]
    inside = inside / 0.5
    shaven = torch.where((people.style == BALD)[:, None, None], torch.full((), SHAVEN, device=at.device), 1.0)
    return torch.where(points.is_part(LOCKS), torch.ones_like(inside), inside.clamp(0, 1) * shaven)


def _with_other_parts(colour: Tensor, shine: Tensor, points: Points, people: Stack) -> tuple[Tensor, Tensor]:
    """(B, N, 3) and (B, N, 1) with teeth and gums, which are darker deep in the mouth, and glasses."""
    p = people.over_points
    deep = ((points.canonical[..., 2:] - 7.3) / 3.0).clamp(0.05, 1)
    tooth, gum = (torch.tensor(values, device=colour.device) for values in (TOOTH, GUM))
    colour = torch.where(points.is_part(TEETH), tooth * (1 - 0.3 * p("age")) * deep, colour)
    colour = torch.where(points.is_part(GUMS), gum * deep**1.5, colour)
    glasses = points.is_part(GLASSES)
    colour = torch.where(glasses, p("frame").expand_as(colour), colour)
    return colour.clamp(0, 1), torch.where(glasses, torch.full_like(shine, 1.5), shine)
