"""A report: rounded once, read back as it was written, told as tables and a figure, and never written over unasked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from facezoo.errors import InputError
from facezoo.evaluation import (
    Confusion,
    Measurement,
    Published,
    Report,
    Split,
    System,
    drawing,
    metrics,
    read_report,
    tables,
    writing,
)
from facezoo.evaluation.report import Weights
from facezoo.registry import Metric


def measured(name: str = "accuracy", value: float = 71.0149, **more) -> Measurement:
    return Measurement(name=name, value=value, count=3068, **{"interval": (69.333333, 72.66666), **more})


@pytest.fixture
def report() -> Report:
    table = Confusion(labels=("calm", "glad"), counts=((3, 1), (0, 4)), unanswered=(1, 0))
    groups = [measured(name, 50.0, group="accuracy by class") for name in ("calm", "glad")]
    model = System(
        name="cycle-face-nano", kind="model", weights=Weights(sha256="ab" * 32, source="package", space="0123456789ab"),
        view="features", crop="square, scale 2.6, shift (0.0, -0.03), 64 x 64", faces={"test": "All are taken for face crops."},
        not_found={"train": 7, "test": 2}, measurements=(measured(), *groups), confusion=table, left_out=("pose: no head",),
    )  # fmt: skip
    peer = System(name="hog", kind="peer", not_found={"test": 0}, measurements=(measured(value=60.0),))
    error = Measurement(name="yaw MAE", value=7.5, unit="degrees", count=9, better="lower")
    baseline = System(name="always the mean", kind="baseline", measurements=(measured(value=14.0, interval=None), error))
    return Report(
        protocol="rafdb-linear", task="emotion-recognition", dataset="RAF-DB", summary="Seven emotions",
        splits=(
            Split(name="train", use="fitted on", count=12271, digest="111111111111"),
            Split(name="test", use="measured on", count=3068, people=5, digest="222222222222"),
        ),
        systems=(model, peer, baseline), choices={"rounds": 2000, "steps": {"epochs": 300}}, notes=("The paper does not say.",),
        published=(Published(name="FaceCycle", measurement="accuracy", value=71.01, source="arXiv 2108.03427"),),
    )  # fmt: skip


def test_numbers_are_rounded_once() -> None:
    assert (measured().value, measured().interval) == (71.01, (69.33, 72.67)) and str(measured()) == "71.01 [69.33, 72.67]"
    plain = measured("area under ROC", 0.123456, unit="", interval=None, threshold=0.98765432)
    assert (plain.value, plain.threshold, plain.metric, str(plain)) == (0.1235, 0.9877, "area under ROC", "0.1235")


def test_what_is_written_is_read_back(report: Report, tmp_path: Path) -> None:
    folder = writing.write(report, tmp_path / "out" / "report")
    assert sorted(path.name for path in folder.iterdir()) == ["figure.png", "report.json", "report.md"]
    assert read_report(folder) == read_report(folder / "report.json") == report


def test_the_figure_has_a_panel_per_group_and_unit_and_the_confusion(report: Report, tmp_path: Path) -> None:
    """Alone the protocol's own figures in percent are a good third of it: the rest is one panel each."""
    with Image.open(drawing.draw(report, tmp_path / "whole.png")) as whole:
        height = whole.height
    alone = report.systems[1].model_copy(update={"kind": "model"})
    with Image.open(drawing.draw(report.model_copy(update={"systems": (alone,)}), tmp_path / "one.png")) as one:
        assert one.width == 960 and one.height < height / 3


def test_a_report_is_not_written_over_unasked(report: Report, tmp_path: Path) -> None:
    writing.write(report, tmp_path / "r")
    before = (tmp_path / "r" / "report.json").read_text()
    trial = report.model_copy(update={"limit": 50})
    with pytest.raises(InputError, match=r"holds report.json, report.md, figure.png already.*--overwrite"):
        writing.write(trial, tmp_path / "r")
    assert (tmp_path / "r" / "report.json").read_text() == before
    writing.write(trial, tmp_path / "r", overwrite=True)
    assert read_report(tmp_path / "r").limit == 50
    with pytest.raises(InputError, match="is a file"):
        writing.check_free(tmp_path / "r" / "report.md")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no report .*report.json"),
        ("[]", "is no report"),
        ('{"facezoo_report": 2}', "facezoo_report"),
        ("\xff", "is no report"),
    ],
)
def test_files_that_are_no_report(text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "report.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=message):
        read_report(tmp_path)


def test_an_unknown_key_is_refused(report: Report, tmp_path: Path) -> None:
    """A report of a later layout would be read wrongly."""
    (tmp_path / "report.json").write_text(json.dumps({**report.model_dump(mode="json"), "colour": 1}))
    with pytest.raises(InputError, match="colour"):
        read_report(tmp_path)


def test_the_table_has_a_row_per_system_and_marks_others_numbers(report: Report) -> None:
    columns, rows = tables.table_of(report)
    assert columns == ["", "accuracy (%)", "yaw MAE (degrees)", "n", "not found"]
    assert rows == [
        ["cycle-face-nano (features)", "71.01 [69.33, 72.67]", "–", "3,068", "2"],
        ["hog, peer", "60.00 [69.33, 72.67]", "–", "3,068", "0"],
        ["always the mean, baseline", "14.00", "7.50", "3,068", "–"],
        ["FaceCycle (paper)", "71.01", "–", "–", "–"],
    ]
    _, by_class = tables.table_of(report, "accuracy by class")
    assert [row[0] for row in by_class] == ["cycle-face-nano (features)"], "only who was measured by class"


def test_markdown_says_what_a_number_belongs_to(report: Report) -> None:
    text = tables.as_markdown(report, "figure.png")
    for said in (
        "| cycle-face-nano (features) | 71.01 [69.33, 72.67] |", "## Accuracy by class", "`222222222222`", "sha256 `abab",
        "train: no face found in 7 pictures", "left out: pose: no head", "steps.epochs=300", "The paper does not say.",
        "(paper): the paper's number, not measured here; arXiv 2108.03427", "![the measurements as bars](figure.png)",
    ):  # fmt: skip
        assert said in text
    assert "trial" not in text
    assert "**A trial on at most 50 of every split" in tables.as_markdown(report.model_copy(update={"limit": 50}))


def test_a_reports_numbers_become_the_registrys(report: Report) -> None:
    (found,) = metrics.metrics_of(report, "cycle-face-nano")
    assert found == Metric(
        task="emotion-recognition", dataset="RAF-DB", split="test", metric="accuracy (%)", value=71.01, interval=(69.33, 72.67),
        protocol="facezoo evaluate rafdb-linear, split 222222222222, weights abababababab", measured_by="facezoo",
    )  # fmt: skip
    assert len(metrics.metrics_of(report, "cycle-face-nano", groups=True)) == 3
    line = metrics.as_yaml([found])
    assert line.startswith("- {task: emotion-recognition, dataset: RAF-DB, split: test, metric: accuracy (%), value: 71.01,")
    assert "\n" not in line and "threshold" not in line


def test_trials_peers_and_strangers_are_no_metrics(report: Report) -> None:
    with pytest.raises(InputError, match="trial on 50"):
        metrics.metrics_of(report.model_copy(update={"limit": 50}), "cycle-face-nano")
    with pytest.raises(InputError, match="hog is a peer"):
        metrics.metrics_of(report, "hog")
    with pytest.raises(InputError, match="no row 'dln-nano'; it has cycle-face-nano, hog"):
        metrics.metrics_of(report, "dln-nano")
