"""facezoo datasets: the list, a layout, and what is found in a folder."""

from __future__ import annotations

import json

import pytest

from tests import madeup


def test_readers_are_listed(cli) -> None:
    result = cli("datasets")
    assert result.stdout.splitlines()[0].split() == ["data", "set", "what", "it", "is", "plugin"]
    assert "facezoo datasets NAME" in result.stderr and cli("datasets", "--quiet").stderr == ""
    rows = json.loads(cli("datasets", "--json").stdout)
    names = [row["name"] for row in rows]
    assert names == sorted(names)
    assert {"affectnet", "affectnet-7", "csv", "fec", "fer2013", "folder", "rafdb"} <= set(names)
    assert all(row["summary"] in result.stdout for row in rows)


def test_a_name_shows_the_layout(cli) -> None:
    assert "ROOT/basic/EmoLabel/list_patition_label.txt" in cli("datasets", "rafdb").stdout
    assert "faceexp-comparison-data-train-public.csv" in json.loads(cli("datasets", "fec", "--json").stdout)["layout"]


def test_samples_are_counted_per_split_and_class_and_what_was_left_out(cli, tmp_path) -> None:
    root = madeup.affectnet(tmp_path, 16, 8)
    result = cli("datasets", "affectnet-7", "--data", root)
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == ["train", "validation"] and rows[1] == ["samples", "14", "7"]
    assert ["happiness", "2", "1"] in rows and ["valence", "14", "7"] in rows
    assert "train: pictures of contempt are left out: 2 (" in result.stderr
    facts = json.loads(cli("datasets", "affectnet-7", "--data", root, "--json").stdout)
    assert facts["splits"]["train"]["classes"]["anger"] == 2 and len(facts["splits"]["train"]["digest"]) == 12
    assert len(facts["notes"]) == 2 and facts["problems"] == []


def test_pictures_that_cannot_be_read_are_named_before_a_training(cli, tmp_path) -> None:
    root = madeup.rafdb(tmp_path, 7, 7)
    assert "Every picture can be read" in cli("datasets", "rafdb", "--data", root, "--check").stderr
    (root / "basic" / "Image" / "aligned" / "test_00003_aligned.jpg").write_bytes(b"no picture")
    assert cli("datasets", "rafdb", "--data", root).exit_code == 0
    result = cli("datasets", "rafdb", "--data", root, "--check")
    assert result.exit_code == 1 and "test_00003" in result.stderr and "1 picture cannot be read" in result.stderr
    facts = json.loads(cli("datasets", "rafdb", "--data", root, "--check", "--json").stdout)
    assert [name for name in facts["unreadable"] if "test_00003" in name] == list(facts["unreadable"])
    assert "--data" in cli("datasets", "rafdb", "--check").stderr


def test_triplets_are_counted_by_kind_with_ties(cli, tmp_path) -> None:
    found = json.loads(cli("datasets", "fec", "--data", madeup.fec(tmp_path, 100, 30), "--json").stdout)["splits"]
    assert [found[split]["triplets"] for split in ("train", "validation", "test")] == [99, 1, 30]
    assert found["test"]["kinds"] == {"one-class": 10, "two-class": 10, "three-class": 10}
    assert 0 < found["train"]["ties"] < 20


def test_rows_without_a_class_are_told(cli, tmp_path) -> None:
    madeup.emotion_folders(tmp_path, (), 1)
    lines = ["file,label", "anger/0006.jpg,angry", "fear/0004.jpg,"]
    (tmp_path / "faces.csv").write_text("\n".join(lines))
    rows = [line.split() for line in cli("datasets", "csv", "--data", tmp_path).stdout.splitlines()]
    assert ["without", "class", "1"] in rows and ["anger", "1"] in rows
    assert "without" not in cli("datasets", "folder", "--data", tmp_path).stdout


def test_one_split_that_cannot_be_used_does_not_hide_the_others(cli, tmp_path) -> None:
    root = madeup.rafdb(tmp_path, 7, 7)
    for path in (root / "basic" / "Image" / "aligned").glob("test_*"):
        path.unlink()
    result = cli("datasets", "rafdb", "--data", root)
    assert result.exit_code == 0 and ["samples", "7"] in [line.split() for line in result.stdout.splitlines()]
    assert "Expected the picture" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("raf",), "Did you mean rafd or rafdb"),
        (("rafdb", "--data", "."), "list_patition_label.txt"),
        (("--data", "."), "needs a name that says how it is laid out"),
    ],
)
def test_errors_say_what_to_do(cli, tmp_path, monkeypatch, arguments, message) -> None:
    monkeypatch.chdir(tmp_path)
    result = cli("datasets", *arguments)
    assert result.exit_code == 1 and result.stdout == "" and message in result.stderr
