"""A made-up head of a few hundred vertices, laid out as ICT-FaceKit's: as arrays, and as a checkout of OBJ files.

An egg with eyeballs, a patch per landmark, teeth and gums. Some expressions move what they are named after.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

SIDED = (
    "browDown", "browInnerUp", "browOuterUp", "cheekPuff", "cheekRaiser", "cheekSquint", "eyeBlink", "eyeLookDown", "eyeLookIn",
    "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide", "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress",
    "mouthSmile", "mouthStretch", "mouthUpperUp", "noseSneer", "PupilDilate",
)  # fmt: skip
WHOLE = (
    "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthFunnel", "mouthLeft", "mouthPucker", "mouthRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
)  # fmt: skip
NAMES = tuple(sorted([*WHOLE, *(f"{name}_{side}" for name in SIDED for side in "LR")]))
MOVES = {  # direction in cm, and (x, y) on the face around which it moves
    "jawOpen": ((0, -3, 0), (0, -7)), "mouthSmile_L": ((1, 1.5, 0), (2.5, -3.4)), "mouthSmile_R": ((-1, 1.5, 0), (-2.5, -3.4)),
    "browInnerUp_L": ((0, 1, 0), (1.5, 5.5)), "browInnerUp_R": ((0, 1, 0), (-1.5, 5.5)),
}  # fmt: skip

Part = tuple[np.ndarray, np.ndarray, str]


def landmarks() -> np.ndarray:
    """(68, 2) cm on the face, in the usual order: the first ones on the picture's left, the head's right."""
    turn = np.linspace(-np.pi * 0.45, np.pi * 0.45, 17)
    jaw = np.stack([7.3 * np.sin(turn) / np.sin(turn[-1]), 3 - 11.5 * np.cos(turn)], -1)
    brow = np.stack([np.linspace(-5.5, -1.2, 5), [5.6, 6.2, 6.4, 6.2, 5.8]], -1)
    nose = np.array([(0, 3.5), (0, 2.4), (0, 1.3), (0, 0.2), (-1.4, -1), (-0.7, -1.2), (0, -1.3), (0.7, -1.2), (1.4, -1)])
    around = np.array([(-1.3, 0), (-0.5, 0.5), (0.5, 0.5), (1.3, 0), (0.5, -0.4), (-0.5, -0.4)])
    outer = np.array([(np.cos(a) * 2.6, -3.4 + np.sin(a)) for a in np.pi - np.arange(12) * np.pi / 6])
    inner = np.array([(np.cos(a) * 1.8, -3.4 + 0.3 * np.sin(a)) for a in np.pi - np.arange(8) * np.pi / 4])
    eyes = [around + (x, 3.3) for x in (-3.2, 3.2)]
    return np.concatenate([jaw, brow, brow[::-1] * (-1, 1), nose, *eyes, outer, inner])


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """The arrays of the head's file."""
    vertices, quads, material = _joined(_parts())
    rng = np.random.default_rng(seed)
    identity = vertices * rng.normal(0, 0.008, (100, 1, 3))
    expression = np.zeros((len(NAMES), *vertices.shape))
    for name, (way, place) in MOVES.items():
        near = np.exp(-((vertices[:, :2] - place) ** 2).sum(1) / 8)[:, None] * (vertices[:, 2:] > 4)
        expression[NAMES.index(name)] = near * way
    first = len(vertices) - 3 * 68  # the patches come last, a landmark at the first corner of each
    return {
        "neutral": vertices.astype(np.float32),
        "identity": identity.astype(np.float16),
        "expression": expression.astype(np.float16),
        "expression_names": np.array(NAMES),
        "quads": quads.astype(np.int32),
        "material": material,
        "landmarks68": np.arange(first, len(vertices), 3, dtype=np.int32),
    }


def write(path: Path) -> Path:
    """The head's file."""
    np.savez(path, **arrays())  # type: ignore[arg-type]
    return path


def write_checkout(root: Path) -> Path:
    """``root/FaceXModel`` as the repository lays it out."""
    folder = root / "FaceXModel"
    folder.mkdir(parents=True)
    head = arrays()
    neutral = head["neutral"].astype(float)
    polygons, last = [], None
    for corners, name in zip(head["quads"].tolist(), head["material"].tolist(), strict=True):
        polygons += [f"usemtl {name}"] * (name != last)
        polygons.append("f " + " ".join(f"{corner + 1}/1" for corner in corners if corner >= 0))
        last = name
    meshes = {f"identity{i:03d}": neutral + delta for i, delta in enumerate(head["identity"].astype(float))}
    meshes |= {name: neutral + delta for name, delta in zip(NAMES, head["expression"].astype(float), strict=True)}
    for name, vertices in {"generic_neutral_mesh": neutral, **meshes}.items():
        lines = ["# licence", "", "mtllib ICTFaceModelMaterial.mtl", *(f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices)]
        (folder / f"{name}.obj").write_text("\n".join([*lines, "vt 0.5 0.25", *polygons]) + "\n")
    indices = {"expressions": list(NAMES), "idx_to_landmark_verts": head["landmarks68"].tolist()}
    (folder / "vertex_indices.json").write_text(json.dumps(indices))
    return root


def _parts() -> list[Part]:
    egg, quads = _ball((0, 2, 2), (7.5, 11.5, 9.5), 14, 20)
    front = egg[quads[:, 0], 2] > 1
    parts: list[Part] = [(egg, quads[front], "M_Face"), (egg, quads[~front], "M_BackHead")]
    for x, name in ((3.2, "Left"), (-3.2, "Right")):
        parts.append((*_ball((x, 3.3, 10.0), (1.3, 1.3, 1.3), 6, 8), f"M_Sclera{name}"))
    for y, name in ((-3.2, "M_Teeth"), (-4.0, "M_GumsTongue"), (3.3, "M_EyeOcclusion")):
        corners = np.array([(-1, y, 9), (1, y, 9), (1, y + 0.5, 9), (-1, y + 0.5, 9)], float)
        parts.append((corners, np.array([[0, 1, 2, 3]]), name))
    for x, y in landmarks():
        z = 2 + 9.5 * np.sqrt(max(0.02, 1 - (x / 7.5) ** 2 - ((y - 2) / 11.5) ** 2)) + 0.1 + 2.0 * (abs(x) + abs(y - 0.2) < 0.1)
        patch = np.array([(x, y, z), (x + 0.2, y, z), (x, y + 0.2, z)])
        parts.append((patch, np.array([[0, 1, 2, -1]]), "M_Face"))
    return parts


def _ball(middle: tuple, radii: tuple, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """An ellipsoid: vertices, and quads that go round counter-clockwise from outside."""
    down, around = np.meshgrid(np.linspace(0.05, np.pi - 0.05, rows), np.arange(columns) / columns * 2 * np.pi, indexing="ij")
    unit = np.stack([np.sin(down) * np.sin(around), np.cos(down), np.sin(down) * np.cos(around)], -1).reshape(-1, 3)
    row, column = (index.ravel() for index in np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing="ij"))
    right = (column + 1) % columns
    quads = np.stack(
        [row * columns + column, (row + 1) * columns + column, (row + 1) * columns + right, row * columns + right], -1
    )
    return unit * radii + middle, quads


def _joined(parts: list[Part]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, quads and materials of all parts, in their order; the egg's vertices, which two share, once."""
    vertices, quads, material, places = [], [], [], {}
    count = 0
    for points, corners, name in parts:
        if id(points) not in places:
            places[id(points)] = count
            vertices.append(points)
            count += len(points)
        quads.append(np.where(corners >= 0, corners + places[id(points)], -1))
        material += [name] * len(corners)
    return np.concatenate(vertices), np.concatenate(quads), np.array(material)
