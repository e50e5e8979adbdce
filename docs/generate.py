"""Writes docs/models.md from the registry and the plugins: ``make docs``. A test fails when the file is stale."""

from __future__ import annotations

import sys
from pathlib import Path

from facezoo.plugins import discover
from facezoo.registry import Metric, ModelEntry, load_registry
from facezoo.sources import AuthorSource, BuiltinSource, FileSource, HubSource, PackageSource
from facezoo.specs import ComponentSpec, PipelineSpec

TARGET = Path(__file__).with_name("models.md")


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


if __name__ == "__main__":
    if "--check" in sys.argv:
        fresh = TARGET.is_file() and TARGET.read_text(encoding="utf-8") == page()
        sys.exit(0 if fresh else "docs/models.md is stale: make docs")
    TARGET.write_text(page(), encoding="utf-8")
