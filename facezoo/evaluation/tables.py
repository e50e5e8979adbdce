"""A report as tables: rows for a terminal and for ``docs/benchmarks.md``, and the whole as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from facezoo.evaluation.report import Measurement, Published, Report, System

NONE = "–"


def groups_of(report: Report) -> list[tuple[str, str]]:
    """(group, unit) of all measurements, in order of appearance: each is a table and a panel of the figure."""
    return list(dict.fromkeys((m.group, m.unit) for system in report.systems for m in system.measurements))


def names_of(report: Report, group: str, unit: str | None = None) -> list[str]:
    """The names of a group's measurements, in order of appearance; with a unit those in it."""
    found = (m for system in report.systems for m in system.measurements if m.group == group)
    return list(dict.fromkeys(m.name for m in found if unit is None or m.unit == unit))


def shown_in(report: Report, group: str) -> list[System]:
    """The systems that have a measurement of a group."""
    return [system for system in report.systems if any(m.group == group for m in system.measurements)]


def measured(system: System, group: str, name: str) -> Measurement | None:
    """One measurement of a system."""
    return next((m for m in system.measurements if (m.group, m.name) == (group, name)), None)


def table_of(report: Report, group: str = "") -> tuple[list[str], list[list[str]]]:
    """Columns and cells of one group: a row per system, then the published ones.

    The protocol's own table says too over how many it is and in how many pictures no face was found.
    """
    names = names_of(report, group)
    columns = ["", *(_column(report, group, name) for name in names), *(() if group else ("n", "not found"))]
    rows = []
    for system in shown_in(report, group):
        cells = [str(found) if (found := measured(system, group, name)) else NONE for name in names]
        rows.append([_name(system), *cells, *(() if group else (_count(system), _lost(report, system)))])
    methods = dict.fromkeys((p.name, p.stated_by, p.source) for p in report.published if p.group == group)
    blank = () if group else (NONE, NONE)
    stated = [[f"{one[0]} ({one[1]})", *_published(report, group, one, names), *blank] for one in methods]
    return columns, rows + stated


def _column(report: Report, group: str, name: str) -> str:
    found = next(m for system in report.systems if (m := measured(system, group, name)))
    return f"{name} ({found.unit})" if found.unit else name


def _name(system: System) -> str:
    """A row's name: what is measured, which view, and that it is no model."""
    view = f" ({system.view})" if system.view and system.kind == "model" else ""
    return f"{system.name}{view}" + ("" if system.kind == "model" else f", {system.kind}")


def _published(report: Report, group: str, method: tuple[str, str, str], names: Sequence[str]) -> list[str]:
    def one(found: Published) -> bool:
        return (found.group, (found.name, found.stated_by, found.source)) == (group, method)

    stated = {found.measurement: f"{found.value:g}" for found in report.published if one(found)}
    return [stated.get(name, NONE) for name in names]


def _count(system: System) -> str:
    return f"{system.measurements[0].count:,}" if system.measurements else NONE


def _lost(report: Report, system: System) -> str:
    """Pictures without a face on the parts that are measured; NONE for what needs no face."""
    parts = {split.name for split in report.splits if split.use == "measured on"}
    own = [count for name, count in system.not_found.items() if name in parts]
    return f"{sum(own):,}" if own else NONE


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def as_markdown(report: Report, figure: str | None = None) -> str:
    """The whole report.

    Args:
        report: what to tell.
        figure: file name of the figure beside it; None: none.
    """
    parts = [f"# {report.protocol}: {report.dataset}", report.summary + "."]
    if report.limit is not None:
        parts.append(f"**A trial on at most {report.limit} of every split, drawn from the seed. It is no result.**")
    parts.append(markdown_table(*table_of(report)))
    counted = " A face that was not found counts as a wrong answer." if any(s.not_found for s in report.systems) else ""
    parts.append(f"In brackets: 95 % intervals.{counted}" + _sources(report))
    parts += [f"![the measurements as bars]({figure})"] if figure else []
    for group in dict.fromkeys(group for group, _ in groups_of(report) if group):
        parts += [f"## {group[0].upper()}{group[1:]}", markdown_table(*table_of(report, group))]
    parts += ["## Data", _data(report), "## What was measured, and how", *_systems(report)]
    choices = ", ".join(f"{name}={value}" for name, value in _flat(report.choices))
    made = ", ".join(f"{name} {value}" for name, value in report.made_with.items())
    notes = [f"- {note}" for note in (*report.notes, f"Values of the protocol: {choices}.", f"Made with {made}.")]
    return "\n\n".join([*parts, "## Notes", "\n".join(notes)]) + "\n"


def _sources(report: Report) -> str:
    """Whose the published numbers are, and where they are stated."""
    sources = dict.fromkeys((p.stated_by, p.source) for p in report.published)
    return "".join(f" ({stated_by}): the {stated_by}'s number, not measured here; {source}." for stated_by, source in sources)


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Values by the names that ``--set`` has for them: "steps.epochs"."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _data(report: Report) -> str:
    rows = [
        [s.name, s.use, f"{s.count:,} {s.what}", NONE if s.people is None else f"{s.people:,}", f"`{s.digest}`"]
        for s in report.splits
    ]
    return markdown_table(("split", "use", "how many", "people", "digest"), rows)


def _systems(report: Report) -> list[str]:
    """A paragraph per model and peer."""
    told = []
    for system in report.systems:
        if system.kind == "baseline":
            continue
        lines = [f"**{system.name}**"]
        if system.weights:
            space = f", space `{system.weights.space}`" if system.weights.space else ""
            lines.append(f"- weights: sha256 `{system.weights.sha256 or 'none, inside a dependency'}`{space}")
        lines += [f"- crop: {system.crop}"] if system.crop else []
        lines += [f"- {split}: {faces}" for split, faces in system.faces.items()]
        lines += [f"- {split}: no face found in {count:,} pictures" for split, count in system.not_found.items() if count]
        lines += [f"- left out: {part}" for part in system.left_out]
        lines += [f"- {remark}" for remark in system.remarks]
        told.append("\n".join([lines[0], "", *lines[1:]]))
    return told
