"""Components that break the contract in one way each, and the name of the fault that tells it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from facezoo.plugin import Detections, InputContract, SquareCrop, View
from tests.tiny import SIDE, TinyClassifier, TinyConfig, TinyDetector, TinyEncoder, TinyHead, TinyManipulator


class SwapsColours(TinyEncoder):
    def embed(self, prepared: Tensor, view: str) -> Tensor:
        return super().embed(prepared.flip(1), view)


class SwapsColoursBefore(TinyEncoder):
    def prepare(self, faces: Tensor) -> Tensor:
        return super().prepare(faces.flip(1) if isinstance(faces, Tensor) and faces.ndim == 4 else faces)


class DoesNotNormalise(TinyClassifier):
    def forward(self, faces: Tensor) -> Tensor:
        self.prepare(faces)
        return self.network(faces.to(self.dtype)).float()


class OwnMean(TinyEncoder):
    """Reads the numbers of its class and not the contract that came with the weights; has no submodule to look into."""

    def prepare(self, faces: Tensor) -> Tensor:
        contract, self.contract = self.contract, self.default_contract(self.config)
        try:
            return super().prepare(faces)
        finally:
            self.contract = contract


class MeanOfAnotherScale(TinyEncoder):
    @classmethod
    def default_contract(cls, config: Any) -> InputContract:
        return InputContract(crop=SquareCrop(scale=2.6), size=(SIDE, SIDE), mean=(127.5,) * 3, std=(128.0,) * 3)


class NoContract(TinyClassifier):
    @classmethod
    def default_contract(cls, config: Any) -> None:
        return None


class OutOfRange(TinyManipulator):
    def neutralize(self, faces: Tensor) -> Tensor:
        return self.paint(self.encode_face(self.prepare(faces)).tanh()).float()


class BatchStatistics(TinyEncoder):
    def embed(self, prepared: Tensor, view: str) -> Tensor:
        return super().embed(prepared - prepared.mean((0, 2, 3), keepdim=True), view)


class Noisy(TinyClassifier):
    def forward(self, faces: Tensor) -> Tensor:
        x = self.prepare(faces)
        return self.network(x + 0.1 * torch.randn_like(x)).float()


class SeedsEverything(TinyClassifier):
    def forward(self, faces: Tensor) -> Tensor:
        torch.manual_seed(0)
        x = self.prepare(faces)
        return self.network(x + 0.1 * torch.randn_like(x)).float()


class ThawsTrunk(TinyEncoder):
    def trainable_(self, trainable: bool) -> Any:
        super().trainable_(trainable)
        return self.requires_grad_(trainable)


class TrainsTrunkNorms(TinyEncoder):
    def train(self, mode: bool = True) -> Any:
        return nn.Module.train(self, mode)


class TooFewLabels(TinyClassifier):
    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.labels = ("neutral", "happiness")


class NeedsContiguous(TinyEncoder):
    def embed(self, prepared: Tensor, view: str) -> Tensor:
        maps = self.trunk(prepared)
        return self.code(maps.view(len(maps), -1)) if view == "expression" else super().embed(prepared, view)


class ScramblesChannelsLast(TinyEncoder):
    """Reads memory in the order in which it lies: no error, other numbers."""

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        maps = self.trunk(prepared)
        flat = maps.as_strided((len(maps), maps[0].numel()), (maps.stride(0), 1), maps.storage_offset())
        return nn.functional.normalize(self.code(flat).float(), dim=1) if view == "identity" else self.code(flat)


class LosesKey(TinyEncoder):
    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        state = super().state_dict(*args, **kwargs)
        return type(state)((k, v) for k, v in state.items() if k != "code.bias")


class KeepsStateAside(TinyClassifier):
    """A buffer that training would change and no file holds."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.register_buffer("offset", torch.rand(3), persistent=False)

    def forward(self, faces: Tensor) -> Tensor:
        return super().forward(faces) + self.offset.float()


class PlainTensor(TinyClassifier):
    """Weights that torch does not know of."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.offset = torch.rand(3)

    def forward(self, faces: Tensor) -> Tensor:
        return super().forward(faces) + self.offset


class Float32Inside(TinyEncoder):
    def embed(self, prepared: Tensor, view: str) -> Tensor:
        return super().embed(prepared.float(), view)


class StaysBfloat16(TinyClassifier):
    def forward(self, faces: Tensor) -> Tensor:
        return self.network(self.prepare(faces))


class WrongDimension(TinyEncoder):
    def view_table(self) -> dict[str, View]:
        table = super().view_table()
        return {**table, "expression": View(7, "expression", ("trunk", "code"))}


class NotNormalised(TinyEncoder):
    def embed(self, prepared: Tensor, view: str) -> Tensor:
        return super().embed(prepared, "expression")


class PartsForgotten(TinyEncoder):
    def view_table(self) -> dict[str, View]:
        return {**super().view_table(), "expression": View(6, "expression", ("code",))}


class NeedsAFace(TinyManipulator):
    def neutralize(self, faces: Tensor) -> Tensor:
        return torch.stack([self.restore(self.paint(self.encode_face(self.prepare(face[None]))))[0] for face in faces])


class WritesIntoInput(TinyClassifier):
    def forward(self, faces: Tensor) -> Tensor:
        prepared = self.prepare(faces)
        faces.sub_(0.1)
        return self.network(prepared).float()


class TakesAnything(TinyClassifier):
    def forward(self, faces: Tensor) -> Tensor:
        faces = torch.as_tensor(faces).float()
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (self.contract.mean, self.contract.std))
        return self.network(((faces - mean) / std).to(self.dtype)).float()


class KeepsCallOnSelf(TinyClassifier):
    def forward(self, faces: Tensor) -> Tensor:
        self.latest = self.prepare(faces)
        time.sleep(0.005)
        return self.network(self.latest).float()


class CannotBeTrained(TinyEncoder):
    frozen = ()

    @torch.no_grad()
    def embed(self, prepared: Tensor, view: str) -> Tensor:
        return super().embed(prepared, view)


class SwitchesGradientsOn(TinyEncoder):
    def train(self, mode: bool = True) -> Any:
        super().train(mode)
        self.code.requires_grad_(True)
        return self


class ReadsFile(TinyEncoder):
    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        with Path(__file__).open() as file:
            self.first_line = file.readline()


class FixedSize(TinyEncoder):
    def prepare(self, faces: Tensor) -> Tensor:
        size, self.contract = self.contract, self.contract.model_copy(update={"size": tuple(faces.shape[-2:])})
        try:
            return super().prepare(faces)
        finally:
            self.contract = size


class SharesSpace(TinyEncoder):
    def attach_spaces(self, arch: str, tensors: Any) -> None:
        super().attach_spaces(arch, tensors)
        self.__dict__["_spaces"] = dict.fromkeys(self.view_table(), next(iter(self.__dict__["_spaces"].values())))


class RandomSpace(TinyEncoder):
    def attach_spaces(self, arch: str, tensors: Any) -> None:
        self.__dict__["_spaces"] = {view: f"{np.random.default_rng().integers(2**48):012x}" for view in self.view_table()}


class Raises(TinyClassifier):
    def forward(self, faces: Tensor) -> Tensor:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


class AnyEmbedding(TinyHead):
    def forward(self, embedding: Tensor) -> Tensor:
        return self.linear(embedding[..., : self.input_dim].to(self.dtype)).float()


class DoubleBoxes(TinyDetector):
    def look(self, image: np.ndarray, min_score: float) -> Detections:
        found = super().look(image, min_score)
        return Detections(found.boxes.astype(np.float64), found.scores)


class FlatWhenEmpty(TinyDetector):
    def look(self, image: np.ndarray, min_score: float) -> Detections:
        found = super().look(image, min_score)
        return found if len(found) else Detections(np.zeros(0, np.float32), np.zeros(0, np.float32))


class IgnoresMinScore(TinyDetector):
    def look(self, image: np.ndarray, min_score: float) -> Detections:
        return super().look(image, 0.0)


class OneSizeForAll(TinyDetector):
    """Boxes in the pixels of the first picture."""

    def detect(self, images: Any, min_score: float = 0.5) -> list[Detections]:
        found = super().detect(images, min_score)
        factor = [np.float32(images[0].shape[0] / image.shape[0]) for image in images]
        return [Detections(f.boxes * s, f.scores) for f, s in zip(found, factor, strict=True)]


class SkipsEmptyPictures(TinyDetector):
    def detect(self, images: Any, min_score: float = 0.5) -> list[Detections]:
        return [found for found in super().detect(images, min_score) if len(found)]


class DrawsOnPicture(TinyDetector):
    def look(self, image: np.ndarray, min_score: float) -> Detections:
        found = super().look(image, min_score)
        image[:2] = 255
        return found


class TakesFloats(TinyDetector):
    def look(self, image: Any, min_score: float) -> Detections:
        return super().look(np.atleast_3d(np.asarray(image)).astype(np.uint8)[:, :, :1].repeat(3, axis=2), min_score)


NOISE = ("wrong-normalisation", "ignores-contract", "depends-on-batch", "not-thread-safe", "breaks-under-channels-last")

# class: (the fault to be named, others that the same mistake may show as)
FAULTS = {
    SwapsColours: ("channels-swapped",),
    SwapsColoursBefore: ("channels-swapped", "ignores-contract"),
    DoesNotNormalise: ("wrong-normalisation", "ignores-contract"),
    OwnMean: ("ignores-contract",),
    MeanOfAnotherScale: ("bad-contract",),
    NoContract: ("bad-contract",),
    OutOfRange: ("output-range",),
    BatchStatistics: ("depends-on-batch", "wrong-normalisation"),
    Noisy: ("not-deterministic", *NOISE, "loses-state-on-save"),
    SeedsEverything: ("not-deterministic", *NOISE),
    ThawsTrunk: ("trains-frozen-part",),
    TrainsTrunkNorms: ("trains-frozen-part",),
    TooFewLabels: ("label-count",),
    NeedsContiguous: ("breaks-under-channels-last",),
    ScramblesChannelsLast: ("breaks-under-channels-last",),
    LosesKey: ("loses-state-on-save",),
    KeepsStateAside: ("loses-state-on-save",),
    PlainTensor: ("loses-state-on-save",),
    Float32Inside: ("breaks-in-bfloat16",),
    StaysBfloat16: ("output-not-float32",),
    WrongDimension: ("view-dimension", "fails-on-no-faces"),
    NotNormalised: ("view-not-normalised",),
    PartsForgotten: ("space-incomplete",),
    NeedsAFace: ("fails-on-no-faces",),
    WritesIntoInput: ("changes-its-input",),
    TakesAnything: ("accepts-wrong-input",),
    KeepsCallOnSelf: ("not-thread-safe",),
    CannotBeTrained: ("cannot-be-trained",),
    SwitchesGradientsOn: ("leaves-gradient-on",),
    ReadsFile: ("does-io-when-built",),
    FixedSize: ("does-not-resize",),
    SharesSpace: ("space-unstable",),
    RandomSpace: ("space-unstable",),
    Raises: ("does-not-run",),
    AnyEmbedding: ("accepts-wrong-input",),
    DoubleBoxes: ("bad-detections", "faces-in-a-blank-picture", "breaks-in-bfloat16"),
    FlatWhenEmpty: ("faces-in-a-blank-picture", "bad-detections", "breaks-in-bfloat16"),
    IgnoresMinScore: ("ignores-min-score",),
    OneSizeForAll: ("depends-on-batch",),
    SkipsEmptyPictures: ("does-not-run",),
    DrawsOnPicture: ("changes-its-input",),
    TakesFloats: ("accepts-wrong-input",),
}
