"""``facezoo synth`` as somebody types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from facezoo.cli.app import app
from facezoo.plugin import check_plugin, read
from facezoo_synthetic.head import digest, stored_path
from tests.synthetic import madeup_head


@pytest.fixture
def synth(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """``synth("render", out, …)`` in a home of its own -> the result."""
    monkeypatch.setenv("FACEZOO_HOME", str(tmp_path / "home"))
    return lambda *words: CliRunner().invoke(app, ["synth", *map(str, words)], prog_name="facezoo")


def test_the_plugin_keeps_its_promises():
    check_plugin("synthetic")


def test_a_head_is_imported_once_and_found_afterwards(synth, tmp_path):
    result = synth("import", madeup_head.write_checkout(tmp_path / "ICT-FaceKit"))
    assert result.exit_code == 0 and result.stdout.strip() == f"Imported: {stored_path()}"
    assert "Next: facezoo synth preview" in result.stderr
    drawn = synth("preview", "--emotion", "happy", "--people", 2, "--size", 32, "-o", tmp_path / "sheet.png")
    assert drawn.exit_code == 0, drawn.stderr
    assert read(tmp_path / "sheet.png").shape == (32, 2 * 34 - 2, 3)


def test_a_sheet_has_a_row_per_emotion_and_labels_on_request(synth, tmp_path, head_file):
    words = ("preview", "--head", head_file, "--size", 32, "--people", 1, "--json", "-o")
    plain = synth(*words, tmp_path / "plain.png")
    assert json.loads(plain.stdout) == {"sheet": str(tmp_path / "plain.png"), "width": 32, "height": 7 * 34 - 2}
    synth(*words, tmp_path / "told.png", "--labels", "--emotion", "anger")
    assert read(tmp_path / "told.png").shape == (96, 96, 3)


def test_a_set_is_rendered_and_found_finished_the_second_time(synth, tmp_path, head_file):
    words = ("render", tmp_path / "set", "--head", head_file, "--people", 2, "--frames", 3, "--size", 32, "--format", "jpg")
    first = synth(*words, "--json")
    assert json.loads(first.stdout) == {"set": str(tmp_path / "set"), "pictures": 6, "rendered": 6}
    assert "6 of 6 pictures to render, about" in first.stderr
    assert json.loads((tmp_path / "set" / "synthetic.json").read_text())["head"] == digest(head_file)
    assert sorted(path.name for path in (tmp_path / "set").rglob("*.jpg")) == sorted(["00.jpg", "01.jpg", "02.jpg"] * 2)
    second = synth(*words, "--json", "--quiet")
    assert json.loads(second.stdout)["rendered"] == 0 and second.stderr == ""


@pytest.mark.parametrize(
    "words, message",
    [
        (("preview", "--emotion", "angst"), "--emotion angst is none of neutral, happiness"),
        (("preview", "--emotion", "contempt"), "none of neutral"),
        (("preview", "-o", "sheet.txt"), "is no picture's name"),
        (("preview", "--people", "0"), "--people 0"),
        (("render", "OUT", "--people", "0"), "--people 0: it is 1 at least"),
        (("render", "OUT", "--workers", "-1"), "--workers -1"),
        (("render", "OUT", "--device", "mps:0"), "mps"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(synth, tmp_path, head_file, words, message):
    result = synth(*(str(tmp_path / "set") if word == "OUT" else word for word in words), "--head", head_file)
    assert result.exit_code == 1 and message in result.stderr and result.stdout == ""
    assert not (tmp_path / "set").exists()


def test_without_a_head_the_way_to_one_is_told(synth, tmp_path):
    result = synth("render", tmp_path / "set")
    assert result.exit_code == 1 and "`facezoo synth import CHECKOUT` makes its file" in result.stderr


def test_another_setting_in_the_same_folder_is_refused(synth, rendered, head_file):
    result = synth("render", rendered(), "--head", head_file, "--seed", 6)
    assert result.exit_code == 1 and "Two settings do not mix in one folder" in result.stderr
