"""Weights to start from that are not the component's own: He's everywhere, and ImageNet's VGG19 for the trunk."""

from __future__ import annotations

import math

import torch
from torch import nn

from facezoo.plugin import WeightsUnavailableError
from facezoo_cycle_face.model import CycleFace
from facezoo_cycle_face.networks import ChannelAttention, IdentityNorm, ResidualBlock

VGG19 = "vgg19.tv_in1k"
TRUNK = {"conv1_1": 0, "conv1_2": 2, "conv2_1": 5, "conv2_2": 7, "conv3_1": 10}  # layers of VGG19's `features`


@torch.no_grad()
def draw_he(component: CycleFace) -> None:
    """He's normal weights in every layer, residual branches at a fifth of it, a flow near zero, AdaIN near identity.

    Not the release's: its decoders keep PyTorch's defaults, which shrink a signal with every layer.
    """
    for module in component.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear, nn.ConvTranspose2d)):
            strided = isinstance(module, nn.ConvTranspose2d)  # a 4x4 kernel at stride 2: four taps reach each output
            fan = module.weight.shape[0] * 4 if strided else module.weight[0].numel()
            module.weight.normal_(0.0, math.sqrt(2 / fan))
            if module.bias is not None:
                module.bias.zero_()
    for module in component.modules():
        if isinstance(module, ResidualBlock):
            module.conv2.weight.mul_(0.2)
        elif isinstance(module, ChannelAttention):
            for layer in (module.g, module.theta, module.phi):
                nn.init.xavier_normal_(layer.weight)
        elif isinstance(module, IdentityNorm):
            module.gamma.weight.normal_(0.0, 0.05)
            module.gamma.bias.fill_(1.0)
            module.beta.weight.normal_(0.0, 0.05)
    last = component.flow_decoder.to_flow[-1]
    last.weight.normal_(0.0, 0.005)  # pyright: ignore[reportCallIssue]
    decoder = component.expression_decoder
    decoder.to_rgb.weight.mul_(0.3)
    for layer in (decoder.noise_fine[2], decoder.noise_coarse[2]):
        layer.weight.mul_(0.1)  # pyright: ignore[reportCallIssue]


def vgg19() -> nn.Sequential | None:
    """The convolutions of ImageNet's VGG19 from timm, frozen; None where the weights cannot be had."""
    import timm

    try:
        features = timm.create_model(VGG19, pretrained=True).features
    except Exception:  # timm and the Hub's client raise many kinds: offline, refused, not found, too slow
        return None
    return features.requires_grad_(False).eval()


def copy_vgg19(component: CycleFace) -> None:
    """Fills the frozen trunk.

    Raises:
        WeightsUnavailableError: no ImageNet weights; says what to do instead.
    """
    features = vgg19()
    if features is None:
        raise WeightsUnavailableError(
            f"The released trunk is ImageNet's VGG19 ({VGG19} of timm), and its weights could not be had here. Get them "
            "once with a network, or train a trunk of your own: --set model.trunk=trained."
        )
    trunk = component.expression_decoder.trunk
    for name, index in TRUNK.items():
        trunk.get_submodule(name).load_state_dict(features[index].state_dict())
