"""Nothing that a user has is written over: photographs by drawings of them, a model by another."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

import facezoo


def state(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("output", ["faces", "faces/drawn", "faces/face0.png", "faces/new.png"])
@pytest.mark.parametrize("inputs", [["faces"], ["faces/face0.png"]])
def test_drawings_go_neither_over_nor_among_the_pictures_that_are_read(
    cli, faces: Path, tmp_path: Path, inputs: list[str], output: str
) -> None:
    before = state(tmp_path)
    result = cli("detect", *(tmp_path / name for name in inputs), "-o", tmp_path / output)
    if inputs != ["faces"] and output in ("faces/drawn", "faces/new.png"):
        assert result.exit_code == 0  # one picture is read, not its folder
        assert before.items() <= state(tmp_path).items()
    else:
        assert result.exit_code == 1 and "read" in result.stderr and "name" in result.stderr.lower()
        assert state(tmp_path) == before


def test_pairs_and_searches_keep_their_pictures_too(cli, faces: Path, tiny: str, tmp_path: Path) -> None:
    before, a, b = state(tmp_path), faces / "face0.png", faces / "face1.png"
    for line in (
        ("transfer", a, b, "--manipulator", tiny, "-o", b),
        ("frontalize", a, "--cropped", "--manipulator", tiny, "-o", a),
        ("similar", a, faces, "--cropped", "--encoder", tiny, "-o", faces / "sheet.png"),
    ):
        result = cli(*line)
        assert result.exit_code == 1 and "read" in result.stderr, (line, result.stderr)
    assert state(tmp_path) == before


def test_a_table_may_lie_beside_its_pictures(cli, faces: Path) -> None:
    assert cli("detect", faces, "-o", faces / "boxes.csv").exit_code == 0


def test_a_conversion_replaces_only_an_earlier_one_of_its_format(
    cli, tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = tmp_path / "trained"
    shutil.copytree(tiny.removeprefix("dir:"), trained)
    before = state(trained)
    component = facezoo.load(tiny, device="cpu")
    monkeypatch.setattr("facezoo.loader._converted", lambda *_: (component, ("a line",)))
    result = cli("convert", "facecycle", tmp_path / "file.tar", trained)
    assert result.exit_code == 1 and "holds a component already, and not one converted from facecycle" in result.stderr
    assert state(trained) == before
    for _ in range(2):
        assert cli("convert", "facecycle", tmp_path / "file.tar", tmp_path / "new").exit_code == 0
    assert cli("convert", "retinaface", tmp_path / "file.pth", tmp_path / "new").exit_code == 1
