"""FECNet computes what AmirSh15/FECNet computes, through ``facezoo convert`` and ``facezoo.load``."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch.utils.flop_counter import FlopCounterMode

import facezoo
from facezoo.loader import relative_error
from facezoo_fecnet.convert import to_fecnet
from facezoo_fecnet.model import Fecnet, FecnetConfig


@pytest.fixture(scope="module")
def file(parity, tmp_path_factory):
    return parity("fecnet", tmp_path_factory.mktemp("fecnet") / "FECNet.pt")


@pytest.fixture(scope="module")
def converted(file):
    return facezoo.convert("fecnet", file, file.parent / "component")


@pytest.fixture(scope="module")
def component(converted):
    return facezoo.load(f"dir:{converted[0]}", device="cpu")


@pytest.fixture(scope="module")
def reference(shared_dir):
    return load_file(shared_dir / "parity" / "fecnet.io.safetensors")


@pytest.fixture(scope="module")
def given(component, reference):
    return component(reference["pixels"].float() / 255)


def test_agrees_with_the_release(given, reference):
    assert relative_error(given, reference["embedding"]) < 1e-5


def test_the_networks_see_what_the_releases_see(component, reference):
    torch.testing.assert_close(component.prepare(reference["pixels"].float() / 255), reference["input"], rtol=0, atol=1e-5)


def test_unit_vectors_are_a_choice_made_at_conversion(component, given):
    component.config = component.config.model_copy(update={"l2_normalize": True})
    with torch.inference_mode():
        unit = component.embed_map(torch.ones(1, 1792, 5, 5))
        component.config = component.config.model_copy(update={"l2_normalize": False})
        free = component.embed_map(torch.ones(1, 1792, 5, 5))
    assert float(unit.norm()) == pytest.approx(1) and relative_error(unit * free.norm(), free) < 1e-6
    assert not component.views["embedding"].normalised and float(given.norm(dim=1).sub(1).abs().min()) > 0.01


def test_bfloat16_and_channels_last_stay_close(component, given, reference):
    half = facezoo.load(component.provenance.id, device="cpu", dtype="bfloat16").to(memory_format=torch.channels_last)
    assert relative_error(half(reference["pixels"].float() / 255), given) < 6e-2


def test_the_card_warns_of_scrambled_images(converted):
    card = (converted[0] / "README.md").read_text()
    assert "scrambled images" in card and "Inc.logits.weight (8631, 512)" in card
    assert all(line in card for line in converted[1])


def test_another_salt_round_trips_under_its_id(parity, tmp_path, monkeypatch, component):
    monkeypatch.setenv("FACEZOO_HOME", str(tmp_path / "home"))
    with pytest.raises(facezoo.WeightsUnavailableError, match=r"drive\.google\.com.*facezoo import fecnet-fec"):
        facezoo.load("fecnet-fec", device="cpu")
    path = parity("fecnet", tmp_path / "FECNet.pt", "another")
    directory, _ = facezoo.import_weights("fecnet-fec", path)
    loaded = facezoo.load("fecnet-fec", device="cpu")
    back, original = to_fecnet(loaded.state_dict()), torch.load(path, weights_only=True)
    assert set(original) - set(back) == {"Inc.logits.weight", "Inc.logits.bias"} and not set(back) - set(original)
    assert all(torch.equal(tensor, original[name]) for name, tensor in back.items())
    assert loaded.views["embedding"].space_id != component.views["embedding"].space_id
    assert "scrambled images" in (directory / "README.md").read_text() and "scrambled" in facezoo.info("fecnet-fec")["note"]


def test_published_sizes():
    """methods.md: 2,919,312 trained; 26,401,936 with the trunk, 30,829,639 with the trunk's classifier too."""
    with torch.device("meta"):
        component = Fecnet(FecnetConfig())
        classifier = torch.nn.Linear(512, 8631)
        with FlopCounterMode(display=False) as counter:
            component.eval().embed(torch.zeros(1, 3, 224, 224), "embedding")
    assert counter.get_total_flops() / 2e9 == pytest.approx(3.261, abs=5e-4)  # as the docs say; the DLN paper's table has 8.18
    sizes = {name: sum(p.numel() for p in module.parameters()) for name, module in component.named_children()}
    assert sizes["dense"] == 2_919_312
    assert sum(sizes.values()) == 26_401_936
    assert sum(sizes.values()) + sum(p.numel() for p in classifier.parameters()) == 30_829_639
