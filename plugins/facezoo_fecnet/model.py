"""FECNet: the component. Pixels in [0, 1] at the door, the expression vector out of it."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from facezoo.plugin import Encoder, InputContract, View
from facezoo_facenet.model import FACE_CROP, make_trunk
from facezoo_fecnet.config import FecnetConfig
from facezoo_fecnet.networks import DenseHead


class Fecnet(Encoder):
    """Expression vectors: the closer two are, the more alike people find the two faces' expressions.

    Faces at the door: (B, 3, H, W) float RGB in [0, 1], cut out as for facenet, whose trunk reads them.

    Source: Vemulapalli and Agarwala, CVPR 2019, arXiv 1811.11283; agrees with AmirSh15/FECNet @f7cc3e1 (no licence file).
    """

    frozen = ("trunk",)

    def __init__(self, config: FecnetConfig) -> None:
        super().__init__(config)
        self.config: FecnetConfig
        c = config
        self.trunk = make_trunk(c.backbone, c.identity_dim, image_size=c.image_size)
        self.dense = DenseHead(self.trunk.map_channels, c.stem, c.layers, c.growth, c.hidden, c.embedding_dim)

    @classmethod
    def default_contract(cls, config: Any) -> InputContract:
        side = config.image_size
        grey = (127.5, 127.5, 127.5)
        return InputContract(crop=FACE_CROP, size=(side, side), range=(0.0, 255.0), mean=grey, std=(128.0, 128.0, 128.0))

    def view_table(self) -> dict[str, View]:
        """``embedding``: distances are Euclidean; unit vectors where ``l2_normalize`` is set."""
        c = self.config
        return {"embedding": View(c.embedding_dim, "expression", ("trunk", "dense"), normalised=c.l2_normalize)}

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        return self.embed_map(self.trunk.forward_map(prepared))

    def embed_map(self, maps: Tensor) -> Tensor:
        """The trunk's last map (B, C, h, w) -> (B, embedding_dim) float32."""
        embedding = self.dense(maps).float()
        return F.normalize(embedding, dim=1) if self.config.l2_normalize else embedding
