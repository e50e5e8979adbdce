"""What is made once for every test that needs it: the converted release of full size, a small face network, drawn faces."""

from __future__ import annotations

from pathlib import Path

import pytest

import facezoo
from tests import madeup
from tests.dln.untrained import facenet


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


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small face network, saved."""
    return facenet(tmp_path_factory.mktemp("identity") / "facenet")


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Triplets for runs that are not meant to learn: three batches of eight."""
    return madeup.fec(tmp_path_factory.mktemp("few"), train=27, test=9, photos=42, size=36)


@pytest.fixture(scope="session")
def emotions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets side by side, in the folders of their readers."""
    root = tmp_path_factory.mktemp("emotions")
    madeup.rafdb(root / "rafdb", train=86, test=42, size=36)  # one more neutral and one more happy face
    madeup.affectnet(root / "affectnet", train=24, validation=16, size=36)
    return root
