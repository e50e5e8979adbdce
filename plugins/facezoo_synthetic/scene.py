"""A batch of people, expressions and shots to a batch of pictures and their landmarks."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from facezoo_synthetic.eyes import paint
from facezoo_synthetic.head import EYE_LEFT, EYE_RIGHT, Head
from facezoo_synthetic.light import shade
from facezoo_synthetic.noise import Noise
from facezoo_synthetic.points import Covered, visible_points
from facezoo_synthetic.projection import Camera, direction, rotation, turned
from facezoo_synthetic.raster import rasterize
from facezoo_synthetic.shape import vertices
from facezoo_synthetic.stacks import Stack
from facezoo_synthetic.surface import albedo

SUPERSAMPLING = 2  # a pixel is the mean of 2 x 2
FOLDS = {
    "brow_up": ("browInnerUp", "browOuterUp"),
    "brow_down": ("browDown",),
    "squint": ("eyeSquint", "cheekSquint"),
    "smile": ("mouthSmile",),
    "sneer": ("noseSneer", "mouthUpperUp"),
}
"""Shapes that fold the skin, by the kind of wrinkle."""


@torch.no_grad()
def render(
    head: Head,
    people: Stack,
    noise: Noise,
    expression: Tensor,
    gaze: Tensor,
    shots: Stack,
    backdrops: Tensor,
) -> tuple[Tensor, Tensor]:
    """Pictures before the camera's own faults (``development.develop``).

    Args:
        head: the topology.
        people: B persons.
        noise: theirs.
        expression: (B, E) weights.
        gaze: (B, 2) degrees to the picture's right and up, relative to the head.
        shots: B shots.
        backdrops: (B, 3, S·k, S·k) linear RGB, k being ``SUPERSAMPLING``.

    Returns:
        (B, 3, S, S) float32 linear RGB from 0 up, and (B, 68, 2) float32 landmarks in pixels, x and y.
    """
    fine = backdrops.shape[-1]
    own, stands = vertices(head, people, expression, noise)
    turn = rotation(shots.yaw, shots.pitch, shots.roll)
    world = turned(own, turn)
    camera = Camera(shots, world[:, head.landmarks], fine)
    flat, distance = camera(world)
    near, far = distance.amin(1, keepdim=True), distance.amax(1, keepdim=True)
    covered = Covered.of(rasterize(flat, (distance - near) / (far - near), head.triangles, fine, fine))
    points = visible_points(head, world, stands, flat, covered, fine)
    colour, shine = albedo(points, people, noise, head.neutral[head.landmarks], folds(head, expression))
    eyes, normal = paint(head, world, points, people, direction(turn, gaze))
    colour = torch.where(points.is_part(EYE_LEFT, EYE_RIGHT), eyes, colour)
    light = shade(replace(points, normal=normal), world, head, shots, colour, shine, camera.place)
    picture = covered.laid_over(light, backdrops)
    return F.avg_pool2d(picture, SUPERSAMPLING), flat[:, head.landmarks] / SUPERSAMPLING


def folds(head: Head, expression: Tensor) -> dict[str, Tensor]:
    """{kind of wrinkle: (B,) strength}, the mean over its shapes and both sides."""
    found = {}
    for kind, shapes in FOLDS.items():
        chosen = [i for i, name in enumerate(head.names) if name.removesuffix("_L").removesuffix("_R") in shapes]
        found[kind] = expression[:, chosen].mean(1)
    return found
