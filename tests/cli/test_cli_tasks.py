"""run, detect, embed, compare, frontalize, transfer on pictures, folders and videos."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from facezoo import images, video


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four frames of waves; no face in it."""
    path = tmp_path_factory.mktemp("clip") / "waves.mp4"
    with video.Writer(path, 10, (64, 64)) as writer:
        for index in range(4):
            writer.write(np.full((64, 64, 3), 40 * index, np.uint8))
    return path


def test_detect_prints_a_row_per_face(cli, portrait: Path) -> None:
    result = cli("detect", portrait)
    assert result.exit_code == 0
    header, *rows = result.stdout.splitlines()
    assert header.split() == ["picture", "face", "x", "y", "size", "score"]
    assert len(rows) == 1 and str(portrait) in rows[0]
    assert "1 face in 1 picture" in result.stderr


def test_detect_json_is_all_there_is_on_standard_output(cli, portrait: Path) -> None:
    records = json.loads(cli("detect", portrait, portrait, "--json").stdout)
    assert len(records) == 2 and len(records[0]["faces"][0]["box"]) == 4


def test_detect_draws_into_a_folder_without_overwriting(cli, portrait: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / portrait.name
    images.write(images.read(portrait)[:, ::-1], other)
    result = cli("detect", portrait, other, "-o", tmp_path / "drawn")
    assert result.exit_code == 0
    assert sorted(p.name for p in (tmp_path / "drawn").iterdir()) == ["portrait-2.png", "portrait.png"]
    drawn = images.read(tmp_path / "drawn" / "portrait.png").astype(int)
    assert (np.abs(drawn - images.read(portrait)).max(axis=2) > 0).any()


def test_a_picture_of_several_results_is_refused(cli, portrait: Path, tmp_path: Path) -> None:
    assert cli("detect", portrait, "-o", tmp_path / "one.jpg").exit_code == 0
    copy = images.write(images.read(portrait), tmp_path / "copy.png")
    result = cli("detect", portrait, copy, "-o", tmp_path / "two.jpg")
    assert result.exit_code == 1 and "folder" in result.stderr


def test_detect_in_a_video_gives_rows_with_times_or_a_video(cli, clip: Path, tmp_path: Path) -> None:
    assert cli("detect", clip, "-o", tmp_path / "rows.csv").exit_code == 0
    rows = list(csv.DictReader((tmp_path / "rows.csv").read_text().splitlines()))
    assert [row["frame"] for row in rows] == ["0", "1", "2", "3"]
    assert float(rows[2]["time"]) == pytest.approx(0.2)
    assert rows[0]["face"] == ""  # a frame without a face keeps its row
    assert cli("detect", clip, "-o", tmp_path / "drawn").exit_code == 0
    assert video.probe(tmp_path / "drawn" / "waves.mp4").frames == 4


def test_run_takes_a_folder_and_says_when_there_is_no_face(cli, faces: Path) -> None:
    result = cli("run", "face-detection", faces)
    assert result.stdout.count("no face") == 3


def test_vectors_do_not_go_into_a_picture(cli, faces: Path, tiny: str, tmp_path: Path) -> None:
    result = cli("embed", faces, "--cropped", "--model", tiny, "-o", tmp_path / "e.png")
    assert result.exit_code == 1 and ".parquet" in result.stderr and not (tmp_path / "e.png").exists()


def test_embed_into_every_kind_of_table(cli, faces: Path, tiny: str, tmp_path: Path) -> None:
    for ending in ("json", "jsonl", "csv"):
        result = cli("embed", faces, "--cropped", "--model", tiny, "-o", tmp_path / f"e.{ending}")
        assert result.exit_code == 0 and result.stdout == ""
        assert "3 faces in 3 pictures" in result.stderr
    records = json.loads((tmp_path / "e.json").read_text())
    lines = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert records == lines and len(records[0]["faces"][0]["embeddings"]["identity"]["values"]) == 256
    rows = list(csv.DictReader((tmp_path / "e.csv").read_text().splitlines()))
    assert rows[0]["identity_space"] == records[0]["faces"][0]["embeddings"]["identity"]["space_id"]
    assert float(rows[2]["identity_255"]) == pytest.approx(records[2]["faces"][0]["embeddings"]["identity"]["values"][255])


def test_parquet_says_in_which_space_its_vectors_are(cli, faces: Path, tiny: str, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `table` is not installed")
    path = tmp_path / "e.parquet"
    assert cli("embed", faces, "--cropped", "--view", "expression", "--model", tiny, "-o", path).exit_code == 0
    table = parquet.read_table(path)
    spaces = json.loads(table.schema.metadata[b"facezoo.spaces"])
    assert spaces == {"expression": table["expression_space"][0].as_py()} and len(spaces["expression"]) == 12
    assert json.loads(table.schema.metadata[b"facezoo.models"]) == {"expression": tiny}
    assert table.num_rows == 3 and len(table["expression"][0]) == 256


def test_slots_by_every_option(cli, faces: Path, tiny: str) -> None:
    for option in (["--encoder", tiny], ["--model", tiny], ["-m", tiny], ["--slot", f"encoder={tiny}"]):
        result = cli("run", "identity-embedding", faces, "--cropped", *option)
        assert result.exit_code == 0 and result.stdout.count("identity: 256 values") == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--slot", "encoder"], "KEY=VALUE"),
        (["--model", "dir:a", "--encoder", "dir:b"], "twice"),
        (["--classifier", "dir:a"], "no slot classifier"),
        (["--device", "tpu"], "device is"),
        (["--dtype", "int4"], "dtype is"),
        (["--batch-size", "0"], "batch_size"),
        (["--min-score", "3"], "min_score"),
        (["--set", "colour=red"], "no option colour"),
        (["-o", "out.xyz"], ".parquet"),
        (["--encoder", "haar-frontal"], "does not fit"),
    ],
)
def test_wrong_values_are_explained(cli, faces: Path, tiny: str, options: list[str], words: str) -> None:
    model = [] if {"--encoder", "--model", "--slot"} & set(options) else ["--encoder", tiny]
    result = cli("run", "identity-embedding", faces, "--cropped", *model, *options)
    assert result.exit_code == 1 and words in result.stderr
    assert result.stderr.count("\n") == 1 and result.stdout == ""


def test_inputs_that_are_not_there_or_no_pictures(cli, tmp_path: Path, tiny: str) -> None:
    assert "There is no file" in cli("detect", tmp_path / "none.jpg").stderr
    (tmp_path / "empty").mkdir()
    assert "holds no picture" in cli("detect", tmp_path / "empty").stderr
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    result = cli("detect", text, "-o", tmp_path / "rows.csv")
    assert result.exit_code == 1 and "text.jpg" in result.stderr
    assert not list(tmp_path.glob("*rows.csv*"))  # nothing half-written is left
    result = cli("detect", text, "--keep-going", "--json")
    assert result.exit_code == 0 and "text.jpg" in json.loads(result.stdout)[0]["error"]


def test_unknown_task_has_close_matches(cli, faces: Path) -> None:
    result = cli("run", "face-detecton", faces)
    assert result.exit_code == 1 and "face-detection" in result.stderr


def test_compare_tells_similarity_and_claims_no_threshold(cli, faces: Path, tiny: str) -> None:
    one = faces / "face0.png"
    result = cli("compare", one, one, "--cropped", "--model", tiny)
    assert "1.000" in result.stdout and "not said" in result.stdout
    facts = json.loads(cli("compare", one, faces / "face1.png", "--cropped", "--model", tiny, "--json").stdout)
    assert facts["same"] is None and -1 <= facts["similarity"] <= 1


def test_pair_tasks_want_pairs(cli, faces: Path, tiny: str) -> None:
    one = faces / "face0.png"
    result = cli("run", "face-verification", one, "--cropped", "--model", tiny)
    assert result.exit_code == 1 and "2 inputs" in result.stderr


def test_frontalize_writes_a_sheet_and_the_faces(cli, faces: Path, tiny: str, tmp_path: Path) -> None:
    result = cli("frontalize", faces / "face0.png", "--cropped", "--model", tiny, "-o", tmp_path / "fronts")
    assert result.exit_code == 0
    written = {path.name for path in (tmp_path / "fronts").iterdir()}
    assert written == {"face0.png", "face0-0-neutral.png", "face0-0-mean-face.png"}
    assert images.read(tmp_path / "fronts" / "face0-0-neutral.png").shape == (64, 64, 3)
    assert "-o" in cli("frontalize", faces / "face0.png", "--model", tiny).stderr


def test_transfer_gives_a_picture_or_a_video(cli, portrait: Path, clip: Path, tiny: str, tmp_path: Path) -> None:
    out = tmp_path / "both.png"
    assert cli("transfer", portrait, portrait, "--model", tiny, "-o", out).exit_code == 0
    assert images.read(out).shape == (256, 768, 3)
    result = cli("transfer", portrait, clip, "--model", tiny, "-o", tmp_path / "both.mp4")
    assert result.exit_code == 1 and "No face" in result.stderr and not (tmp_path / "both.mp4").exists()
    for arguments in ([], ["-o", tmp_path / "both.txt"], ["-o", out, "--layout", "round"]):
        assert cli("transfer", portrait, portrait, "--model", tiny, *arguments).exit_code == 1
