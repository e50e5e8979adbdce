"""Tiny components that keep the contract; ``broken.py`` breaks them one rule at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from facezoo import weights
from facezoo.components import Requirement
from facezoo.plugin import (
    Classifier,
    Component,
    ComponentConfig,
    ComponentSpec,
    Detections,
    Detector,
    Encoder,
    Head,
    InputContract,
    InputError,
    Manipulator,
    SquareCrop,
    View,
)

SIDE = 16


class TinyConfig(ComponentConfig):
    dim: int = 6


class _Tiny:
    @classmethod
    def default_contract(cls, config: Any) -> InputContract:
        return InputContract(crop=SquareCrop(scale=2.6), size=(SIDE, SIDE), mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3))


class TinyEncoder(_Tiny, Encoder):
    frozen = ("trunk",)

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.trunk = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU())
        self.code = nn.Linear(4 * SIDE * SIDE // 4, config.dim)

    def view_table(self) -> dict[str, View]:
        parts = ("trunk", "code")
        return {
            "identity": View(self.config.dim, "identity", parts, normalised=True),
            "expression": View(self.config.dim, "expression", parts),
        }

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        code = self.code(self.trunk(prepared).flatten(1))
        return nn.functional.normalize(code.float(), dim=1) if view == "identity" else code


class TinyClassifier(_Tiny, Classifier):
    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.labels = ("neutral", "happiness", "anger")
        self.network = nn.Sequential(
            nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
        )

    def forward(self, faces: Tensor) -> Tensor:
        return self.network(self.prepare(faces)).float()


class TinyManipulator(_Tiny, Manipulator):
    verbs = ("neutralize", "reenact")

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.encode_face = nn.Conv2d(3, 8, 3, 1, 1)
        self.paint = nn.Conv2d(8, 3, 3, 1, 1)

    def neutralize(self, faces: Tensor) -> Tensor:
        return self.restore(self.paint(self.encode_face(self.prepare(faces)).tanh()))

    def reenact(self, faces: Tensor, driver: Tensor) -> Tensor:
        mixed = self.encode_face(self.prepare(faces)) + self.encode_face(self.prepare(driver)).mean((2, 3), keepdim=True)
        return self.restore(self.paint(mixed.tanh()))


class TinyHead(Head):
    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.labels = ("neutral", "happiness")
        self.requires = Requirement("tiny-one", "expression", "0123456789ab")
        self.linear = nn.Linear(config.dim, 2)

    @property
    def input_dim(self) -> int:
        return self.config.dim

    def forward(self, embedding: Tensor) -> Tensor:
        if embedding.ndim != 2 or embedding.shape[1] != self.input_dim or not embedding.is_floating_point():
            raise InputError(f"embeddings are (B, {self.input_dim}) float, not {tuple(embedding.shape)} {embedding.dtype}.")
        return self.linear(embedding.to(self.dtype)).float()


class TinyDetector(Detector):
    """Finds the brightest spot of a picture; its score is how far the spot stands out. A grey picture has none."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.gain = nn.Parameter(torch.ones(1))

    def detect(self, images: Sequence[np.ndarray], min_score: float = 0.5) -> list[Detections]:
        return [self.look(image, min_score) for image in images]

    def look(self, image: np.ndarray, min_score: float) -> Detections:
        if (
            not isinstance(image, np.ndarray)
            or image.dtype != np.uint8
            or image.ndim != 3
            or image.shape[2] != 3
            or not image.size
        ):
            raise InputError("pictures are (H, W, 3) uint8 RGB.")
        light = image.astype(np.float32).mean(axis=2)
        y, x = np.unravel_index(int(light.argmax()), light.shape)
        score = np.float32(min(1.0, float(self.gain.detach()) * float(light.max() - light.mean()) / 160))
        found = int(score >= max(min_score, 1e-3))
        boxes = np.array([[x - 8, y - 8, x + 8, y + 8]], np.float32)[:found]
        return Detections(boxes, np.array([score], np.float32)[:found], None)

    def golden_inputs(self) -> dict[str, Tensor]:
        return {"image": torch.linspace(0, 1, 3 * 20 * 30).view(1, 20, 30, 3)}

    def golden_outputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        picture = (inputs["image"][0] * 255).to(torch.uint8).numpy()
        return {"boxes": torch.from_numpy(self.detect([picture], 0.1)[0].boxes)}


def spec_of(cls: type[Component], *kinds: str) -> ComponentSpec:
    """The record that a plugin would give of one of these classes."""
    return ComponentSpec(
        arch="tiny", kinds=kinds, target=f"{__name__}:{cls.__name__}", config=f"{__name__}:TinyConfig", summary="for tests"
    )


def untrained(cls: type[Component], *kinds: str) -> Component:
    """A new instance that a pipeline's slot accepts."""
    return weights.create(spec_of(cls, *kinds), TinyConfig()).trainable_(False)
