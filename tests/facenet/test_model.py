"""What the facenet component promises, whatever its backbone and weights."""

from __future__ import annotations

import pytest
import torch

import facezoo
from facezoo import weights
from facezoo.plugin import InputError, check_component, check_plugin
from facezoo_facenet.model import Facenet, FacenetConfig, InceptionResnetV1, make_trunk
from tests.untrained import spec

TINY = {"backbone": "timm:test_resnet", "image_size": 32, "embedding_dim": 8}


def test_the_plugin_is_what_it_says():
    check_plugin("facenet")


@pytest.mark.parametrize("backbone", ["timm:test_resnet", "timm:test_vit"])
def test_keeps_the_contract(backbone):
    report = check_component(Facenet(FacenetConfig(**{**TINY, "backbone": backbone})))
    assert set(report.skipped) <= {"output-range", "label-count", "trains-frozen-part", "requires-nothing"}


@pytest.mark.parametrize("size", [75, 96, 131])
def test_the_network_takes_any_size(size):
    network = InceptionResnetV1(embedding_dim=4).eval()
    normalised = torch.zeros(1, 3, size, size + 8)
    with torch.inference_mode():
        assert network(normalised).shape == (1, 4)
        assert network.forward_map(normalised).shape[:2] == (1, network.map_channels) == (1, 1792)


def test_fewer_pixels_than_the_network_can_take_are_refused():
    with torch.device("meta"):
        component = Facenet(FacenetConfig()).eval()
        assert component.network(torch.zeros(1, 3, 75, 75)).shape == (1, 512)
        for shape in ((74, 160), (160, 74)):
            with pytest.raises(InputError, match="at least 75 pixels, not 74"):
                component.network(torch.zeros(1, 3, *shape))


@pytest.mark.parametrize(
    ("name", "channels"),
    [("test_resnet", 96), ("test_efficientnet", 256), ("mobilenetv3_small_050", 288), ("test_convnext", 64)],
)
def test_timm_backbones_share_the_interface(name, channels):
    trunk = make_trunk(f"timm:{name}", 24).eval()
    with torch.inference_mode():
        assert trunk(torch.zeros(2, 3, 64, 96)).shape == (2, trunk.embedding_dim) == (2, 24)
        assert trunk.forward_map(torch.zeros(2, 3, 64, 96)).shape == (2, channels, 2, 3)
    assert trunk.map_channels == channels


def test_a_map_is_channels_first_also_where_timm_keeps_them_last():
    trunk = make_trunk("timm:swin_tiny_patch4_window7_224", 8, image_size=64).eval()
    with torch.inference_mode():
        assert trunk.forward_map(torch.zeros(1, 3, 64, 64)).shape == (1, 768, 2, 2)


def test_a_backbone_of_tokens_has_no_map():
    with pytest.raises(facezoo.IncompatibleError, match="VisionTransformer gives tokens"):
        make_trunk("timm:test_vit", 8, image_size=64).forward_map(torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize(
    ("backbone", "words"),
    [
        ("timm:mobilnetv3_small_100", "timm:mobilenetv3_small_100"),
        ("mobilenetv3_small_100", "'timm:<name of a timm model>'"),
        ("timm:hf-hub:somebody/model", "no model 'hf-hub:somebody/model'"),
    ],
)
def test_an_unknown_backbone_is_refused_by_name(backbone, words):
    with pytest.raises(InputError, match=words):
        make_trunk(backbone)
    with pytest.raises(facezoo.WeightsError, match=words):
        FacenetConfig.from_values({"backbone": backbone}, "config.json")


def test_dropout_is_for_training_only_and_norms_move_only_then():
    component = weights.create(spec("facenet"), FacenetConfig(**TINY)).trainable_(True)
    faces = torch.rand(4, 3, 32, 32)
    before = {name: buffer.clone() for name, buffer in component.named_buffers()}
    assert not torch.equal(component(faces), component(faces))
    assert any(not torch.equal(buffer, before[name]) for name, buffer in component.named_buffers())
    component.trainable_(False)
    assert torch.equal(component(faces), component(faces))


def test_without_its_file_it_says_what_to_fetch(monkeypatch, tmp_path):
    monkeypatch.setenv("FACEZOO_HOME", str(tmp_path))
    for name, file in (("vggface2", "20180402-114759-vggface2.pt"), ("casia-webface", "20180408-102900-casia-webface.pt")):
        with pytest.raises(facezoo.WeightsUnavailableError, match=rf"releases/download/v2\.2\.9/{file}.*import facenet-{name}"):
            facezoo.load(f"facenet-{name}", device="cpu")
        released = facezoo.info(f"facenet-{name}")["metrics"]
        assert [metric["measured_by"] for metric in released] == ["release"]
