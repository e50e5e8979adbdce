"""Components whose answer a test can work out: the expression of a face is its mean colour."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from facezoo import loader, plugins, weights
from facezoo.components import Provenance
from facezoo.labels import SEVEN_EMOTIONS
from facezoo.plugin import Classifier, Component, ComponentConfig, ComponentSpec, Encoder, InputContract, SquareCrop, View
from facezoo.plugins import Plugin, Plugins


class ColourConfig(ComponentConfig):
    gain: float = 1.0


class _Coloured(Component):
    def __init__(self, config: ColourConfig) -> None:
        super().__init__(config)
        self.gain = nn.Parameter(torch.tensor([config.gain]))

    @classmethod
    def default_contract(cls, config: Any) -> InputContract:
        return InputContract(crop=SquareCrop(scale=1.0), size=(8, 8))

    def colour(self, prepared: Tensor) -> Tensor:
        """(B, 3): red, green, blue in [0, 1], times ``gain``."""
        return prepared.mean((2, 3)) * self.gain


class ColourEncoder(_Coloured, Encoder):
    """One view, ``embedding``, about expressions."""

    def view_table(self) -> dict[str, View]:
        return {"person": View(3, "identity", ("gain",)), "embedding": View(3, "expression", ("gain",))}

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        return -self.colour(prepared) if view == "person" else self.colour(prepared)


class PersonEncoder(ColourEncoder):
    """Knows who somebody is, and nothing of expressions."""

    def view_table(self) -> dict[str, View]:
        return {"identity": View(3, "identity", ("gain",))}


class ColourClassifier(_Coloured, Classifier):
    """The redder, the happier; the bluer, the sadder."""

    def __init__(self, config: ColourConfig) -> None:
        super().__init__(config)
        self.labels = tuple(str(label) for label in SEVEN_EMOTIONS)

    def forward(self, faces: Tensor) -> Tensor:
        colour = self.colour(self.prepare(faces)).float()
        zero = torch.zeros_like(colour[:, 0])
        places = {"happiness": colour[:, 0], "sadness": colour[:, 2]}
        return 5 * torch.stack([places.get(label, zero) for label in self.labels or ()], 1)


def spec_of(cls: type[Component]) -> ComponentSpec:
    kind = "classifier" if issubclass(cls, Classifier) else "encoder"
    arch = {ColourEncoder: "colours", PersonEncoder: "persons", ColourClassifier: "colour-moods"}[cls]
    return ComponentSpec(
        arch=arch, kinds=(kind,), target=f"{__name__}:{cls.__name__}", config=f"{__name__}:ColourConfig", summary="for tests"
    )


def make_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The architectures of colours, as if a plugin had brought them."""
    specs = tuple(replace(spec_of(cls), plugin="colours") for cls in (ColourEncoder, PersonEncoder, ColourClassifier))
    every = Plugins((*plugins.discover().found, Plugin("colours", "tests.colours", "colours", "1", specs)))
    monkeypatch.setattr(loader, "discover", lambda: every)


def saved(cls: type[Component], directory: Path, **config: Any) -> Path:
    """A component directory."""
    return weights.save(weights.create(spec_of(cls), ColourConfig(**config)).eval(), directory)


def loaded(cls: type[Component], directory: Path, **config: Any) -> Any:
    """Saved and read again, so that its views have spaces; called by the folder's name."""
    stored = weights.read_directory(saved(cls, directory, **config))
    component = weights.build(spec_of(cls), stored).trainable_(False)
    component.provenance = Provenance(directory.name, f"dir:{directory}")
    return component


def colour(red: int, green: int, blue: int, height: int = 24, width: int = 20) -> np.ndarray:
    """A picture of one colour, (height, width, 3) uint8 RGB."""
    return np.full((height, width, 3), (red, green, blue), np.uint8)


def write(folder: Path, **colours: tuple[int, int, int]) -> Path:
    """A folder with a picture ``NAME.png`` per colour."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in colours.items():
        Image.fromarray(colour(*values)).save(folder / f"{name}.png")
    return folder
