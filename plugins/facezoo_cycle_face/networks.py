"""The five networks of cycle-face, read top to bottom.

Paper: Chang, Chen, Chiu, "Learning Facial Representations from the Cycle-consistency of Face",
ICCV 2021, arXiv 2108.03427. Layer for layer they agree with the released code,
JiaRenChang/FaceCycle @14509c9 (``models/models.py``, ``submodule.py``): the released checkpoint
gives the released numbers. Where the paper's text says something else (leaky ReLU in the decoders)
the text's variant is a value of the configuration.

Shapes in comments are those of width 1.0 and 64 x 64 pixels. Everything here works on
ImageNet-normalised RGB; the component around it (``model.py``) owns pixels in [0, 1].
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CODE_DIM = 256  # both codes, at every width
FLOW_SIZE = 16  # the flow's height and width, at every image size

Activation = Literal["relu", "leaky_relu"]


def channels(full: int, width: float) -> int:
    """The channel count of a layer that has ``full`` channels in the paper: a multiple of 8."""
    return max(8, int(round(full * width / 8)) * 8)


def leaky() -> nn.LeakyReLU:
    return nn.LeakyReLU(0.1)


def activation(name: Activation) -> nn.Module:
    return nn.ReLU() if name == "relu" else leaky()


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias)


class ChannelAttention(nn.Module):
    """Self-attention over channels instead of positions: a C x C map, so any image size is cheap."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.g = nn.Conv2d(dim, dim, 1)
        self.theta = nn.Conv2d(dim, dim, 1)
        self.phi = nn.Conv2d(dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        # flatten, not view: under channels_last the rows of a map are not contiguous
        theta = self.theta(x).flatten(2).softmax(dim=2)  # B C N, sums to 1 over positions
        phi = self.phi(x).flatten(2)  # B C N
        g = self.g(x).flatten(2).softmax(dim=1)  # B C N, sums to 1 over channels
        similarity = phi @ theta.transpose(1, 2)  # B C C
        attention = (similarity @ g).view(x.shape)
        return F.leaky_relu(x + attention, 0.1)


class ResidualBlock(nn.Module):
    """3x3, leaky ReLU, 3x3, plus the input, leaky ReLU."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1 = conv(dim, dim)
        self.conv2 = conv(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x + self.conv2(F.leaky_relu(self.conv1(x), 0.1)), 0.1)


class CodeEncoder(nn.Module):
    """E_exp and E_id: a face to its code. The same layers, twice, with weights of their own."""

    def __init__(self, image_size: int, width: float) -> None:
        super().__init__()
        c64, c128, c256 = (channels(c, width) for c in (64, 128, 256))
        last = 2 if image_size == 128 else 1  # so that the last map is 4 x 4 at either size
        self.stem = nn.Sequential(conv(3, c64, 7, 2), leaky(), conv(c64, c64), leaky())  # 64 32 32
        self.stage1 = nn.Sequential(conv(c64, c64), leaky(), ChannelAttention(c64), conv(c64, c64), leaky())
        self.stage2 = nn.Sequential(conv(c64, c128, 3, 2), leaky(), ChannelAttention(c128), conv(c128, c128), leaky())
        self.residual1 = ResidualBlock(c128)
        self.residual2 = ResidualBlock(c128)  # 128 16 16
        self.stage3 = nn.Sequential(conv(c128, c128, 3, 2), leaky(), conv(c128, c128), leaky())  # 128 8 8
        self.stage4 = nn.Sequential(conv(c128, c256, 3, 2), leaky(), conv(c256, c256), leaky())  # 256 4 4
        self.stage5 = nn.Sequential(conv(c256, c256, 3, last), leaky(), conv(c256, c128), leaky())  # 128 4 4
        hidden = channels(512, width)
        self.code = nn.Sequential(nn.Linear(c128 * 16, hidden), leaky(), nn.Linear(hidden, CODE_DIM))

    def forward_features(self, normalised: Tensor) -> Tensor:
        """(B, 3, H, W) ImageNet-normalised RGB of any size -> the last map (B, 128, h, w)."""
        x = self.stage2(self.stage1(self.stem(normalised)))
        x = self.residual2(self.residual1(x))
        return self.stage5(self.stage4(self.stage3(x)))

    def forward(self, normalised: Tensor) -> Tensor:
        """(B, 3, S, S) ImageNet-normalised RGB at the configured size -> the code (B, 256) in (-1, 1)."""
        return self.code_of(self.forward_features(normalised))

    def code_of(self, features: Tensor) -> Tensor:
        return self.code(features.flatten(1)).tanh()


class FlowDecoder(nn.Module):
    """D_flow: an expression code to the flow that makes its face neutral, and the flow back."""

    def __init__(self, width: float) -> None:
        super().__init__()
        c64, c128, c256 = (channels(c, width) for c in (64, 128, 256))
        self.expand = nn.Sequential(
            nn.Conv2d(CODE_DIM, c256 * 16, 1), nn.PixelShuffle(4), leaky(), ChannelAttention(c256), conv(c256, c256), leaky()
        )  # 256 4 4
        self.refine = nn.Sequential(conv(c256, c128), leaky(), ChannelAttention(c128), conv(c128, c128), leaky())  # 128 8 8
        self.residual1 = ResidualBlock(c128)
        self.residual2 = ResidualBlock(c128)
        self.to_flow = nn.Sequential(conv(c128, c64), leaky(), nn.Conv2d(c64, 2, 1, bias=False))  # 2 16 16

    def forward(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 256) -> flow and inverse flow, each (B, 2, 16, 16), in units of half an image ([-1, 1] grid)."""
        x = self.expand(code[:, :, None, None])
        x = self.refine(double(x))
        x = self.residual2(self.residual1(x))
        flow = self.to_flow(double(x)).float().tanh()
        return flow, invert(flow)


def double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


def invert(flow: Tensor) -> Tensor:
    """The release's inverse: the flow looked up where it points, negated. Exact only for small flows."""
    return -warp(flow, flow).clamp(-1.0, 1.0)


def warp(maps: Tensor, flow: Tensor, clamp: bool = False) -> Tensor:
    """Moves ``maps`` (B, C, h, w) by ``flow`` (B, 2, k, k): output(p) = maps(p + flow(p)), zero outside.

    In float32 whatever the dtype of ``maps``: a bfloat16 grid has steps of a quarter of a pixel.
    ``clamp`` limits the enlarged flow to [-1, 1], as the release does for images in its losses only.
    """
    height, width = maps.shape[-2:]
    dense = flow.float()
    if dense.shape[-2:] != (height, width):
        dense = F.interpolate(dense, (height, width), mode="bilinear", align_corners=True)
    if clamp:
        dense = dense.clamp(-1.0, 1.0)
    rows = torch.linspace(-1, 1, height, device=maps.device, dtype=torch.float32)
    columns = torch.linspace(-1, 1, width, device=maps.device, dtype=torch.float32)
    x = columns.view(1, 1, width) + dense[:, 0]
    y = rows.view(1, height, 1) + dense[:, 1]
    grid = torch.stack((x, y), dim=-1)
    return F.grid_sample(maps.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=True).to(maps.dtype)


class Trunk(nn.Module):
    """VGG19 from conv1_1 to conv3_1: what the decoders see of a face.

    ``vgg19-frozen``: ImageNet weights, never trained, one copy in each decoder, as released.
    ``trained``: the same layers at the network's width, trained, one copy for both decoders.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        c64, c128, c256 = (channels(c, width) for c in (64, 128, 256))
        self.conv1_1 = conv(3, c64)
        self.conv1_2 = conv(c64, c64)
        self.conv2_1 = conv(c64, c128)
        self.conv2_2 = conv(c128, c128)
        self.conv3_1 = conv(c128, c256)

    def forward(self, normalised: Tensor) -> tuple[Tensor, Tensor]:
        """-> relu2_1 (B, 128, H/2, W/2) and relu3_1 (B, 256, H/4, W/4)."""
        x = F.relu(self.conv1_2(F.relu(self.conv1_1(normalised))))
        fine = F.relu(self.conv2_1(F.max_pool2d(x, 2)))
        x = F.max_pool2d(F.relu(self.conv2_2(fine)), 2)
        return fine, F.relu(self.conv3_1(x))


class ExpressionDecoder(nn.Module):
    """D_exp: moves a face's features by a flow and paints the face again."""

    def __init__(self, trunk: Trunk, trunk_width: float, width: float, act: Activation) -> None:
        super().__init__()
        t128, t256 = channels(128, trunk_width), channels(256, trunk_width)
        c128, c256 = channels(128, width), channels(256, width)
        self.trunk = trunk
        self.noise_fine = nn.Sequential(conv(t128, t128), activation(act), conv(t128, t128), activation(act))
        self.noise_coarse = nn.Sequential(conv(t256, t256), activation(act), conv(t256, t256), activation(act))
        self.reduce = nn.Sequential(conv(t256, c256), activation(act))
        self.blocks = nn.Sequential(*(ResidualBlock(c256) for _ in range(8)))  # 256 16 16
        self.up1 = nn.Sequential(upconv(c256, c128), activation(act), conv(c128, c128), activation(act))  # 128 32 32
        self.up2 = nn.Sequential(upconv(t128 + c128, c128), activation(act), conv(c128, c128), activation(act))
        self.to_rgb = conv(c128, 3)  # 3 64 64

    def forward(self, normalised: Tensor, flow: Tensor | None = None, generator: torch.Generator | None = None) -> Tensor:
        """(B, 3, H, W) ImageNet-normalised RGB, moved by ``flow`` if one is given -> (B, 3, H, W), likewise.

        With a ``generator`` the noise of training is drawn from it, else the noise is zero.
        """
        fine, coarse = self.trunk(normalised)
        if flow is not None:
            coarse = warp(coarse, flow) + self.noise_coarse(noisy_average(coarse, generator))
            fine = warp(fine, flow) + self.noise_fine(noisy_average(fine, generator))
        x = self.up1(self.blocks(self.reduce(coarse)))
        return self.to_rgb(self.up2(torch.cat((fine, x), dim=1)))


def upconv(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)


def noisy_average(maps: Tensor, generator: torch.Generator | None) -> Tensor:
    """The map's average at every position (its edge matters to the padded convs after it), plus noise."""
    average = maps.mean((2, 3), keepdim=True).expand_as(maps)
    if generator is None:
        return average
    noise = torch.randn(maps.shape, generator=generator, device=generator.device, dtype=torch.float32)
    return average + noise.to(maps.device, maps.dtype)


class IdentityNorm(nn.Module):
    """AdaIN whose scale and mean come from the identity code: MLP_de and MLP_re."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Conv2d(CODE_DIM, dim, 1)
        self.beta = nn.Conv2d(CODE_DIM, dim, 1)

    def forward(self, maps: Tensor, code: Tensor) -> Tensor:
        code = code[:, :, None, None]
        return F.instance_norm(maps) * self.gamma(code) + self.beta(code)


class IdentityDecoder(nn.Module):
    """D_id: takes the identity out of a neutral face ("remove") or puts it into a mean face ("restore")."""

    def __init__(self, trunk: Trunk, trunk_width: float, width: float, act: Activation) -> None:
        super().__init__()
        t256, c128, c256 = channels(256, trunk_width), channels(128, width), channels(256, width)
        self.trunk = trunk
        self.mlp_de = IdentityNorm(t256)
        self.mlp_re = IdentityNorm(t256)
        # not in the release, where both have 256 channels: a full-width trunk before narrow blocks
        self.reduce = nn.Identity() if t256 == c256 else nn.Conv2d(t256, c256, 1)
        self.blocks = nn.Sequential(*(ResidualBlock(c256) for _ in range(7)))  # 256 16 16
        self.up = nn.Sequential(
            upconv(c256, c128), activation(act), conv(c128, c128), activation(act), upconv(c128, c128), activation(act)
        )
        self.to_rgb = nn.Conv2d(c128, 3, 1)

    def forward(self, normalised: Tensor, identity_code: Tensor, direction: Literal["remove", "restore"] = "remove") -> Tensor:
        """(B, 3, H, W) ImageNet-normalised RGB and (B, 256) -> (B, 3, H, W), likewise."""
        if direction not in ("remove", "restore"):
            raise ValueError(f"direction is 'remove' or 'restore', not {direction!r}")
        norm = self.mlp_de if direction == "remove" else self.mlp_re
        coarse = self.trunk(normalised)[1]
        return self.to_rgb(self.up(self.blocks(self.reduce(norm(coarse, identity_code)))))
