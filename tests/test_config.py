"""What is said of values that do not fit: in the words of who gave them."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, ValidationError, field_validator

from facezoo.config import explain

Variant = Literal["matrix", "scale"]


class Values(BaseModel):
    crowd: Literal["off"] | Variant = "off"
    rate: float | Literal["auto"] = "auto"
    width: int = 1
    backbone: str = ""

    @field_validator("backbone")
    @classmethod
    def _known(cls, given: str) -> str:
        if given:
            raise ValueError(f"there is no {given}.")
        return given


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"crowd": "foo"}, "crowd: Input should be 'off', 'matrix' or 'scale' (given 'foo')"),
        ({"backbone": "nope"}, "backbone: there is no nope (given 'nope')"),
        ({"width": "wide"}, "width: Input should be a valid integer"),
    ],
)
def test_a_finding_is_said_once_and_without_pydantics_own_words(values: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Values.model_validate(values)
    text = explain(caught.value, Values)
    assert text.startswith(told) and text.count("crowd") <= 1
    assert "literal[" not in text and "Value error" not in text


def test_a_word_or_a_number_keeps_both_findings() -> None:
    with pytest.raises(ValidationError) as caught:
        Values.model_validate({"rate": "fast", "crowd": "foo"})
    text = explain(caught.value, Values)
    assert "valid number" in text and "rate: Input should be 'auto'" in text and "crowd: Input should be 'off'" in text
