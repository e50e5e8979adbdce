"""The wheel: built, installed without dependencies or a network, and loaded from, away from the checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from facezoo.registry import load_registry
from facezoo.sources import PackageSource
from tests.conftest import ROOT

BUNDLE = "facezoo_cycle_face/weights/cycle-face-nano"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
OFFLINE = ["--no-deps", "--no-index"]
DATA = {".py", ".pyi", ".yaml", ".json", ".safetensors", ".md", ".png", ".typed"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def packages() -> list[Path]:
    return [ROOT / path for path in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]


def done(command: list[str], **options: object) -> str:
    finished = subprocess.run(command, capture_output=True, text=True, timeout=200, **options)  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done([*PIP, "wheel", "--no-build-isolation", *OFFLINE, "-w", str(folder), str(ROOT)])
    return next(folder.glob("facezoo-*.whl"))


@pytest.fixture(scope="session")
def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


@pytest.fixture(scope="session")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    done([*PIP, "install", *OFFLINE, "--no-compile", "--target", str(target), str(wheel)])
    return target


def python(site: Path, script: str, cwd: Path) -> str:
    """What a script prints that is run with the installed wheel, from a folder that is not the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    return done([sys.executable, "-c", script], cwd=cwd, env=environment)


def test_wheel_has_every_source_file_and_the_registry(contents: set[str]) -> None:
    wanted = {"facezoo/registry.yaml"}
    for package in packages():
        files = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        wanted |= {f"{package.name}/{path.relative_to(package).as_posix()}" for path in files}
    assert wanted <= contents


def test_wheel_has_nothing_else(contents: set[str]) -> None:
    names = {package.name for package in packages()}
    stray = []
    for name in contents:
        top, _, rest = name.partition("/")
        metadata = re.fullmatch(r"facezoo-[\w.]+\.dist-info", top)
        if metadata is None and (top not in names or Path(rest).suffix not in DATA or "__pycache__" in rest):
            stray.append(name)
    assert stray == []


def test_wheel_names_every_plugin_and_the_command(wheel: Path, contents: set[str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        entries = archive.read(next(n for n in contents if n.endswith("entry_points.txt"))).decode()
    for name, module in PROJECT["project"]["entry-points"]["facezoo"].items():
        assert f"{name} = {module}" in entries
        assert f"{module}/__init__.py" in contents
    assert "facezoo = facezoo.cli:main" in entries


def test_every_plugin_folder_is_packaged_and_declared() -> None:
    folders = {path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py")}
    assert folders == {package.name for package in packages()} - {"facezoo"}
    assert folders == set(PROJECT["project"]["entry-points"]["facezoo"].values())


def test_bundled_weights_are_in_the_wheel_and_small(contents: set[str]) -> None:
    listed = [source.path for model in load_registry().models for source in model.sources if isinstance(source, PackageSource)]
    sizes = []
    for bundle in listed:
        for name in ("config.json", "model.safetensors", "golden.safetensors", "README.md"):
            assert f"{bundle}/{name}" in contents
        sizes.append((ROOT / "plugins" / bundle / "model.safetensors").stat().st_size)
    assert BUNDLE in listed and max(sizes) <= 12e6 and sum(sizes) <= 52e6


LOAD = """
import json
import numpy as np
import facezoo, facezoo_cycle_face
component = facezoo.load(NAME, device="cpu")
picture = np.full((90, 120, 3), 128, np.uint8)
pipe = facezoo.pipeline("face-detection", device="cpu")
print(json.dumps({
    "core": facezoo.__file__,
    "plugin": facezoo_cycle_face.__file__,
    "models": [row.id for row in facezoo.list_models()],
    "errors": [plugin.error for plugin in facezoo.list_plugins()],
    "source": component.provenance.source,
    "faces": len(pipe(picture).faces),
    "space": component.views["identity"].space_id if hasattr(component, "views") else None,
}))
"""


def test_installed_wheel_loads_what_it_carries(site: Path, contents: set[str], tmp_path: Path) -> None:
    bundled = f"{BUNDLE}/config.json" in contents
    name = "cycle-face-nano" if bundled else "haar-frontal"
    told = json.loads(python(site, LOAD.replace("NAME", repr(name)), tmp_path).splitlines()[-1])
    assert told["core"].startswith(str(site)) and told["plugin"].startswith(str(site))
    assert {"cycle-face-vox12", "haar-frontal", "yunet-2023mar"} <= set(told["models"])
    assert told["errors"] == [None] * len(told["errors"])
    assert told["faces"] == 0
    if bundled:
        assert told["source"] == "package" and re.fullmatch(r"[0-9a-f]{12}", told["space"])
    else:
        assert told["source"] == "builtin"


def test_installed_wheel_has_the_command_line(site: Path, tmp_path: Path) -> None:
    pytest.importorskip("facezoo.cli.app", reason="the command line is not there")
    environment = {**os.environ, "PYTHONPATH": str(site)}
    told = done([sys.executable, "-m", "facezoo", "list", "haar"], cwd=tmp_path, env=environment)
    assert "haar-frontal" in told
