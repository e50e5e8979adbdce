"""From coefficients to vertices: identity, expression, and hair that stands off the scalp."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from facezoo_synthetic.glasses import spectacles
from facezoo_synthetic.hair import hairline, hanging_hair
from facezoo_synthetic.head import Head
from facezoo_synthetic.noise import Noise
from facezoo_synthetic.people import BALD
from facezoo_synthetic.stacks import Stack

ROWS = 8  # a matrix product of another height may round otherwise; with a fixed one a face does not depend on its batch


def vertices(head: Head, people: Stack, expression: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
    """All vertices in the head's own frame.

    Args:
        head: the topology.
        people: B persons.
        expression: (B, E) weights.
        noise: the persons' noise.

    Returns:
        (B, V, 3) centimetres, and (B, V) how far the hair stands off there, in its volumes.
    """
    canonical = head.neutral[: head.own]
    plain = canonical + blend(people.shape, head.identity)
    moved = plain + blend(expression, head.expression)
    inside = (hairline(canonical) + people.hairline[:, None]).clamp(0, 1.6) / 1.6
    inside = inside * (people.style != BALD)[:, None]
    normals = vertex_normals(moved, head.triangles[head.triangles.amax(1) < head.own])
    uneven = 1 + (0.15 + 0.4 * people.wave[:, None]) * noise(canonical.expand(len(moved), -1, -1), 7.0)[..., 0]
    full = moved + normals * (inside * people.volume[:, None] * uneven)[..., None]
    marks = plain[:, head.landmarks]
    locks, wires = hanging_hair(plain, marks, people, noise), spectacles(marks, people)
    stands = torch.cat((inside, torch.ones_like(locks[..., 0]), torch.zeros_like(wires[..., 0])), 1)
    return torch.cat((full, locks, wires), 1), stands


def blend(weights: Tensor, modes: Tensor) -> Tensor:
    """(B, v, 3) sums of (K, v, 3) modes, weighted by (B, K)."""
    padded = F.pad(weights, (0, 0, 0, -len(weights) % ROWS))
    found = [torch.einsum("bk,kvc->bvc", rows, modes) for rows in padded.split(ROWS)]
    return torch.cat(found)[: len(weights)]


def vertex_normals(points: Tensor, triangles: Tensor) -> Tensor:
    """(B, V, 3) unit normals of (B, V, 3) vertices, each triangle weighted by its area; zero for a vertex of none."""
    a, b, c = (points[:, triangles[:, corner]] for corner in range(3))
    normal = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(points)
    for corner in range(3):
        total.index_add_(1, triangles[:, corner], normal)
    return F.normalize(total, dim=-1)
