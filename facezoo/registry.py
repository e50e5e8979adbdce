"""``registry.yaml``: names, and where their weights come from. Schema, merge with the plugins' files, look-up.

The core's file lists the models of every first-party plugin; a plugin may bring files of its own. Nothing is
overwritten: an id that two files list is reached as ``plugin:id``, and the bare id says so.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from facezoo.config import explain
from facezoo.errors import RegistryError, UnknownNameError
from facezoo.plugins import discover
from facezoo.sources import Source, folder_hint

try:
    from yaml import CSafeLoader as _SafeLoader  # libyaml's, several times faster
except ImportError:
    from yaml import SafeLoader as _SafeLoader

CORE = "facezoo"  # the owner of the core's own registry, for `facezoo:id`
_ID = r"^[a-z0-9][a-z0-9.]*(-[a-z0-9.]+)*$"

Id = Annotated[str, Field(pattern=_ID)]
Text = Annotated[str, Field(min_length=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class License(_Frozen):
    """An SPDX id, a URL, a short text, or ``unknown``. Never a default: who adds weights has to look it up."""

    code: Text
    weights: Text
    data: Text


class Paper(_Frozen):
    """What to cite."""

    title: Text
    authors: tuple[str, ...] = ()
    venue: str | None = None
    year: int | None = None
    arxiv: str | None = None
    doi: str | None = None

    def bibtex(self, key: str) -> str:
        """A BibTeX entry of the fields that are known."""
        fields = {
            "title": f"{{{self.title}}}",
            "author": " and ".join(self.authors),
            "howpublished": self.venue,
            "year": self.year,
            "eprint": self.arxiv,
            "archiveprefix": "arXiv" if self.arxiv else None,
            "doi": self.doi,
        }
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        return "\n".join([f"@misc{{{key},", *lines, "}"])


class Requires(_Frozen):
    """What a head or manipulator was trained on: the embeddings of one encoder's view."""

    encoder: Id
    view: Text


class Metric(_Frozen):
    """One published or measured number.

    Attributes:
        threshold: the one at which a rate was measured.
        measured_by: "facezoo": by a command of its repository; "paper": stated in the paper; "release": stated where the
            weights are published (a README), by whoever published them.
    """

    task: Text
    dataset: Text
    split: Text
    metric: Text
    value: float
    interval: tuple[float, float] | None = None
    threshold: float | None = None
    protocol: Text
    measured_by: Literal["facezoo", "paper", "release"]


class ModelEntry(_Frozen):
    """A name for weights.

    Attributes:
        id: ``<arch>-<tag>``; of a head also ``<task>-<tag>``.
        plugin: whose registry lists it ("facezoo" for the core's own file).
        sources: tried in this order, after the local store; none: nobody published the file.
        note: what a reader of ``facezoo info`` should know.
    """

    id: Id
    plugin: str
    arch: Id
    summary: Text
    tasks: tuple[Id, ...] = Field(min_length=1)
    sources: tuple[Source, ...]
    license: License
    paper: Paper | None = None
    requires: Requires | None = None
    metrics: tuple[Metric, ...] = ()
    note: str | None = None

    @model_validator(mode="after")
    def _named_after_its_arch(self) -> Self:
        # a head is asked for by what it tells; "linear-probe" says only what it is made of
        names = (self.arch, *(self.tasks if self.requires else ()))
        if not any(self.id.startswith(f"{name}-") for name in names):
            expected = " or ".join(f"{name}-" for name in names)
            raise ValueError(f"an id is <arch>-<tag>, of a head also <task>-<tag>: {self.id} does not start with {expected}")
        return self

    @property
    def key(self) -> str:
        """Its name in the local store: unique over all plugins, whatever else is installed."""
        return self.id if self.plugin == CORE else f"{self.plugin}:{self.id}"


class PipelineEntry(_Frozen):
    """The components that a pipeline uses unless the caller names others: {slot: id}."""

    name: Id
    plugin: str
    slots: dict[str, str] = Field(min_length=1)


class RegistryFile(_Frozen):
    """One file.

    Attributes:
        deprecated: old id -> new id; the old one keeps working, with a warning.
        removed: old id -> what to use instead, one sentence.
    """

    version: Literal[1]
    models: dict[str, ModelEntry] = {}
    pipelines: dict[str, PipelineEntry] = {}
    deprecated: dict[Id, Id] = {}
    removed: dict[Id, Text] = {}

    @field_validator("deprecated", "removed")
    @classmethod
    def _not_listed_too(cls, old: dict[str, str], info: Any) -> dict[str, str]:
        models = info.data.get("models", {})
        if both := sorted(set(old) & set(models)):
            raise ValueError(f"{', '.join(both)} is listed under models too")
        if info.field_name == "deprecated" and (lost := sorted(set(old.values()) - set(models))):
            raise ValueError(f"{', '.join(lost)} is not among the file's models")
        return old


E = TypeVar("E", ModelEntry, PipelineEntry)


@dataclass(frozen=True, slots=True)
class Registry:
    """All registry files, merged.

    Attributes:
        models: sorted by id, then plugin; ids may repeat.
        pipelines: sorted by name, then plugin.
        deprecated: old id -> new id.
        removed: old id -> what to use.
        problems: {plugin: why its registry file cannot be used}.
    """

    models: tuple[ModelEntry, ...]
    pipelines: tuple[PipelineEntry, ...]
    deprecated: Mapping[str, str]
    removed: Mapping[str, str]
    problems: Mapping[str, str]

    def model(self, name: str) -> ModelEntry:
        """The entry of an id, of ``plugin:id`` or of a deprecated id (with a FutureWarning).

        Raises:
            UnknownNameError: nothing has the name (close matches, broken plugins and what to use instead of a
                removed id are named), or several registries have it.
        """
        if name in self.deprecated:
            warnings.warn(f"The model {name} is now called {self.deprecated[name]}.", FutureWarning, stacklevel=2)
            return self.model(self.deprecated[name])
        if name in self.removed:
            raise UnknownNameError(f"The model {name} was removed. {self.removed[name]}")
        return self._find("model", name, {(e.plugin, e.id): e for e in self.models})

    def pipeline(self, name: str) -> PipelineEntry:
        """The default components of a pipeline, by its name or ``plugin:name``.

        Raises:
            UnknownNameError: as for ``model``.
        """
        return self._find("set of default components", name, {(e.plugin, e.name): e for e in self.pipelines})

    def _find(self, what: str, name: str, table: Mapping[tuple[str, str], E]) -> E:
        owner, _, bare = name.rpartition(":")
        matches = [entry for (plugin, key), entry in table.items() if key == bare and owner in ("", plugin)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            forms = " or ".join(f"{entry.plugin}:{bare}" for entry in matches)
            raise UnknownNameError(f"Several registries list the {what} {bare!r}; say {forms}.")
        hint = discover().hint(bare, sorted({key for _, key in table}))
        if self.problems:
            hint += f" The registries of these plugins could not be read and may have it: {', '.join(sorted(self.problems))}."
        raise UnknownNameError(f"No {what} is named {name!r}.{hint}{folder_hint(name)} `facezoo list` shows all.")


def registry_path() -> Path:
    """The core's file: inside the installed package, or at the root of a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "registry.yaml"
    return inside if inside.is_file() else package.parent / "registry.yaml"


@functools.cache
def load_registry() -> Registry:
    """The core's file and those of the plugins, read once per process (``load_registry.cache_clear()``).

    Raises:
        RegistryError: the core's own file is not valid. A plugin's invalid file is a ``problem``, no error.
    """
    files = [(CORE, read_registry(registry_path(), CORE))]
    problems: dict[str, str] = {}
    for plugin in discover().found:
        try:
            files += [(plugin.name, read_registry(path, plugin.name)) for path in plugin.registries]
        except RegistryError as error:
            problems[plugin.name] = str(error)
    return merge(files, problems)


def merge(files: Iterable[tuple[str, RegistryFile]], problems: Mapping[str, str] | None = None) -> Registry:
    """Puts files together. A plugin that lists an id twice in its own files is a problem; the first file counts."""
    models: dict[tuple[str, str], ModelEntry] = {}
    pipelines: dict[tuple[str, str], PipelineEntry] = {}
    deprecated: dict[str, str] = {}
    removed: dict[str, str] = {}
    trouble = dict(problems or {})
    for plugin, file in files:
        for entry in file.models.values():
            if models.setdefault((entry.id, plugin), entry) is not entry:
                trouble[plugin] = f"{plugin} lists the model {entry.id} in two registry files."
        for default in file.pipelines.values():
            if pipelines.setdefault((default.name, plugin), default) is not default:
                trouble[plugin] = f"{plugin} lists the pipeline {default.name} in two registry files."
        for old, new in file.deprecated.items():
            deprecated.setdefault(old, new if plugin == CORE else f"{plugin}:{new}")
        for old, advice in file.removed.items():
            removed.setdefault(old, advice)
    listed = {key for key, _ in models}  # an id that somebody lists today is not shadowed by another's past
    return Registry(
        models=tuple(models[key] for key in sorted(models)),
        pipelines=tuple(pipelines[key] for key in sorted(pipelines)),
        deprecated={old: new for old, new in deprecated.items() if old not in listed},
        removed={old: advice for old, advice in removed.items() if old not in listed},
        problems=trouble,
    )


def read_registry(path: Path, plugin: str) -> RegistryFile:
    """One file, validated.

    Raises:
        RegistryError: names the file and everything in it that does not fit the schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryError(f"The registry {path} of {plugin} cannot be read: {error}.") from error
    try:
        data = yaml.load(text, Loader=_StrictLoader)  # noqa: S506  (a safe loader, with one more check)
    except yaml.YAMLError as error:
        place = re.sub(r"\s+", " ", str(error))
        raise RegistryError(f"The registry {path} of {plugin} is not YAML: {place}.") from error
    if not isinstance(data, dict):
        raise RegistryError(f"The registry {path} of {plugin} is not a mapping with version, models and pipelines.")
    try:
        return RegistryFile.model_validate(_with_names(data, plugin))
    except ValidationError as error:
        raise RegistryError(f"The registry {path} of {plugin} does not fit its schema: {explain(error)}.") from error


def _with_names(data: dict[str, Any], plugin: str) -> dict[str, Any]:
    """The keys of the mappings as fields of their values; a value that is no mapping is left to the schema."""
    named = dict(data)
    for section, key in (("models", "id"), ("pipelines", "name")):
        entries = data.get(section)
        if not isinstance(entries, dict):
            continue
        named[section] = {}
        for name, entry in entries.items():
            body = {"slots": entry} if section == "pipelines" else entry
            known = isinstance(body, dict) and not ({"plugin", key} & set(body))
            named[section][name] = {key: name, "plugin": plugin, **body} if known else body
    return named


class _StrictLoader(_SafeLoader):  # pyright: ignore[reportGeneralTypeIssues]
    """yaml's safe loader, which refuses a repeated key instead of taking the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == "tag:yaml.org,2002:merge":
                continue  # YAML's merge may be overridden by design; other keys fail in the schema
            if key_node.value in seen:
                problem = f"the key {key_node.value!r} is there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)
