"""RetinaFace with a MobileNetV1 x0.25 backbone: boxes, scores and five landmarks, batched on the device.

Source: Deng et al., RetinaFace, CVPR 2020 (arXiv 1905.00641), sections 3 and 4. Agrees with the release
biubug6/Face-Detector-1MB-with-landmark at 2b07565 (MIT), whose network this is; its input is BGR in 0-255 less a mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facezoo.plugin import BoxReference, Detections, Detector
from facezoo_detectors.config import RetinaFaceConfig
from facezoo_detectors.pictures import golden_picture, to_picture
from facezoo_detectors.search import Look, combine, looks, non_maximum_suppression

MEAN_BGR = (104.0, 117.0, 123.0)
STRIDES = (8, 16, 32)
ANCHOR_SIZES = ((10, 20), (32, 64), (128, 256))  # in pixels, two squares per cell of each map
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
OVERLAP = 0.4  # boxes of higher IoU with a better one are the same face
BATCH_PIXELS = 2**23  # pictures of one size go through the network together, up to this many pixels


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch norm and, unless told otherwise, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, activate: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        if activate:
            self.activation = nn.ReLU()


class Separable(nn.Sequential):
    """A depthwise 3x3 and a pointwise 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = ConvNorm(inputs, inputs, 3, stride, groups=inputs)
        self.pointwise = ConvNorm(inputs, outputs, 1)


class Backbone(nn.Module):
    """MobileNetV1 x0.25: (B, 3, H, W) -> maps of 64, 128, 256 channels at strides 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stride8 = nn.Sequential(
            ConvNorm(3, 8, 3, 2),
            Separable(8, 16),
            Separable(16, 32, 2),
            Separable(32, 32),
            Separable(32, 64, 2),
            Separable(64, 64),
        )
        self.stride16 = nn.Sequential(Separable(64, 128, 2), *(Separable(128, 128) for _ in range(5)))
        self.stride32 = nn.Sequential(Separable(128, 256, 2), Separable(256, 256))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine = self.stride8(x)
        middle = self.stride16(fine)
        return fine, middle, self.stride32(middle)


class FeaturePyramid(nn.Module):
    """Coarse maps are added to finer ones; every map leaves with 64 channels."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(ConvNorm(inputs, channels, 1) for inputs in (64, 128, 256))
        self.merge = nn.ModuleList(ConvNorm(channels, channels, 3) for _ in range(2))  # at strides 8 and 16

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        fine, middle, coarse = (lateral(x) for lateral, x in zip(self.lateral, maps, strict=True))
        middle = self.merge[1](middle + F.interpolate(coarse, middle.shape[-2:], mode="nearest"))
        fine = self.merge[0](fine + F.interpolate(middle, fine.shape[-2:], mode="nearest"))
        return fine, middle, coarse


class Context(nn.Module):
    """Three fields of view, 3x3, 5x5 and 7x7 as chains of 3x3, side by side: (B, 64, H, W) -> (B, 64, H, W)."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        half, quarter = channels // 2, channels // 4
        self.field3 = ConvNorm(channels, half, 3, activate=False)
        self.shared = ConvNorm(channels, quarter, 3)
        self.field5 = ConvNorm(quarter, quarter, 3, activate=False)
        self.inner7 = ConvNorm(quarter, quarter, 3)
        self.field7 = ConvNorm(quarter, quarter, 3, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        shared = self.shared(x)
        return F.relu(torch.cat([self.field3(x), self.field5(shared), self.field7(self.inner7(shared))], dim=1))


class RetinaFace(Detector):
    """A detector in torch: pictures of one size are one batch."""

    # measured on portraits by benchmarks/detectors.py; used only where landmarks are not finite
    box_reference: ClassVar[BoxReference] = BoxReference(center=(0.0, 0.069), length=0.379)
    batched: ClassVar[bool] = True
    config: RetinaFaceConfig

    def __init__(self, config: RetinaFaceConfig) -> None:
        super().__init__(config)
        self.backbone = Backbone()
        self.pyramid = FeaturePyramid()
        self.context = nn.ModuleList(Context() for _ in STRIDES)
        per_cell = len(ANCHOR_SIZES[0])
        self.face_heads = nn.ModuleList(nn.Conv2d(64, per_cell * 2, 1) for _ in STRIDES)
        self.box_heads = nn.ModuleList(nn.Conv2d(64, per_cell * 4, 1) for _ in STRIDES)
        self.landmark_heads = nn.ModuleList(nn.Conv2d(64, per_cell * 10, 1) for _ in STRIDES)

    def predict(self, image: Tensor) -> dict[str, Tensor]:
        """What the network says of every anchor.

        Args:
            image: (B, 3, H, W) float RGB in [0, 1]; any size.

        Returns:
            float32, anchors A from fine to coarse maps, row by row: ``location`` (B, A, 4), offsets to the anchors;
            ``confidence`` (B, A, 2), probabilities of no face and face; ``landmarks`` (B, A, 10), offsets.
        """
        mean = torch.tensor(MEAN_BGR, device=self.device).view(1, 3, 1, 1)
        x = (image.to(self.device, torch.float32).flip(1) * 255 - mean).to(self.dtype)
        maps = self.pyramid(self.backbone(x))
        features = [context(x) for context, x in zip(self.context, maps, strict=True)]
        return {
            "location": _per_anchor(self.box_heads, features, 4),
            "confidence": _per_anchor(self.face_heads, features, 2).softmax(dim=-1),
            "landmarks": _per_anchor(self.landmark_heads, features, 10),
        }

    @torch.no_grad()
    def detect(self, images: Sequence[np.ndarray], min_score: float = 0.5) -> list[Detections]:
        """The faces in each picture, best first; every face has landmarks.

        Args:
            images: (H, W, 3) uint8 RGB, of any sizes; those of one size are batched.
            min_score: probability in [0, 1]; fainter faces are left out.
        """
        seen = [(owner, look) for owner, image in enumerate(images) for look in looks(to_picture(image), self.config)]
        faces = self._search([look.picture for _, look in seen], min_score)
        per_picture: list[list[tuple[Look, Detections]]] = [[] for _ in images]
        for (owner, look), found in zip(seen, faces, strict=True):
            per_picture[owner].append((look, found))
        return [combine(found, OVERLAP) for found in per_picture]

    def _search(self, pictures: Sequence[np.ndarray], min_score: float) -> list[Detections]:
        """The faces of each picture in its own pixels."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, picture in enumerate(pictures):
            groups.setdefault(picture.shape, []).append(index)
        found: dict[int, Detections] = {}
        for (height, width, _), members in groups.items():
            share = max(1, BATCH_PIXELS // (height * width))
            for start in range(0, len(members), share):
                some = members[start : start + share]
                pixels = torch.from_numpy(np.stack([pictures[index] for index in some])).to(self.device)
                outputs = self.predict(pixels.permute(0, 3, 1, 2).float() / 255)
                found.update(zip(some, decode(outputs, (height, width), min_score), strict=True))
        return [found[index] for index in range(len(pictures))]

    def golden_inputs(self) -> dict[str, Tensor]:
        return {"image": golden_picture()}

    def golden_outputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self.predict(inputs["image"])


def _per_anchor(heads: nn.ModuleList, features: Sequence[Tensor], values: int) -> Tensor:
    """(B, A, values) float32 from 1x1 convolutions over the maps, two anchors per cell."""
    maps = (head(x).permute(0, 2, 3, 1).flatten(1) for head, x in zip(heads, features, strict=True))
    return torch.cat([flat.view(len(flat), -1, values) for flat in maps], dim=1).float()


def anchors(height: int, width: int, device: torch.device | str = "cpu") -> Tensor:
    """(A, 4) float32 centre x, centre y, width, height of the anchors of a picture, in pixels."""
    rows = []
    for stride, sizes in zip(STRIDES, ANCHOR_SIZES, strict=True):
        down, across = ((torch.arange(-(-side // stride)) + 0.5) * stride for side in (height, width))
        y, x = torch.meshgrid(down, across, indexing="ij")
        squares = [torch.stack([x, y, torch.full_like(x, size), torch.full_like(x, size)], dim=-1) for size in sizes]
        rows.append(torch.stack(squares, dim=2).flatten(0, 2))
    return torch.cat(rows).to(device)


def decode(outputs: Mapping[str, Tensor], size: tuple[int, int], min_score: float) -> list[Detections]:
    """The network's outputs for B pictures of one size as detections in their pixels, in float32 throughout.

    Args:
        outputs: of ``RetinaFace.predict``.
        size: height and width of the pictures.
        min_score: lowest probability of a face.
    """
    places = anchors(*size, device=outputs["location"].device)
    results = []
    for location, confidence, landmarks in zip(*(outputs[k] for k in ("location", "confidence", "landmarks")), strict=True):
        chosen = confidence[:, 1] >= min_score
        anchor, location, scores = places[chosen], location[chosen], confidence[chosen, 1]
        centre = anchor[:, :2] + location[:, :2] * CENTRE_VARIANCE * anchor[:, 2:]
        half = anchor[:, 2:] * torch.exp(location[:, 2:] * SIZE_VARIANCE) / 2
        points = anchor[:, None, :2] + landmarks[chosen].view(-1, 5, 2) * CENTRE_VARIANCE * anchor[:, None, 2:]
        boxes = torch.cat([centre - half, centre + half], dim=1).cpu().numpy()
        scores = scores.cpu().numpy()
        kept = non_maximum_suppression(boxes, scores, OVERLAP)
        results.append(Detections(boxes[kept], scores[kept], points.cpu().numpy()[kept]))
    return results
