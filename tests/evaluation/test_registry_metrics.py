"""What the registry says facezoo measured, a report in ``docs/reports`` says too, to the last digit."""

from __future__ import annotations

import pytest

from facezoo.evaluation import metrics, read_report
from facezoo.registry import Metric, load_registry
from tests.conftest import ROOT

REPORTS = {path.name: read_report(path) for path in sorted((ROOT / "docs" / "reports").glob("*.json"))}

# detectors are measured by a script; its metrics name it in their protocol string
BY_SCRIPT = ("benchmarks/detectors.py",)

MEASURED = [
    (model.id, metric)
    for model in load_registry().models
    if model.plugin == "facezoo"
    for metric in model.metrics
    if metric.measured_by == "facezoo"
]


def reported(model: str) -> list[Metric]:
    """Every number that some report has of a model."""
    found: list[Metric] = []
    for report in REPORTS.values():
        if report.limit is None and model in metrics.models_of(report):
            found += metrics.metrics_of(report, model, groups=True)
    return found


@pytest.mark.parametrize(("model", "metric"), MEASURED, ids=[f"{model}: {metric.metric}" for model, metric in MEASURED])
def test_every_measured_metric_is_in_a_report(model: str, metric: Metric) -> None:
    if any(script in metric.protocol for script in BY_SCRIPT):
        pytest.skip(f"measured by a script: {metric.protocol}")
    assert metric in reported(model), (
        f"No report in docs/reports has this of {model}; `facezoo evaluate --as-metric REPORT` prints what a report says."
    )


@pytest.mark.parametrize("name", REPORTS)
def test_reports_are_results_and_tell_no_machines_folders(name: str) -> None:
    assert REPORTS[name].limit is None, "a trial is no result"
    assert not any(system.name.startswith("dir:") for system in REPORTS[name].systems), "evaluate by the model's id"
