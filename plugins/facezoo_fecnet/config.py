"""FECNet's configuration."""

from __future__ import annotations

from pydantic import Field, model_validator

from facezoo.plugin import ComponentConfig
from facezoo_facenet.model import INCEPTION, Backbone, check_image_size


class FecnetConfig(ComponentConfig):
    """Values that decide FECNet's layers. The defaults are the release's.

    Attributes:
        backbone: the frozen trunk's, as for facenet: "inception-resnet-v1" or "timm:<name>".
        identity_dim: length of the identity vector of the facenet that the trunk comes from; it is kept and not read.
        image_size: height and width of the faces.
        embedding_dim: length of the expression vector.
        l2_normalize: divide the expression vector by its length, as the paper does; the release does not.
        stem: channels of the 1x1 convolution after the trunk.
        layers: of the dense block.
        growth: channels that each of them adds.
        hidden: length of the vector before the expression vector.
    """

    backbone: Backbone = INCEPTION
    identity_dim: int = Field(default=512, ge=1)
    image_size: int = Field(default=224, ge=8)
    embedding_dim: int = Field(default=16, ge=1)
    l2_normalize: bool = False
    stem: int = Field(default=512, ge=1)
    layers: int = Field(default=5, ge=1)
    growth: int = Field(default=64, ge=1)
    hidden: int = Field(default=512, ge=1)

    @model_validator(mode="after")
    def _large_enough(self) -> FecnetConfig:
        check_image_size(self.backbone, self.image_size)
        return self
