"""What can be set in the detectors. Sides are of the picture that is searched; what is found is in the picture given."""

from __future__ import annotations

from pydantic import Field, model_validator

from facezoo.plugin import ComponentConfig


class SearchConfig(ComponentConfig):
    """How large a picture is searched.

    Attributes:
        min_side: a picture whose shorter side is less is enlarged to it.
        max_side: a picture whose longer side is more is reduced to it.
    """

    min_side: int = Field(default=128, ge=16)
    max_side: int = Field(default=1024, ge=32)

    @model_validator(mode="after")
    def _ordered(self) -> SearchConfig:
        if self.min_side > self.max_side:
            raise ValueError(f"min_side {self.min_side} exceeds max_side {self.max_side}")
        return self


class RetinaFaceConfig(SearchConfig):
    """The network has no options; its layers are those of the release."""


class YuNetConfig(SearchConfig):
    """The network is in the ONNX file.

    Attributes:
        overlap: boxes of higher IoU with a better one are the same face.
    """

    overlap: float = Field(default=0.3, gt=0, lt=1)


class HaarConfig(SearchConfig):
    """The cascades are OpenCV's.

    Attributes:
        min_face: side of the smallest face that is looked for, in pixels of the picture that is searched.
    """

    min_side: int = Field(default=160, ge=16)
    max_side: int = Field(default=640, ge=32)
    min_face: int = Field(default=32, ge=20)
