"""Light: one lamp with shadows, sky and ground, and a second lamp without; skin lets a little of it through."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from facezoo_synthetic.head import BACK, EYE_LEFT, EYE_RIGHT, GUMS, SKIN, TEETH, Head
from facezoo_synthetic.points import Points
from facezoo_synthetic.raster import barycentric, rasterize
from facezoo_synthetic.stacks import Stack

THROUGH = (0.30, 0.15, 0.10)  # how far light wraps around skin, per colour: red goes deepest
MAP = 176  # side of the map of depths, pixels
FIELD, NEAREST = 36.0, 24.0  # centimetres that the lamp sees, and where its depths begin
BIAS = 0.25  # centimetres by which a point may lie behind what the lamp sees
TAPS = ((-0.9, -0.9), (0.9, -0.9), (0.0, 0.0), (-0.9, 0.9), (0.9, 0.9))  # pixels of the map that soften a shadow's edge


def shade(points: Points, vertices: Tensor, head: Head, shots: Stack, colour: Tensor, shine: Tensor, camera: Tensor) -> Tensor:
    """(B, N, 3) linear RGB that reaches the camera.

    Args:
        points: what pixels show.
        vertices: (B, V, 3) before the camera, for the shadows.
        head: the topology.
        shots: the lights.
        colour: (B, N, 3) albedo.
        shine: (B, N, 1).
        camera: (B, 3) where it is.
    """
    p = shots.over_points
    normal, lamp = points.normal, p("key")
    lit = shadow(points, vertices, head, shots.key)
    through = torch.tensor(THROUGH, device=colour.device) * points.is_part(SKIN, BACK)
    facing = (normal * lamp).sum(-1, keepdim=True)
    # inside of the wrapped part a shadow is soft: light comes from beside
    direct = ((facing + through) / (1 + through)).clamp_min(0) * (lit + (1 - lit) * 0.25 * through / THROUGH[0])
    up = 0.5 + 0.5 * normal[..., 1:2]
    beside = (normal * p("fill")).sum(-1, keepdim=True).clamp_min(0)
    inside = torch.where(points.is_part(TEETH, GUMS), 0.7, 1.0)
    around = (p("sky") * up + p("ground") * (1 - up) + p("fill_colour") * beside) * inside
    view = F.normalize(camera[:, None] - points.world, dim=-1)
    half = (normal * F.normalize(lamp + view, dim=-1)).sum(-1, keepdim=True).clamp_min(0)
    grazing = (1 - (normal * view).sum(-1, keepdim=True).clamp(0, 1)) ** 4
    gleam = shine * p("shine") * (half ** p("gloss")) * (1 + 2 * grazing)
    eyes = points.is_part(EYE_LEFT, EYE_RIGHT)
    gleam = torch.where(eyes, 1.5 * half**200, gleam) * lit
    return colour * (p("key_colour") * direct + around) + p("key_colour") * gleam


def shadow(points: Points, vertices: Tensor, head: Head, lamp: Tensor) -> Tensor:
    """(B, N, 1): 1 where the lamp shines, 0 in shadow, by a map of depths as the lamp sees them.

    Args:
        points: which are lit or not.
        vertices: (B, V, 3) of all that throws shadows.
        head: its triangles.
        lamp: (B, 3) unit, the direction to it.
    """
    batch, device = len(vertices), vertices.device
    right = F.normalize(torch.linalg.cross(torch.tensor((0.0, 1.0, 0.0), device=device).expand(batch, 3), lamp), dim=-1)
    frame = torch.stack((right, torch.linalg.cross(lamp, right), lamp), 1)
    middle = vertices[:, head.landmarks].mean(1, keepdim=True)

    def seen(positions: Tensor) -> tuple[Tensor, Tensor]:
        local = (positions - middle) @ frame.transpose(1, 2)
        flat = local[..., :2] * torch.tensor((MAP / FIELD, -MAP / FIELD), device=device) + MAP / 2
        return flat, (NEAREST - local[..., 2]) / (2 * NEAREST)

    nearest = depth_map(*seen(vertices), head.triangles)[:, None]
    place, depth = seen(points.world + 0.2 * points.normal)
    bias = BIAS / (2 * NEAREST)
    lit = torch.zeros_like(depth)
    for tap in TAPS:
        grid = (place + torch.tensor(tap, device=device)) * (2 / MAP) - 1
        found = F.grid_sample(nearest, grid[:, :, None], align_corners=False, padding_mode="border")[:, 0, :, 0]
        lit = lit + ((found + bias - depth) / bias).clamp(0, 1)
    return lit[..., None] / len(TAPS)


def depth_map(flat: Tensor, depth: Tensor, triangles: Tensor) -> Tensor:
    """(B, MAP, MAP) depth of what is nearest, 1 where there is nothing.

    Args:
        flat: (B, V, 2) pixels of the map.
        depth: (B, V) in [0, 1].
        triangles: (T, 3).
    """
    shown = rasterize(flat, depth, triangles, MAP, MAP).flatten(1)
    corners = triangles[shown.clamp_min(0)]
    pixel = torch.arange(MAP * MAP, device=flat.device).expand_as(shown)
    weights = barycentric(flat, corners, pixel % MAP, pixel // MAP)
    nearest = (depth[torch.arange(len(flat), device=flat.device)[:, None, None], corners] * weights).sum(-1)
    return nearest.where(shown >= 0, torch.ones_like(nearest)).view(-1, MAP, MAP)
