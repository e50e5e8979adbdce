"""Configurations of the two architectures."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from facezoo.plugin import SEVEN_EMOTIONS, ComponentConfig
from facezoo_facenet.model import INCEPTION, Backbone, Channels, check_channels, check_image_size

HIGHEST_ORDER = 6  # of the polynomial


def _distinct(labels: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(labels)) != len(labels):
        raise ValueError("every class has a name of its own")
    return labels


class TwoBranchConfig(ComponentConfig):
    """What both architectures share: two trunks of one kind, side by side.

    Attributes:
        backbone: "inception-resnet-v1" as in the paper, or "timm:<name>" for any backbone of timm.
        image_size: height and width of the faces in pixels; 224 is the release's.
        dropout: share of a trunk's pooled features that is dropped in training; 0.6 is the release's.
        channels: of the stages of a timm ResNet, to make both trunks narrower; None: as its name says.
    """

    backbone: Backbone = INCEPTION
    image_size: int = Field(default=224, ge=8)
    dropout: float = Field(default=0.6, ge=0, lt=1)
    channels: Channels = None

    @model_validator(mode="after")
    def _large_enough(self) -> TwoBranchConfig:
        check_image_size(self.backbone, self.image_size)
        check_channels(self.backbone, self.channels)
        return self


class DLNConfig(TwoBranchConfig):
    """Values that decide the Deviation Learning Network's layers.

    Attributes:
        embedding_dim: length of the expression embedding; 16 in the paper and the release.
        polynomial_order: K of the polynomial; 1 is the released code ("without the high-order module").
    """

    embedding_dim: int = Field(default=16, ge=2)
    polynomial_order: int = Field(default=1, ge=1, le=HIGHEST_ORDER)


class DLNEmotionConfig(TwoBranchConfig):
    """Values that decide the emotion classifier's layers.

    Attributes:
        labels: names of the classes in the order of the logits.
    """

    labels: Annotated[tuple[str, ...], AfterValidator(_distinct)] = Field(
        default=tuple(emotion.value for emotion in SEVEN_EMOTIONS), min_length=2
    )
