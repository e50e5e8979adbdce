"""OpenCV's own networks as peers: SFace, which tells people apart, and the Zoo's expression network.

Their files are not part of facezoo; whoever has them names them: ``--peer sface=face_recognition_sface_2021dec.onnx``. Both
want five landmarks (``--detector yunet-2023mar``), or pictures that are crops already.

Source: OpenCV's ``FaceRecognizerSF``; opencv/opencv_zoo @00de044, models/facial_expression_recognition (Apache-2.0).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor

from facezoo.plugin import (
    Classifier,
    Component,
    ComponentConfig,
    Emotion,
    Encoder,
    FivePointCrop,
    InputContract,
    InputError,
    Peer,
    Provenance,
    View,
    to_uint8,
)

C = TypeVar("C", bound=Component)

SIDE = 112
POINTS = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
"""Where eyes, nose tip and mouth corners come to lie, in pixels of 112: as both networks were trained."""
CROP = FivePointCrop(template=tuple((x / SIDE, y / SIDE) for x, y in POINTS))  # pyright: ignore[reportArgumentType]
FER_LABELS = (
    Emotion.ANGER, Emotion.DISGUST, Emotion.FEAR, Emotion.HAPPINESS, Emotion.NEUTRAL, Emotion.SADNESS, Emotion.SURPRISE,
)  # fmt: skip


class SFace(Encoder):
    """(B, 128) vectors of OpenCV's face recogniser, compared by their cosine."""

    def __init__(self, network: Any) -> None:
        super().__init__(ComponentConfig())
        self.network = network

    @classmethod
    def default_contract(cls, config: Any) -> InputContract:
        return InputContract(crop=CROP, size=(SIDE, SIDE))

    def view_table(self) -> dict[str, View]:
        return {"identity": View(128, "identity", ())}

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        rows = [np.ravel(self.network.feature(picture[..., ::-1].copy())) for picture in to_uint8(prepared)]  # takes BGR
        return torch.from_numpy(np.stack(rows).astype(np.float32))


class ZooExpression(Classifier):
    """Seven emotions by the Zoo's network. Its values are taken for logits: only their order counts."""

    def __init__(self, network: Any) -> None:
        super().__init__(ComponentConfig())
        self.network, self.labels = network, tuple(emotion.value for emotion in FER_LABELS)

    @classmethod
    def default_contract(cls, config: Any) -> InputContract:
        return InputContract(crop=CROP, size=(SIDE, SIDE), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))

    def forward(self, faces: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> (B, 7) float32."""
        rows = []
        for face in self.prepare(faces).numpy():
            self.network.setInput(face[None])
            rows.append(np.ravel(self.network.forward()))
        return torch.from_numpy(np.stack(rows).astype(np.float32))


def _sface(contract: InputContract, file: str | None) -> SFace:
    return _read(file, lambda path: SFace(cv2.FaceRecognizerSF.create(path, "")))


def _expression(contract: InputContract, file: str | None) -> ZooExpression:
    return _read(file, lambda path: ZooExpression(cv2.dnn.readNet(path)))


def _read(file: str | None, make: Callable[[str], C]) -> C:
    """A component around a file that OpenCV reads itself.

    Raises:
        InputError: no such file, or one that OpenCV does not read.
    """
    path = Path(file or "")
    if not path.is_file():
        raise InputError(f"There is no file {path}; OpenCV's networks are in the OpenCV Zoo, as .onnx.")
    try:
        peer = make(str(path)).eval()
    except cv2.error as error:
        raise InputError(f"OpenCV does not read {path} as this network: {' '.join(str(error).split())}.") from error
    peer.provenance = Provenance(path.name, "file", sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    return peer


SFACE = Peer(_sface, wants="OpenCV's face_recognition_sface .onnx")
FER = Peer(_expression, wants="the OpenCV Zoo's facial_expression_recognition .onnx")
