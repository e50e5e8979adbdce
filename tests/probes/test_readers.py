"""Published layouts as material, and the command line that people type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import facezoo
from facezoo.cli.app import app
from facezoo.errors import DatasetError
from facezoo.labels import SEVEN_EMOTIONS
from tests import madeup


def card(probe: Path) -> str:
    return (probe / "README.md").read_text()


def test_raf_db_is_measured_on_its_test_split(fit: Any, tmp_path: Path):
    probe = fit(madeup.rafdb(tmp_path / "raf"), reader="rafdb", penalty=1.0)
    assert facezoo.load(f"dir:{probe}", device="cpu").labels == SEVEN_EMOTIONS
    assert "Measured on 21 samples: test" in card(probe)


def test_fer_2013_is_read_from_its_csv(fit: Any, tmp_path: Path):
    probe = fit(madeup.fer2013(tmp_path / "fer"), reader="fer2013", test_split="test", penalty=1.0)
    assert "Fitted on 42 samples" in card(probe) and "Measured on 14 samples: test" in card(probe)


def test_valence_and_arousal_come_from_affectnet(fit: Any, tmp_path: Path):
    probe = fit(madeup.affectnet(tmp_path / "affectnet"), reader="affectnet", target="valence,arousal", penalty=1.0)
    head = facezoo.load(f"dir:{probe}", device="cpu")
    assert head.labels == ("valence", "arousal") and head.units == ""
    assert "| valence |" in card(probe)


def test_another_layout_says_what_was_expected(fit: Any, emotions: Path):
    with pytest.raises(DatasetError, match="facezoo datasets rafdb"):
        fit(emotions, reader="rafdb")


def test_a_cell_that_is_no_number_is_named(fit: Any, poses: Path, tmp_path: Path):
    table = poses.read_text().splitlines()
    columns, row = table[0].split(","), table[5].split(",")
    row[columns.index("yaw")] = "abc"
    path = tmp_path / "faces.csv"
    path.write_text("\n".join([*table[:5], ",".join(row), *table[6:]]))
    (tmp_path / "images").symlink_to(poses.parent)
    with pytest.raises(DatasetError, match="has a value 'yaw'; they have pitch, roll. .*yaw: line 6 has 'abc'"):
        fit(path, target="yaw")


def call(*words: object) -> Any:
    result = CliRunner().invoke(app, [str(word) for word in words], prog_name="facezoo")
    assert result.exit_code == 0, result.output
    return result


def test_an_own_head_in_two_commands(emotions: Path, encoder: str, tmp_path: Path):
    options = ("--encoder", encoder, "--view", "features", "--penalty", "1", "--device", "cpu", "-b", "8", "--quiet")
    call("train", "linear-probe", "--data", emotions, "--output", tmp_path / "run", *options)
    picture = next((emotions / "validation" / "anger").iterdir())
    table = tmp_path / "faces.csv"
    head = f"dir:{tmp_path / 'run' / 'model'}"
    call("run", "linear-probe", picture, "--cropped", "--head", head, "--encoder", encoder, "--device", "cpu", "-o", table)
    header, row = table.read_text().splitlines()
    assert "p_anger" in header and row.startswith(str(picture))


def test_names_are_separated_by_commas_on_the_command_line(poses: Path, encoder: str, tmp_path: Path):
    options = ("--encoder", encoder, "--target", "roll,yaw", "--no-standardise", "--penalty", "1", "--device", "cpu", "--quiet")
    call("train", "linear-probe", "--data", poses, "--output", tmp_path / "run", *options)
    assert facezoo.load(f"dir:{tmp_path / 'run' / 'model'}", device="cpu").labels == ("roll", "yaw")
    assert "standardise: false" in (tmp_path / "run" / "config.yaml").read_text()
