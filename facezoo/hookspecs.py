"""The hooks of a plugin, and the marker for its functions.

A plugin is a module named by an entry point in the group ``facezoo``, with ``FACEZOO_API = 1`` and any of the
functions below, each marked with ``@hookimpl``. They take no arguments, do no I/O, import nothing heavy and
return tuples.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pluggy

from facezoo.specs import CommandSpec, ComponentSpec, DatasetSpec, PipelineSpec, ProtocolSpec, RecipeSpec

ENTRY_POINT_GROUP = "facezoo"
API_VERSION = 1

hookspec = pluggy.HookspecMarker("facezoo")
hookimpl = pluggy.HookimplMarker("facezoo")


@hookspec
def facezoo_components() -> Sequence[ComponentSpec]:  # pyright: ignore[reportReturnType]
    """Architectures."""


@hookspec
def facezoo_pipelines() -> Sequence[PipelineSpec]:  # pyright: ignore[reportReturnType]
    """Tasks that only this plugin can do; the core owns the common ones."""


@hookspec
def facezoo_recipes() -> Sequence[RecipeSpec]:  # pyright: ignore[reportReturnType]
    """Ways to train."""


@hookspec
def facezoo_datasets() -> Sequence[DatasetSpec]:  # pyright: ignore[reportReturnType]
    """Readers of published data-set layouts."""


@hookspec
def facezoo_protocols() -> Sequence[ProtocolSpec]:  # pyright: ignore[reportReturnType]
    """Evaluations."""


@hookspec
def facezoo_commands() -> Sequence[CommandSpec]:  # pyright: ignore[reportReturnType]
    """Sub-commands."""


@hookspec
def facezoo_registries() -> Sequence[Path]:  # pyright: ignore[reportReturnType]
    """More registry files in the form of ``registry.yaml``: names and weights without a pull request here."""
