"""The tutorial's plugin is a real one: installed as a stranger would, found, loaded and checked; its page shows its files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

TOY = ROOT / "docs" / "toy-plugin"
PAGE = ROOT / "docs" / "write-a-plugin.md"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the toy is installed, and ``SOURCE``, a copy of its folder."""
    source = tmp_path_factory.mktemp("toy") / "toy-plugin"
    shutil.copytree(TOY, source, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    target = source.parent / "site"
    options = ["--no-build-isolation", "--no-deps", "--no-index", "--disable-pip-version-check", "--no-compile", "-q"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return {**os.environ, "PYTHONPATH": str(target), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "SOURCE": str(source)}


def run(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=environment["SOURCE"], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_installed_plugin_is_found_and_loads_like_a_first_party_one(toy: dict[str, str]) -> None:
    script = """
import sys
import facezoo
plugin = next(p for p in facezoo.list_plugins() if p.name == "toy")
assert plugin.error is None and (plugin.distribution, plugin.version) == ("facezoo-toy", "0.1.0"), plugin
row, = facezoo.list_models("toy-*")
assert (row.id, row.plugin, row.local, row.kinds) == ("toy-colours", "toy", True, ("encoder",)), row
assert facezoo.info("toy-colours")["license"]["weights"] == "Apache-2.0"
assert "torch" not in sys.modules
encoder = facezoo.load("toy-colours", device="cpu")
assert (encoder.provenance.id, encoder.provenance.source) == ("toy-colours", "package")
import numpy as np
faces = np.random.default_rng(0).integers(0, 256, (2, 48, 40, 3), dtype=np.uint8)
pipe = facezoo.pipeline("identity-embedding", encoder="toy:toy-colours", device="cpu")
first, second = (result.faces[0].embeddings["colours"] for result in pipe(faces, cropped=True))
print(first.space_id, round(facezoo.compare(first, first).similarity, 6), facezoo.compare(first, second).similarity < 0.999)
"""
    space, same, other = run(toy, "-c", script).split()
    assert re.fullmatch(r"[0-9a-f]{12}", space)
    assert (same, other) == ("1.0", "True")


def test_its_own_tests_pass(toy: dict[str, str]) -> None:
    config = Path(toy["SOURCE"]).parent / "pytest.ini"  # not this project's
    config.write_text("[pytest]\nfilterwarnings = error\n")
    assert "3 passed" in run(toy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(config), "tests")


def test_its_weights_are_what_its_script_makes(toy: dict[str, str]) -> None:
    shipped = TOY / "facezoo_toy" / "weights" / "toy-colours"
    made = Path(toy["SOURCE"]) / "facezoo_toy" / "weights" / "toy-colours"
    shutil.rmtree(made)
    assert str(made) in run({**toy, "PYTHONPATH": toy["SOURCE"]}, "make_weights.py")
    for name in ("config.json", "model.safetensors", "README.md"):
        assert (made / name).read_bytes() == (shipped / name).read_bytes(), f"{name} is stale; run make_weights.py"


def test_the_page_shows_every_file_as_it_is() -> None:
    shown = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE))
    text = {".py", ".toml", ".yaml"}
    files = {str(path.relative_to(TOY)): path for path in sorted(TOY.rglob("*")) if path.suffix in text}
    assert set(shown) == set(files)
    for name, path in files.items():
        assert shown[name] == path.read_text(encoding="utf-8"), f"write-a-plugin.md shows another {name}"


def test_the_hooks_are_about_twenty_lines() -> None:
    lines = (TOY / "facezoo_toy" / "__init__.py").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.strip()]) <= 25
