"""A machine of its own for each test: a home, a Hub cache and a process that runs ``client.py``."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("client.py")
FILES = {
    "config.json": b'{"facezoo": 1, "arch": "toy"}',
    "model.safetensors": bytes(range(256)) * 128,
    "golden.safetensors": b"golden" * 50,
}


@dataclass
class Machine:
    """Where facezoo runs.

    Attributes:
        folder: holds both, unless ``env`` says otherwise.
        env: further settings (HF_TOKEN, HF_HUB_OFFLINE, …).
    """

    endpoint: str
    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def cache(self) -> Path:
        return Path(self.settings()["HF_HOME"]) / "hub"

    def settings(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING", "TRANSFORMERS", "FACEZOO"))}
        paths = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
        own = {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(self.folder / "huggingface"),
            "HF_HUB_DISABLE_XET": "1",
            "FACEZOO_HOME": str(self.folder / "facezoo"),
            "PYTHONPATH": paths,
            "NO_PROXY": "127.0.0.1",
        }
        return kept | own | self.env

    def start(self, *tasks: Any, **options: Any) -> subprocess.Popen[str]:
        command = [sys.executable, str(SCRIPT), json.dumps(tasks)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        return subprocess.Popen(command, env=self.settings(), text=True, **pipes)

    def run(self, *tasks: Any) -> list[dict[str, Any]]:
        return finish(self.start(*tasks))["answers"]

    def locate(self, entry: dict[str, Any]) -> dict[str, Any]:
        return self.run({"do": "locate", "entry": entry})[0]


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the process printed, and what it wrote to its standard error."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return json.loads(out) | {"stderr": err}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def entry_for(repo: str, commit: str, files: dict[str, bytes] = FILES, name: str = "toy-one") -> dict[str, Any]:
    """A registry entry with one ``hub`` source."""
    hashes = {name: sha256(body) for name, body in files.items()}
    source = {"kind": "hub", "repo": repo, "revision": commit, "files": hashes}
    return {
        "id": name,
        "plugin": "facezoo",
        "arch": "toy",
        "summary": "For tests.",
        "tasks": ["testing"],
        "sources": [source],
        "license": {"code": "MIT", "weights": "MIT", "data": "unknown"},
    }
