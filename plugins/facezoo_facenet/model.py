"""facenet: the component. Pixels in [0, 1] at the door, the identity vector out of it.

What other plugins build on is here too: the trunk, its layout, and the crop that it shares with them.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from facezoo.plugin import Encoder, InputContract, SquareCrop, View
from facezoo_facenet.config import (
    INCEPTION,
    TIMM,
    Backbone,
    Channels,
    FacenetConfig,
    check_channels,
    check_image_size,
    known_backbone,
)
from facezoo_facenet.layout import CLASSIFIER, plain_state, take_trunk, trunk_layout
from facezoo_facenet.networks import InceptionResnetV1, TimmTrunk, Trunk, make_trunk

__all__ = [
    "CLASSIFIER", "FACE_CROP", "INCEPTION", "TIMM", "Backbone", "Channels", "Facenet", "FacenetConfig", "InceptionResnetV1",
    "TimmTrunk", "Trunk", "check_channels", "check_image_size", "known_backbone", "make_trunk", "plain_state", "take_trunk",
    "trunk_layout",
]  # fmt: skip

# A detector's tight box plus facenet-pytorch's margin of 14 pixels at 160, expressed in eyes-mouth lengths through
# RetinaFace's box (its reference is 0.379 of the box's height, 0.069 of it below the middle). The release cuts with
# MTCNN's box, which facezoo does not have, so this is facezoo's choice for all weights.
FACE_CROP = SquareCrop(scale=2.9, shift=(0.0, -0.06))


class Facenet(Encoder):
    """Identity vectors of faces.

    Faces at the door: (B, 3, H, W) float RGB in [0, 1], an upright square around the face with a small margin.

    Source: Inception-ResNet v1, arXiv 1602.07261; agrees with timesler/facenet-pytorch @787da06 (MIT).
    """

    def __init__(self, config: FacenetConfig) -> None:
        super().__init__(config)
        self.config: FacenetConfig
        self.trunk = make_trunk(
            config.backbone,
            config.embedding_dim,
            dropout=config.dropout,
            image_size=config.image_size,
            channels=config.channels,
        )

    @classmethod
    def default_contract(cls, config: Any) -> InputContract:
        side = config.image_size
        grey = (127.5, 127.5, 127.5)
        return InputContract(crop=FACE_CROP, size=(side, side), range=(0.0, 255.0), mean=grey, std=(128.0, 128.0, 128.0))

    def view_table(self) -> dict[str, View]:
        """``identity``: unit vectors; the closer two are, the likelier they show one person."""
        return {"identity": View(self.config.embedding_dim, "identity", ("trunk",), normalised=True)}

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        return self.network(prepared)

    def network(self, normalised: Tensor) -> Tensor:
        """Identity vectors behind the door, for inputs that are normalised already and of any size.

        Args:
            normalised: (B, 3, H, W) float RGB as (x * 255 - 127.5) / 128; from 75 pixels on for Inception-ResNet v1.

        Returns:
            (B, D) float32 of length 1.

        Raises:
            InputError: too few pixels for the backbone.
        """
        check_image_size(self.config.backbone, min(normalised.shape[-2:]))
        return F.normalize(self.trunk(normalised.to(self.dtype)).float(), dim=1)
