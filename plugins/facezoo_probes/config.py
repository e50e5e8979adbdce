"""linear-probe's configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from facezoo.plugin import ComponentConfig


class LinearProbeConfig(ComponentConfig):
    """Values that decide a linear probe's layer.

    Attributes:
        input_dim: D, the length of the view's vectors.
        outputs: K, the number of classes or values.
        output: "logits" of classes (the component's ``labels``) or "values" (named by ``labels``, in ``units``).
        name: what the classes are about ("emotion", "glasses"); results carry the probabilities under it.
    """

    input_dim: int = Field(default=256, ge=1)
    outputs: int = Field(default=2, ge=1)
    output: Literal["logits", "values"] = "logits"
    name: str = Field(default="label", min_length=1)
