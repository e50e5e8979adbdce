"""``facezoo list | info | pipelines | plugins``: what there is. Nothing here imports torch or numpy."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from facezoo import catalogue
from facezoo.cli import screen, steps
from facezoo.cli.options import Shared
from facezoo.errors import UnknownNameError
from facezoo.plugins import Plugin, discover, key_of
from facezoo.sources import parse_name
from facezoo.specs import CommandSpec, ComponentSpec, DatasetSpec, PipelineSpec, ProtocolSpec, RecipeSpec

WORDS = {ComponentSpec: "component", PipelineSpec: "pipeline", RecipeSpec: "recipe", DatasetSpec: "data set",
         ProtocolSpec: "protocol", CommandSpec: "command"}  # fmt: skip
LEGEND = (
    "here: works now, offline. download: fetched when first used. import: a file of its authors that you fetch yourself. "
    "not released: nobody published it. `facezoo info MODEL` says more."
)


def list_(
    pattern: Annotated[
        str, typer.Argument(metavar="PATTERN", help="Part of a name, or a pattern like 'cycle-*'.", show_default="all")
    ] = "*",
    task: Annotated[str | None, typer.Option(metavar="TASK", help="Only models for this task, e.g. face-detection.")] = None,
    plugin: Annotated[str | None, typer.Option(metavar="PLUGIN", help="Only models of this plugin's architectures.")] = None,
    license: Annotated[str | None, typer.Option(metavar="LICENCE", help="Only weights under this licence, e.g. MIT.")] = None,
    local: Annotated[
        bool | None, typer.Option("--local/--remote", help="Only models that are here, or only the others.", show_default="all")
    ] = None,
    *,
    shared: Shared,
) -> None:
    """The models, and whether their weights are here.

    \b
    Examples:
      facezoo list
      facezoo list --task face-detection
      facezoo list --local --json
    """
    rows = catalogue.list_models(pattern, task=task, plugin=plugin, license=license, local=local)
    if shared.json:
        screen.dump([dataclasses.asdict(row) for row in rows])
        return
    if not rows:
        screen.note("No model fits. `facezoo list` without options shows all.", shared)
        return
    cells = [(row.id, ", ".join(row.kinds), row.availability, row.license) for row in rows]
    screen.table(("model", "kind", "weights", "licence"), cells)
    if sys.stdout.isatty():
        screen.note(LEGEND, shared)


def info(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model of `facezoo list`, a task of `facezoo pipelines`, or dir:PATH.")
    ],
    shared: Shared,
    bibtex: Annotated[bool, typer.Option("--bibtex", help="Print only the BibTeX entry.")] = False,
) -> None:
    """All that is known of a model or a task.

    Where weights come from and under which licences, the paper, published and measured numbers, the next step. Of a
    folder (dir:PATH) what it holds: architecture, contract, views and their spaces, hash, the card's beginning.

    \b
    Examples:
      facezoo info cycle-face-nano
      facezoo info dir:run/model
      facezoo info frontalization
      facezoo info cycle-face-vox12 --bibtex
    """
    tasks = {row.name: row for row in catalogue.list_pipelines()}
    if name in tasks:
        _tell_task(tasks[name], shared)
        return
    if parse_name(name) is not None:
        if bibtex:
            raise UnknownNameError(f"{name} is a folder, and no registry names a paper for it.")
        from facezoo.cli.folders import tell_folder

        tell_folder(name, shared)
        return
    try:
        known = catalogue.info(name)
    except UnknownNameError as error:
        if close := get_close_matches(name, tasks, n=2):
            raise UnknownNameError(f"{error} A task with a name like that is {' or '.join(close)}.") from error
        raise
    if bibtex:
        if known["bibtex"] is None:
            raise UnknownNameError(f"The registry names no paper for {name}.")
        screen.say(known["bibtex"])
    elif shared.json:
        screen.dump(known)
    else:
        _tell_model(known)


def _tell_task(row: catalogue.PipelineRow, shared: Shared) -> None:
    if shared.json:
        screen.dump(dataclasses.asdict(row))
        return
    slots = [f"--{slot} {row.defaults.get(slot, 'ID (no default)')}   needs {need}" for slot, need in row.slots.items()]
    missing = steps.missing_models(row)
    spec = discover().get(PipelineSpec, row.name)
    screen.facts({
        "task": row.name,
        "what it does": row.summary,
        "plugin": row.plugin,
        "models": "\n".join(slots),
        "run it": steps.running(row, **dict.fromkeys(missing, "dir:RUN/model")),
        "first": "\n".join(catalogue.ways_to(spec, slot) for slot in missing),
    })  # fmt: skip


def _tell_model(known: Mapping[str, Any]) -> None:
    paper, license = known["paper"] or {}, known["license"]
    cited = [", ".join(paper.get("authors", ())), paper.get("title"), paper.get("venue"), paper.get("year")]
    link = f"arXiv {paper['arxiv']}" if paper.get("arxiv") else paper.get("doi")
    screen.facts({
        "model": known["id"],
        "what it is": known["summary"],
        "architecture": f"{known['arch']} ({', '.join(known['kinds']) or 'no installed plugin has it'})",
        "tasks": ", ".join(known["tasks"]),
        "weights": known["availability"],
        "from": "\n".join(_source(source) for source in known["sources"]),
        "next step": _next_step(known),
        "licences": f"code {license['code']}\nweights {license['weights']}\ndata {license['data']}",
        "paper": ". ".join(str(part) for part in [*cited, link] if part),
        "note": known["note"],
    })  # fmt: skip
    if known["metrics"]:
        screen.say()
        rows = [
            (m["task"], f"{m['dataset']} {m['split']}", m["metric"], _with_interval(m), m["measured_by"])
            for m in known["metrics"]
        ]
        screen.table(("task", "data", "metric", "value", "by"), rows, wrap=("data", "metric"))


def _with_interval(metric: Mapping[str, Any]) -> str:
    low_high = metric["interval"]
    return f"{metric['value']:g} [{low_high[0]:g}, {low_high[1]:g}]" if low_high else f"{metric['value']:g}"


def _source(source: Mapping[str, Any]) -> str:
    kind = source["kind"]
    if kind in ("hub", "file"):
        return f"https://huggingface.co/{source['repo']}, commit {source['revision'][:12]}"
    if kind == "package":
        return f"the installed package, {source['path']}"
    if kind == "author":
        return f"its authors: {source['url']}\n{' '.join(source['note'].split())}."
    return "a dependency carries them"


def _next_step(known: Mapping[str, Any]) -> str:
    """The command that comes next for a model, by where its weights are."""
    if known["availability"] == "download":
        return f"facezoo download {known['id']} (or just use it)"
    if known["availability"] == "import":
        return f"fetch the file named above, then: facezoo import {known['id']} FILE"
    if known["availability"] != "here":
        recipes = " or ".join(catalogue.training(name) for name in catalogue.recipes_for(known["arch"]))
        more = " (--values shows what else it takes)"
        return f"there is no file to get; train one: {recipes}{more}" if recipes else "none: there is no file to get"
    tasks = [row for row in catalogue.list_pipelines() if row.name in known["tasks"]]
    for row in sorted(tasks, key=lambda row: known["tasks"].index(row.name)):
        if (slot := steps.slot_for(row, known["kinds"])) is not None:
            return steps.running(row, **{slot: known["id"]})
    return f"facezoo.load({known['id']!r}) in Python"


def pipelines(shared: Shared) -> None:
    """The tasks of `facezoo run`, and their models.

    Any model can be replaced by another that does what its slot needs; `facezoo info TASK` says what that is.

    \b
    Example:
      facezoo pipelines
    """
    rows = catalogue.list_pipelines()
    if shared.json:
        screen.dump([dataclasses.asdict(row) for row in rows])
        return
    cells = [(row.name, row.summary, ", ".join(row.defaults.get(slot, f"{slot}: none") for slot in row.slots)) for row in rows]
    screen.table(("task", "what it does", "models"), cells, wrap=("what it does", "models"))
    if sys.stdout.isatty():
        screen.note("`facezoo run TASK PICTURES…` runs one; `facezoo info TASK` shows its options.", shared)


def plugins(shared: Shared) -> None:
    """The plugins, and what they offer.

    A plugin that cannot be used is listed with the reason.

    \b
    Example:
      facezoo plugins
    """
    rows = catalogue.list_plugins()
    if shared.json:
        screen.dump([_as_dict(row) for row in rows])
        return
    cells = [(row.name, f"{row.distribution} {row.version}", row.error or _offers(row)) for row in rows]
    screen.table(("plugin", "installed by", "offers"), cells, wrap=("offers",))
    if sys.stdout.isatty():
        screen.note("A plugin is any package with an entry point in the group `facezoo`.", shared)


def _offers(plugin: Plugin) -> str:
    named: dict[str, list[str]] = {}
    for spec in plugin.offers:
        named.setdefault(WORDS[type(spec)], []).append(key_of(spec))
    return "\n".join(f"{what}s: {', '.join(names)}" for what, names in named.items()) or "nothing"


def _as_dict(plugin: Plugin) -> dict[str, Any]:
    offers = [{"what": WORDS[type(spec)], "name": key_of(spec), "summary": spec.summary} for spec in plugin.offers]
    return {**dataclasses.asdict(dataclasses.replace(plugin, offers=())), "offers": offers}
