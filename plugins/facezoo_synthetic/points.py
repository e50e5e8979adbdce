"""What pixels show: the visible points of a batch of pictures, and nothing of what is behind them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from facezoo_synthetic.head import Head
from facezoo_synthetic.raster import barycentric
from facezoo_synthetic.shape import vertex_normals


@dataclass(frozen=True, slots=True)
class Covered:
    """The pixels of B pictures on which there is something, N of each; a picture with fewer repeats its first pixel.

    Attributes:
        pixel: (B, N) int64, numbers of pixels, row by row.
        triangle: (B, N) int64 that each shows.
        picture: (P,) int64, of the P covered pixels without the repeated ones.
        place: (P,) int64, where each of these is among the N.
    """

    pixel: Tensor
    triangle: Tensor
    picture: Tensor
    place: Tensor

    @classmethod
    def of(cls, shown: Tensor) -> Covered:
        """The pixels of (B, H, W) int64, as of ``raster.rasterize``, that are not -1."""
        flat = shown.flatten(1)
        picture, pixel = torch.nonzero(flat >= 0, as_tuple=True)
        counts = torch.bincount(picture, minlength=len(flat))
        place = torch.arange(len(picture), device=flat.device) - (counts.cumsum(0) - counts)[picture]
        padded = torch.zeros(len(flat), int(counts.max()), dtype=torch.long, device=flat.device)
        padded[picture, place] = pixel
        return cls(padded, flat.gather(1, padded).clamp_min(0), picture, place)

    def laid_over(self, colours: Tensor, behind: Tensor) -> Tensor:
        """(B, 3, H, W): ``colours`` (B, N, 3) on the covered pixels, ``behind`` (B, 3, H, W) on the others."""
        picture = behind.permute(0, 2, 3, 1).flatten(1, 2).clone()
        picture[self.picture, self.pixel[self.picture, self.place]] = colours[self.picture, self.place]
        return picture.view(len(behind), *behind.shape[2:], 3).permute(0, 3, 1, 2)


@dataclass(frozen=True, slots=True)
class Points:
    """N visible points of each of B pictures.

    Attributes:
        canonical: (B, N, 3) centimetres on the mean head.
        world: (B, N, 3) centimetres before the camera.
        normal: (B, N, 3) unit, before the camera.
        part: (B, N) int64, ``head.SKIN`` … ``head.GLASSES``.
        lips: (B, N, 1) 0 … 1.
        stands: (B, N, 1) how far hair stands off there, in its volumes.
    """

    canonical: Tensor
    world: Tensor
    normal: Tensor
    part: Tensor
    lips: Tensor
    stands: Tensor

    def is_part(self, *parts: int) -> Tensor:
        """(B, N, 1) bool."""
        found = self.part == parts[0]
        for part in parts[1:]:
            found = found | (self.part == part)
        return found[..., None]


def visible_points(head: Head, world: Tensor, stands: Tensor, flat: Tensor, covered: Covered, width: int) -> Points:
    """The points that the covered pixels show, between the corners of their triangles.

    Args:
        head: the topology.
        world: (B, V, 3) vertices before the camera.
        stands: (B, V) how far hair stands off there.
        flat: (B, V, 2) the same vertices in the picture, pixels.
        covered: pixels, and their triangles.
        width: of the picture in pixels.
    """
    batch, count = covered.pixel.shape
    corners = head.triangles[covered.triangle]  # B N 3
    weights = barycentric(flat, corners, covered.pixel % width, covered.pixel // width)
    plain, lips = head.neutral.expand(batch, -1, -1), head.lips[None, :, None].expand(batch, -1, 1)
    values = torch.cat((plain, world, vertex_normals(world, head.triangles), lips, stands[..., None]), -1)
    rows = corners + torch.arange(batch, device=corners.device)[:, None, None] * values.shape[1]
    found = values.flatten(0, 1).index_select(0, rows.flatten()).view(batch, count, 3, -1)
    found = (found * weights[..., None]).sum(2)
    canonical, place, normal, lips, off = found.split((3, 3, 3, 1, 1), -1)
    return Points(canonical, place, F.normalize(normal, dim=-1), head.part[covered.triangle], lips, off)
