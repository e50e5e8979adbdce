"""Components: networks behind one door. ``Component`` and its kinds, views and embedding spaces.

At the door faces are (B, 3, H, W) float RGB in [0, 1], cut out as the component's ``contract`` says. Resizing to the
contract's size, scaling and mean/std happen inside, once, here. What comes out is float32 whatever the run-time dtype.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facezoo.config import ComponentConfig
from facezoo.contracts import BoxReference, InputContract
from facezoo.errors import IncompatibleError, InputError
from facezoo.specs import ComponentSpec

SLACK = 0.25  # how far beyond [0, 1] a resampling filter may overshoot before the values are taken for another range


@dataclass(frozen=True, slots=True)
class View:
    """One of the embeddings that an encoder gives.

    Attributes:
        dim: length of the vector.
        role: what it is about: "identity", "expression" or "features" (a map, flattened).
        parts: the submodules it reads; their tensors make its space.
        normalised: True if its vectors have length 1.
        comparable: False for a code that other views are made of and that was not trained to tell two faces apart by its
            cosine; tasks that would answer by that number refuse it.
        space_id: twelve hex digits that name the space, or None for an instance without loaded weights.
    """

    dim: int
    role: str
    parts: tuple[str, ...]
    normalised: bool = False
    space_id: str | None = None
    comparable: bool = True


@dataclass(frozen=True, slots=True)
class Requirement:
    """The space that a head or manipulator was trained on."""

    encoder: str
    view: str
    space_id: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an instance's weights come from.

    Attributes:
        id: the name it was loaded by.
        source: "package", "store", "hub:org/name@commit", "dir:/path", "builtin".
        license: what the registry says of code, weights and data; empty for a bare directory.
        sha256: of ``model.safetensors``, or None where a dependency carries the weights.
    """

    id: str
    source: str
    license: Mapping[str, str] = field(default_factory=dict)
    sha256: str | None = None


class Component(nn.Module):
    """What every plugin's network is. Built by ``cls(config)`` alone: no I/O, random weights, no space.

    Attributes:
        config: the frozen values that decide its layers.
        contract: what it must be shown, or None for a head.
        labels: class names in the order of its logits, or None.
        units: units of its values, or None.
        requires: the space it was trained on, or None.
        spec: its plugin's record; set by the loader.
        provenance: where its weights come from; set by the loader. None means: never loaded.
        frozen: names of submodules that are never trained; they stay in eval mode.
    """

    frozen: tuple[str, ...] = ()

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__()
        self.config = config
        self.contract: InputContract | None = self.default_contract(config)
        self.labels: tuple[str, ...] | None = None
        self.units: str | None = None
        self.requires: Requirement | None = None
        self.spec: ComponentSpec | None = None
        self.provenance: Provenance | None = None

    @classmethod
    def default_contract(cls, config: Any) -> InputContract | None:
        """The contract of new weights. Loaded weights bring their own."""
        return None

    @property
    def device(self) -> torch.device:
        return next((t.device for t in self._tensors()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The dtype its networks compute in."""
        return next((t.dtype for t in self._tensors() if t.is_floating_point()), torch.float32)

    def _tensors(self) -> list[Tensor]:
        return [*self.parameters(), *self.buffers()]

    def train(self, mode: bool = True) -> Self:
        """As ``nn.Module.train``, but a frozen submodule stays in eval mode: its norms and dropout are not trained."""
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self

    def trainable_(self, trainable: bool) -> Self:
        """Switches gradients and mode of all but the frozen submodules, in place."""
        self.requires_grad_(trainable)
        for name in self.frozen:
            self.get_submodule(name).requires_grad_(False)
        return self.train(trainable)

    def prepare(self, faces: Tensor) -> Tensor:
        """Door to network: checks, clamps, resizes and normalises.

        Args:
            faces: (B, 3, H, W) float, RGB, [0, 1], cut out as the contract says.

        Returns:
            (B, 3, *contract.size) on the component's device and in its dtype, in its networks' units.

        Raises:
            InputError: another shape, an integer dtype, or values that cannot be [0, 1].
        """
        contract = self.contract
        if contract is None:
            raise IncompatibleError(f"{type(self).__name__} takes embeddings, not faces.")
        check_faces(faces)
        x = faces.to(self.device, torch.float32).clamp(0.0, 1.0)
        if tuple(x.shape[-2:]) != tuple(contract.size):
            x = F.interpolate(x, contract.size, mode="bilinear", align_corners=False, antialias=True)
        low, high = contract.range
        if (low, high) != (0.0, 1.0):
            x = x * (high - low) + low
        mean = torch.tensor(contract.mean, device=x.device).view(1, 3, 1, 1)
        std = torch.tensor(contract.std, device=x.device).view(1, 3, 1, 1)
        return ((x - mean) / std).to(self.dtype)

    def restore(self, x: Tensor) -> Tensor:
        """Network to door: the inverse of ``prepare``'s values, clamped: float32 RGB in [0, 1]."""
        contract = self.contract
        if contract is None:
            raise IncompatibleError(f"{type(self).__name__} has no pictures to give.")
        low, high = contract.range
        mean = torch.tensor(contract.mean, device=x.device).view(1, 3, 1, 1)
        std = torch.tensor(contract.std, device=x.device).view(1, 3, 1, 1)
        return ((x.float() * std + mean - low) / (high - low)).clamp(0.0, 1.0)

    def golden_inputs(self) -> dict[str, Tensor]:
        """Arguments for the golden outputs: {argument: tensor}, the same on every machine."""
        if self.contract is None:
            raise NotImplementedError
        height, width = self.contract.size
        return {"faces": patterns(3, height, width)}

    def golden_outputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """{method or view: float32 tensor} for ``golden_inputs``, for ``facezoo verify``. Each kind adds its own."""
        return {}


class Encoder(Component):
    """Faces to vectors, in one or several views. A subclass gives ``view_table`` and ``embed``."""

    def view_table(self) -> dict[str, View]:
        """The views without their spaces; the first is the default."""
        raise NotImplementedError

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        """(B, 3, H, W) from ``prepare`` -> (B, dim) of one view."""
        raise NotImplementedError

    @property
    def views(self) -> dict[str, View]:
        spaces: dict[str, str] = self.__dict__.get("_spaces", {})
        return {name: replace(view, space_id=spaces.get(name)) for name, view in self.view_table().items()}

    def resolve_view(self, view: str | None) -> str:
        """A view's name; None is the default.

        Raises:
            IncompatibleError: names the views there are.
        """
        table = self.view_table()
        if view is None:
            return next(iter(table))
        if view not in table:
            raise IncompatibleError(f"{describe(self)} has no view {view!r}; it has {', '.join(table)}.")
        return view

    def encode(self, faces: Tensor, view: str | None = None) -> Tensor:
        """Embeddings of faces.

        Args:
            faces: (B, 3, H, W) float, RGB, [0, 1], cut out as the contract says; B may be 0.
            view: one of ``views``; None is the first.

        Returns:
            (B, dim) float32.

        Raises:
            InputError: faces of another shape, dtype or range.
            IncompatibleError: no such view.
        """
        name = self.resolve_view(view)
        if isinstance(faces, Tensor) and faces.ndim == 4 and len(faces) == 0:
            return torch.zeros((0, self.view_table()[name].dim), device=self.device)
        return self.embed(self.prepare(faces), name).float()

    def forward(self, faces: Tensor) -> Tensor:
        """``encode`` with the default view."""
        return self.encode(faces)

    def attach_spaces(self, arch: str, tensors: Mapping[str, Tensor]) -> None:
        """Names the spaces of freshly loaded weights; ``tensors`` as stored, before any cast."""
        contract = self.contract.model_dump_json() if self.contract else ""
        self.__dict__["_spaces"] = {
            name: space_id(arch, name, contract, view.parts, tensors) for name, view in self.view_table().items()
        }

    def golden_outputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        views = {view: self.encode(inputs["faces"], view) for view in self.view_table()}
        return {**super().golden_outputs(inputs), **views}


class Head(Component):
    """(B, D) embeddings of one space to (B, K). ``output`` is "logits" (then ``labels``) or "values" (then ``units``)."""

    output: str = "logits"

    def golden_inputs(self) -> dict[str, Tensor]:
        return {"embedding": patterns(4, 1, self.input_dim)[:, 0, 0] * 2 - 1}

    @property
    def input_dim(self) -> int:
        """D."""
        raise NotImplementedError

    def golden_outputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {**super().golden_outputs(inputs), "forward": self(inputs["embedding"]).float()}


class Classifier(Component):
    """Faces to logits (B, K) float32, one per entry of ``labels``."""

    def golden_outputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {**super().golden_outputs(inputs), "logits": self(inputs["faces"]).float()}


class Manipulator(Component):
    """Faces to faces in [0, 1], by verbs: ``neutralize(faces)``, ``reenact(faces, driver)``, ``manipulate(faces, code)``."""

    verbs: tuple[str, ...] = ()

    def golden_outputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        faces = inputs["faces"]
        outputs = super().golden_outputs(inputs)
        for verb in self.verbs:
            arguments = (faces, faces.flip(0)) if verb == "reenact" else (faces,)
            outputs[verb] = getattr(self, verb)(*arguments)
        return outputs


@dataclass(frozen=True, slots=True)
class Detections:
    """The faces of one picture, best first.

    Attributes:
        boxes: (N, 4) float32, x0 y0 x1 y1 in pixels of the picture; may reach beyond it.
        scores: (N,) float32 in [0, 1].
        landmarks: (N, 5, 2) float32 in pixels, ordered as ``facezoo.labels.FIVE_LANDMARKS``; None if the detector
            has none. A row of NaN: none for that face.
    """

    boxes: np.ndarray
    scores: np.ndarray
    landmarks: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.boxes)


class Detector(Component):
    """Pictures to faces.

    Attributes:
        box_reference: how its boxes relate to a face's reference, for faces without landmarks.
        batched: True if it gains from several pictures at once.
    """

    box_reference: ClassVar[BoxReference] = BoxReference(length=0.4)
    batched: ClassVar[bool] = False

    def detect(self, images: Sequence[np.ndarray], min_score: float = 0.5) -> list[Detections]:
        """The faces in each picture.

        Args:
            images: (H, W, 3) uint8 RGB, of any sizes.
            min_score: fainter faces are left out.
        """
        raise NotImplementedError

    def forward(self, images: Sequence[np.ndarray]) -> list[Detections]:
        return self.detect(images)


def check_faces(faces: Tensor) -> None:
    """Raises InputError for anything but (B, 3, H, W) float RGB in [0, 1]."""
    if not isinstance(faces, Tensor):
        raise InputError(f"Faces are a tensor (B, 3, H, W) in [0, 1], not {type(faces).__name__}; pictures go to a pipeline.")
    if faces.ndim != 4 or faces.shape[1] != 3 or 0 in faces.shape[-2:]:
        raise InputError(f"Faces are (B, 3, H, W), not {tuple(faces.shape)}; one face takes faces[None].")
    if not faces.is_floating_point():
        raise InputError(f"Faces are float in [0, 1], not {faces.dtype}; divide uint8 by 255.")
    if len(faces) and not torch.compiler.is_compiling():
        low, high = (float(v) for v in torch.aminmax(faces.detach()))
        if not (low >= -SLACK and high <= 1 + SLACK):  # also catches NaN
            raise InputError(f"Faces are in [0, 1], these are from {low:.3g} to {high:.3g}; the component normalises itself.")


def space_id(arch: str, view: str, contract: str, parts: Sequence[str], tensors: Mapping[str, Tensor]) -> str:
    """First 12 hex digits of sha256 over arch, view, contract and the sorted float32 tensors of the view's parts."""
    digest = hashlib.sha256("\0".join((arch, view, contract)).encode())
    for name in sorted(tensors):
        if any(name == part or name.startswith(f"{part}.") for part in parts):
            tensor = tensors[name].detach().cpu()
            tensor = tensor.float() if tensor.is_floating_point() else tensor
            digest.update(f"\0{name}\0{tuple(tensor.shape)}\0".encode())
            digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def describe(component: Component) -> str:
    """What to call a component in a message."""
    return component.provenance.id if component.provenance else type(component).__name__


def patterns(count: int, height: int, width: int) -> Tensor:
    """(count, 3, height, width) float32 in [0, 1]: smooth coloured waves, computed alike on every machine."""
    y = np.linspace(0.0, 1.0, height)[:, None]
    x = np.linspace(0.0, 1.0, width)[None, :]
    pictures = [
        [0.5 + 0.5 * np.sin(2 * np.pi * ((1 + n + c) * x + (2 + c) * y * (1 + n / 2)) + 1.7 * c + n) for c in range(3)]
        for n in range(count)
    ]
    # eighths of a 256th: far coarser than the last bits in which machines differ
    return torch.from_numpy(np.round(np.array(pictures) * 2048) / 2048).float()
