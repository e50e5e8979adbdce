"""The base of every component's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

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
            raise WeightsError(f"The configuration in {origin} does not fit {cls.__name__}: {explain(error)}.") from error


def explain(error: ValidationError) -> str:
    """pydantic's findings in one line: ``width: Input should be greater than 0 (given -1)``."""
    findings = []
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"]) or "the whole"
        given = "" if item["type"] == "missing" else f" (given {str(item['input'])[:80]!r})"
        findings.append(f"{place}: {item['msg']}{given}")
    return "; ".join(findings)
