"""The figure of a report: bars with their intervals, a panel per group and unit, and a model's confusion of classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facezoo.errors import FacezooError
from facezoo.evaluation.report import Confusion, Measurement, Report, System
from facezoo.evaluation.tables import groups_of, measured, names_of, shown_in

WIDTH = 8.0  # inches
BAR, PANEL, SQUARE = 0.2, 0.9, 4.0  # inches: of a bar, beside the bars of a panel, of a confusion


def draw(report: Report, path: Path) -> Path:
    """Draws a report into a png or svg file.

    Raises:
        FacezooError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise FacezooError("Figures need matplotlib; install it with: pip install 'facezoo[eval]'") from error
    panels = groups_of(report)
    confused = [(s, s.confusion) for s in report.systems if s.confusion is not None and s.kind == "model"]
    heights = [PANEL + BAR * _bars(report, group, unit) for group, unit in panels] + [SQUARE] * len(confused)
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.4), layout="constrained")
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (group, unit) in zip(axes, panels, strict=False):
        _panel(axis, report, group, unit)
    _legend(axes[0], report.systems)
    for axis, (system, table) in zip(axes[len(panels) :], confused, strict=True):
        _confusion(axis, system, table)
    trial = f", a trial on {report.limit}" if report.limit is not None else ""
    figure.suptitle(f"{report.protocol} ({report.dataset}{trial})")
    figure.savefig(path, dpi=120, metadata={"Software": None} if path.suffix == ".png" else None)
    return path


def _holders(report: Report, group: str, unit: str) -> dict[str, list[tuple[System, Measurement]]]:
    """{measurement: who has it}: the bars of a panel, from its top down."""
    systems = shown_in(report, group)
    held = {name: [(s, measured(s, group, name)) for s in systems] for name in names_of(report, group, unit)}
    return {name: [(system, found) for system, found in pairs if found is not None] for name, pairs in held.items()}


def _bars(report: Report, group: str, unit: str) -> int:
    return sum(len(pairs) + 1 for pairs in _holders(report, group, unit).values())


def _panel(axis: Any, report: Report, group: str, unit: str) -> None:
    """Bars of every system, grouped by measurement; others' numbers as diamonds."""
    colours, middles, top = _colours(report.systems), {}, 0
    holders = _holders(report, group, unit)
    for name, pairs in holders.items():
        middles[name] = top + (len(pairs) - 1) / 2
        for y, (system, found) in enumerate(pairs, start=top):
            low, high = found.interval or (found.value, found.value)
            around = [[max(0.0, found.value - low)], [max(0.0, high - found.value)]]
            axis.barh(y, found.value, color=colours[system.name], height=0.9)
            axis.errorbar(found.value, y, xerr=around, color="black", capsize=2, linewidth=1)
        for stated in report.published:
            if (stated.group, stated.measurement, stated.unit) == (group, name, unit):
                label = f"{stated.name} {stated.value:g} ({stated.stated_by}'s number)"
                axis.plot([stated.value], [middles[name]], "D", color="black", fillstyle="none", label=label)
        top += len(pairs) + 1
    axis.set_yticks(list(middles.values()), list(middles))
    axis.set_ylim(top - 1, -1)
    if unit == "%":
        axis.set_xlim(0, 100)
    better = {found.better for pairs in holders.values() for _, found in pairs}
    axis.set_xlabel((unit or "value") + (f", {better.pop()} is better" if len(better) == 1 else ""))
    axis.set_title(group or "measured", fontsize="medium", loc="left")


def _legend(axis: Any, systems: Sequence[System]) -> None:
    """Beside the first panel: the colours of all systems, and the published numbers of that panel."""
    from matplotlib.patches import Patch

    bars = [Patch(color=colour, label=name) for name, colour in _colours(systems).items()]
    diamonds, _ = axis.get_legend_handles_labels()
    axis.legend(handles=[*bars, *diamonds], fontsize="x-small", loc="upper left", bbox_to_anchor=(1.01, 1.0))


def _colours(systems: Sequence[System]) -> dict[str, Any]:
    """A colour per model, shades of grey for the others."""
    from matplotlib import colormaps

    models = [system.name for system in systems if system.kind == "model"]
    others = [system.name for system in systems if system.kind != "model"]
    shades = {name: str(shade) for name, shade in zip(others, np.linspace(0.45, 0.85, len(others)), strict=True)}
    return {name: colormaps["tab10"](number % 10) for number, name in enumerate(models)} | shades


def _confusion(axis: Any, system: System, table: Confusion) -> None:
    """Shares of each class's answered pictures."""
    counts = np.array(table.counts, float)
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        shade = "white" if shares[row, column] > 0.5 else "black"
        axis.text(column, row, f"{shares[row, column]:.0%}", ha="center", va="center", fontsize="x-small", color=shade)
    axis.set_xticks(range(len(table.labels)), table.labels, rotation=45, ha="right")
    axis.set_yticks(range(len(table.labels)), table.labels)
    axis.set_xlabel("answer")
    axis.set_title(f"{system.name}: classes (rows) by answer", fontsize="medium", loc="left")
