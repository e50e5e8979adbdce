"""Wavefront OBJ files, as far as ICT-FaceKit's need it: vertices, texture coordinates, polygons and their materials."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facezoo.plugin import DatasetError

CORNERS = 4  # a polygon has three or four


@dataclass(frozen=True, slots=True)
class Mesh:
    """One OBJ file.

    Attributes:
        vertices: (V, 3) float64.
        uv: (U, 2) float64 texture coordinates.
        quads: (Q, 4) int32 vertices of polygons, from 0; -1 in place of a triangle's fourth.
        uv_quads: (Q, 4) int32 texture coordinates of their corners, -1 where there are none.
        material: (Q,) names, "" before the first ``usemtl``.
    """

    vertices: np.ndarray
    uv: np.ndarray
    quads: np.ndarray
    uv_quads: np.ndarray
    material: np.ndarray


def read_vertices(path: Path) -> np.ndarray:
    """(V, 3) float64: the vertices alone, which is quick.

    Raises:
        DatasetError: the file is missing or no OBJ file.
    """
    return _numbers(_lines(path), b"v ", 3, path)


def read_mesh(path: Path) -> Mesh:
    """A whole file.

    Raises:
        DatasetError: the file is missing or no OBJ file, or has polygons of more than four corners or unknown vertices.
    """
    lines = _lines(path)
    vertices, uv = _numbers(lines, b"v ", 3, path), _numbers(lines, b"vt ", 2, path)
    quads: list[list[int]] = []
    uv_quads: list[list[int]] = []
    material: list[str] = []
    name = ""
    for number, line in enumerate(lines, 1):
        if line.startswith(b"usemtl"):
            name = line[6:].strip().decode("utf-8", "replace")
        elif line.startswith(b"f "):
            try:
                corners = [_corner(word) for word in line.split()[1:]]
            except ValueError as error:
                raise DatasetError(f"{path}, line {number}: expected corners as in `f 1/1 2/2 3/3`, found {line!r}.") from error
            if not 3 <= len(corners) <= CORNERS:
                raise DatasetError(f"{path}, line {number}: a polygon of {len(corners)} corners; expected 3 or 4.")
            corners += [(-1, -1)] * (CORNERS - len(corners))
            quads.append([vertex for vertex, _ in corners])
            uv_quads.append([place for _, place in corners])
            material.append(name)
    mesh = Mesh(
        vertices,
        uv,
        np.array(quads, np.int32).reshape(-1, CORNERS),
        np.array(uv_quads, np.int32).reshape(-1, CORNERS),
        np.array(material, np.str_),
    )
    if mesh.quads.size and mesh.quads.max() >= len(vertices):
        raise DatasetError(f"{path} has a polygon with vertex {mesh.quads.max() + 1}, but only {len(vertices)} vertices.")
    return mesh


def _corner(word: bytes) -> tuple[int, int]:
    """``12/34/56`` -> (11, 33); -1 for what is not said."""
    vertex, *rest = word.split(b"/")
    return int(vertex) - 1, int(rest[0]) - 1 if rest and rest[0] else -1


def _numbers(lines: list[bytes], start: bytes, count: int, path: Path) -> np.ndarray:
    """(N, count) float64 of the lines that begin with ``start``."""
    words = [line.split()[1 : count + 1] for line in lines if line.startswith(start)]
    try:
        return np.array(words, np.bytes_).astype(np.float64).reshape(-1, count)
    except ValueError as error:
        raise DatasetError(f"{path} has a line {start.decode()!r} without {count} numbers.") from error


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}.") from error
