"""A manipulator whose answer a test can work out: it paints the middle of a face in the colour of the expression."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facezoo import loader
from facezoo.components import Detections, Requirement
from facezoo.plugin import InputContract, Manipulator, SquareCrop
from facezoo.specs import ComponentSpec
from tests.colours import ColourConfig, ColourEncoder, loaded
from tests.untrained import FixedDetector

SIDE = 32  # pixels of a face at the painter's door
COLOURS = {"neutral": (0.5, 0.5, 0.5), "happiness": (1.0, 0.0, 0.0), "anger": (0.0, 0.0, 1.0)}


class Painter(Manipulator):
    """Expressions are ``ColourEncoder``'s: mean colours."""

    verbs = ("manipulate",)

    def __init__(self, encoder: ColourEncoder) -> None:
        super().__init__(ColourConfig())
        self.spec = ComponentSpec(arch="painter", kinds=("manipulator",), target="", config="", summary="")
        self.labels = tuple(COLOURS)
        origin = encoder.provenance
        self.requires = Requirement(origin.id if origin else "", "embedding", encoder.views["embedding"].space_id or "")
        self.seen: list[tuple[int, ...]] = []

    @classmethod
    def default_contract(cls, config: Any) -> InputContract:
        return InputContract(crop=SquareCrop(scale=2.0), size=(SIDE, SIDE))

    def manipulate(self, faces: Tensor, expression: Tensor) -> Tensor:
        self.seen.append(tuple(faces.shape))
        made = faces.clone()
        quarter = SIDE // 4
        made[:, :, quarter:-quarter, quarter:-quarter] = expression[:, :, None, None]
        return made

    def expression_of(self, emotion: str, intensity: float = 1.0) -> Tensor:
        neutral, wanted = (torch.tensor(COLOURS[name]) for name in ("neutral", emotion))
        return neutral + intensity * (wanted - neutral)


class TwoFaces(FixedDetector):
    """A large face on the left and a small one on the right of every picture that is not black."""

    def _one(self, image: np.ndarray) -> Detections:
        height, width = image.shape[:2]
        boxes = np.array([[0.1, 0.2, 0.4, 0.8], [0.7, 0.3, 0.9, 0.6]], np.float32) * np.array([width, height] * 2, np.float32)
        count = 2 if image.any() else 0
        return Detections(boxes[:count], np.array([0.8, 0.9], np.float32)[:count])


def encoder(directory: Path) -> ColourEncoder:
    """A saved and loaded ``ColourEncoder``, whose views have spaces."""
    return loaded(ColourEncoder, directory)


def pipeline(directory: Path, detector: FixedDetector | None = None) -> Any:
    """face-manipulation with a painter."""
    colours = encoder(directory)
    slots = {"detector": detector or FixedDetector(), "encoder": colours, "manipulator": Painter(colours)}
    return loader.pipeline("face-manipulation", device="cpu", **slots)
