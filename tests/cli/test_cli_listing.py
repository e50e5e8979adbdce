"""list, info, pipelines, plugins, doctor."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from facezoo import catalogue, plugins
from facezoo.plugins import Plugin, Plugins


def test_list_has_a_line_per_model(cli) -> None:
    lines = cli("list").stdout.splitlines()
    assert lines[0].split()[:3] == ["model", "kind", "weights"]
    assert len(lines) == 1 + len(catalogue.list_models())
    assert any(line.startswith("haar-frontal") and "here" in line for line in lines)


def test_list_narrows(cli) -> None:
    detectors = json.loads(cli("list", "--task", "face-detection", "--json").stdout)
    assert {"haar-frontal", "yunet-2023mar"} <= {row["id"] for row in detectors}
    assert all("face-detection" in row["tasks"] for row in detectors)
    assert all(row["local"] for row in json.loads(cli("list", "--local", "--json").stdout))
    assert {row["id"] for row in json.loads(cli("list", "yunet", "--json").stdout)} == {"yunet-2023mar", "yunet-2026may"}


def test_an_empty_list_says_so_beside_the_result(cli) -> None:
    result = cli("list", "zzz")
    assert result.stdout == "" and "No model fits" in result.stderr
    assert cli("list", "zzz", "--quiet").stderr == ""


def test_info_says_where_to_get_a_file_and_what_comes_next(cli) -> None:
    text = cli("info", "cycle-face-vox12").stdout
    assert "finalmodel.tar" in text and "facezoo import cycle-face-vox12 FILE" in text
    assert "inferred" in text and "73.72" in text


def test_info_of_an_unreleased_model_promises_nothing(cli) -> None:
    text = cli("info", "cycle-face-vox1").stdout
    assert "not released" in text and "there is no file to get" in text


def test_info_prints_bibtex_alone(cli) -> None:
    text = cli("info", "cycle-face-vox12", "--bibtex").stdout
    assert "{cycle-face-vox12,\n" in text.splitlines(keepends=True)[0] and "2108.03427" in text


def test_info_of_a_task_shows_slots_and_defaults(cli) -> None:
    text = cli("info", "frontalization").stdout
    assert "--manipulator cycle-face-nano" in text and "--detector haar-frontal" in text
    assert json.loads(cli("info", "frontalization", "--json").stdout)["slots"]["manipulator"] == "manipulator:neutralize"


def test_info_of_a_misspelt_task_names_it(cli) -> None:
    result = cli("info", "frontalisation")
    assert result.exit_code == 1 and "frontalization" in result.stderr


def test_pipelines_lists_core_and_plugin_tasks(cli) -> None:
    names = {row["name"] for row in json.loads(cli("pipelines", "--json").stdout)}
    assert {"face-detection", "frontalization", "expression-transfer"} <= names
    assert "frontalization" in cli("pipelines").stdout


def test_plugins_name_what_they_offer(cli) -> None:
    assert "cycle-face-expression" in cli("plugins").stdout
    rows = {row["name"]: row for row in json.loads(cli("plugins", "--json").stdout)}
    assert {"what": "component", "name": "cycle-face"}.items() <= rows["cycle-face"]["offers"][0].items()


@pytest.fixture
def broken_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    found = plugins.discover()
    broken = Plugin("sick", "sick_plugin", "sick", "1.0", error="ImportError: no such thing")
    monkeypatch.setattr("facezoo.catalogue.discover", lambda: replace(found, found=(*found.found, broken)))


def test_doctor_is_content(cli) -> None:
    result = cli("doctor")
    assert result.exit_code == 0
    assert "torch" in result.stdout and "cpu" in result.stdout and "Next:" in result.stderr
    facts = json.loads(cli("doctor", "--json").stdout)
    assert facts["problems"] == [] and facts["places"]["facezoo"]


@pytest.mark.usefixtures("broken_plugin")
def test_doctor_names_a_broken_plugin_and_fails(cli) -> None:
    result = cli("doctor")
    assert result.exit_code == 1
    assert "PROBLEM  plugin sick: ImportError: no such thing" in result.stdout
    assert "sick" in cli("plugins").stdout


def test_doctor_names_the_command_for_a_missing_extra(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("facezoo.cli.doctor", fromlist=["EXTRAS"]).EXTRAS, "demo", ("no_such_module",))
    result = cli("doctor")
    assert result.exit_code == 0 and "pip install 'facezoo[demo]'" in result.stdout


def test_a_plugin_set_with_nothing(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facezoo.catalogue.discover", lambda: Plugins((Plugin("empty", "empty", "empty", "1"),)))
    assert "nothing" in cli("plugins").stdout
