"""facenet computes what facenet-pytorch computes, through ``facezoo convert`` and ``facezoo.load``."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch.utils.flop_counter import FlopCounterMode

import facezoo
from facezoo.loader import relative_error
from facezoo_facenet.convert import to_facenet_pytorch
from facezoo_facenet.model import InceptionResnetV1


@pytest.fixture(scope="module")
def file(parity, tmp_path_factory):
    return parity("facenet_vggface2", tmp_path_factory.mktemp("facenet") / "20180402-114759-vggface2.pt")


@pytest.fixture(scope="module")
def converted(file):
    return facezoo.convert("facenet", file, file.parent / "component")


@pytest.fixture(scope="module")
def component(converted):
    return facezoo.load(f"dir:{converted[0]}", device="cpu")


@pytest.fixture(scope="module")
def reference(shared_dir):
    return load_file(shared_dir / "parity" / "facenet_vggface2.io.safetensors")


def small(normalised):
    return F.interpolate(normalised, (160, 160), mode="bilinear", align_corners=False)


@pytest.mark.parametrize("size", [224, 160])
def test_agrees_with_the_release(component, reference, size):
    normalised = reference["input_224"] if size == 224 else small(reference["input_224"])
    with torch.inference_mode():
        given = component.network(normalised)
    assert relative_error(given, reference[f"embedding_{size}"]) < 1e-5


def test_the_door_normalises_as_the_release_does(component, reference):
    door = small(reference["pixels"].float() / 255)
    torch.testing.assert_close(component.prepare(door), small(reference["input_224"]), rtol=0, atol=1e-5)
    assert relative_error(component(door), reference["embedding_160"]) < 1e-5


def test_bfloat16_and_channels_last_stay_close(component, reference):
    door = small(reference["pixels"].float() / 255)
    half = facezoo.load(component.provenance.id, device="cpu", dtype="bfloat16").to(memory_format=torch.channels_last)
    given = half(door)
    assert given.dtype == torch.float32
    assert relative_error(given, reference["embedding_160"]) < 6e-2


def test_what_was_left_out_is_named(converted):
    told = " ".join(converted[1])
    assert "logits.weight (8631, 512)" in told and "logits.bias" in told and "image size 160" in told
    assert all(line in (converted[0] / "README.md").read_text() for line in converted[1])


def test_another_salt_round_trips_under_its_id(parity, tmp_path, monkeypatch, component):
    monkeypatch.setenv("FACEZOO_HOME", str(tmp_path / "home"))
    path = parity("facenet_vggface2", tmp_path / "20180402-114759-vggface2.pt", "another")
    facezoo.import_weights("facenet-vggface2", path)
    loaded = facezoo.load("facenet-vggface2", device="cpu")
    back, original = to_facenet_pytorch(loaded.state_dict()), torch.load(path, weights_only=True)
    assert set(original) - set(back) == {"logits.weight", "logits.bias"} and not set(back) - set(original)
    assert all(torch.equal(tensor, original[name]) for name, tensor in back.items())
    assert loaded.views["identity"].space_id != component.views["identity"].space_id
    assert loaded.provenance.license == {"code": "MIT", "weights": "unknown", "data": "unknown"}
    assert facezoo.info("facenet-vggface2")["availability"] == "here"
    assert all(row.passed for row in facezoo.verify("facenet-vggface2", devices=["cpu"], dtypes=["float32"]))


def test_published_sizes():
    """methods.md: 23,482,624 parameters without logits; 3.141 GMac of convolutions and linear layers at 224, 1.418 at 160."""
    with torch.device("meta"):
        network = InceptionResnetV1().eval()
        assert sum(p.numel() for p in network.parameters()) == 23_482_624
        for size, gmac in ((224, 3.141), (160, 1.418)):
            with FlopCounterMode(display=False) as counter:
                network(torch.zeros(1, 3, size, size))
            assert counter.get_total_flops() / 2e9 == pytest.approx(gmac, abs=5e-4)
