"""A recipe's values as options: ``--encoder ID``, ``--rate=-0.5``, ``--hinge``; and what they mean.

``train`` knows its options only when it knows the recipe. So the words that its own options leave over are read here,
by the recipe's configuration class, and become the "key=value" settings that ``--set`` takes.
"""

from __future__ import annotations

import inspect
import json
import re
import types
import typing
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

NUMBER = re.compile(r"-\.?\d|-\.?inf$")  # a word that starts with a dash and is a value all the same


class WrongUsage(typer.BadParameter):
    """Exit code 2, in the command line's own words."""

    def format_message(self) -> str:
        return self.message


def settings_of(kind: type[BaseModel], words: Sequence[str], recipe: str, own: Sequence[str] = ()) -> list[str]:
    """The settings that the words stand for, as "key=value" with the value in YAML.

    Args:
        kind: the recipe's configuration class.
        words: as given on the command line: "--name", "value", "--name=value" and flags. Dashes in names are underscores;
            "--weights.edges" reaches inside. A name that comes again adds to a list; of other values the last one counts.
        recipe: its name, for messages.
        own: options of the command itself, for close matches.

    Raises:
        WrongUsage: a name that the recipe does not have, with close matches; a value without a name; a name without a value.
    """
    given: dict[str, list[str]] = {}
    for key, text in _pairs(kind, words, recipe, own):
        given.setdefault(key, []).append(text)
    return [f"{key}={_yaml(_kind_of(kind, key), texts)}" for key, texts in given.items()]


def _pairs(kind: type[BaseModel], words: Sequence[str], recipe: str, own: Sequence[str]) -> Iterator[tuple[str, str]]:
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, text = word.removeprefix("--").partition("=")
        key = name.replace("-", "_")
        if not word.startswith("--") or not name:
            what = f"There is no option {word}" if word.startswith("-") else f"{word!r} belongs to no option"
            raise WrongUsage(f"{what}; a recipe's values are given as --NAME VALUE.")
        annotation = _kind_of(kind, key)
        if annotation is None and key.startswith("no_") and not equals and _is_flag(_kind_of(kind, key[3:])):
            yield key[3:], "false"
            continue
        if annotation is None:
            raise WrongUsage(_unknown(kind, name, recipe, own))
        if not equals:
            text = _value(left, flag=_is_flag(annotation))
            if text is None:
                raise WrongUsage(f"--{name} wants a value: --{name} VALUE.")
        yield key, text


def _value(left: list[str], *, flag: bool) -> str | None:
    """Takes the value of an option from the words that follow it; "true" for a flag that nothing follows."""
    follows = bool(left) and (not left[0].startswith("-") or NUMBER.match(left[0]) is not None)
    if flag and not (follows and left[0].lower() in ("true", "false")):
        return "true"
    return left.pop(0) if follows else None


def _kind_of(kind: type[BaseModel], key: str) -> Any:
    """The annotation of a value, "weights.edges" being one inside another; None if there is none."""
    first, _, rest = key.partition(".")
    if first not in kind.model_fields:
        return None
    annotation = _options(kind.model_fields[first].annotation)
    if not rest:
        return kind.model_fields[first].annotation
    models = [option for option in annotation if hasattr(option, "model_fields")]
    if models:
        return _kind_of(models[0], rest)
    return Any if any(typing.get_origin(option) is dict for option in annotation) else None


def _options(annotation: Any) -> list[Any]:
    """What a value may be, other than None: ``str | None`` is [str]."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _options(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [option for part in typing.get_args(annotation) for option in _options(part) if option is not type(None)]
    return [annotation]


def _is_flag(annotation: Any) -> bool:
    return bool in _options(annotation)


def _is_text(annotation: Any) -> bool:
    """True for values that are words: what looks like a number or a date stays as it was written."""

    def one(option: Any) -> bool:
        if typing.get_origin(option) is Literal:
            return all(isinstance(value, str) for value in typing.get_args(option))
        return (
            isinstance(option, type)
            and issubclass(option, str | Path)
            or (inspect.isclass(option) and issubclass(option, Enum))
        )

    return all(one(option) for option in _options(annotation))


def _yaml(annotation: Any, texts: Sequence[str]) -> str:
    series = [option for option in _options(annotation) if typing.get_origin(option) in (list, tuple, set, frozenset)]
    if series and not (len(texts) == 1 and texts[0].lstrip().startswith("[")):
        inside = (*typing.get_args(series[0]), Any)[0]
        return f"[{', '.join(_yaml(inside, [text]) for text in texts)}]"
    text = texts[-1]
    may_be_none = type(None) in typing.get_args(annotation)
    if _is_text(annotation) and not (may_be_none and text in ("null", "none", "None")):
        return json.dumps(text, ensure_ascii=False)
    return "null" if may_be_none and text in ("none", "None") else text


def _unknown(kind: type[BaseModel], name: str, recipe: str, own: Sequence[str]) -> str:
    known = [*(key.replace("_", "-") for key, _, _ in rows(kind)), *(option.removeprefix("--") for option in own)]
    close = [f"--{other}" for other in get_close_matches(name.replace("_", "-"), known, n=2, cutoff=0.7)]
    hint = f"Did you mean {' or '.join(close)}? " if close else ""
    return f"{recipe} has no value --{name}. {hint}`facezoo train {recipe} --values` shows what can be set."


def rows(kind: type[BaseModel]) -> list[tuple[str, str, str]]:
    """(name, default, meaning) of every value, those inside others as "weights.edges"; a value without default is "required".

    The meanings are the "Attributes:" of the class's docstring and those of the classes above it.
    """
    found, said = [], meanings(kind)
    for name, field in kind.model_fields.items():
        inner = [option for option in _options(field.annotation) if hasattr(option, "model_fields")]
        default = None if field.is_required() else field.get_default(call_default_factory=True)  # pyright: ignore[reportCallIssue]
        if inner and isinstance(default, inner[0]):
            nested: Any = type(default)
            found += [
                (f"{name}.{key}", json.dumps(_plain(_inside(default, key)), default=str), meaning or said.get(name, ""))
                for key, _, meaning in rows(nested)
            ]
            continue
        shown = "required" if field.is_required() else json.dumps(_plain(default), default=str, ensure_ascii=False)
        found.append((name, shown, said.get(name, "")))
    return found


def _inside(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def defaults(kind: type[BaseModel]) -> dict[str, Any]:
    """{name: default} as JSON holds it; None for a value without one."""
    found = {}
    for name, field in kind.model_fields.items():
        found[name] = None if field.is_required() else _plain(field.get_default(call_default_factory=True))  # pyright: ignore[reportCallIssue]
    return found


def meanings(kind: type) -> dict[str, str]:
    """{name: text} of the "Attributes:" in the docstrings of a class and of those above it."""
    found: dict[str, str] = {}
    for above in reversed(kind.__mro__):
        _, attributes, section = inspect.cleandoc(vars(above).get("__doc__") or "").partition("Attributes:\n")
        name = ""
        for line in section.splitlines() if attributes else ():
            indent = len(line) - len(line.lstrip())
            if line and indent == 0:
                break
            start = re.match(r"    (\w+): (.*)", line)
            if start:
                name, found[start[1]] = start[1], start[2]
            elif name and line.strip():
                found[name] += f" {line.strip()}"
    return {name: text.strip() for name, text in found.items()}
