"""cycle-face's configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from facezoo.plugin import ComponentConfig


class CycleFaceConfig(ComponentConfig):
    """Values that decide cycle-face's layers.

    Attributes:
        image_size: height and width of the faces; at 128 the encoders' last stage halves the map once more.
        width: factor on every layer's channels; 1.0 is the paper. The codes keep their 256 values.
        decoder_activation: "relu" as released, "leaky_relu" as the supplement says.
        trunk: "vgg19-frozen": a frozen VGG19 of full width in each decoder, as released; "trained": one trunk of the
            network's width, trained and shared by both decoders, where no ImageNet weights can be had.
        stage: "expression" has no identity networks (the release's ExpCode files); "identity" has all.
    """

    image_size: Literal[64, 128] = 64
    width: float = Field(default=1.0, gt=0, le=4)
    decoder_activation: Literal["relu", "leaky_relu"] = "relu"
    trunk: Literal["vgg19-frozen", "trained"] = "vgg19-frozen"
    stage: Literal["expression", "identity"] = "identity"
