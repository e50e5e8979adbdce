"""Triangles to pixels: what is covered, what is nearest, which side shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facezoo_synthetic.points import Covered
from facezoo_synthetic.raster import barycentric, rasterize

SQUARE = torch.tensor([[[1.0, 1.0], [5.0, 1.0], [5.0, 5.0], [1.0, 5.0]]])  # y down
FRONT = torch.tensor([[0, 3, 2], [0, 2, 1]])  # counter-clockwise as seen


def flat(depth: float, vertices: int = 4) -> torch.Tensor:
    return torch.full((1, vertices), depth)


def test_pixels_whose_centres_are_inside_are_covered_once():
    shown = rasterize(SQUARE, flat(0.5), FRONT, 6, 8)[0]
    expected = np.full((6, 8), False)
    expected[1:5, 1:5] = True
    assert np.array_equal(shown.numpy() >= 0, expected)
    assert shown[4, 1] == 0 and shown[1, 4] == 1


def test_a_back_side_and_what_lies_outside_are_not_drawn():
    assert (rasterize(SQUARE, flat(0.5), FRONT.flip(1), 6, 8) == -1).all()
    assert (rasterize(SQUARE + 20, flat(0.5), FRONT, 6, 8) == -1).all()
    assert (rasterize(SQUARE - 3, flat(0.5), FRONT, 6, 8) >= 0).sum() == 4, "the part that is inside"


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0]])
def test_the_nearer_one_is_shown_in_whatever_order_they_come(order):
    points = torch.cat([SQUARE, SQUARE + 2], 1)
    depth = torch.cat([flat(0.7), flat(0.3)], 1)
    triangles = torch.cat([FRONT, FRONT + 4])[order]
    shown = rasterize(points, depth, triangles, 8, 8)[0]
    nearer = (triangles[shown.clamp_min(0)].amin(-1) >= 4) & (shown >= 0)
    assert nearer[3:7, 3:7].all() and nearer.sum() == 16 and (shown >= 0).sum() == 16 + 16 - 4


@pytest.mark.parametrize("side", [3.0, 7.0, 40.0, 300.0])
def test_triangles_of_every_size_are_drawn(side):
    points = torch.tensor([[[0.2, 0.2], [0.2, 0.2 + side], [0.2 + side, 0.2]]])
    shown = rasterize(points, flat(0.5, 3), torch.tensor([[0, 1, 2]]), 320, 320)[0]
    rows, columns = np.nonzero(shown.numpy() >= 0)
    assert (columns + rows + 1 <= side + 0.41).all()
    assert len(rows) == sum(int(side + 0.4) - row for row in range(int(side + 0.4)))


def test_each_mesh_of_a_batch_has_its_own_picture():
    points = torch.cat([SQUARE, SQUARE + 1])
    shown = rasterize(points, torch.full((2, 4), 0.5), FRONT, 8, 8)
    assert torch.equal(shown[0, 1:5, 1:5], shown[1, 2:6, 2:6])


def test_weights_say_where_in_a_triangle_a_pixel_is():
    rows = columns = torch.tensor([[1, 3]])
    corners = FRONT[0].expand(1, 2, 3)
    weights = barycentric(SQUARE, corners, columns, rows)
    assert weights.sum(-1) == pytest.approx(1)
    places = (SQUARE[0, corners] * weights[..., None]).sum(2)
    assert places[0] == pytest.approx(torch.tensor([[1.5, 1.5], [3.5, 3.5]]))


def test_colours_of_covered_pixels_are_laid_over_what_is_behind():
    shown = torch.tensor([[[-1, 4], [7, -1]], [[-1, -1], [-1, 2]]])
    covered = Covered.of(shown)
    assert covered.triangle[0].tolist() == [4, 7] and covered.triangle[1, 0] == 2
    colours = torch.arange(2 * 2 * 3.0).view(2, 2, 3) + 1
    picture = covered.laid_over(colours, torch.zeros(2, 3, 2, 2))
    assert picture[0].permute(1, 2, 0).tolist() == [[[0, 0, 0], [1, 2, 3]], [[4, 5, 6], [0, 0, 0]]]
    assert picture[1].permute(1, 2, 0).tolist() == [[[0, 0, 0], [0, 0, 0]], [[0, 0, 0], [7, 8, 9]]]
