"""From a function to a command: groups of options spelled out, and help without Python's types.

    def detect(pictures: ..., compute: Compute, shared: Shared) -> None: ...

becomes a command with ``--device --dtype --compile --batch-size --json --offline --quiet --traceback``.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

ALIKE = 0.75  # from which likeness on an option may have been meant; their own 0.6 takes --device for --view


class _PlainHelp:
    """Help without Python's types: no "<bool>" beside a flag, no "<list[Path]>" beside an argument."""

    def get_params(self, ctx: Any) -> Any:
        params = super().get_params(ctx)  # pyright: ignore[reportAttributeAccessIssue]
        for param in params:
            if getattr(param, "is_flag", False):
                param.metavar = ""
            elif param.param_type_name == "argument":
                param.display_type_rich = lambda ctx: ""
        return params


class Command(_PlainHelp, TyperCommand):
    """One of the commands here."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except Exception as error:  # typer and click have an exception each for an option that is not there
            given, close = getattr(error, "option_name", None), getattr(error, "possibilities", None)
            if given and close:
                error.possibilities = get_close_matches(given, close, cutoff=ALIKE)  # type: ignore[attr-defined]
            raise


class Group(_PlainHelp, TyperGroup):
    """A command with sub-commands."""


def flat(function: Callable[..., None]) -> Callable[..., None]:
    """A function that typer understands: groups in the signature become single options.

    ``shared`` takes effect before the function runs and is left in the root context, where errors are told.
    """
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if dataclasses.is_dataclass(hint)}
    parameters = [inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)]
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in groups:
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        inner = get_type_hints(groups[name], include_extras=True)
        for field in dataclasses.fields(groups[name]):
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(inspect.Parameter(field.name, kind, default=field.default, annotation=inner[field.name]))

    @functools.wraps(function)
    def command(ctx: typer.Context, **given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in dataclasses.fields(kind)})
        given["shared"] = ctx.find_root().obj = given["shared"].joined(ctx.find_root().obj)
        given["shared"].apply()
        function(**given)

    shaped: Any = command
    shaped.__signature__ = inspect.Signature(parameters)
    shaped.__doc__ = _unwrapped(function.__doc__ or "")
    shaped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del shaped.__wrapped__  # else typer reads the groups again
    return shaped


def _unwrapped(text: str) -> str:
    """A docstring whose paragraphs are one line each, for help as wide as the terminal; examples stay as they are."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(p if p.startswith("\b") else " ".join(p.split()) for p in paragraphs)
