"""A local Hub, a machine that uses it, and an entry whose files are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .machine import FILES, Machine, entry_for
from .server import HubServer


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


@pytest.fixture
def client(hub: HubServer, tmp_path: Path) -> Machine:
    return Machine(hub.endpoint, tmp_path)


@pytest.fixture
def toy(hub: HubServer) -> dict[str, Any]:
    """An entry whose files are on the local Hub."""
    return entry_for("org/toy", hub.publish("org/toy", FILES))
