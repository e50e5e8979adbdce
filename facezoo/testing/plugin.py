"""``check_plugin``: a plugin says what it has without importing anything heavy, and what it says is true."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from functools import cached_property
from types import ModuleType
from typing import Any

from facezoo.errors import FacezooError, InputError, PluginError
from facezoo.hookspecs import API_VERSION
from facezoo.pipelines import Pipeline
from facezoo.plugins import ask, discover, key_of
from facezoo.registry import RegistryFile, read_registry
from facezoo.specs import KINDS, ComponentSpec, PipelineSpec, ProtocolSpec, RecipeSpec, Spec, resolve
from facezoo.testing.findings import Check, Conformance, NotApplicable, examine, told
from facezoo.testing.protocol import protocol_faults
from facezoo.testing.state import config_faults, spec_faults

HEAVY = ("torch", "timm", "numpy", "PIL", "pandas", "safetensors", "huggingface_hub", "rich", "pydantic", "yaml", "cv2", "av")

# Runs in an interpreter of its own, for an import cannot be undone. An audit hook sees what Python opens and connects.
_PROBE = """
import importlib, json, sys
heavy, module, targets = set(json.loads(sys.argv[1])), sys.argv[2], json.loads(sys.argv[3])
seen, stage = {"network": [], "files": []}, ["import"]
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        seen["network"].append(f"{stage[0]}: {event} {arguments[-1] if event == 'socket.connect' else arguments[0]}")
        raise OSError("no network while a plugin is imported")
    if event == "open" and stage[0] == "hook":
        path = str(arguments[0])
        if not path.endswith((".py", ".pyc", ".so")):
            seen["files"].append(path)
import facezoo.plugin
before = heavy & set(sys.modules)
sys.addaudithook(watch)
plugin = importlib.import_module(module)
stage[0] = "hook"
for name in sorted(vars(plugin)):
    hook = getattr(plugin, name)
    if name.startswith("facezoo_") and callable(hook):
        hook()
seen["heavy"] = sorted(heavy & set(sys.modules) - before)
stage[0] = "target"
for target in targets:
    try:
        importlib.import_module(target)
    except Exception:
        pass  # another check tells
print("\\n" + json.dumps(seen))
"""


class PluginSubject:
    """A plugin's module on the bench."""

    def __init__(self, name: str, module: ModuleType) -> None:
        self.name = name
        self.module = module

    @cached_property
    def offers(self) -> tuple[Spec, ...]:
        return ask(self.name, self.module)[0]

    @cached_property
    def registries(self) -> list[RegistryFile]:
        return [read_registry(path, self.name) for path in ask(self.name, self.module)[1]]

    @cached_property
    def seen(self) -> dict[str, list[str]]:
        """What a fresh interpreter saw when the module was imported, its hooks were asked and its targets imported."""
        targets = sorted({target.partition(":")[0] for spec in self.offers for _, target in targets_of(spec)})
        command = [sys.executable, "-c", _PROBE, json.dumps(HEAVY), self.module.__name__, json.dumps(targets)]
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": paths})
        if done.returncode != 0:
            raise PluginError(f"{self.module.__name__} does not import in a fresh interpreter: {done.stderr.strip()[-300:]}")
        return json.loads(done.stdout.strip().splitlines()[-1])


def targets_of(spec: Spec) -> list[tuple[str, str]]:
    """(what it is, target) of everything that a record points to."""
    found = [("target", spec.target)]
    if isinstance(spec, ComponentSpec):
        found += [("config", spec.config), *((f"converter {name}", target) for name, target in spec.converters.items())]
    if isinstance(spec, RecipeSpec):
        found.append(("config", spec.config))
    return found


def wrong_api(subject: PluginSubject) -> Iterator[str]:
    """The module says which version of the contract it keeps."""
    version = getattr(subject.module, "FACEZOO_API", None)
    if version != API_VERSION:
        yield f"{subject.module.__name__} says FACEZOO_API = {version!r}; this facezoo speaks {API_VERSION}."


def bad_hooks(subject: PluginSubject) -> Iterator[str]:
    """Hooks are spelt right, return tuples of the right records, and say the same when asked again."""
    try:
        first, second = ask(subject.name, subject.module), ask(subject.name, subject.module)
    except PluginError as error:
        yield str(error)
        return
    if first != second:
        yield "the hooks say something else when asked again; they are pure."
    if not any(first):
        yield "no hook offers anything; is @hookimpl missing?"
    names = [(type(spec), key_of(spec)) for spec in first[0]]
    if twice := sorted({key for kind, key in names if names.count((kind, key)) > 1}):
        yield f"it offers {', '.join(twice)} twice."
    for spec in first[0]:
        if not spec.summary.strip() or "\n" in spec.summary:
            yield f"{key_of(spec)} has no summary of one line."


def heavy_import(subject: PluginSubject) -> Iterator[str]:
    """Listing what there is imports no torch."""
    if heavy := subject.seen["heavy"]:
        yield f"importing {subject.module.__name__} and asking its hooks imports {', '.join(heavy)}; name targets as strings."


def hooks_do_io(subject: PluginSubject) -> Iterator[str]:
    """Hooks open no file, and nothing that is imported wants a network."""
    if files := subject.seen["files"]:
        yield f"its hooks open {', '.join(files[:4])}."
    if network := subject.seen["network"]:
        yield f"it wants a network when imported ({network[0]})."


def wrong_target(subject: PluginSubject) -> Iterator[str]:
    """Every target imports and is what its record says."""
    for spec in subject.offers:
        for what, target in targets_of(spec):
            try:
                value = resolve(target, f"the {what} of {key_of(spec)}")
            except PluginError as error:
                yield str(error)
                continue
            if what.startswith("converter") and not _takes(value, 2):
                yield f"{target} is not a function of (path, config values)."
            elif isinstance(spec, PipelineSpec) and not (isinstance(value, type) and issubclass(value, Pipeline)):
                yield f"{target} of {spec.name} is no Pipeline."
            elif isinstance(spec, ProtocolSpec):
                yield from protocol_faults(spec, value)
            elif what == "target" and not isinstance(spec, ComponentSpec | PipelineSpec) and not callable(value):
                yield f"{target} of {key_of(spec)} cannot be called."


def _takes(function: Any, count: int) -> bool:
    try:
        inspect.signature(function).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True


def wrong_kinds(subject: PluginSubject) -> Iterator[str]:
    """A component's kinds are those of its bases."""
    for spec in _components(subject):
        yield from spec_faults(spec)


def bad_config(subject: PluginSubject) -> Iterator[str]:
    """Configurations are frozen, refuse what they do not know, and have defaults."""
    for spec in _components(subject):
        yield from (f"{spec.arch}: {fault}" for fault in config_faults(resolve(spec.config, spec.arch)))


def _components(subject: PluginSubject) -> list[ComponentSpec]:
    specs = [spec for spec in subject.offers if isinstance(spec, ComponentSpec)]
    if not specs:
        raise NotApplicable("it offers no components")
    return specs


def bad_slots(subject: PluginSubject) -> Iterator[str]:
    """A pipeline's slots are filled by kinds that exist."""
    for spec in subject.offers:
        if isinstance(spec, PipelineSpec):
            for slot, requirement in spec.slots.items():
                if requirement.partition(":")[0] not in KINDS:
                    yield f"{spec.name}: the slot {slot!r} requires {requirement!r}; kinds are {', '.join(KINDS)}."


def bad_registry(subject: PluginSubject) -> Iterator[str]:
    """Its registry files are valid, and its models' architectures are its own or somebody's."""
    try:
        files = subject.registries
    except FacezooError as error:
        yield str(error)
        return
    if not files:
        raise NotApplicable("it brings no registry")
    known = {spec.arch for spec in [*subject.offers, *discover().all(ComponentSpec)] if isinstance(spec, ComponentSpec)}
    for entry in (model for file in files for model in file.models.values()):
        if entry.arch not in known:
            yield f"the model {entry.id} needs the architecture {entry.arch!r}, which no plugin offers."


CHECKS: dict[str, Check[PluginSubject]] = {
    "wrong-api": wrong_api,
    "bad-hooks": bad_hooks,
    "heavy-import": heavy_import,
    "hooks-do-io": hooks_do_io,
    "wrong-target": wrong_target,
    "wrong-kinds": wrong_kinds,
    "bad-config": bad_config,
    "bad-slots": bad_slots,
    "bad-registry": bad_registry,
}


def check_plugin(plugin: str | ModuleType, *, leave_out: Collection[str] = ()) -> Conformance:
    """Tries a plugin: its hooks are cheap and spelt right, and every string they return points to what it says.

    Args:
        plugin: the name of an entry point ("cycle-face"), a module, or a module's name.
        leave_out: names of faults not to look for. Say why beside it.

    Returns:
        What was checked, and what could not be.

    Raises:
        ConformanceError: lists every fault, as names and explanations.
        InputError: no plugin has the name and no module either, or ``leave_out`` names no check.
    """
    name, module = _module_of(plugin)
    return examine(name, PluginSubject(name, module), CHECKS, decisive=("wrong-api", "bad-hooks"), leave_out=leave_out)


def _module_of(plugin: str | ModuleType) -> tuple[str, ModuleType]:
    if isinstance(plugin, ModuleType):
        return plugin.__name__.replace("_", "-"), plugin
    entries = {found.name: found.module for found in discover().found}
    try:
        return plugin.replace("_", "-"), importlib.import_module(entries.get(plugin, plugin))
    except Exception as error:  # a stranger's module
        known = ", ".join(sorted(entries))
        raise InputError(f"{plugin!r} is no installed plugin ({known}) and no module that imports: {told(error)}.") from error
