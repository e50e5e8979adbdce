"""FECNet's trained part, read top to bottom: a dense block on a face trunk's last map.

Paper: Vemulapalli, Agarwala, "A Compact Embedding for Facial Expression Similarity", CVPR 2019, arXiv 1811.11283, with
the dense block of Huang et al., "Densely Connected Convolutional Networks", arXiv 1608.06993. Layer for layer it agrees
with the released code of AmirSh15/FECNet @f7cc3e1 (``models/FECNet.py``, ``densenet.py``), which sits on Inception-ResNet
v1 where the paper has FaceNet's NN2.

Shapes in comments are those of the release at 224 x 224 pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BOTTLENECK = 4  # a layer's 1x1 convolution has so many times the channels that the layer adds


class DenseLayer(nn.Module):
    """Norm, ReLU6, 1x1, norm, ReLU6, 3x3: so many new channels, set beside those it was given."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, BOTTLENECK * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(BOTTLENECK * growth)
        self.conv2 = nn.Conv2d(BOTTLENECK * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        new = self.conv2(F.relu6(self.norm2(self.conv1(F.relu6(self.norm1(x))))))
        return torch.cat((x, new), dim=1)


class DenseHead(nn.Module):
    """A trunk's last map to the expression vector."""

    def __init__(self, inputs: int, stem: int, layers: int, growth: int, hidden: int, embedding_dim: int) -> None:
        super().__init__()
        # as released: a 1x1 convolution with a border of one pixel, which takes 5 x 5 to the 7 x 7 of the paper
        self.stem = nn.Conv2d(inputs, stem, 1, padding=1, bias=False)  # 512 7 7
        self.layers = nn.Sequential(*(DenseLayer(stem + growth * number, growth) for number in range(layers)))  # 832 7 7
        width = stem + growth * layers
        self.norm = nn.BatchNorm2d(width)
        self.hidden = nn.Linear(width, hidden)
        self.embedding = nn.Linear(hidden, embedding_dim)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, embedding_dim), not normalised."""
        x = F.relu6(self.norm(self.layers(self.stem(maps))))
        pooled = F.adaptive_avg_pool2d(x, 1).flatten(1)  # 832
        return self.embedding(F.relu6(self.hidden(pooled)))
