"""Finds plugins, asks them what they have, and remembers what went wrong.

Entry points of the group ``facezoo`` name modules. First-party plugins are found exactly like third-party ones.
A plugin that fails is named by ``facezoo doctor`` and by the error of a look-up that fails because of it;
it breaks nothing else. ``FACEZOO_PLUGINS=a,b`` restricts discovery to the named ones.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from facezoo import hookspecs, specs
from facezoo.errors import PluginError, UnknownNameError

S = TypeVar(
    "S", specs.ComponentSpec, specs.PipelineSpec, specs.RecipeSpec, specs.DatasetSpec, specs.ProtocolSpec, specs.CommandSpec
)

_HOOKS = {
    "facezoo_components": specs.ComponentSpec,
    "facezoo_pipelines": specs.PipelineSpec,
    "facezoo_recipes": specs.RecipeSpec,
    "facezoo_datasets": specs.DatasetSpec,
    "facezoo_protocols": specs.ProtocolSpec,
    "facezoo_commands": specs.CommandSpec,
}


@dataclass(frozen=True, slots=True)
class Plugin:
    """A discovered plugin: what it offers, or why it cannot be used."""

    name: str
    module: str
    distribution: str
    version: str
    offers: tuple[specs.Spec, ...] = ()
    registries: tuple[Path, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Plugins:
    """All that was discovered. Look-ups by name raise; a name offered twice is reached as ``plugin:name``."""

    found: tuple[Plugin, ...]
    _tables: dict[type, dict[str, list[Any]]] = field(default_factory=dict, repr=False)

    def all(self, kind: type[S]) -> list[S]:
        """Every spec of one kind, sorted by name."""
        return sorted((s for p in self.found for s in p.offers if isinstance(s, kind)), key=key_of)

    def get(self, kind: type[S], name: str) -> S:
        """The spec of that name, or of ``plugin:name``.

        Raises:
            UnknownNameError: nothing has the name (close matches and broken plugins are named), or several have.
        """
        owner, _, bare = name.rpartition(":")
        matches = [s for s in self.all(kind) if key_of(s) == bare and owner in ("", s.plugin)]
        if len(matches) == 1:
            return matches[0]
        what = kind.__name__.removesuffix("Spec").lower()
        if matches:
            forms = " or ".join(f"{s.plugin}:{bare}" for s in matches)
            raise UnknownNameError(f"Several plugins offer the {what} {bare!r}; say {forms}.")
        raise UnknownNameError(f"No {what} is named {name!r}.{self.hint(name, [key_of(s) for s in self.all(kind)])}")

    def hint(self, name: str, known: Iterable[str]) -> str:
        """Close matches, and the plugins that could have had the name had they worked."""
        close = get_close_matches(name, list(known), n=3, cutoff=0.5)
        text = f" Did you mean {' or '.join(close)}?" if close else ""
        broken = [p.name for p in self.found if p.error]
        if broken:
            text += f" These plugins could not be used and may have it: {', '.join(broken)} (see `facezoo doctor`)."
        return text

    @property
    def broken(self) -> list[Plugin]:
        return [p for p in self.found if p.error]


def key_of(spec: specs.Spec) -> str:
    """A spec's name."""
    return spec.arch if isinstance(spec, specs.ComponentSpec) else spec.name


@functools.cache
def discover() -> Plugins:
    """Every installed plugin, asked once per process. ``discover.cache_clear()`` after installing another."""
    wanted = [n.strip() for n in os.environ.get("FACEZOO_PLUGINS", "").split(",") if n.strip()]
    points = sorted(_unique(entry_points(group=hookspecs.ENTRY_POINT_GROUP)), key=lambda p: p.name)
    missing = sorted(set(wanted) - {p.name for p in points})
    if missing:
        known = ", ".join(p.name for p in points)
        raise PluginError(f"FACEZOO_PLUGINS names {', '.join(missing)}, which is not installed; installed are {known}.")
    taken = {"facezoo"}  # the core's own
    found = [own()]
    for point in points:
        if wanted and point.name not in wanted:
            continue
        found.append(inspect(point) if point.name not in taken else _second(point))
        taken.add(point.name)
    return Plugins(tuple(found))


def _second(point: EntryPoint) -> Plugin:
    """A plugin whose name another one has: unusable, since nothing could say which of the two is meant."""
    owner = point.dist
    error = f"Another plugin is named {point.name!r} already; its author has to choose another entry-point name."
    return Plugin(point.name, point.value, owner.name if owner else "?", owner.version if owner else "?", error=error)


def own() -> Plugin:
    """The core's own offers, which ``FACEZOO_PLUGINS`` does not hide."""
    offers, registries = ask("facezoo", importlib.import_module("facezoo.core"))
    return Plugin("facezoo", "facezoo.core", "facezoo", _version(), offers, registries)


def _version() -> str:
    try:
        return version("facezoo")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "?"


def _unique(points: Iterable[EntryPoint]) -> list[EntryPoint]:
    """An editable install beside a wheel lists an entry twice; the same name and target is one plugin."""
    return list({(p.name, p.value): p for p in points}.values())


def inspect(point: EntryPoint) -> Plugin:
    """Imports a plugin's module and runs its hooks; any failure becomes ``Plugin.error``."""
    owner = point.dist
    facts: dict[str, Any] = {
        "name": point.name,
        "module": point.value,
        "distribution": owner.name if owner else "?",
        "version": owner.version if owner else "?",
    }
    try:
        module = importlib.import_module(point.value)
        offers, registries = ask(point.name, module)
    except PluginError as error:
        return Plugin(**facts, error=str(error))
    except BaseException as error:  # a plugin may raise anything on import; SystemExit included
        if isinstance(error, KeyboardInterrupt):
            raise
        return Plugin(**facts, error=f"{type(error).__name__}: {error}")
    return Plugin(**facts, offers=offers, registries=registries)


def ask(name: str, module: ModuleType) -> tuple[tuple[specs.Spec, ...], tuple[Path, ...]]:
    """What a plugin's module offers.

    Raises:
        PluginError: another API version, a misspelt hook, a hook that raises or returns something else.
    """
    version = getattr(module, "FACEZOO_API", None)
    if version != hookspecs.API_VERSION:
        raise PluginError(f"{module.__name__} says FACEZOO_API = {version!r}; this facezoo speaks {hookspecs.API_VERSION}.")
    manager = pluggy.PluginManager("facezoo")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name=name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"{module.__name__}: {error}") from error
    offers: list[specs.Spec] = []
    for hook, kind in _HOOKS.items():
        for spec in _answer(name, hook, getattr(manager.hook, hook)):
            if not isinstance(spec, kind):
                raise PluginError(f"{hook} of {name} returned {type(spec).__name__} where {kind.__name__} belongs.")
            _check(name, spec)
            offers.append(replace(spec, plugin=name))
    paths = [Path(path) for path in _answer(name, "facezoo_registries", manager.hook.facezoo_registries)]
    return tuple(offers), tuple(paths)


def _answer(name: str, hook: str, call: Callable[[], list[Any]]) -> Sequence[Any]:
    try:
        answers = call()
    except Exception as error:
        raise PluginError(f"{hook} of {name} raised {type(error).__name__}: {error}") from error
    for answer in answers:
        if not isinstance(answer, tuple | list):
            raise PluginError(f"{hook} of {name} returned {type(answer).__name__}; it returns a tuple.")
    return [item for answer in answers for item in answer]


def _check(name: str, spec: specs.Spec) -> None:
    key = key_of(spec)
    if not key or key != key.lower() or any(c in key for c in " _/:"):
        raise PluginError(f"{name} offers {key!r}; names are kebab-case.")
    if isinstance(spec, specs.ComponentSpec):
        odd = sorted(set(spec.kinds) - set(specs.KINDS))
        if odd or not spec.kinds:
            raise PluginError(f"{name} offers {key} of kinds {spec.kinds}; kinds are {', '.join(specs.KINDS)}.")
