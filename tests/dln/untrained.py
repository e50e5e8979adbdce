"""Small networks with random weights, drawn so that both branches differ and no term of the polynomial is idle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from facezoo import weights
from facezoo_dln.config import DLNConfig, DLNEmotionConfig
from facezoo_dln.model import DLN, DLNEmotion
from facezoo_facenet.config import FacenetConfig
from tests.untrained import spec

SIDE = 48
FACENET_SIDE = 32
SMALL = {"backbone": "timm:test_resnet", "image_size": SIDE}


def dln(seed: int = 0, **config: Any) -> DLN:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        component = weights.create(spec("dln"), DLNConfig(**{**SMALL, **config}))
        for norm in component.polynomial.norms:
            norm.running_mean.uniform_(0.0, 0.3)
            norm.running_var.uniform_(0.1, 0.3)
            norm.weight.data.uniform_(0.5, 1.5)
            norm.bias.data.uniform_(-0.5, 0.5)
    return component.trainable_(False)


def emotion(seed: int = 0, **config: Any) -> DLNEmotion:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return weights.create(spec("dln-emotion"), DLNEmotionConfig(**{**SMALL, **config})).trainable_(False)


def facenet(folder: Path, **config: Any) -> Path:
    """A small face network with random weights, saved."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        values = {"backbone": "timm:test_efficientnet", "image_size": FACENET_SIDE, **config}
        return weights.save(weights.create(spec("facenet"), FacenetConfig(**values)).eval(), folder)
