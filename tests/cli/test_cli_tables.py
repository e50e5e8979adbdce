"""Tables as files: columns, faceless pictures, and nothing half-written."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from facezoo.errors import InputError
from facezoo.results import Face, ImageResult, Pose, Scores
from facezoo.tables import FORMATS, write_table

FACE = Face(
    box=np.array([1, 2, 3, 4], np.float32), score=0.9, emotions=Scores({"joy": 0.7, "fear": 0.3}), pose=Pose(1.0, -2.0, 3.5)
)
RESULTS = [
    ImageResult("empty.png", size=(8, 8)),
    ImageResult("one.png", (FACE,), (8, 8)),
    ImageResult("bad.png", error="damaged"),
]


def test_rows_carry_what_was_found(tmp_path: Path) -> None:
    rows = list(csv.DictReader(write_table(RESULTS, tmp_path / "t.csv").read_text().splitlines()))
    assert [row["source"] for row in rows] == ["empty.png", "one.png", "bad.png"]
    assert (rows[0]["face"], rows[1]["face"], rows[2]["error"]) == ("", "0", "damaged")
    assert (rows[1]["x1"], rows[1]["emotion"], rows[1]["p_fear"], rows[1]["roll"]) == ("3.0", "joy", "0.3", "3.5")


def test_parquet_has_the_same_rows(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `table` is not installed")
    rows = parquet.read_table(write_table(RESULTS, tmp_path / "t.parquet")).to_pylist()
    assert [row["face"] for row in rows] == [None, 0, None]
    assert rows[1]["emotion"] == "joy" and rows[1]["yaw"] == 1.0 and rows[2]["error"] == "damaged"


@pytest.mark.parametrize("ending", FORMATS)
def test_no_face_at_all_is_still_a_table(tmp_path: Path, ending: str) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow", reason="the extra `table` is not installed")
    path = write_table([ImageResult("empty.png", size=(8, 8))], tmp_path / f"t{ending}")
    assert path.stat().st_size > 0
    assert write_table([], path).is_file()  # replaces what was there
    if ending == ".json":
        assert json.loads(path.read_text()) == []


@pytest.mark.parametrize("ending", [".json", ".csv"])
def test_an_error_on_the_way_leaves_the_older_file(tmp_path: Path, ending: str) -> None:
    path = write_table(RESULTS, tmp_path / f"t{ending}")
    before = path.read_bytes()

    def broken() -> Iterator[ImageResult]:
        yield RESULTS[1]
        raise InputError("gone")

    with pytest.raises(InputError, match="gone"):
        write_table(broken(), path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_without_pyarrow_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"facezoo\[table\]"):
        write_table(RESULTS, tmp_path / "t.parquet")


def test_an_interruption_keeps_nothing_half_written(cli, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(*_: object) -> Iterator[ImageResult]:
        yield RESULTS[1]
        raise KeyboardInterrupt

    monkeypatch.setattr("facezoo.cli.tasks.walk", walk)
    result = cli("detect", faces, "-o", tmp_path / "out" / "t.csv")
    assert result.exit_code == 130 and "Stopped" in result.stderr
    assert list((tmp_path / "out").iterdir()) == []
