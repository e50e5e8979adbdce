"""The generators: the release's sizes, any picture size, a code that has an effect, and what casts and layouts change."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import facezoo
from facezoo.loader import relative_error
from facezoo_pix2pixhd.generator import GlobalGenerator, LocalEnhancer, initialise, norm
from tests.pix2pixhd.released import drawn, picture

SMALL = {"width": 4, "downs": 2, "blocks": 2}
KINDS = ["global", "local"]
CONDITIONS = ["tiled", "modulated", "both"]


def small(kind: str = "global", code: int = 0, condition: str = "tiled", inputs: int = 3, seed: int = 0):
    """A generator with random weights."""
    values = {**SMALL, "code": code, "condition": condition}
    if kind == "local":
        return drawn(LocalEnhancer(inputs, 3, enhancers=2, local_blocks=1, **values), seed)
    return drawn(GlobalGenerator(inputs, 3, **values), seed)


def codes(count: int = 2, dim: int = 5) -> torch.Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(3))


def test_published_sizes():
    """182,443,267 parameters with three channels in, 182,546,755 with Cityscapes' 36."""
    with torch.device("meta"):
        sizes = [sum(p.numel() for p in GlobalGenerator(inputs, 3).parameters()) for inputs in (3, 36)]
        local = [sum(p.numel() for p in LocalEnhancer(inputs, 3).parameters()) for inputs in (3, 36)]
        widths = [LocalEnhancer(3, 3, width=8, enhancers=2).enhancers[n].stem.wide[1].weight.shape[0] for n in (0, 1)]
    assert sizes == [182_443_267, 182_546_755]
    assert local == [182_701_827, 182_857_059]  # counted here; nobody published these
    assert widths == [16, 8]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(32, 48), (33, 47), (50, 31), (9, 70), (3, 2), (1, 1)])
def test_any_size_comes_back_as_it_went_in(kind, size):
    network = small(kind)
    x = picture(3, *size)
    y = network(x)
    assert y.shape == x.shape
    assert bool(torch.isfinite(y).all())
    assert float(y.abs().max()) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_size_that_does_not_divide_is_one_that_does_cut_off(kind):
    network = small(kind)
    x = picture(3, 41, 54)
    multiple = network.multiple
    whole = nn.functional.pad(x, (0, -54 % multiple, 0, -41 % multiple), mode="replicate")
    torch.testing.assert_close(network(x), network(whole)[..., :41, :54], rtol=0, atol=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_code_changes_the_picture(kind, condition):
    network = small(kind, 5, condition)
    first, second = network(picture(batch=1).expand(2, -1, -1, -1), codes())
    assert float((first - second).abs().mean()) > 0.02
    # and stays with its own picture
    torch.testing.assert_close(network(picture(batch=1), codes()[1:])[0], second, rtol=0, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_with_the_released_norm_a_tiled_code_is_lost(kind):
    """Why the first norm is left out: it subtracts the constant that a tiled code adds to each map, edges included."""
    network = small(kind, 5, "tiled")
    for module in network.modules():
        if hasattr(module, "wide"):
            module.norm = norm(module.wide[1].out_channels)
    first, second = network(picture(batch=1).expand(2, -1, -1, -1), 10 * codes())
    torch.testing.assert_close(first, second, rtol=0, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_code_every_map_is_normalised(kind):
    """The released network: a constant added to the picture is lost in the first norm."""
    network = small(kind)
    x = picture() * 0.5
    torch.testing.assert_close(network(x + 0.3), network(x), rtol=0, atol=1e-3)


def test_a_code_that_is_missing_or_too_long_is_refused():
    network = small(code=5)
    with pytest.raises(facezoo.InputError, match=r"code \(B, 5\) beside the picture, not none"):
        network(picture())
    with pytest.raises(facezoo.InputError, match=r"code \(B, 5\).*not \(2, 6\)"):
        network(picture(), codes(dim=6))
    with pytest.raises(facezoo.InputError, match=r"code \(B, 5\)"):
        small(code=5, condition="modulated")(picture())


@pytest.mark.parametrize("kind", KINDS)
def test_another_number_of_channels_is_refused(kind):
    with pytest.raises(facezoo.InputError, match=r"takes \(B, 7, H, W\) in \[-1, 1\], not \(2, 3, 32, 32\)"):
        small(kind, inputs=7)(picture())
    with pytest.raises(facezoo.InputError, match=r"not \(3, 32, 32\)"):
        small(kind)(picture()[0])


def test_a_global_generator_fits_into_the_local_one():
    """The two stages of training: all but the last layer goes on inside."""
    coarse = small(seed=4)
    fine = LocalEnhancer(3, 3, width=2, downs=2, blocks=2, enhancers=1, local_blocks=1)
    kept = {name: tensor for name, tensor in coarse.state_dict().items() if not name.startswith("head.")}
    fine.base.load_state_dict(kept)
    x = picture()
    torch.testing.assert_close(fine.base.features(x), coarse.features(x))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_weight_learns(kind, condition):
    network = small(kind, 5, condition).requires_grad_(True)
    network(picture(), codes()).square().mean().backward()
    assert all(
        p.grad is not None and float(p.grad.abs().max()) > 0 for n, p in network.named_parameters() if n.endswith("weight")
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_channels_last_and_bfloat16_change_little(kind, condition):
    x, code = picture(), codes()
    wanted = small(kind, 5, condition)(x, code)
    turned = small(kind, 5, condition).to(memory_format=torch.channels_last)
    assert relative_error(turned(x.contiguous(memory_format=torch.channels_last), code), wanted) < 1e-5
    half = small(kind, 5, condition).to(torch.bfloat16)(x.bfloat16(), code.bfloat16())
    assert half.dtype == torch.bfloat16
    assert relative_error(half.float(), wanted) < 0.1


def test_initial_weights_are_the_release_s():
    network = GlobalGenerator(3, 3, width=8, downs=2, blocks=2, code=4, condition="both")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    initialise(network, torch.Generator().manual_seed(1))
    drawn_weights = {n: t for n, t in network.state_dict().items() if t.ndim == 4}
    for tensor in drawn_weights.values():
        assert float(tensor.std()) == pytest.approx(0.02, rel=0.15)
        assert abs(float(tensor.mean())) < 0.004
    assert all(torch.equal(before[n], t) for n, t in network.state_dict().items() if n not in drawn_weights)
    again = initialise(network, torch.Generator().manual_seed(1)) or network.state_dict()
    assert all(torch.equal(again[n], t) for n, t in drawn_weights.items())


def test_a_compiler_sees_one_graph():
    """Nothing of padding, code and cropping makes it fall back to Python; inductor's own answers are compared elsewhere."""
    torch.compiler.reset()
    network = small("local", 5, "both")
    traced = torch.compile(small("local", 5, "both"), backend="aot_eager", fullgraph=True, dynamic=False)
    x = picture(3, 33, 47)
    with torch.inference_mode():
        assert relative_error(traced(x, codes()), network(x, codes())) < 1e-4
