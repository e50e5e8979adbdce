"""A made-up head for the tests of synthetic faces, and sets that were rendered of it once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from facezoo_synthetic.head import Head, digest, load_head
from facezoo_synthetic.layout import Settings
from facezoo_synthetic.rendering import Job
from facezoo_synthetic.starting import open_set
from facezoo_synthetic.studio import Studio
from tests.synthetic import madeup_head


@pytest.fixture(scope="session")
def head_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a made-up head."""
    return madeup_head.write(tmp_path_factory.mktemp("head") / "head.npz")


@pytest.fixture(scope="session")
def head(head_file: Path) -> Head:
    return load_head(head_file)


@pytest.fixture(scope="session")
def studio(head: Head) -> Studio:
    return Studio(head, seed=5, size=32)


@pytest.fixture(scope="session")
def rendered(head_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``rendered(people=20, frames=2, …)`` -> the folder of a finished set, not to be changed."""
    made: dict[Any, Path] = {}

    def of(**values: Any) -> Path:
        key = tuple(sorted(values.items()))
        if key not in made:
            made[key] = tmp_path_factory.mktemp("set")
            job = Job(made[key], settings(head_file, **values), head_file)
            for chunk in open_set(job.out, job.settings):
                job.render(job.studio(), chunk)
        return made[key]

    return of


def settings(head_file: Path, **values: Any) -> Settings:
    """Settings of a small set."""
    small = {"seed": 5, "size": 32, "people": 20, "frames": 2, "tracks": False, "yaw": 60.0, "format": "png"}
    return Settings(**{**small, "head": digest(head_file), **values})
