"""Configurations of the package's components."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from facezoo.plugin import SEVEN_EMOTIONS, ComponentConfig


class Pix2PixHDConfig(ComponentConfig):
    """Values that decide pix2pixHD's layers. The defaults are the release's of 512 pixels, for pictures from pictures.

    Attributes:
        inputs: channels of the input: 3 for RGB; 36 for Cityscapes' 35 labels and an edge map.
        outputs: channels of the output.
        width: channels of the finest map (ngf); the release has 64, and 32 around an enhancer.
        downs: how often the global generator halves the size.
        blocks: its residual blocks.
        enhancers: local enhancers around it; 0: the global generator alone.
        local_blocks: residual blocks of each enhancer.
        image_size: height and width to which faces are brought before they are translated; no layer depends on it, and a
            checkpoint does not tell it.
    """

    inputs: int = Field(default=3, ge=1, le=4096)
    outputs: int = Field(default=3, ge=1, le=4096)
    width: int = Field(default=64, ge=1, le=1024)
    downs: int = Field(default=4, ge=1, le=8)
    blocks: int = Field(default=9, ge=1, le=64)
    enhancers: int = Field(default=0, ge=0, le=4)
    local_blocks: int = Field(default=3, ge=1, le=64)
    image_size: int = Field(default=512, ge=16, le=4096)


class ExpressionManipulatorConfig(ComponentConfig):
    """Values that decide the expression manipulator's layers.

    Attributes:
        image_size: height and width of the faces.
        width: channels of the finest map (ngf).
        downs: how often the global generator halves the size.
        blocks: its residual blocks.
        enhancers: local enhancers around it; 0: the global generator alone.
        local_blocks: residual blocks of each enhancer.
        expression_dim: length of the expression embedding.
        condition: how the embedding enters: "tiled" beside the picture's channels, "modulated": it scales and shifts the
            residual blocks' first norm, or "both". The specification does not say; all three are our readings.
        output: "image": a new picture, as pix2pixHD draws one; "blend": a picture and a mask, through which the input shows
            where nothing is to change.
        emotions: whose mean embeddings the weights carry, neutral first.
    """

    image_size: int = Field(default=256, ge=64, le=512)
    width: int = Field(default=64, ge=1, le=128)
    downs: int = Field(default=4, ge=1, le=6)
    blocks: int = Field(default=9, ge=1, le=16)
    enhancers: int = Field(default=0, ge=0, le=3)
    local_blocks: int = Field(default=3, ge=1, le=9)
    expression_dim: int = Field(default=16, ge=1, le=1024)
    condition: Literal["tiled", "modulated", "both"] = "tiled"
    output: Literal["image", "blend"] = "image"
    emotions: tuple[str, ...] = Field(default=tuple(str(e.value) for e in SEVEN_EMOTIONS), min_length=1)
