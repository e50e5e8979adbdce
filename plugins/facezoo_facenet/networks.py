"""Inception-ResNet v1, read top to bottom, and a timm backbone that can stand in its place.

Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning", 2016,
arXiv 1602.07261, section 3.2, as used for faces. Layer for layer and name for name it agrees with
timesler/facenet-pytorch @787da06 (MIT), without that release's classifier (``logits``).

Shapes in comments are those of a face of 160 x 160 pixels. The networks take normalised RGB of any size; the
component around them (``model.py``) owns pixels in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facezoo.plugin import IncompatibleError, InputError
from facezoo_facenet.config import INCEPTION, TIMM, known_backbone

Size = int | tuple[int, int]


class Trunk(nn.Module):
    """What every backbone offers.

    Attributes:
        embedding_dim: length of the vector that ``forward`` gives.
        map_channels: channels of the map that ``forward_map`` gives.
    """

    embedding_dim: int
    map_channels: int

    def forward(self, normalised: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB -> (B, embedding_dim), before any L2 normalisation."""
        raise NotImplementedError

    def forward_map(self, normalised: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB -> the last map, (B, map_channels, h, w)."""
        raise NotImplementedError


class ConvUnit(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: Size, stride: int = 1, padding: Size = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class InceptionResidual(nn.Module):
    """Branches side by side, mixed by a 1x1 convolution, scaled and added to the input."""

    def __init__(self, channels: int, branches: Sequence[nn.Module], mixed: int, scale: float, relu: bool = True) -> None:
        super().__init__()
        for number, branch in enumerate(branches):
            self.add_module(f"branch{number}", branch)
        self.branches = len(branches)
        self.conv2d = nn.Conv2d(mixed, channels, 1)
        self.scale = scale
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        mixed = torch.cat([self.get_submodule(f"branch{number}")(x) for number in range(self.branches)], dim=1)
        x = x + self.scale * self.conv2d(mixed)
        return F.relu(x) if self.relu else x


class Reduction(nn.Module):
    """Branches side by side, all of which halve the map; the last is a max pool."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        for number, branch in enumerate((*branches, nn.MaxPool2d(3, 2))):
            self.add_module(f"branch{number}", branch)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.children()], dim=1)


def block35() -> InceptionResidual:
    branches = (
        ConvUnit(256, 32, 1),
        nn.Sequential(ConvUnit(256, 32, 1), ConvUnit(32, 32, 3, padding=1)),
        nn.Sequential(ConvUnit(256, 32, 1), ConvUnit(32, 32, 3, padding=1), ConvUnit(32, 32, 3, padding=1)),
    )
    return InceptionResidual(256, branches, 96, scale=0.17)


def block17() -> InceptionResidual:
    rows_and_columns = nn.Sequential(
        ConvUnit(896, 128, 1), ConvUnit(128, 128, (1, 7), padding=(0, 3)), ConvUnit(128, 128, (7, 1), padding=(3, 0))
    )
    return InceptionResidual(896, (ConvUnit(896, 128, 1), rows_and_columns), 256, scale=0.10)


def block8(scale: float = 0.20, relu: bool = True) -> InceptionResidual:
    rows_and_columns = nn.Sequential(
        ConvUnit(1792, 192, 1), ConvUnit(192, 192, (1, 3), padding=(0, 1)), ConvUnit(192, 192, (3, 1), padding=(1, 0))
    )
    return InceptionResidual(1792, (ConvUnit(1792, 192, 1), rows_and_columns), 384, scale, relu)


class InceptionResnetV1(Trunk):
    """Inception-ResNet v1 for faces, of any size from 75 x 75 pixels."""

    map_channels = 1792

    def __init__(self, embedding_dim: int = 512, dropout: float = 0.6) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.conv2d_1a = ConvUnit(3, 32, 3, 2)  # 32 79 79
        self.conv2d_2a = ConvUnit(32, 32, 3)  # 32 77 77
        self.conv2d_2b = ConvUnit(32, 64, 3, padding=1)  # 64 77 77
        self.maxpool_3a = nn.MaxPool2d(3, 2)  # 64 38 38
        self.conv2d_3b = ConvUnit(64, 80, 1)  # 80 38 38
        self.conv2d_4a = ConvUnit(80, 192, 3)  # 192 36 36
        self.conv2d_4b = ConvUnit(192, 256, 3, 2)  # 256 17 17
        self.repeat_1 = nn.Sequential(*(block35() for _ in range(5)))
        self.mixed_6a = Reduction(
            ConvUnit(256, 384, 3, 2),
            nn.Sequential(ConvUnit(256, 192, 1), ConvUnit(192, 192, 3, padding=1), ConvUnit(192, 256, 3, 2)),
        )  # 896 8 8
        self.repeat_2 = nn.Sequential(*(block17() for _ in range(10)))
        self.mixed_7a = Reduction(
            nn.Sequential(ConvUnit(896, 256, 1), ConvUnit(256, 384, 3, 2)),
            nn.Sequential(ConvUnit(896, 256, 1), ConvUnit(256, 256, 3, 2)),
            nn.Sequential(ConvUnit(896, 256, 1), ConvUnit(256, 256, 3, padding=1), ConvUnit(256, 256, 3, 2)),
        )  # 1792 3 3
        self.repeat_3 = nn.Sequential(*(block8() for _ in range(5)))
        self.block8 = block8(scale=1.0, relu=False)
        self.dropout = nn.Dropout(dropout)
        self.last_linear = nn.Linear(1792, embedding_dim, bias=False)
        self.last_bn = nn.BatchNorm1d(embedding_dim, eps=1e-3)

    def forward_map(self, normalised: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB -> the map after ``block8``, (B, 1792, h, w): 3 x 3 at 160, 5 x 5 at 224."""
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(normalised)))
        x = self.conv2d_4b(self.conv2d_4a(self.conv2d_3b(self.maxpool_3a(x))))
        x = self.repeat_2(self.mixed_6a(self.repeat_1(x)))
        return self.block8(self.repeat_3(self.mixed_7a(x)))

    def forward(self, normalised: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB -> (B, embedding_dim), before L2 normalisation."""
        pooled = F.adaptive_avg_pool2d(self.forward_map(normalised), 1).flatten(1)  # B 1792
        return self.last_bn(self.last_linear(self.dropout(pooled)))


class TimmTrunk(Trunk):
    """Any backbone of timm: its pooled features, then a linear layer. Random weights: a checkpoint brings its own."""

    def __init__(
        self,
        name: str,
        embedding_dim: int = 512,
        dropout: float = 0.6,
        image_size: int | None = None,
        channels: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        import timm  # takes seconds, and the published weights do not need it

        narrowed = {} if channels is None else {"channels": tuple(channels)}
        try:
            network = timm.create_model(name, pretrained=False, num_classes=0, img_size=image_size, **narrowed)
        except TypeError:  # transformers are built for one size; convolutional networks do not know img_size
            try:
                network = timm.create_model(name, pretrained=False, num_classes=0, **narrowed)
            except TypeError as error:
                raise InputError(f"timm's {name} takes no channels; leave channels out, or take a ResNet of timm's.") from error
        self.network = network
        self.embedding_dim = embedding_dim
        self.map_channels = network.num_features
        self.dropout = nn.Dropout(dropout)
        self.last_linear = nn.Linear(network.head_hidden_size, embedding_dim)

    def forward_map(self, normalised: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB -> the unpooled features, (B, map_channels, h, w).

        Raises:
            IncompatibleError: the backbone gives tokens, no map.
        """
        features = self.network.forward_features(normalised)
        if features.ndim != 4:
            raise IncompatibleError(f"{type(self.network).__name__} gives tokens, no map; take a convolutional backbone.")
        return features.permute(0, 3, 1, 2) if getattr(self.network, "output_fmt", "NCHW") == "NHWC" else features

    def forward(self, normalised: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB -> (B, embedding_dim), before L2 normalisation."""
        return self.last_linear(self.dropout(self.network(normalised)))


def make_trunk(
    backbone: str,
    embedding_dim: int = 512,
    *,
    dropout: float = 0.6,
    image_size: int | None = None,
    channels: Sequence[int] | None = None,
) -> Trunk:
    """A backbone with random weights.

    Args:
        backbone: "inception-resnet-v1", or "timm:<name>" for one of timm's.
        embedding_dim: length of its vector.
        dropout: share of the pooled features that is dropped in training.
        image_size: for timm's transformers, which are built for one size; the others take any.
        channels: of a timm ResNet's four stages; None: as its name says.

    Raises:
        InputError: no such backbone; names those that come close. Or one that takes no channels.
    """
    known_backbone(backbone)
    if backbone == INCEPTION:
        return InceptionResnetV1(embedding_dim, dropout)
    return TimmTrunk(backbone.removeprefix(TIMM), embedding_dim, dropout, image_size, channels)
