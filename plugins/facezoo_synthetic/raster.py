"""Triangles to pixels: a batch of meshes that share one list of triangles, in plain torch on any device.

Triangles are sorted by the size of their boxes; those of one size are tested against all pixels of such a box at once,
and a pixel keeps the nearest by ``scatter_reduce("amin")`` over (depth, triangle) packed into one integer. So the result
does not depend on the order in which a device works.
"""

from __future__ import annotations

import torch
from torch import Tensor

SIDES = (2, 3, 4, 6, 8, 12, 16, 32, 64, 128, 256, 512)  # of boxes, in pixels; a larger triangle is left out
CELLS = 2**22  # pixels tested at once
DEPTH_BITS, TRIANGLE_BITS = 30, 28


def rasterize(points: Tensor, depth: Tensor, triangles: Tensor, height: int, width: int) -> Tensor:
    """Which triangle each pixel's centre shows.

    Args:
        points: (B, V, 2) float32, x to the right and y down, in pixels.
        depth: (B, V) float32 in [0, 1]; the smaller is the nearer.
        triangles: (T, 3) int64. One that goes round counter-clockwise as seen shows its front, the other side is not drawn.
        height: of the picture.
        width: of the picture.

    Returns:
        (B, height, width) int64: a triangle's number, -1 where there is none.
    """
    x, y = (points[..., axis][:, triangles] for axis in (0, 1))  # B T 3
    left, right = x.amin(2).floor().long(), x.amax(2).ceil().long()
    top, bottom = y.amin(2).floor().long(), y.amax(2).ceil().long()
    area = (x[..., 1] - x[..., 0]) * (y[..., 2] - y[..., 0]) - (y[..., 1] - y[..., 0]) * (x[..., 2] - x[..., 0])
    seen = (area < -1e-9) & (right > 0) & (bottom > 0) & (left < width) & (top < height)
    size = torch.bucketize(torch.maximum(right - left, bottom - top), torch.tensor(SIDES, device=points.device))
    empty = torch.iinfo(torch.int64).max
    nearest = torch.full((len(points) * height * width,), empty, dtype=torch.int64, device=points.device)
    for number, side in enumerate(SIDES):
        owners, chosen = torch.nonzero(seen & (size == number), as_tuple=True)
        portion = max(1, CELLS // side**2)
        for b, t in zip(owners.split(portion), chosen.split(portion), strict=True):
            if len(b):
                corner = (left[b, t], top[b, t])
                depths = depth[b[:, None], triangles[t]]
                _draw(nearest, b, t, x[b, t], y[b, t], depths, corner, side, height, width)
    found = nearest.view(-1, height, width)
    return torch.where(found == empty, -1, found & (2**TRIANGLE_BITS - 1))


def _draw(
    nearest: Tensor,
    owners: Tensor,
    chosen: Tensor,
    x: Tensor,
    y: Tensor,
    depths: Tensor,
    corner: tuple[Tensor, Tensor],
    side: int,
    height: int,
    width: int,
) -> None:
    """Tests N triangles against the (side, side) pixels of their boxes and notes where they are nearest.

    Args:
        nearest: (B * height * width,) int64, depth and triangle of what is nearest so far; changed in place.
        owners: (N,) which mesh a triangle is of.
        chosen: (N,) its number.
        x: (N, 3) of its corners.
        y: (N, 3) of its corners.
        depths: (N, 3) of its corners.
        corner: (N,) and (N,) column and row where its box begins.
        side: of the boxes.
        height: of the picture.
        width: of the picture.
    """
    steps = torch.arange(side, device=x.device)
    column, row = (corner[0][:, None] + steps)[:, None, :], (corner[1][:, None] + steps)[:, :, None]
    ax, bx, cx = x[:, :, None, None].unbind(1)
    ay, by, cy = y[:, :, None, None].unbind(1)
    middle_x, middle_y = column + 0.5, row + 0.5
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    first = ((cx - bx) * (middle_y - by) - (cy - by) * (middle_x - bx)) / area
    second = ((ax - cx) * (middle_y - cy) - (ay - cy) * (middle_x - cx)) / area
    third = 1 - first - second
    inside = (first >= 0) & (second >= 0) & (third >= 0)
    inside &= ((column >= 0) & (column < width)) & ((row >= 0) & (row < height))
    near_a, near_b, near_c = depths[:, :, None, None].unbind(1)
    z = first * near_a + second * near_b + third * near_c
    which, i, j = torch.nonzero(inside, as_tuple=True)
    packed = ((z[which, i, j].clamp(0, 1) * (2**DEPTH_BITS - 1)).long() << TRIANGLE_BITS) | chosen[which]
    pixel = (owners[which] * height + row[which, i, 0]) * width + column[which, 0, j]
    nearest.scatter_reduce_(0, pixel, packed, "amin")


def barycentric(points: Tensor, corners: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """Weights of triangles' corners at pixels' centres.

    Args:
        points: (B, V, 2) as in ``rasterize``.
        corners: (B, N, 3) int64 vertices of the triangles.
        columns: (B, N) of the pixels.
        rows: (B, N) of the pixels.

    Returns:
        (B, N, 3) float32 that sum to 1.
    """
    batch = torch.arange(len(points), device=points.device)[:, None, None]
    a, b, c = points[batch, corners].unbind(2)
    centre = torch.stack((columns + 0.5, rows + 0.5), -1)
    weights = torch.stack((_cross(c - b, centre - b), _cross(a - c, centre - c), _cross(b - a, centre - a)), -1)
    return weights / weights.sum(-1, keepdim=True)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
