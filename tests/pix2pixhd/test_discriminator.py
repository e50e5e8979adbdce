"""The multiscale discriminator: its maps, its scales, and what it is read from."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from facezoo.loader import relative_error
from facezoo_pix2pixhd.convert import load_discriminator
from facezoo_pix2pixhd.discriminator import MultiscaleDiscriminator
from tests.pix2pixhd.released import Discriminators, drawn, picture


def test_published_sizes():
    """For two scales: 5,603,202 parameters with 39 channels in, 5,535,618 with six."""
    with torch.device("meta"):
        sizes = [sum(p.numel() for p in MultiscaleDiscriminator(inputs).parameters()) for inputs in (39, 6)]
        deep = MultiscaleDiscriminator(3, depth=6, scales=1).scales[0].layers
    assert sizes == [5_603_202, 5_535_618]
    assert [layer[0].weight.shape[0] for layer in deep] == [64, 128, 256, 512, 512, 512, 512, 1]


def test_agrees_with_the_release(shared_dir, parity, tmp_path):
    reference = load_file(shared_dir / "parity" / "pix2pixhd_discriminator.io.safetensors")
    network = load_discriminator(torch.load(parity("pix2pixhd_discriminator", tmp_path / "D.pth"), weights_only=True))
    with torch.inference_mode():
        maps = network(reference["input"])
    compared = {name: (int(name[5]), int(name[-1])) for name in reference if name != "input"}
    assert len(compared) == 4
    for name, (scale, layer) in compared.items():
        assert relative_error(maps[scale][layer], reference[name]) < 1e-5


@pytest.mark.parametrize(("depth", "scales"), [(3, 2), (2, 3), (1, 1)])
def test_every_scale_gives_every_layer_the_full_size_first(depth, scales):
    network = drawn(MultiscaleDiscriminator(5, 4, depth, scales))
    maps = network(picture(5, 48, 40))
    assert [len(scale) for scale in maps] == [depth + 2] * scales
    assert [tuple(scale[0].shape) for scale in maps] == [(2, 4, 24 // 2**s + 1, 20 // 2**s + 1) for s in range(scales)]
    assert all(scale[-1].shape[1] == 1 for scale in maps)


def test_each_scale_is_its_own_network_on_a_smaller_picture():
    network, x = drawn(MultiscaleDiscriminator(5, 4, 2, 2)), picture(5)
    full, half = network(x)
    smaller = nn.AvgPool2d(3, 2, 1, count_include_pad=False)(x)
    for given, wanted in ((full, network.scales[0](x)), (half, network.scales[1](smaller))):
        assert all(torch.equal(a, b) for a, b in zip(given, wanted, strict=True))
    assert not torch.equal(network.scales[0](x)[-1], network.scales[1](x)[-1])


@pytest.mark.parametrize(("depth", "scales"), [(3, 2), (2, 3), (1, 1)])
def test_a_file_saved_without_feature_matching_is_read_too(depth, scales):
    released = drawn(Discriminators(6, 4, depth, scales))
    network = load_discriminator(released.state_dict()).requires_grad_(False)
    x = picture(6, 64, 64)
    assert (network.inputs, network.width, network.depth, len(network.scales)) == (6, 4, depth, scales)
    for maps, wanted in zip(network(x), released(x), strict=True):
        assert relative_error(maps[-1], wanted) < 1e-5


def test_channels_last_and_bfloat16_change_little():
    network, x = drawn(MultiscaleDiscriminator(6, 8)), picture(6, 64, 64)
    wanted = network(x)
    turned = network.to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last))
    halved = network.to(torch.bfloat16)(x.bfloat16())
    for plain, other, half in zip(wanted, turned, halved, strict=True):
        assert relative_error(other[-1], plain[-1]) < 1e-5
        assert relative_error(half[-1].float(), plain[-1]) < 0.1
