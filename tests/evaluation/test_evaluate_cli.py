"""facezoo evaluate: the list, what a protocol wants, a report, and what is refused before any work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from facezoo.evaluation import read_report
from facezoo.plugins import discover
from facezoo.registry import Metric
from facezoo.specs import ProtocolSpec

OWN = {"affectnet-7", "fec-triplets", "fer2013-linear", "rafdb-7", "rafdb-linear"}


def test_protocols_are_listed(cli) -> None:
    result = cli("evaluate")
    assert result.exit_code == 0 and "protocol" in result.stdout.splitlines()[0]
    rows = json.loads(cli("evaluate", "--json").stdout)
    names = [row["protocol"] for row in rows]
    assert names == sorted(names) and set(names) >= OWN and all(name in result.stdout for name in names)


@pytest.mark.parametrize("name", [spec.name for spec in discover().all(ProtocolSpec)])
def test_a_protocol_says_what_it_wants(cli, name: str) -> None:
    facts = json.loads(cli("evaluate", name, "--json").stdout)
    assert facts["data"] and facts["summary"] and "rounds" in facts["values"]
    told = cli("evaluate", name).stdout
    assert "of the bootstrap" in told and all(stated["name"] in told for stated in facts["published"])
    for stated in facts["published"]:
        assert stated["source"] and stated["stated_by"] in ("paper", "release")


def test_a_model_is_measured_and_written(cli, fec: Path, encoder: str, tmp_path: Path) -> None:
    asked = ["fec-triplets", "--data", fec, "--model", encoder, "--peer", "raw-pixels,hog", "--set", "rounds=20"]
    out = tmp_path / "report"
    result = cli("evaluate", *asked, "-o", out, "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    rows = result.stdout.splitlines()
    assert rows[0].split()[0] == "fec-triplets" and any(row.startswith("hog, peer") for row in rows)
    assert any(row.startswith("FECNet (paper)") for row in rows) and any(row.startswith("accuracy by kind") for row in rows)
    assert "report.json" in result.stderr and "no result" not in result.stderr
    report = read_report(out)
    assert [system.kind for system in report.systems] == ["model", "peer", "peer", "baseline"]
    assert report.choices["rounds"] == 20 and report.made_with["device"] == "cpu"

    again = cli("evaluate", *asked, "-o", out)
    assert again.exit_code == 1 and "--overwrite" in again.stderr and again.stdout == ""

    printed = cli("evaluate", "--as-metric", out / "report.json").stdout
    assert printed.startswith("# dir:") and "- {task: odd-one-out, dataset: FEC" in printed
    (metrics,) = json.loads(cli("evaluate", "--as-metric", out, "--json").stdout).values()
    assert Metric(**metrics[0]).value == report.systems[0].measurements[0].value


def test_a_trial_is_no_result(cli, fec: Path, encoder: str, tmp_path: Path) -> None:
    asked = ["fec-triplets", "--data", fec, "-m", encoder, "--set", "rounds=20", "--limit", "6", "--device", "cpu"]
    result = cli("evaluate", *asked, "-o", tmp_path / "trial", "--json")
    assert json.loads(result.stdout)["limit"] == 6 and "no result" in result.stderr
    assert "**A trial on at most 6" in (tmp_path / "trial" / "report.md").read_text()
    refused = cli("evaluate", "--as-metric", tmp_path / "trial")
    assert refused.exit_code == 1 and "without --limit" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rafdb-liner",), "Did you mean rafdb-linear"),
        (("--data", "."), "Say by which protocol"),
        (("rafdb-7", "-m", "x"), "Say where the data lie"),
        (("rafdb-7", "--data", "."), "goes to a folder"),
        (("rafdb-7", "--data", "nowhere", "-o", "out"), "no folder or file nowhere"),
        (("rafdb-7", "--data", ".", "-o", "out"), "--model ID"),
        (("rafdb-7", "--data", ".", "-o", "out", "-m", "x", "--detect", "--cropped"), "one of the two"),
        (("rafdb-7", "--data", ".", "-o", "out", "--peer", "hog", "--set", "penalti=1"), "close to it is penalty"),
        (("rafdb-7", "--data", ".", "-o", "out", "--peer", "hog", "--slot", "judge=x"), "no slot judge"),
        (("rafdb-7", "--data", ".", "-o", "out", "--peer", "hog"), "list_patition_label.txt"),
        (("rafdb-7", "--data", ".", "-o", "out", "--peer", "hog", "--limit", "1"), "two of every split"),
        (("--as-metric", "missing.json"), "no report missing.json"),
    ],
)
def test_what_cannot_be_measured_is_refused_first(cli, tmp_path, monkeypatch, arguments, message) -> None:
    monkeypatch.chdir(tmp_path)
    result = cli("evaluate", *arguments)
    assert result.exit_code == 1 and message in result.stderr and result.stdout == ""
    assert not (tmp_path / "out").exists()
