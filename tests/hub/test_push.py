"""Pushing a component directory: what arrives, and that its snippet is a working source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from facezoo.errors import WeightsError
from facezoo.publish import check_directory

from .machine import Machine, entry_for
from .server import HubServer


@pytest.fixture
def component(tmp_path: Path) -> Path:
    folder = tmp_path / "component"
    folder.mkdir()
    (folder / "config.json").write_text('{"facezoo": 1, "arch": "toy", "config": {}}')
    save_file({"weight": np.arange(6, dtype=np.float32)}, folder / "model.safetensors")
    save_file({"input.faces": np.zeros(3, dtype=np.float32)}, folder / "golden.safetensors")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Toy\n")
    (folder / "notes.txt").write_text("stays here")
    return folder


def test_push_writes_four_files_whose_snippet_is_a_source(hub: HubServer, client: Machine, component: Path):
    client.env["HF_TOKEN"] = "hf_writer"
    answer = client.run({"do": "push", "directory": str(component), "repo": "org/pushed"})[0]
    assert "result" in answer, answer
    done = answer["result"]
    stored = hub.repositories["org/pushed"].commits[done["commit"]]
    names = ("README.md", "config.json", "golden.safetensors", "model.safetensors")
    assert stored == {name: (component / name).read_bytes() for name in names}
    posts = hub.requests("POST")
    assert {r.authorization for r in posts} == {"Bearer hf_writer"}
    assert [r.path for r in posts if r.path.endswith("/commit/main")] == ["/api/models/org/pushed/commit/main"]
    entry = entry_for("org/pushed", done["commit"]) | {"sources": yaml.safe_load(done["snippet"])}
    path = Path(client.locate(entry)["result"]["path"])
    assert (path / "model.safetensors").read_bytes() == stored["model.safetensors"]


def test_push_without_the_right_says_so(hub: HubServer, client: Machine, component: Path):
    hub.fail("/api/repos/create", "status", status=403, methods=("POST",))
    answer = client.run({"do": "push", "directory": str(component), "repo": "org/pushed"})[0]
    assert answer["error"] == "WeightsUnavailableError"
    assert "push" in answer["text"] and "403" in answer["text"] and "HF_TOKEN" in answer["text"]


def test_push_offline_sends_nothing(hub: HubServer, client: Machine, component: Path):
    client.env["HF_HUB_OFFLINE"] = "1"
    answer = client.run({"do": "push", "directory": str(component), "repo": "org/pushed"})[0]
    assert "Offline" in answer["text"] and hub.log == []


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("golden.safetensors", None, "lacks golden.safetensors"),
        ("README.md", None, "lacks README.md"),
        ("config.json", b"{", "is not JSON"),
        ("config.json", b"[]", "does not describe a component"),
        ("model.safetensors", b"\x10", "is not a whole safetensors file"),
        ("model.safetensors", b"\x02\0\0\0\0\0\0\0{}", "holds no tensor"),
    ],
)
def test_incomplete_directory_is_refused_before_anything_is_sent(component: Path, name: str, content: bytes | None, words: str):
    check_directory(component)
    if content is None:
        (component / name).unlink()
    else:
        (component / name).write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        check_directory(component)
