"""download, cache, import, convert, verify, push, train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def own_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("FACEZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_download_without_a_network_says_so(cli, own_store: Path) -> None:
    result = cli("download", "yunet-2023mar", "--offline")
    assert result.exit_code == 1 and "Offline" in result.stderr and "HF_HUB_OFFLINE" in result.stderr


def test_download_of_what_is_here_says_where(cli) -> None:
    assert json.loads(cli("download", "haar-frontal", "--json").stdout) == {"haar-frontal": "inside a dependency"}


def test_import_to_removal(cli, own_store: Path, shared_dir: Path) -> None:
    file = shared_dir / "detectors" / "retinaface_mnet025.pth"
    if not file.is_file():
        file = shared_dir / "data" / "detectors" / "retinaface_mnet025.pth"
    name = "retinaface-mnet025"
    assert cli("import", name, file).exit_code == 0
    assert "here" in cli("list", name).stdout
    listed = json.loads(cli("cache", "list", "--json").stdout)
    assert [(row["model"], row["kind"], row["from"]) for row in listed] == [(name, "import", file.name)]
    verified = cli("verify", name, "--device", "cpu", "--dtype", "float32")
    assert verified.exit_code == 0 and "still computes what that import computed" in verified.stdout
    refused = cli("cache", "remove", name)
    assert refused.exit_code == 1 and "--yes" in refused.stderr
    assert cli("cache", "remove", name, "--yes").exit_code == 0
    assert cli("cache", "list").stdout == ""


def test_import_of_another_file_stores_nothing(cli, own_store: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "finalmodel.tar"
    wrong.write_bytes(b"not a checkpoint")
    result = cli("import", "cycle-face-vox12", wrong)
    assert result.exit_code == 1 and "finalmodel.tar" in result.stderr and result.stderr.count("\n") == 1
    assert cli("cache", "list").stdout == ""


def test_removing_what_is_not_kept_names_what_is(cli, own_store: Path) -> None:
    result = cli("cache", "remove", "haar-frontal")
    assert result.exit_code == 1 and "kept are none" in result.stderr


def test_convert_refuses_without_writing(cli, tmp_path: Path) -> None:
    wrong = tmp_path / "x.tar"
    wrong.write_bytes(b"no checkpoint")
    for arguments in (["facecycle", wrong], ["no-such-format", wrong], ["facecycle", tmp_path / "missing.tar"]):
        result = cli("convert", *arguments, tmp_path / "out")
        assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert "KEY=VALUE" in cli("convert", "facecycle", wrong, tmp_path / "out", "--config", "image_size").stderr


def test_verify_says_what_was_proven(cli, tiny: str) -> None:
    result = cli("verify", tiny, "--device", "cpu", "--dtype", "float32")
    assert result.exit_code == 0 and "computes what was computed where the weights were saved" in result.stdout
    rows = json.loads(cli("verify", tiny, "--device", "cpu", "--json").stdout)[tiny]
    assert {row["dtype"] for row in rows} == {"float32", "bfloat16"} and all(row["passed"] for row in rows)


def test_verify_fails_where_outputs_differ(cli, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from facezoo import loader

    monkeypatch.setattr(loader, "relative_error", lambda given, wanted: 0.5)
    result = cli("verify", tiny, "--device", "cpu", "--dtype", "float32")
    assert result.exit_code == 1 and "NOT PROVEN" in result.stdout and " NO" in result.stdout


def test_verify_wants_a_model_and_knows_dependencies(cli) -> None:
    assert "--all" in cli("verify").stderr
    assert "inside a dependency" in cli("verify", "haar-frontal").stdout


def test_push_checks_before_it_sends(cli, tiny: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "config.json" in cli("push", tmp_path / "empty", "me/model").stderr
    result = cli("push", tiny.removeprefix("dir:"), "me/model")
    assert result.exit_code == 1 and "Offline" in result.stderr


def test_train_lists_recipes_and_their_values(cli) -> None:
    assert "cycle-face-expression" in cli("train").stdout
    values = json.loads(cli("train", "cycle-face-expression", "--values", "--json").stdout)
    assert values["batch_size"] and "seed" in values


def test_train_hands_over_what_was_said(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def run(spec: Any, data: Path, output: Path, **options: Any) -> Path:
        seen.update(options, recipe=spec.name, data=data, output=output)
        return output / "model"

    monkeypatch.setattr("facezoo.training.run", run)
    options = ["--set", "epochs=3", "--batch-size", "4", "--device", "cpu", "--resume", "--quiet"]
    result = cli("train", "cycle-face-expression", "--data", tmp_path, "-o", tmp_path / "run", *options)
    assert result.exit_code == 0 and str(tmp_path / "run" / "model") in result.stdout
    assert seen["recipe"] == "cycle-face-expression" and seen["resume"] and seen["quiet"]
    assert seen["settings"] == ["epochs=3", 'device="cpu"', "batch_size=4"]


def test_train_says_what_is_missing(cli, tmp_path: Path) -> None:
    assert "--data PATH" in cli("train", "cycle-face-expression").stderr
    missing = cli("train", "cycle-face-expression", "--data", tmp_path / "none", "-o", tmp_path / "run")
    assert missing.exit_code == 1 and "no folder" in missing.stderr
    assert "cycle-face-expression" in cli("train", "cycle-face-expresion").stderr
