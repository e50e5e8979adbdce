"""What models are compared with on the same lists and crops: grey pixels and histograms of gradients, which learn nothing.

A peer is a component like any other, cut by the crop of the model beside it; OpenCV's networks have crops of their own
(``opencv``).
"""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from facezoo.plugin import ComponentConfig, Encoder, InputContract, Peer, View, to_uint8

PLAIN = {"raw-pixels": "facezoo_evaluate.peers:RAW_PIXELS", "hog": "facezoo_evaluate.peers:HOG"}
EXPRESSION = PLAIN
IDENTITY = {**PLAIN, "sface": "facezoo_evaluate.opencv:SFACE"}
EMOTION = {**PLAIN, "fer": "facezoo_evaluate.opencv:FER"}

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as OpenCV and Pillow make grey of RGB
SIDE = 64  # pixels of what peers are shown
CELL = 8  # pixels of HOG's cells; a block is 2 x 2 of them, and blocks lie a cell apart


class SidesConfig(ComponentConfig):
    """How large a face is shown.

    Attributes:
        side: height and width in pixels.
    """

    side: int = Field(default=SIDE, ge=16, multiple_of=CELL)


class _Plain(Encoder):
    """A description without weights, in one view."""

    config: SidesConfig

    def shown(self, contract: InputContract) -> Self:
        """Itself, shown faces by another component's crop."""
        side = self.config.side
        self.contract = InputContract(crop=contract.crop, size=(side, side))
        return self.eval()


class RawPixels(_Plain):
    """Grey values, each face with mean 0 and length 1: their inner product is the correlation of two pictures."""

    def view_table(self) -> dict[str, View]:
        return {"pixels": View(self.config.side**2, "features", (), normalised=True)}

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        """(B, 3, S, S) in [0, 1] -> (B, S * S)."""
        grey = torch.einsum("bchw,c->bhw", prepared.float(), torch.tensor(LUMA, device=prepared.device)).flatten(1)
        return F.normalize(grey - grey.mean(1, keepdim=True), dim=1)


class Hog(_Plain):
    """Histograms of oriented gradients by OpenCV: cells of 8 pixels, blocks of 2 x 2 cells, 9 orientations.

    Source: Dalal, Triggs, CVPR 2005.
    """

    def view_table(self) -> dict[str, View]:
        blocks = self.config.side // CELL - 1
        return {"histograms": View(blocks**2 * 4 * 9, "features", ())}

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        """(B, 3, S, S) in [0, 1] -> (B, D)."""
        import cv2

        side = self.config.side
        hog = cv2.HOGDescriptor((side, side), (2 * CELL, 2 * CELL), (CELL, CELL), (CELL, CELL), 9)
        grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in to_uint8(prepared)]
        rows = np.stack([np.asarray(hog.compute(picture), np.float32).ravel() for picture in grey])
        return torch.from_numpy(rows).to(prepared.device)


RAW_PIXELS = Peer(lambda contract, file: RawPixels(SidesConfig()).shown(contract))
HOG = Peer(lambda contract, file: Hog(SidesConfig()).shown(contract))
