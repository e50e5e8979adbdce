"""The aims of an expression manipulator, and its measurements as Markdown: for ``manipulator_quality.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from facezoo.plugin import Measurement, Report

NEARER, KEPT, GAINED = 0.5, 95.0, 3.0  # median of after / before at most, percent of cases and dB at least


def aims(figures: Sequence[Measurement]) -> list[tuple[str, str, Measurement, bool]]:
    """(on whom, aim, figure, reached) of every aim; groups of figures are named "on whom: what"."""
    wanted: dict[str, tuple[str, Callable[[float], bool]]] = {
        "after / before, median": (f"at most {NEARER}", lambda value: value <= NEARER),
        "result nearer than a stranger": (f"at least {KEPT:g} %", lambda value: value >= KEPT),
        "result nearer than 95 % of strangers": (f"at least {KEPT:g} %", lambda value: value >= KEPT),
        "gain over the average face": (f"at least {GAINED:g} dB", lambda value: value >= GAINED),
    }
    found = [(one, *wanted[one.name]) for one in figures if one.name in wanted and ":" in one.group]
    return [(one.group.partition(":")[0], f"{one.name}: {aim}", one, reached(one.value)) for one, aim, reached in found]


def markdown(report: Report) -> str:
    """The aims, then every figure by group."""
    system = report.systems[0]
    trial = "" if report.limit is None else f" **A trial on {report.limit} people of each kind, no result.**"
    lines = [f"# {system.name}: quality", "", f"{report.summary}.{trial}", "", "## Aims", ""]
    lines += ["| on | aim | measured | reached |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {who} | {aim} | {one} {one.unit} | {'yes' if ok else 'no'} |" for who, aim, one, ok in aims(system.measurements)
    ]
    for group in dict.fromkeys(one.group for one in system.measurements):
        lines += ["", f"## {group[0].upper()}{group[1:]}", ""]
        lines += ["| measure | value and 95 % interval | n |", "| --- | --- | --- |"]
        lines += [f"| {one.name} | {one} {one.unit} | {one.count:,} |" for one in system.measurements if one.group == group]
    data = [
        f"{split.name}: {split.count:,} faces of {split.people:,} people, digest `{split.digest}`" for split in report.splits
    ]
    made = ", ".join(f"{name} {value}" for name, value in report.made_with.items())
    chosen = ", ".join(f"{name} {value}" for name, value in report.choices.items())
    told = [*data, *system.remarks, *report.notes, f"Values: {chosen}.", f"Made with {made}."]
    if system.weights:
        told.insert(0, f"Weights: sha256 `{system.weights.sha256}`; crop: {system.crop}.")
    return "\n".join([*lines, "", "## What it was measured on, and how", "", *(f"- {line}" for line in told)]) + "\n"
