"""Triangles of surfaces that facezoo adds to the head: sheets and tubes of vertices in rows."""

from __future__ import annotations

import numpy as np


def sheet(first: int, rows: int, columns: int) -> np.ndarray:
    """(T, 3) int64: triangles of rows x columns vertices numbered from ``first``, row by row."""
    return _squares(first, rows, columns, rows - 1, columns - 1)


def tube(first: int, rings: int, around: int, *, closed: bool) -> np.ndarray:
    """(T, 3) int64: triangles of rings of ``around`` vertices, one ring after the other.

    Args:
        first: number of the first vertex.
        rings: how many.
        around: vertices of each.
        closed: the last ring is joined to the first.
    """
    return _squares(first, rings, around, rings if closed else rings - 1, around)


def _squares(first: int, rows: int, columns: int, steps_down: int, steps_across: int) -> np.ndarray:
    """Two triangles per square between neighbours; beyond the last row or column comes the first."""
    row, column = np.meshgrid(np.arange(steps_down), np.arange(steps_across), indexing="ij")
    below, beside = (row + 1) % rows, (column + 1) % columns
    a, b = first + row * columns + column, first + row * columns + beside
    c, d = first + below * columns + column, first + below * columns + beside
    return np.concatenate([np.stack((a, c, b), -1).reshape(-1, 3), np.stack((b, c, d), -1).reshape(-1, 3)])
