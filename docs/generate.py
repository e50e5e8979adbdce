"""Writes docs/models.md from the registry and the plugins, and the reports' tables into docs/benchmarks.md: ``make docs``.

In docs/benchmarks.md the tables of ``docs/reports/NAME.json`` stand between ``<!-- report NAME -->`` and ``<!-- end -->``. A
test fails when either file is stale.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from facezoo.evaluation import read_report
from facezoo.evaluation.tables import groups_of, markdown_table, table_of
from facezoo.plugins import discover
from facezoo.registry import Metric, ModelEntry, load_registry
from facezoo.sources import AuthorSource, BuiltinSource, FileSource, HubSource, PackageSource
from facezoo.specs import ComponentSpec, PipelineSpec

TARGET = Path(__file__).with_name("models.md")
BENCHMARKS = Path(__file__).with_name("benchmarks.md")
REPORTS = Path(__file__).with_name("reports")
INSERTED = re.compile(r"(<!-- report (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page() -> str:
    """The whole page."""
    models = load_registry().models
    lines = [
        "# Models",
        "",
        "Generated from `registry.yaml` by `make docs`; do not edit. `facezoo list` and `facezoo info ID` show the same.",
        "",
        "| id | what it is | tasks | how to get it | licence of the weights |",
        "| --- | --- | --- | --- | --- |",
        *(row(entry) for entry in models),
        "",
        "## Tasks",
        "",
        "| pipeline | slots | default | what it does |",
        "| --- | --- | --- | --- |",
        *pipelines(),
        "",
        "## Architectures",
        "",
        "| architecture | kinds | imports | plugin | summary |",
        "| --- | --- | --- | --- | --- |",
        *(architecture(spec) for spec in discover().all(ComponentSpec)),
        "",
        "## Numbers",
        "",
        "“facezoo” numbers were printed by a command of this repository; “paper” numbers are the papers', “release”",
        "numbers those of whoever published the weights (a README, not a paper); neither was checked here.",
        "",
        "| id | task | data | split | metric | value | measured by | protocol |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(metric(entry, m) for entry in models for m in entry.metrics),
        "",
        "## Notes",
        "",
        *(f"- **{entry.id}**: {' '.join(entry.note.split())}" for entry in models if entry.note),
        "",
    ]
    return "\n".join(lines)


def row(entry: ModelEntry) -> str:
    """A model's row."""
    tasks = ", ".join(entry.tasks)
    return f"| `{entry.id}` | {entry.summary} | {tasks} | {how(entry)} | {entry.license.weights} |"


def architecture(spec: ComponentSpec) -> str:
    """An architecture's row."""
    formats = ", ".join(f"`{name}`" for name in spec.converters) or "–"
    return f"| `{spec.arch}` | {', '.join(spec.kinds)} | {formats} | {spec.plugin} | {spec.summary} |"


def how(entry: ModelEntry) -> str:
    """How a user gets the weights."""
    ways = []
    for source in entry.sources:
        if isinstance(source, PackageSource):
            ways.append("in the package")
        elif isinstance(source, BuiltinSource):
            ways.append("inside a dependency")
        elif isinstance(source, HubSource | FileSource):
            ways.append(f"downloaded: [{source.repo}](https://huggingface.co/{source.repo}) @ `{source.revision[:8]}`")
        elif isinstance(source, AuthorSource):
            ways.append(f"from its authors ([link]({source.url})), then `facezoo import {entry.id} FILE`")
    return "; or ".join(ways) or "not released"


def pipelines() -> list[str]:
    """A row per task."""
    defaults = {entry.name: entry.slots for entry in load_registry().pipelines}
    rows = []
    for spec in discover().all(PipelineSpec):
        chosen = defaults.get(spec.name, {})
        slots = "<br>".join(f"`{slot}`: {need}" for slot, need in spec.slots.items())
        named = "<br>".join(f"`{chosen[slot]}`" if slot in chosen else "none yet: name one" for slot in spec.slots)
        rows.append(f"| `{spec.name}` | {slots} | {named} | {spec.summary} |")
    return rows


def metric(entry: ModelEntry, m: Metric) -> str:
    """A number's row."""
    value = f"{m.value:g}" + (f" [{m.interval[0]:g}, {m.interval[1]:g}]" if m.interval else "")
    value += f" at {m.threshold:g}" if m.threshold is not None else ""
    return f"| `{entry.id}` | {m.task} | {m.dataset} | {m.split} | {m.metric} | {value} | {m.measured_by} | {m.protocol} |"


def benchmarks() -> str:
    """The page of benchmarks with the reports' tables as they are now."""
    text = BENCHMARKS.read_text(encoding="utf-8")
    return INSERTED.sub(lambda found: f"{found[1]}{tables(found[2])}{found[3]}", text)


def tables(name: str) -> str:
    """All tables of a report."""
    report = read_report(REPORTS / f"{name}.json")
    lines: list[str] = []
    for group in dict.fromkeys(group for group, _ in groups_of(report)):
        columns, rows = table_of(report, group)
        lines += [*([f"*{group}*", ""] if group else []), markdown_table(columns, rows).strip(), ""]
    return "\n".join(["", *lines, ""])


if __name__ == "__main__":
    made = {TARGET: page, BENCHMARKS: benchmarks}
    if "--check" in sys.argv:
        stale = [file.name for file, make in made.items() if not file.is_file() or file.read_text(encoding="utf-8") != make()]
        sys.exit(f"docs/{' and docs/'.join(stale)} is stale: make docs" if stale else 0)
    for file, make in made.items():
        file.write_text(make(), encoding="utf-8")
