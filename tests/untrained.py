"""Small untrained components for tests. Never shown to a user: a test says what it needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from facezoo import weights
from facezoo.components import Detections, Detector
from facezoo.config import ComponentConfig
from facezoo.contracts import BoxReference
from facezoo.plugins import discover
from facezoo.specs import ComponentSpec
from facezoo_cycle_face.config import CycleFaceConfig


def spec(arch: str) -> ComponentSpec:
    return discover().get(ComponentSpec, arch)


def cycle_face(seed: int = 0, **config: Any) -> Any:
    """A cycle-face of an eighth of the width with random weights, drawn so that different faces give different codes."""
    values = {"width": 0.125, "trunk": "trained", **config}
    component = weights.create(spec("cycle-face"), CycleFaceConfig(**values)).trainable_(False)
    generator = torch.Generator().manual_seed(seed)
    for parameter in component.parameters():
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 400
        parameter.data.normal_(0.0, (1.6 / fan_in) ** 0.5, generator=generator)
    return component


def cycle_face_directory(directory: Path, seed: int = 0, **config: Any) -> Path:
    """The same, saved."""
    return weights.save(cycle_face(seed, **config), directory)


class FixedDetector(Detector):
    """Says that a face fills the middle of every picture that is not black; as many as ``faces``."""

    box_reference = BoxReference(length=0.4)

    def __init__(self, config: ComponentConfig | None = None, faces: int = 1) -> None:
        super().__init__(config or ComponentConfig())
        self.faces = faces
        self.spec = ComponentSpec(arch="fixed", kinds=("detector",), target="", config="", summary="")
        self.pictures: list[int] = []

    def detect(self, images: Sequence[np.ndarray], min_score: float = 0.5) -> list[Detections]:
        self.pictures.append(len(images))
        return [self._one(image) for image in images]

    def _one(self, image: np.ndarray) -> Detections:
        height, width = image.shape[:2]
        count = self.faces if image.any() else 0
        boxes = [[width * 0.25 - i, height * 0.25 - i, width * 0.75 + i, height * 0.75 + i] for i in range(count)]
        scores = np.array([0.9 - 0.1 * i for i in range(count)], np.float32)
        return Detections(np.array(boxes, np.float32).reshape(-1, 4), scores)


def portrait(seed: int = 0, height: int = 120, width: int = 100) -> np.ndarray:
    """A smooth random picture, (height, width, 3) uint8 RGB."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
