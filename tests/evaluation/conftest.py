"""What the tests of evaluation share: small untrained networks as ``dir:…``, made-up data, the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facezoo import images
from facezoo.evaluation import Report, writing
from tests import madeup, untrained
from tests.cli.conftest import cli as cli  # a fixture is found by its name in here


@pytest.fixture(autouse=True)
def _quick_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure costs a second, and one test looks at a real one: elsewhere a white picture stands for it."""

    def draw(report: Report, path: Path) -> Path:
        return images.write(np.full((8, 8, 3), 255, np.uint8), path)

    monkeypatch.setattr(writing, "draw", draw)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A narrow cycle-face."""
    return f"dir:{untrained.cycle_face_directory(tmp_path_factory.mktemp('encoder') / 'tiny')}"


@pytest.fixture(scope="session")
def rafdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RAF-DB basic: 28 aligned pictures in train, 14 in test; not to be changed."""
    return madeup.rafdb(tmp_path_factory.mktemp("rafdb"), 28, 14, size=32)


@pytest.fixture(scope="session")
def fec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FEC: 60 triplets in test; not to be changed."""
    return madeup.fec(tmp_path_factory.mktemp("fec"), 30, 60, photos=42, size=36)
