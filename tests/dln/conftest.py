"""The converted release of full size: made once, for every test that needs it."""

from __future__ import annotations

from pathlib import Path

import pytest

import facezoo


@pytest.fixture(scope="session")
def converted(parity, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, ...]]:
    """A component directory from a file in the release's layout, and the conversion's report."""
    folder = tmp_path_factory.mktemp("dln")
    file = parity("dln", folder / "minus_pipeline_best.pth")
    try:
        return facezoo.convert("dln", file, folder / "component")
    finally:
        file.unlink()


@pytest.fixture(scope="session")
def released(converted):
    """The component of that directory."""
    return facezoo.load(f"dir:{converted[0]}", device="cpu")
