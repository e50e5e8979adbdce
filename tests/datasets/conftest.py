"""Made-up copies of the published layouts, written once; a test that breaks one takes a copy of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import madeup


@pytest.fixture(scope="session")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``intact("rafdb")`` -> its folder, not to be changed."""
    made: dict[str, Path] = {}

    def of(name: str) -> Path:
        if name not in made:
            root = tmp_path_factory.mktemp(name)
            getattr(madeup, name)(root)
            made[name] = root
        return made[name]

    return of


@pytest.fixture
def copy(intact: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """``copy("rafdb")`` -> a folder to break."""
    return lambda name: Path(shutil.copytree(intact(name), tmp_path / name))
