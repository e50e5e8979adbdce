"""Fixtures shared by the suite. Nothing here reaches the network, and nothing is written outside a test's folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small tensors; on a busy machine two threads wait for each other
os.environ["HF_HUB_OFFLINE"] = "1"  # tests that want the Hub's client start it in a process of their own

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _private_home(tmp_path_factory: pytest.TempPathFactory):
    """A store and a Hub cache of the suite's own: a user's imported weights neither help nor suffer."""
    home = tmp_path_factory.mktemp("facezoo-home")
    before = {name: os.environ.get(name) for name in ("FACEZOO_HOME", "HF_HOME")}
    os.environ["FACEZOO_HOME"] = str(home / "facezoo")
    os.environ["HF_HOME"] = str(home / "huggingface")
    yield
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of reference data that lies beside the checkout; it is not part of the repository."""
    path = Path(os.environ.get("FACEZOO_SHARED", ROOT.parent / "shared"))
    if not (path / "parity").is_dir():
        pytest.skip(f"no reference data at {path}")
    return path


@pytest.fixture(scope="session")
def parity(shared_dir: Path):
    """A function that writes a checkpoint in a release's layout: ``parity(method, path, salt)``."""
    import importlib.util

    import torch

    spec = importlib.util.spec_from_file_location("parity_official", shared_dir / "parity" / "official.py")
    assert spec and spec.loader
    official = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(official)

    def write(method: str, path: Path, salt: str = "public") -> Path:
        torch.save(official.checkpoint(method, salt), path)
        return path

    return write
