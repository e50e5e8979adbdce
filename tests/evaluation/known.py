"""Components and pictures whose answers are known: a flat picture's red says its class, its colour is its vector."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facezoo.components import Classifier, Encoder, View
from facezoo.config import ComponentConfig
from facezoo.contracts import InputContract, SquareCrop
from facezoo.labels import RAF_DB, SEVEN_EMOTIONS, Emotion
from facezoo.specs import ComponentSpec
from tests import madeup

STEP = 30  # of red per class, in 0 to 255
CODES = {emotion: code for code, emotion in RAF_DB.items()}


def flat(red: float, green: float = 0, blue: float = 0, side: int = 16) -> np.ndarray:
    """(side, side, 3) uint8 of one colour."""
    return np.tile(np.array([red, green, blue], np.uint8), (side, side, 1))


def showing(emotion: Emotion) -> np.ndarray:
    """A picture that ``ByRed`` takes for this emotion."""
    return flat(STEP * SEVEN_EMOTIONS.index(emotion))


class ByRed(Classifier):
    """Says the class that a flat picture's red stands for."""

    def __init__(self, labels: tuple[str, ...] = SEVEN_EMOTIONS) -> None:
        super().__init__(ComponentConfig())
        self.labels = labels
        self.spec = ComponentSpec(arch="by-red", kinds=("classifier",), target="", config="", summary="")

    @classmethod
    def default_contract(cls, config: Any) -> InputContract:
        return InputContract(crop=SquareCrop(scale=2.0), size=(16, 16))

    def forward(self, faces: Tensor) -> Tensor:
        red = self.prepare(faces)[:, 0].mean((1, 2)) * 255 / STEP
        named = torch.tensor([tuple(Emotion).index(Emotion(label)) for label in self.labels])
        return -(red[:, None] - named).abs()


class ByColour(Encoder):
    """A face's mean colour is its vector, whatever is asked of it."""

    def __init__(self) -> None:
        super().__init__(ComponentConfig())
        self.spec = ComponentSpec(arch="by-colour", kinds=("encoder",), target="", config="", summary="")

    @classmethod
    def default_contract(cls, config: Any) -> InputContract:
        return InputContract(crop=SquareCrop(scale=2.0), size=(16, 16))

    def view_table(self) -> dict[str, View]:
        return {"identity": View(3, "identity", ()), "expression": View(3, "expression", ())}

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        return prepared.mean((2, 3))


def rafdb(root: Path, test: Iterable[tuple[Emotion, np.ndarray]], train: Iterable[tuple[Emotion, np.ndarray]] = ()) -> Path:
    """RAF-DB basic with these labels and pictures."""
    lines = []
    for split, faces in (("train", train), ("test", test)):
        for index, (emotion, picture) in enumerate(faces, 1):
            name = f"{split}_{index:05d}"
            madeup.write(root / "basic" / "Image" / "aligned" / f"{name}_aligned.jpg", picture)
            lines.append(f"{name}.jpg {CODES[emotion]}\n")
    (root / "basic" / "EmoLabel").mkdir(parents=True, exist_ok=True)
    (root / "basic" / "EmoLabel" / "list_patition_label.txt").write_text("".join(lines))
    return root
