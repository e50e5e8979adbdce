"""What the tests of the command line share: a runner, small untrained weights and a portrait."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from facezoo import images, weights
from facezoo.cli.app import app
from facezoo.plugins import discover
from facezoo.specs import ComponentSpec, resolve


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """``cli("list", "--json")`` -> result with exit_code, stdout and stderr. Anything but a clean exit raises."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # restored, whatever options do to them
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "0")

    def call(*arguments: Any, **options: Any) -> Any:
        result = CliRunner().invoke(app, [str(a) for a in arguments], prog_name="facezoo", **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A very narrow, untrained cycle-face as ``dir:…``."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    spec = discover().get(ComponentSpec, "cycle-face")
    component = weights.create(spec, resolve(spec.config, "test")(width=0.05, trunk="trained"))
    return f"dir:{weights.save(component.eval(), tmp_path_factory.mktemp('tiny') / 'model')}"


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph with one face."""
    data = pytest.importorskip("skimage.data", reason="the portrait is in scikit-image's wheel")
    return images.write(
        np.ascontiguousarray(data.astronaut()[:256, 80:336]), tmp_path_factory.mktemp("portrait") / "portrait.png"
    )


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A folder with three pictures that need no detector."""
    folder = tmp_path / "faces"
    for index in range(3):
        waves = np.sin(np.arange(64)[:, None, None] / (4 + index) + np.arange(64)[None, :, None] / 7 + np.arange(3))
        images.write((127 + 120 * waves).astype(np.uint8), folder / f"face{index}.png")
    return folder
