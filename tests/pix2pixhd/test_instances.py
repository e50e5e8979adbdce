"""The instance-wise encoder: one mean per object and picture."""

from __future__ import annotations

import pytest
import torch

import facezoo
from facezoo.loader import relative_error
from facezoo_pix2pixhd.convert import load_encoder
from facezoo_pix2pixhd.instances import InstanceEncoder, mean_over_instances
from tests.pix2pixhd.released import Global, drawn, picture

# Cityscapes' numbers: a label, or a thousand labels and an index; far apart and with gaps
NUMBERS = torch.tensor([0, 7, 26_000, 26_001, 33_014])


def instances(batch: int = 3, height: int = 12, width: int = 10, seed: int = 0) -> torch.Tensor:
    places = torch.randint(len(NUMBERS), (batch, 1, height, width), generator=torch.Generator().manual_seed(seed))
    places[1, places[1] == 2] = 0  # an instance that one of the pictures lacks
    return NUMBERS[places]


def pixel_by_pixel(features: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    means = features.clone()
    for i, picture_numbers in enumerate(numbers[:, 0]):
        for number in picture_numbers.unique():
            inside = picture_numbers == number
            means[i][:, inside] = features[i][:, inside].mean(1, keepdim=True)
    return means


def test_every_pixel_has_its_instance_s_mean():
    features, numbers = picture(4, 12, 10, batch=3), instances()
    torch.testing.assert_close(mean_over_instances(features, numbers), pixel_by_pixel(features, numbers))


def test_one_number_in_two_pictures_is_two_instances():
    features = torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)])
    assert torch.equal(mean_over_instances(features, torch.full((2, 1, 4, 4), 9)), features)


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.int32])
def test_whole_numbers_of_any_type(dtype):
    features, numbers = picture(2, 12, 10, batch=3), instances().clamp(max=200)
    torch.testing.assert_close(mean_over_instances(features, numbers.to(dtype)), mean_over_instances(features, numbers))


def test_negative_numbers_are_instances_too():
    features = picture(2, 12, 10, batch=3)
    torch.testing.assert_close(mean_over_instances(features, -instances()), mean_over_instances(features, instances()))


def test_means_of_large_instances_are_as_exact_as_bfloat16_is():
    features = picture(2, 64, 64, batch=1).bfloat16()
    means = mean_over_instances(features, torch.zeros(1, 1, 64, 64, dtype=torch.long))
    assert torch.equal(means, features.double().mean((2, 3), keepdim=True).bfloat16().expand_as(features))


def test_gradients_are_shared_among_an_instance_s_pixels():
    features = picture(1, 4, 4, batch=1).requires_grad_(True)
    numbers = torch.zeros(1, 1, 4, 4, dtype=torch.long)
    numbers[..., 2:] = 1
    mean_over_instances(features, numbers)[0, 0, 0, 0].backward()
    assert torch.equal(features.grad[0, 0, :, :2], torch.full((4, 2), 1 / 8))
    assert not features.grad[0, 0, :, 2:].any()


@pytest.mark.parametrize("shape", [(1, 1, 4, 4), (2, 4, 4), (2, 3, 4, 4), (2, 1, 8, 4)])
def test_instances_of_another_shape_are_refused(shape):
    with pytest.raises(facezoo.InputError, match=r"\(2, 1, 4, 4\), not"):
        mean_over_instances(torch.zeros(2, 3, 4, 4), torch.zeros(shape))


def test_the_encoder_is_the_release_s():
    released = drawn(Global(3, 5, width=4, downs=2, blocks=0))
    encoder = load_encoder(released.state_dict())
    x, numbers = picture(3, 12, 12, batch=3), instances(3, 12, 12)
    torch.testing.assert_close(encoder(x, numbers), pixel_by_pixel(released(x), numbers), rtol=0, atol=1e-5)


def test_any_size_channels_last_and_bfloat16():
    encoder = drawn(InstanceEncoder(3, 3, width=4, downs=2))
    x, numbers = picture(3, 21, 13, batch=3), instances(3, 21, 13)
    wanted = encoder(x, numbers)
    assert wanted.shape == x.shape
    turned = encoder.to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last), numbers)
    assert relative_error(turned, wanted) < 1e-5
    half = encoder.to(torch.bfloat16)(x.bfloat16(), numbers)
    assert half.dtype == torch.bfloat16
    assert relative_error(half.float(), wanted) < 0.1
