"""The release's terms, worked out by hand, and the pool of earlier results."""

from __future__ import annotations

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import nn

from facezoo_pix2pixhd.discriminator import MultiscaleDiscriminator
from facezoo_pix2pixhd.losses import MAPS, ImagePool, VGGDistance, feature_matching, least_squares
from tests.pix2pixhd.released import drawn, picture


def maps(value: float, scales: int = 2, layers: int = 5, verdict: float = 0.25) -> list[list[torch.Tensor]]:
    """Maps that are the value everywhere, the last of each scale the verdict."""
    inner = [torch.full((2, 3, 4, 4), value) for _ in range(layers - 1)]
    return [[*inner, torch.full((2, 1, 4, 4), verdict)] for _ in range(scales)]


def test_least_squares_are_summed_over_the_scales_and_look_at_verdicts_only():
    assert float(least_squares(maps(9.0), real=True)) == pytest.approx(2 * 0.75**2)
    assert float(least_squares(maps(9.0), real=False)) == pytest.approx(2 * 0.25**2)
    assert float(least_squares(maps(9.0, scales=3), real=False)) == pytest.approx(3 * 0.25**2)


@pytest.mark.parametrize(("scales", "layers"), [(2, 5), (3, 5), (2, 4), (1, 3)])
def test_feature_matching_weighs_as_released(scales, layers):
    """1 / num_D times 4 / (n_layers_D + 1) for each inner map: together 4 times the mean difference, verdicts apart."""
    distance = feature_matching(maps(3.0, scales, layers), maps(1.0, scales, layers, verdict=7.0))
    assert float(distance) == pytest.approx(4 * 2.0)
    released = sum(4 / (layers - 1) / scales * 2.0 for _ in range(scales) for _ in range(layers - 1))
    assert float(distance) == pytest.approx(released)


def test_feature_matching_of_a_discriminator_teaches_the_picture_only():
    network, truth = drawn(MultiscaleDiscriminator(3, 4, 2, 2)), picture(3, 24, 24, seed=1).requires_grad_(True)
    made = picture(3, 24, 24).requires_grad_(True)
    assert float(feature_matching(network(truth), network(truth)).detach()) == 0
    feature_matching(network(made), network(truth)).backward()
    assert truth.grad is None
    assert float(made.grad.abs().sum()) > 0


@pytest.fixture(scope="module")
def vgg19():
    """The layers of VGG19 without weights."""
    with torch.device("meta"):
        return timm.create_model("vgg19", pretrained=False, num_classes=0).features


@pytest.fixture(scope="module")
def vgg(vgg19):
    """VGG19's layers, narrow and with random weights: the same places."""
    layers, channels, width = [], 3, 4
    for layer in vgg19:
        if isinstance(layer, nn.Conv2d):
            layer, channels = nn.Conv2d(channels, width, 3, padding=1), width
        layers.append(layer)
    return drawn(nn.Sequential(*layers))


def test_vgg_compares_five_maps_of_the_pictures_as_they_are(vgg):
    made, truth = picture(3, 48, 48), picture(3, 48, 48, seed=1)
    wanted = 0.0
    # relu1_1, relu2_1, relu3_1, relu4_1, relu5_1
    for last, weight in ((2, 1 / 32), (7, 1 / 16), (12, 1 / 8), (21, 1 / 4), (30, 1.0)):
        wanted += weight * float(F.l1_loss(vgg[:last](made), vgg[:last](truth)))
    assert float(VGGDistance(vgg)(made, truth)) == pytest.approx(wanted, rel=1e-5)
    assert float(VGGDistance(vgg)(truth, truth)) == 0


def test_vgg_s_maps_are_those_after_the_first_convolution_of_each_group(vgg19):
    firsts, group = [], 0
    for index, layer in enumerate(vgg19):
        if isinstance(layer, nn.ReLU) and group == 0:
            firsts.append(index)
        group = 0 if isinstance(layer, nn.MaxPool2d) else group + isinstance(layer, nn.ReLU)
    assert list(MAPS) == firsts
    assert list(MAPS.values()) == [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1]


def test_vgg_teaches_the_picture_and_nothing_else(vgg):
    distance = VGGDistance(vgg.requires_grad_(True))
    made, truth = picture(3, 32, 32).requires_grad_(True), picture(3, 32, 32, seed=1).requires_grad_(True)
    distance(made, truth).backward()
    assert float(made.grad.abs().sum()) > 0
    assert truth.grad is None
    assert all(p.grad is None for p in distance.layers.parameters())


def test_where_vgg_s_weights_cannot_be_had_there_is_none(monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(timm, "create_model", offline)
    assert VGGDistance.from_timm() is None


def numbered(first: int, count: int = 4) -> torch.Tensor:
    """(count, 1, 2, 2) pictures that are their own number everywhere."""
    return torch.arange(first, first + count, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 1, 2, 2)


def test_a_pool_of_none_gives_back_what_it_gets():
    pool, images = ImagePool(0, (1, 2, 2)), numbered(0).clone().requires_grad_(True)
    given = pool(images)
    assert torch.equal(given, images)
    assert not given.requires_grad


def test_a_pool_fills_up_first_and_then_swaps_about_half():
    pool, generator = ImagePool(8, (1, 2, 2)), torch.Generator().manual_seed(0)
    assert torch.equal(pool(numbered(0), generator), numbered(0))
    assert torch.equal(pool(numbered(4), generator), numbered(4))
    older = given = 0
    seen: list[float] = []
    for first in range(8, 408, 4):
        out = pool(numbered(first), generator)[:, 0, 0, 0]
        older += int((out < first).sum())
        given += len(out)
        seen += out.tolist()
    assert 0.4 < older / given < 0.6
    assert len(set(seen)) == len(seen)  # every picture comes out once at most
    assert int(pool.held) == 8


def test_a_pool_goes_on_exactly_from_its_state():
    def step(pool: ImagePool, number: int) -> torch.Tensor:
        return pool(numbered(4 * number), torch.Generator().manual_seed(number))

    whole, half = ImagePool(6, (1, 2, 2)), ImagePool(6, (1, 2, 2))
    wanted = [step(whole, n) for n in range(12)]
    for n in range(5):
        step(half, n)
    again = ImagePool(6, (1, 2, 2))
    again.load_state_dict(half.state_dict())
    for n in range(5, 12):
        assert torch.equal(step(again, n), wanted[n])
