"""facenet's configuration, and the names of the backbones that other plugins share with it."""

from __future__ import annotations

import difflib
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from facezoo.plugin import ComponentConfig, InputError

INCEPTION = "inception-resnet-v1"
SMALLEST_IMAGE = 75  # below, a layer of Inception-ResNet v1 has no pixel left
TIMM = "timm:"


def known_backbone(name: str) -> str:
    """The name itself, where it is one that can be built.

    Args:
        name: "inception-resnet-v1", or "timm:" and a name of ``timm.list_models()``.

    Raises:
        InputError: another form, or a name that timm does not have; names those that come close.
    """
    if name == INCEPTION:
        return name
    if not name.startswith(TIMM):
        raise InputError(f"A backbone is {INCEPTION!r} or 'timm:<name of a timm model>', not {name!r}.")
    import timm  # takes a second: only where a timm backbone is wanted

    wanted = name.removeprefix(TIMM)
    if not timm.is_model(wanted):
        close = difflib.get_close_matches(wanted, timm.list_models(), 3)
        hint = f" Close: {', '.join(TIMM + each for each in close)}." if close else ""
        raise InputError(f"timm has no model {wanted!r}.{hint} `timm.list_models()` shows all.")
    return name


def check_channels(backbone: str, channels: tuple[int, ...] | None) -> None:
    """Raises InputError for channels that no backbone reads."""
    if channels is not None and backbone == INCEPTION:
        raise InputError(f"{INCEPTION} has the paper's channels; leave channels out, or take a ResNet of timm's.")


def check_image_size(backbone: str, pixels: int) -> None:
    """Raises InputError for faces so small that a layer of the backbone has no pixel left."""
    if backbone == INCEPTION and pixels < SMALLEST_IMAGE:
        raise InputError(f"{INCEPTION} needs faces of at least {SMALLEST_IMAGE} pixels, not {pixels}.")


Backbone = Annotated[str, AfterValidator(known_backbone)]
Channels = Annotated[tuple[int, ...], Field(min_length=1)] | None


class FacenetConfig(ComponentConfig):
    """Values that decide facenet's layers.

    Attributes:
        backbone: "inception-resnet-v1", or "timm:<name>" for any backbone of timm, which starts with random weights.
        image_size: height and width of the faces; 160 is the size that the released weights were trained at.
        embedding_dim: length of the identity vector.
        dropout: share of the pooled features that is dropped in training; 0.6 is the release's.
        channels: of the stages of a timm ResNet, to make it narrower; None: as its name says.
    """

    backbone: Backbone = INCEPTION
    image_size: int = Field(default=160, ge=8)
    embedding_dim: int = Field(default=512, ge=1)
    dropout: float = Field(default=0.6, ge=0, lt=1)
    channels: Channels = None

    @model_validator(mode="after")
    def _large_enough(self) -> FacenetConfig:
        check_image_size(self.backbone, self.image_size)
        check_channels(self.backbone, self.channels)
        return self
