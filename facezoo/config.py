"""The base of every component's configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from facezoo.errors import WeightsError


class ComponentConfig(BaseModel):
    """Frozen values that decide a network's layers. They travel with the weights in ``config.json``.

    A subclass only adds fields with defaults. Unknown keys are refused: a key that this version does not know
    could mean a layer that it would not build.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_values(cls, values: Mapping[str, Any], origin: str) -> Self:
        """A validated configuration.

        Raises:
            WeightsError: names ``origin`` and every value that does not fit.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise WeightsError(f"The configuration in {origin} does not fit {cls.__name__}: {explain(error, cls)}.") from error


def explain(error: ValidationError, kind: type[BaseModel] | None = None) -> str:
    """pydantic's findings in one line: ``width: Input should be greater than 0 (given -1)``.

    Args:
        error: of a validation.
        kind: the class that was validated; a name that it does not have is then told with close matches, else with all names.
    """
    findings, choices = [], _choices(error)
    for item in error.errors():
        if _is_choice(item):
            place, words = ".".join(map(str, item["loc"][:-1])), choices.pop(item["loc"][:-1], None)
            findings += [f"{place}: Input should be {words} (given {str(item['input'])[:80]!r})"] if words else []
            continue
        place = ".".join(str(part) for part in item["loc"]) or "the whole"
        inside = inner(kind, item["loc"][:-1]) if kind is not None and item["type"] == "extra_forbidden" else None
        if inside is not None:
            findings.append(_unknown(place, inside))
            continue
        given = "" if item["type"] == "missing" else f" (given {str(item['input'])[:80]!r})"
        findings.append(f"{place}: {item['msg'].removeprefix('Value error, ').rstrip('.')}{given}")
    return "; ".join(findings)


def _choices(error: ValidationError) -> dict[tuple[int | str, ...], str]:
    """{place: "'a', 'b' or 'c'"} where each of several kinds of words was refused; pydantic tells each kind apart."""
    found: dict[tuple[int | str, ...], list[str]] = {}
    for item in error.errors():
        if _is_choice(item):
            found.setdefault(item["loc"][:-1], []).extend(
                item.get("ctx", {}).get("expected", "").replace(" or ", ", ").split(", ")
            )
    return {place: " or ".join([", ".join(words[:-1]), words[-1]][len(words) == 1 :]) for place, words in found.items()}


def _is_choice(item: Mapping[str, Any]) -> bool:
    """True for a finding about one of several kinds of words that a value may be."""
    return item["type"] == "literal_error" and str(item["loc"][-1]).startswith("literal[")


def _unknown(place: str, inside: type[BaseModel]) -> str:
    """That a class has no such value; names that are close to it, else all."""
    above, dot, name = place.rpartition(".")
    close = [f"{above}{dot}{other}" for other in get_close_matches(name, inside.model_fields, n=2, cutoff=0.7)]
    if close:
        return f"there is no value {place}; close to it is {' and '.join(close)}"
    return f"there is no value {place}; {f'in {above} ' * bool(above)}there are {', '.join(sorted(inside.model_fields))}"


def inner(kind: type[BaseModel], path: Iterable[str | int]) -> type[BaseModel] | None:
    """The class of the values at a place inside another's; None where it cannot be told."""
    found = kind
    for name in path:
        field = found.model_fields.get(str(name))
        options = _options(field.annotation) if field else []
        models = [option for option in options if isinstance(option, type) and issubclass(option, BaseModel)]
        if len(models) != 1:
            return None
        found = models[0]
    return found


def _options(annotation: Any) -> list[Any]:
    """What an annotation may be: ``A | None`` is A and None."""
    return [option for part in get_args(annotation) for option in _options(part)] if get_args(annotation) else [annotation]
