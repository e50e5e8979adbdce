"""What the cycle-face component promises, whatever its weights."""

from __future__ import annotations

import pytest
import torch

import facezoo
from facezoo.components import patterns
from facezoo.loader import relative_error
from facezoo_cycle_face.networks import ChannelAttention, FlowDecoder, invert, warp
from tests.untrained import cycle_face


@pytest.fixture(scope="module")
def component():
    return cycle_face()


@pytest.fixture(scope="module")
def faces():
    return patterns(4, 64, 64)


def test_views_have_their_declared_dimensions(component, faces):
    assert {n: v.dim for n, v in component.views.items()} == {"identity": 256, "expression": 256, "features": 16 * 16}
    for name, view in component.views.items():
        assert component.encode(faces, name).shape == (4, view.dim)
    assert torch.equal(component(faces), component.encode_identity(faces))
    assert torch.equal(component.encode(faces, "expression"), component.encode_expression(faces))


def test_the_paper_size_has_2048_features():
    with torch.device("meta"):
        from facezoo_cycle_face.config import CycleFaceConfig
        from facezoo_cycle_face.model import CycleFace

        assert CycleFace(CycleFaceConfig()).view_table()["features"].dim == 2048


@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("trunk", ["trained", "vgg19-frozen"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_every_configuration_runs(size, trunk, activation):
    component = cycle_face(image_size=size, trunk=trunk, decoder_activation=activation)
    faces = patterns(1, size, size)
    assert component.reconstruct(faces).shape == (1, 3, size, size)
    assert component.reconstruct(faces, level="expression").shape == (1, 3, size, size)
    flow, inverse = component.flow_decoder(component.expression_encoder(component.prepare(faces)))
    assert flow.shape == inverse.shape == (1, 2, 16, 16)


def test_the_activation_of_the_decoders_is_a_choice():
    relu, leaky = cycle_face(), cycle_face(decoder_activation="leaky_relu")
    faces = patterns(1, 64, 64)
    assert not torch.equal(relu.neutralize(faces), leaky.neutralize(faces))


def test_features_at_any_size(component):
    for height, width in ((64, 64), (100, 100), (96, 128)):
        features = component.expression_encoder.forward_features(torch.zeros(1, 3, height, width))
        assert features.shape == (1, 16, -(-height // 16), -(-width // 16))


def test_faces_of_another_size_are_resized(component, faces):
    large = torch.nn.functional.interpolate(faces, (96, 80), mode="bilinear", antialias=True)
    assert component.neutralize(large).shape == (4, 3, 64, 64)


@pytest.mark.parametrize("verb", ["neutralize", "mean_face", "reconstruct"])
def test_a_face_does_not_depend_on_its_batch(component, faces, verb):
    together = getattr(component, verb)(faces)
    alone = torch.cat([getattr(component, verb)(face[None]) for face in faces])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-3)
    assert together.dtype == torch.float32
    assert float(together.min()) >= 0 and float(together.max()) <= 1


def test_reenact_broadcasts_either_side(component, faces):
    pairs = component.reenact(faces, faces.flip(0))
    one_driver = component.reenact(faces, faces[:1])
    one_face = component.reenact(faces[:1], faces)
    assert pairs.shape == one_driver.shape == one_face.shape == faces.shape
    torch.testing.assert_close(one_face[3:], component.reenact(faces[:1], faces[3:]), rtol=0, atol=1e-5)
    with pytest.raises(facezoo.InputError, match="4 faces take one driver or 4, not 3"):
        component.reenact(faces, faces[:3])


def test_noise_needs_a_generator(component, faces):
    x = component.prepare(faces)
    flow, _ = component.flow_decoder(component.expression_encoder(x))
    quiet = component.expression_decoder(x, flow)
    assert torch.equal(quiet, component.expression_decoder(x, flow))
    noisy = component.expression_decoder(x, flow, generator=torch.Generator().manual_seed(1))
    again = component.expression_decoder(x, flow, generator=torch.Generator().manual_seed(1))
    assert torch.equal(noisy, again)
    assert not torch.equal(noisy, quiet)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (torch.zeros(3, 64, 64), r"\(B, 3, H, W\)"),
        (torch.zeros(1, 1, 64, 64), r"\(B, 3, H, W\)"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), "divide uint8 by 255"),
        (torch.full((1, 3, 64, 64), 200.0), r"\[0, 1\]"),
        (torch.full((1, 3, 64, 64), -2.0), r"\[0, 1\]"),
        (torch.full((1, 3, 64, 64), float("nan")), r"\[0, 1\]"),
        ([[0.0]], "tensor"),
    ],
)
def test_the_door_refuses_what_cannot_be_faces(component, bad, words):
    with pytest.raises(facezoo.InputError, match=words):
        component.neutralize(bad)


def test_unknown_view_level_and_direction(component, faces):
    with pytest.raises(facezoo.IncompatibleError, match="identity, expression, features"):
        component.encode(faces, "age")
    with pytest.raises(facezoo.InputError, match="level"):
        component.reconstruct(faces, level="pose")
    x = component.prepare(faces)
    with pytest.raises(ValueError, match="direction"):
        component.identity_decoder(x, component.identity_encoder(x), direction="sideways")


def test_channels_last_and_bfloat16_change_little(faces):
    plain, other = cycle_face(), cycle_face().to(memory_format=torch.channels_last)
    half = cycle_face().to(torch.bfloat16)
    for verb in ("encode_expression", "encode_identity", "neutralize", "reconstruct"):
        wanted = getattr(plain, verb)(faces)
        assert relative_error(getattr(other, verb)(faces.contiguous(memory_format=torch.channels_last)), wanted) < 1e-5
        result = getattr(half, verb)(faces)
        assert result.dtype == torch.float32
        assert relative_error(result, wanted) < 0.05


def test_attention_works_on_channels_last_maps():
    attention = ChannelAttention(8)
    x = torch.randn(2, 8, 5, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(attention(x.contiguous(memory_format=torch.channels_last)), attention(x))


def test_warp_moves_by_the_flow_in_half_images():
    picture = torch.arange(5.0).view(1, 1, 1, 5).expand(1, 1, 5, 5).contiguous()
    flow = torch.zeros(1, 2, 16, 16)
    torch.testing.assert_close(warp(picture, flow), picture)
    flow[:, 0] = 0.5  # half of two units to the right: one pixel of five
    torch.testing.assert_close(warp(picture, flow)[0, 0, 0], torch.tensor([1.0, 2.0, 3.0, 4.0, 0.0]))
    assert float(invert(flow)[0, 0, 0, 0]) == pytest.approx(-0.5)


@torch.no_grad()
def test_the_flow_is_bounded():
    decoder = FlowDecoder(0.125)
    flow, inverse = decoder(torch.randn(3, 256) * 100)
    assert float(flow.abs().max()) <= 1
    assert float(inverse.abs().max()) <= 1


def test_frozen_trunks_stay_frozen_and_in_eval_mode():
    component = cycle_face(trunk="vgg19-frozen").trainable_(True)
    trainable = {name for name, p in component.named_parameters() if p.requires_grad}
    assert not any(".trunk." in name for name in trainable)
    assert any(name.startswith("expression_decoder.blocks") for name in trainable)
    assert component.training
    assert not component.expression_decoder.trunk.training


def test_a_trained_trunk_is_one_for_both_decoders():
    component = cycle_face()
    assert component.expression_decoder.trunk is component.identity_decoder.trunk
    assert cycle_face(trunk="vgg19-frozen").expression_decoder.trunk is not None


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_compiled_networks_compute_the_same(faces):
    from facezoo.devices import compile_networks

    plain, compiled = cycle_face(), cycle_face()
    compile_networks(compiled, torch.device("cpu"))
    with torch.inference_mode():
        for verb in ("encode_identity", "neutralize", "reconstruct"):
            assert relative_error(getattr(compiled, verb)(faces), getattr(plain, verb)(faces)) < 1e-4
