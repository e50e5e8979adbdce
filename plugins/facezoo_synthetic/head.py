"""The ICT-FaceKit head as tensors: shapes, triangles, which triangle is what, and the parts that facezoo adds to it.

Centimetres; x to the head's own left, y up, z out of the face. *Canonical* positions are those on the neutral mean head:
what is painted on a face (lips, brows, hairline) is described there, so it moves with identity and expression.

Some parts of the model are left out. The shells in front of the eyes (occlusion, tears) and the irises behind the closed
scleras would hide what is painted on these; the cards of the lashes look like a thick black rim.

Source: ICT-VGL/ICT-FaceKit (USC Institute for Creative Technologies), MIT.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from facezoo.plugin import DatasetError, home
from facezoo_synthetic import glasses, hair

SKIN, BACK, EYE_LEFT, EYE_RIGHT, TEETH, GUMS, LOCKS, GLASSES = range(8)
MATERIALS = {
    "M_Face": SKIN,
    "M_BackHead": BACK,
    "M_ScleraLeft": EYE_LEFT,
    "M_ScleraRight": EYE_RIGHT,
    "M_Teeth": TEETH,
    "M_GumsTongue": GUMS,
}
MODES, LANDMARKS = 100, 68
FIELDS = ("neutral", "identity", "expression", "expression_names", "quads", "material", "landmarks68")
"""Arrays of the head's file that are read here."""


@dataclass(frozen=True, slots=True)
class Head:
    """One topology for everybody. V vertices: the v of the head itself, then those of hanging hair and of glasses.

    Attributes:
        neutral: (V, 3) float32, the mean head; what was added lies at the origin.
        identity: (100, v, 3) float32, deltas at one standard deviation.
        expression: (E, v, 3) float32, deltas at full weight.
        names: E names of the expressions, ARKit's with ``_L`` and ``_R``.
        triangles: (T, 3) int64, counter-clockwise from outside.
        part: (T,) int64, ``SKIN`` … ``GLASSES``.
        landmarks: (68,) int64 vertices, in the usual order of 68.
        eyes: (2, N) int64 vertices of the head's left and right eyeball.
        lips: (V,) float32, 1 on the lips, softly 0 around.
    """

    neutral: Tensor
    identity: Tensor
    expression: Tensor
    names: tuple[str, ...]
    triangles: Tensor
    part: Tensor
    landmarks: Tensor
    eyes: Tensor
    lips: Tensor

    @property
    def own(self) -> int:
        """v, the number of the head's own vertices."""
        return self.identity.shape[1]

    def to(self, device: torch.device | str) -> Head:
        """The same on another device."""
        tensors = {name: getattr(self, name) for name in self.__slots__}
        return replace(self, **{name: value.to(device) for name, value in tensors.items() if isinstance(value, Tensor)})


def stored_path() -> Path:
    """Where ``facezoo synth import`` puts the head's file, under FACEZOO_HOME."""
    return home() / "synthetic" / "ict_facekit.npz"


def find_head(given: Path | None = None) -> Path:
    """The head's file: the one given, else the one that was imported.

    Raises:
        DatasetError: it is not there.
    """
    path = given or stored_path()
    if not path.is_file():
        hint = "" if given is None else " (that is what --head takes)"
        raise DatasetError(
            f"There is no head at {path}. `facezoo synth import CHECKOUT` makes its file{hint} from a checkout of "
            "github.com/ICT-VGL/ICT-FaceKit."
        )
    return path


def digest(path: Path) -> str:
    """sha256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_head(path: Path) -> Head:
    """Reads the file that ``facezoo synth import`` makes.

    Raises:
        DatasetError: no such file, or one with other contents.
    """
    try:
        with path.open("rb") as stream, np.load(stream) as file:
            data = {name: file[name] for name in FIELDS}
    except (OSError, KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(
            f"{path} is no head of ICT-FaceKit ({error}); make one with `facezoo synth import CHECKOUT`, from a checkout of "
            "github.com/ICT-VGL/ICT-FaceKit."
        ) from error
    triangles, part, used = _kept_triangles(data["quads"], data["material"])
    own = len(used)
    place = np.full(len(data["neutral"]), -1)
    place[used] = np.arange(own)
    marks = place[data["landmarks68"]]
    if (marks < 0).any() or len(marks) != LANDMARKS:
        raise DatasetError(f"{path} has landmarks that are not on the skin; expected {LANDMARKS} vertices of M_Face.")
    neutral = data["neutral"][used].astype(np.float32)
    added = hair.VERTICES + glasses.VERTICES
    locks, wires = hair.triangles(own), glasses.triangles(own + hair.VERTICES)
    return Head(
        neutral=torch.tensor(np.concatenate([neutral, np.zeros((added, 3), np.float32)])),
        identity=torch.tensor(data["identity"][:, used].astype(np.float32)),
        expression=torch.tensor(data["expression"][:, used].astype(np.float32)),
        names=tuple(map(str, data["expression_names"])),
        triangles=torch.tensor(np.concatenate([triangles, locks, wires])),
        part=torch.tensor(np.concatenate([part, np.full(len(locks), LOCKS), np.full(len(wires), GLASSES)])),
        landmarks=torch.tensor(marks),
        eyes=torch.tensor(np.stack([np.unique(triangles[part == side]) for side in (EYE_LEFT, EYE_RIGHT)])),
        lips=torch.tensor(np.concatenate([lip_mask(neutral, neutral[marks]), np.zeros(added)]), dtype=torch.float32),
    )


def _kept_triangles(quads: np.ndarray, material: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is drawn of the model: (T, 3) triangles, their (T,) parts, and the vertices that they use, sorted.

    Args:
        quads: (Q, 4) vertices, the fourth -1 in a triangle.
        material: (Q,) names.
    """
    kept = np.isin(material, list(MATERIALS))
    quads, material = quads[kept], material[kept]
    four = quads[:, 3] >= 0
    corners = np.concatenate([quads[:, [0, 1, 2]], quads[four][:, [0, 2, 3]]])
    used, triangles = np.unique(corners, return_inverse=True)
    part = np.array([MATERIALS[name] for name in np.concatenate([material, material[four]])])
    return triangles.reshape(-1, 3), part, used


def lip_mask(vertices: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """(v,) 1 on the lips, by a smooth closed curve through the twelve landmarks of their outer edge.

    Args:
        vertices: (v, 3) canonical positions.
        marks: (68, 3) canonical landmarks.
    """
    outer = marks[48:60, :2]
    arcs = [_arc(*(outer[(i + k) % 12] for k in (-1, 0, 1, 2))) for i in range(12)]
    curve = np.concatenate(arcs).astype(np.float32)
    inside = np.array([cv2.pointPolygonTest(curve, (float(x), float(y)), True) for x, y, _ in vertices])
    return np.clip(inside / 0.12 + 0.6, 0, 1) * (vertices[:, 2] > 9.0)


def _arc(before: np.ndarray, a: np.ndarray, b: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(8, 2) points of a Catmull-Rom spline from a towards b."""
    t = np.linspace(0, 1, 8, endpoint=False)[:, None]
    return a + 0.5 * t * (b - before + t * (2 * before - 5 * a + 4 * b - after + t * (3 * a - before - 3 * b + after)))
