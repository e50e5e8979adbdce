"""A report's numbers as the registry's metrics: ``measured_by: facezoo`` is written from here, never by hand."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from facezoo.errors import InputError
from facezoo.evaluation.report import Measurement, Report, System
from facezoo.registry import Metric


def metrics_of(report: Report, name: str, *, groups: bool = False) -> list[Metric]:
    """What the registry may say of one of a report's models.

    Args:
        report: of the whole data.
        name: of a row.
        groups: the measurements by group too, not only the protocol's own.

    Raises:
        InputError: a trial, no such row, or a row that is no model.
    """
    if report.limit is not None:
        raise InputError(
            f"This report is a trial on {report.limit} of every split, not a result; evaluate without --limit for the registry."
        )
    system = report.system(name)
    if system.kind != "model":
        raise InputError(f"{name} is a {system.kind}; the registry holds metrics of models.")
    return [_metric(report, system, m) for m in system.measurements if groups or not m.group]


def models_of(report: Report) -> list[str]:
    """The names of a report's models."""
    return [system.name for system in report.systems if system.kind == "model"]


def _metric(report: Report, system: System, measurement: Measurement) -> Metric:
    tested = [split for split in report.splits if split.use == "measured on"]
    digests = " ".join(split.digest for split in tested)
    weights = f", weights {system.weights.sha256[:12]}" if system.weights and system.weights.sha256 else ""
    command = report.command or f"facezoo evaluate {report.protocol}"
    return Metric(
        task=measurement.task or report.task, dataset=report.dataset, split=", ".join(split.name for split in tested),
        metric=measurement.metric, value=measurement.value, interval=measurement.interval, threshold=measurement.threshold,
        protocol=f"{command}, split {digests}{weights}", measured_by="facezoo",
    )  # fmt: skip


def as_yaml(metrics: Iterable[Metric]) -> str:
    """Lines for ``registry.yaml``, one per metric."""
    lines = []
    for metric in metrics:
        given = metric.model_dump(mode="json", exclude_none=True)
        lines.append("- " + yaml.safe_dump(given, default_flow_style=True, sort_keys=False, width=10_000).strip())
    return "\n".join(lines)
