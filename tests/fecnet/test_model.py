"""What the FECNet component promises, whatever its trunk and weights."""

from __future__ import annotations

import pytest
import torch

import facezoo
from facezoo import weights
from facezoo.plugin import check_component, check_plugin
from facezoo_facenet.model import Facenet, FacenetConfig
from facezoo_fecnet.model import Fecnet, FecnetConfig
from facezoo_fecnet.networks import DenseHead, DenseLayer
from tests.untrained import spec

TINY = {"backbone": "timm:test_resnet", "image_size": 32, "identity_dim": 8, "stem": 16, "growth": 4, "hidden": 12}


def test_the_plugin_is_what_it_says():
    check_plugin("fecnet")


@pytest.mark.parametrize("l2_normalize", [False, True])
def test_keeps_the_contract(l2_normalize):
    report = check_component(Fecnet(FecnetConfig(**TINY, l2_normalize=l2_normalize)))
    assert set(report.skipped) <= {"output-range", "label-count", "requires-nothing", "view-not-normalised"}


def test_only_the_dense_part_is_trained():
    component = weights.create(spec("fecnet"), FecnetConfig(**TINY)).trainable_(True)
    before = {name: tensor.clone() for name, tensor in component.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in component.parameters() if p.requires_grad], 0.1)
    component(torch.rand(4, 3, 32, 32)).square().sum().backward()
    optimizer.step()
    moved = {name.partition(".")[0] for name, tensor in component.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {"dense"}


@torch.no_grad()
def test_every_activation_ends_at_six():
    """The reference outputs do not show it: none of their values is that large."""
    layer, head = DenseLayer(2, 3).eval(), DenseHead(2, 2, 1, 2, 4, 4).eval()
    layer.conv1.weight.fill_(1 / 2)
    layer.conv2.weight.zero_()[:, :, 1, 1] = 1 / 12
    for norms, wanted in (({"norm1": 50.0}, 6.0), ({"norm2": 50.0}, 6.0), ({"norm1": 4.0}, 4.0)):
        for name in ("norm1", "norm2"):
            layer.get_parameter(f"{name}.bias").fill_(norms.get(name, 0.0))
        assert layer(torch.zeros(1, 2, 3, 3))[0, 2:].mean().item() == pytest.approx(wanted, rel=1e-4)
    head.norm.bias.fill_(50.0)
    for linear in (head.hidden, head.embedding):
        linear.weight.copy_(torch.eye(4))
        linear.bias.zero_()
    for gain, wanted in ((0.5, 3.0), (2.0, 6.0)):
        head.hidden.weight.copy_(gain * torch.eye(4))
        assert head(torch.zeros(1, 2, 5, 5)).tolist() == [pytest.approx([wanted] * 4)]


def test_it_is_shown_faces_cut_as_for_facenet():
    given = Fecnet.default_contract(FecnetConfig())
    assert given.size == (224, 224)
    assert given.model_copy(update={"size": (160, 160)}) == Facenet.default_contract(FacenetConfig())


@pytest.mark.parametrize("size", [75, 160, 224])
def test_any_size_of_face_gives_a_vector(size):
    with torch.device("meta"):
        component = Fecnet(FecnetConfig(image_size=size)).eval()
        assert component.embed(torch.zeros(2, 3, size, size), "embedding").shape == (2, 16)


def test_a_face_too_small_for_the_trunk_is_refused():
    with pytest.raises(facezoo.WeightsError, match="at least 75 pixels, not 64"):
        FecnetConfig.from_values({"image_size": 64}, "config.json")
