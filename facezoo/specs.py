"""What a plugin says about itself: frozen records of strings, so that saying it costs no import.

A target is written ``"package.module:Name"``. It is imported when its object is wanted, never before.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from facezoo.errors import PluginError

KINDS = ("encoder", "head", "classifier", "manipulator", "detector")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentSpec:
    """A network architecture: ``registry.yaml`` gives it weights, the loader builds it from its config.

    Attributes:
        arch: kebab-case name, unique over all plugins ("cycle-face").
        kinds: what it can be used as, of ``KINDS``; a component may be several.
        target: its class, a ``facezoo.plugin.Component``.
        config: its configuration class, a ``facezoo.plugin.ComponentConfig``.
        converters: foreign checkpoint formats it can be imported from: {format: function}. The function
            takes (path, config values) and returns ``facezoo.plugin.Converted``.
        summary: one line.
        plugin: filled in at discovery.
    """

    arch: str
    kinds: tuple[str, ...]
    target: str
    config: str
    converters: Mapping[str, str] = field(default_factory=dict)
    summary: str
    plugin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSpec:
    """A task. ``slots`` maps a slot to its requirement: a kind, with a view or verb after a colon.

    Examples of requirements: ``detector``, ``encoder:identity``, ``classifier:emotion``, ``manipulator:neutralize``.
    """

    name: str
    target: str
    slots: Mapping[str, str]
    summary: str
    plugin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeSpec:
    """A way to train: ``facezoo train NAME``. ``target`` is a ``facezoo.training.Recipe``.

    Attributes:
        needs: options without which it does not begin, as a command has them ("--start dir:RUN/model").
    """

    name: str
    target: str
    config: str
    summary: str
    needs: tuple[str, ...] = ()
    plugin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """A reader of a published data-set layout. ``target`` is a ``facezoo.datasets.Reader``."""

    name: str
    target: str
    summary: str
    plugin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolSpec:
    """An evaluation with a published split and metric: ``facezoo evaluate NAME``."""

    name: str
    target: str
    summary: str
    plugin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """A sub-command of ``facezoo``. ``target`` is a function that typer can run."""

    name: str
    target: str
    summary: str
    plugin: str = ""


Spec = ComponentSpec | PipelineSpec | RecipeSpec | DatasetSpec | ProtocolSpec | CommandSpec


def resolve(target: str, wanted_by: str) -> Any:
    """The object that ``"package.module:Name"`` points to.

    Raises:
        PluginError: the string has another form, the module does not import, or it has no such name.
    """
    module_name, colon, name = target.partition(":")
    if not colon or not module_name or not name:
        raise PluginError(f"{wanted_by} points to {target!r}; a target is written 'package.module:Name'.")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a plugin's module may raise anything
        raise PluginError(f"{wanted_by} points to {target}, which does not import: {type(error).__name__}: {error}.") from error
    try:
        return getattr(module, name)
    except AttributeError as error:
        raise PluginError(f"{wanted_by} points to {target}, but {module_name} has no {name!r}.") from error
