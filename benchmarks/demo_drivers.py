"""Renders the strip of faces that drives the reenactment of ``facezoo demo``: one synthetic person, five times.

python benchmarks/demo_drivers.py [--head FILE] [-o facezoo/cli/drivers.png]

The head's file is the one that `facezoo synth import` made. Each face is cut out by its landmarks as cycle-face wants it,
at 128 pixels; the strip has them side by side, in the order of ``facezoo.cli.reenacting.CAPTIONS``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from facezoo import images
from facezoo.components import Detections
from facezoo.contracts import BoxReference, SquareCrop
from facezoo.crops import cut, matrices
from facezoo_cycle_face.config import CycleFaceConfig
from facezoo_cycle_face.model import CycleFace
from facezoo_synthetic.emotions import PROTOTYPES
from facezoo_synthetic.expressions import Expression
from facezoo_synthetic.head import find_head, load_head
from facezoo_synthetic.shots import Shot
from facezoo_synthetic.studio import Plan, Studio

SEED, PERSON = 3, 17
RENDERED, SIDE = 256, 128  # pixels: the whole picture, and a face of the strip
FRAMES = (
    ("neutral", 0, 0.0, 0.0),
    ("happiness", 1, 0.75, 0.0),
    ("surprise", 0, 0.75, 0.0),
    ("anger", 0, 1.0, 0.0),
    ("neutral", 0, 0.0, 25.0),
)
"""Emotion, which of its variants, how far up the ranges of its shapes, and yaw in degrees."""


def shot(yaw: float) -> Shot:
    """An even, mostly frontal light, and a camera that adds no noise."""
    return Shot(
        yaw=yaw, pitch=0.0, roll=0.0, view=20.0, extent=22.0, shift=np.zeros(2), key=unit(0.3, 0.4, 1.0),
        key_colour=np.full(3, 0.9), sky=np.full(3, 0.5), ground=np.full(3, 0.25), fill=unit(-0.6, 0.1, 1.0),
        fill_colour=np.full(3, 0.2), exposure=1.1, shine=0.08, gloss=20.0, balance=np.ones(3), contrast=1.0,
        saturation=1.0, blur=0.0, noise=0.0, jpeg=0, backdrop=11,
    )  # fmt: skip


def unit(*direction: float) -> np.ndarray:
    return np.array(direction) / np.linalg.norm(direction)


def expression(names: tuple[str, ...], emotion: str, variant: int, share: float) -> Expression:
    """An emotion at full intensity, both sides alike, every shape at this share of the way through its range."""
    weights: dict[str, float] = {}
    for shape, (low, high) in PROTOTYPES[emotion][variant].items():
        sides = (shape,) if shape in names else (f"{shape}_L", f"{shape}_R")
        weights |= dict.fromkeys(sides, (1 - share) * low + share * high)
    return Expression(weights, emotion, 0.0 if emotion == "neutral" else 1.0, (0.0, 0.0))


def plans(studio: Studio) -> list[Plan]:
    """The five pictures before they are taken."""
    someone = studio.plan(0, PERSON)
    return [replace(someone, expression=expression(studio.head.names, *face), shot=shot(yaw)) for *face, yaw in FRAMES]


def strip(studio: Studio) -> np.ndarray:
    """(SIDE, 5 * SIDE, 3) uint8 RGB."""
    shown, labels = studio.take(plans(studio))
    crop = CycleFace.default_contract(CycleFaceConfig()).crop
    faces = [
        face_of(picture, known.five, crop)
        for picture, known in zip(shown.permute(0, 2, 3, 1).cpu().numpy(), labels, strict=True)
    ]
    return np.concatenate(faces, axis=1)


def face_of(picture: np.ndarray, five: np.ndarray, crop: SquareCrop) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8 RGB, by (5, 2) landmarks in pixels."""
    box = np.concatenate([five.min(0), five.max(0)])[None]
    found = Detections(box, np.ones(1, np.float32), five[None])
    face = cut([picture], [0], matrices(crop, found, BoxReference(length=1.0)), (SIDE, SIDE))[0]
    return (face * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--head", type=Path, help="the head's file; else the one that was imported")
    parser.add_argument("-o", "--output", type=Path, default=Path("facezoo/cli/drivers.png"))
    options = parser.parse_args()
    studio = Studio(load_head(find_head(options.head)), SEED, RENDERED)
    print(images.write(strip(studio), options.output))


if __name__ == "__main__":
    main()
