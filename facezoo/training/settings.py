"""A recipe's values from its defaults, a file and ``--set key=value``, in this order."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from facezoo.config import explain
from facezoo.errors import InputError

C = TypeVar("C", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """YAML whose only truth values are true and false: ``perceptual: off`` and ``mixed_precision: no`` are words here."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|false|False)$"), list("tTfF"))


def read_config(kind: type[C], given: str | Path | Mapping[str, Any] | None = None, settings: Sequence[str] = ()) -> C:
    """The validated values.

    Args:
        kind: the recipe's configuration class.
        given: a mapping, or a YAML or JSON file of one; None: only defaults.
        settings: "key=value", the value in YAML; "augmentation.rotation=10" reaches inside.

    Raises:
        InputError: no such file, a setting without "=", an unknown key, a value that does not fit.
    """
    values = copy.deepcopy(dict(given)) if isinstance(given, Mapping) else _read(Path(given)) if given is not None else {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            raise InputError(f"--set takes key=value, not {setting!r}.")
        try:
            _put(values, key.split("."), yaml.load(text, _Loader))
        except yaml.YAMLError as error:
            raise InputError(f"--set {setting}: the value is no YAML ({error}).") from error
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise InputError(f"The recipe's values do not fit: {explain(error, kind)}.") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(), _Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} was not read as a recipe's values in YAML or JSON: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path} holds {type(values).__name__}, not a mapping of names to values.")
    return values


def _put(values: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            raise InputError(f"{name!r} is one value ({inner!r}), so nothing inside it can be set.")
        values = inner
    values[path[-1]] = value
