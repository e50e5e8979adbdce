"""The demonstration: that every step is there and drawn, not that it looks like a face."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from facezoo import catalogue, images


def test_demo_writes_its_picture_and_names_the_models(cli, tiny: str, tmp_path: Path) -> None:
    pytest.importorskip("skimage", reason="the portrait is in scikit-image's wheel")
    bundled = any(row.id == "cycle-face-nano" for row in catalogue.list_models(local=True))
    options, name = ([], "cycle-face-nano") if bundled else (["--model", tiny], tiny)
    result = cli("demo", "-o", tmp_path / "demo", *options)
    assert result.exit_code == 0
    assert "haar-frontal" in result.stdout and name in result.stdout and "facezoo-demo.png" in result.stdout
    page = images.read(tmp_path / "demo" / "facezoo-demo.png")
    assert page.shape[1] > page.shape[0] > 800
    assert (page.std(axis=(0, 1)) > 20).all()


def test_demo_of_an_own_picture_compares_identity_codes(cli, portrait: Path, tiny: str, tmp_path: Path) -> None:
    tall = images.write(images.read(portrait)[:, 20:220], tmp_path / "tall.png")
    facts = json.loads(cli("demo", tall, "-o", tmp_path, "--model", tiny, "--json").stdout)
    assert Path(facts["picture"]).is_file()
    assert len(facts["similarities"]) == 4
    assert all(-1 <= value["lowest"] <= value["highest"] <= 1 for value in facts["similarities"].values())


def test_demo_without_a_face_says_so(cli, tiny: str, tmp_path: Path) -> None:
    blank = images.write(np.full((200, 200, 3), 128, np.uint8), tmp_path / "blank.png")
    result = cli("demo", blank, "-o", tmp_path / "demo", "--model", tiny)
    assert result.exit_code == 1 and "No face" in result.stderr and not (tmp_path / "demo").exists()


def test_demo_names_the_command_that_brings_the_portrait(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    result = cli("demo")
    assert result.exit_code == 1 and "pip install 'facezoo[demo]'" in result.stderr
