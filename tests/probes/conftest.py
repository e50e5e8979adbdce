"""What the tests of probes share: an encoder with random weights, faces that can be learned from, and fitted probes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import facezoo
from facezoo.training import run
from tests import madeup, untrained

Fit = Callable[..., Path]


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small cycle-face with random weights, as ``dir:…``: what it gives still tells expressions apart."""
    return f"dir:{untrained.cycle_face_directory(tmp_path_factory.mktemp('encoder') / 'model')}"


@pytest.fixture(scope="session")
def loaded(encoder: str) -> Any:
    return facezoo.load(encoder, device="cpu")


@pytest.fixture(scope="session")
def emotions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``train`` and ``validation``, three emotions, ten faces each."""
    names = [madeup.Emotion.SURPRISE, madeup.Emotion.HAPPINESS, madeup.Emotion.ANGER]
    return madeup.emotion_folders(tmp_path_factory.mktemp("data") / "emotions", each=10, emotions=names)


@pytest.fixture(scope="session")
def poses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A csv of 64 faces with yaw, pitch and roll, landmarks, persons, and splits train and validation."""
    return madeup.pose_table(tmp_path_factory.mktemp("data") / "poses", count=64)


@pytest.fixture(scope="session")
def fit(encoder: str, tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """``fit(data, **values)`` -> folder of the probe, fitted on the encoder's features."""

    def call(data: Path, output: Path | None = None, **values: Any) -> Path:
        resume = values.pop("resume", False)
        chosen = {"encoder": encoder, "view": "features", "device": "cpu", **values}
        target = output or tmp_path_factory.mktemp("runs") / "run"
        return run("linear-probe", data, target, resume=resume, config=chosen, quiet=True)

    return call


@pytest.fixture(scope="session")
def emotion_probe(fit: Fit, emotions: Path) -> Path:
    return fit(emotions)


@pytest.fixture(scope="session")
def pose_probe(fit: Fit, poses: Path) -> Path:
    return fit(poses, target="yaw,pitch,roll")
