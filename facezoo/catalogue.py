"""What there is: everything that a listing needs, and nothing that needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from facezoo import hub, store
from facezoo.errors import FacezooError, UnknownNameError
from facezoo.plugins import Plugin, discover
from facezoo.registry import ModelEntry, load_registry
from facezoo.sources import AuthorSource, BuiltinSource, PackageSource
from facezoo.specs import ComponentSpec, PipelineSpec, RecipeSpec


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model in a listing.

    Attributes:
        id: its name.
        arch: its architecture.
        kinds: what it can be used as; empty if no plugin offers the architecture.
        tasks: what it is for.
        plugin: who offers the architecture, or None.
        license: of the weights.
        local: True if it loads without a network.
        availability: "here", "download", "import" (an authors' file), or "not released".
        summary: one line.
    """

    id: str
    arch: str
    kinds: tuple[str, ...]
    tasks: tuple[str, ...]
    plugin: str | None
    license: str
    local: bool
    availability: str
    summary: str


def list_models(
    pattern: str = "*",
    *,
    task: str | None = None,
    plugin: str | None = None,
    license: str | None = None,
    local: bool | None = None,
) -> list[ModelRow]:
    """The registered models, sorted.

    Args:
        pattern: shell pattern on the id; a bare word matches anywhere.
        task: only those for this task.
        plugin: only those whose architecture this plugin offers.
        license: only weights under this licence (any case).
        local: only those that load without a network (True) or that do not (False).
    """
    glob = pattern if any(c in pattern for c in "*?[") else f"*{pattern}*"
    rows = [row_of(entry) for entry in load_registry().models]
    return [
        row
        for row in rows
        if fnmatchcase(row.id, glob)
        and (task is None or task in row.tasks)
        and (plugin is None or plugin == row.plugin)
        and (license is None or license.lower() == row.license.lower())
        and (local is None or local == row.local)
    ]


def row_of(entry: ModelEntry) -> ModelRow:
    """A registry entry as a row."""
    specs = {spec.arch: spec for spec in discover().all(ComponentSpec)}
    spec = specs.get(entry.arch)
    availability = availability_of(entry)
    repeated = sum(other.id == entry.id for other in load_registry().models) > 1
    return ModelRow(
        id=f"{entry.plugin}:{entry.id}" if repeated else entry.id,
        arch=entry.arch,
        kinds=spec.kinds if spec else (),
        tasks=entry.tasks,
        plugin=spec.plugin if spec else None,
        license=entry.license.weights,
        local=availability == "here",
        availability=availability,
        summary=entry.summary,
    )


def availability_of(entry: ModelEntry) -> str:
    """ "here", "download", "import" or "not released"; looks at files, asks no network."""
    if _here(entry):
        return "here"
    if any(isinstance(s, AuthorSource) for s in entry.sources):
        return "import"
    downloadable = [s for s in entry.sources if not isinstance(s, AuthorSource | BuiltinSource | PackageSource)]
    return "download" if downloadable else "not released"


def _here(entry: ModelEntry) -> bool:
    record = store.read_record(entry.key)
    if record is not None and all(file.unchanged for file in record.files.values()):
        return True
    return any(
        isinstance(source, BuiltinSource) or (isinstance(source, PackageSource) and hub.in_package(source) is not None)
        for source in entry.sources
    )


@dataclass(frozen=True, slots=True)
class PipelineRow:
    """One task in a listing: ``slots`` maps a slot to its requirement, ``defaults`` to the registered model."""

    name: str
    slots: dict[str, str]
    defaults: dict[str, str]
    plugin: str
    summary: str


def list_pipelines() -> list[PipelineRow]:
    """Every task, sorted by name."""
    defaults = {entry.name: dict(entry.slots) for entry in load_registry().pipelines}
    return [
        PipelineRow(spec.name, dict(spec.slots), defaults.get(spec.name, {}), spec.plugin, spec.summary)
        for spec in discover().all(PipelineSpec)
    ]


def ways_to(spec: PipelineSpec, slot: str) -> str:
    """How somebody comes by a component for a slot: what the registry has for the task, and what can be trained."""
    kind = spec.slots[slot].partition(":")[0]
    rows = [row for row in list_models(task=spec.name) if kind in row.kinds]
    recipes = [name for one in discover().all(ComponentSpec) if kind in one.kinds for name in recipes_for(one.arch)]
    if not rows and not recipes:
        return "Where `facezoo list` shows none that fits, it has to be trained or to come with a plugin."
    parts = []
    if rows:
        listed = ", ".join(f"{row.id} ({row.availability})" for row in rows)
        parts.append(f"For this task there is {listed}; `facezoo info {rows[0].id}` says from whom and how.")
    if recipes:
        commands = " or ".join(f"`{training(name)}`" for name in sorted(recipes))
        parts.append(f"Train one with {commands} (--values shows what else it takes), and name it as dir:RUN/model.")
    return " ".join(parts)


def recipes_for(arch: str) -> list[str]:
    """The recipes that train an architecture: the one of its name, else those whose names begin with it."""
    names = [recipe.name for recipe in discover().all(RecipeSpec)]
    return [arch] if arch in names else [name for name in names if name.startswith(f"{arch}-")]


def training(recipe: str) -> str:
    """The command that trains by a recipe, with the options that it does not begin without."""
    needs = discover().get(RecipeSpec, recipe).needs
    return " ".join(["facezoo train", recipe, *needs, "--data DIR -o RUN"])


def list_plugins() -> list[Plugin]:
    """Every plugin that was found, the broken ones with their ``error``."""
    return list(discover().found)


def info(name: str) -> dict[str, Any]:
    """All that the registry knows of a model: the entry as plain values, ``availability`` and ``bibtex`` (or None).

    Raises:
        UnknownNameError: no model has the name.
    """
    entry = load_registry().model(name)
    facts = entry.model_dump(mode="json")
    facts["availability"] = availability_of(entry)
    facts["kinds"] = list(row_of(entry).kinds)
    facts["bibtex"] = entry.paper.bibtex(entry.id) if entry.paper else None
    return facts


def download(*names: str) -> dict[str, str]:
    """Fetches and checks the weights of models, for use without a network.

    Returns:
        {id: where it is now}.

    Raises:
        UnknownNameError: no model has a name; nothing was fetched.
        WeightsUnavailableError: weights that cannot be fetched; says how to get them.
    """
    if not names:
        raise UnknownNameError("download() needs the name of at least one model.")
    entries = [load_registry().model(name) for name in names]
    return {entry.id: str(hub.locate(entry).path or "inside a dependency") for entry in entries}


def problems() -> list[str]:
    """What is wrong with plugins and registries, one line each."""
    found = [f"plugin {plugin.name}: {plugin.error}" for plugin in discover().broken]
    try:
        found += [f"registry of {name}: {text}" for name, text in sorted(load_registry().problems.items())]
    except FacezooError as error:
        found.append(str(error))
    return found
