"""cycle-face computes what the authors' released code computes, through ``facezoo convert`` and ``facezoo.load``."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

import facezoo
from facezoo.loader import relative_error
from facezoo_cycle_face import convert as conversion


@pytest.fixture(scope="module")
def converted(parity, tmp_path_factory):
    folder = tmp_path_factory.mktemp("facecycle")
    return facezoo.convert("facecycle", parity("facecycle", folder / "finalmodel.tar"), folder / "component")[0]


@pytest.fixture(scope="module")
def component(converted):
    return facezoo.load(f"dir:{converted}", device="cpu")


@pytest.fixture(scope="module")
def reference(shared_dir):
    return load_file(shared_dir / "parity" / "facecycle.io.safetensors")


@pytest.fixture(scope="module")
def computed(component, reference):
    """Every tensor of the reference, computed by the networks from the same input."""
    x = reference["input"]
    with torch.inference_mode():
        code, identity = component.expression_encoder(x), component.identity_encoder(x)
        flow, inverse = component.flow_decoder(code)
        neutral = component.expression_decoder(x, flow)
        mean = component.identity_decoder(neutral, identity, direction="remove")
        again = component.identity_decoder(mean, identity, direction="restore")
        return {
            "expression_code": code,
            "identity_code": identity,
            "flow": flow,
            "inverse_flow": inverse,
            "neutral": neutral,
            "mean_face": mean,
            "reidentified": again,
            "reconstruction": component.expression_decoder(again, inverse),
            "translation": component.expression_decoder(neutral[1:], inverse[:1].expand(len(neutral) - 1, -1, -1, -1)),
            "plain": component.expression_decoder(x),
            "probe_features": component.expression_encoder.forward_features(reference["input_100"]).flatten(1),
        }


@pytest.mark.parametrize(
    "name",
    ["expression_code", "identity_code", "flow", "inverse_flow", "neutral", "mean_face", "reidentified", "reconstruction",
     "translation", "plain", "probe_features"],
)  # fmt: skip
def test_agrees_with_the_release(computed, reference, name):
    wanted = reference[name].flatten(1)
    assert relative_error(computed[name].flatten(1), wanted) < 1e-5


def test_every_reference_output_is_compared(computed, reference):
    assert set(reference) - {"input", "input_100", "pixels"} == set(computed)


def test_the_door_normalises_as_the_release_does(component, reference):
    torch.testing.assert_close(component.prepare(reference["pixels"].float() / 255), reference["input"], rtol=0, atol=1e-6)


def test_verbs_at_the_door_are_the_chain_of_the_release(component, reference):
    faces = reference["pixels"].float() / 255
    assert relative_error(component.neutralize(faces), component.restore(reference["neutral"])) < 1e-5
    assert relative_error(component.mean_face(faces), component.restore(reference["mean_face"])) < 1e-5
    assert relative_error(component.reconstruct(faces), component.restore(reference["reconstruction"])) < 1e-5


def test_published_sizes(component):
    """methods.md: 4,240,000 per encoder, 2,996,544 for the flow, 13,409,475 and 10,014,275 for the decoders."""
    sizes = {name: sum(p.numel() for p in network.parameters()) for name, network in component.named_children()}
    assert sizes["expression_encoder"] == sizes["identity_encoder"] == 4_240_000
    assert sizes["flow_decoder"] == 2_996_544
    assert sizes["expression_decoder"] == 13_409_475
    assert sizes["identity_decoder"] == 10_014_275


def test_another_salt_round_trips_to_the_authors_layout(parity, tmp_path):
    path = parity("facecycle", tmp_path / "other.tar", "another")
    directory, _ = facezoo.convert("facecycle", path, tmp_path / "component")
    component = facezoo.load(f"dir:{directory}", device="cpu")
    back = conversion.to_facecycle(dict(component.state_dict()))
    original = torch.load(path, weights_only=True)
    assert {n: set(s) for n, s in back.items()} == {n: set(s) for n, s in original.items()}
    assert all(torch.equal(back[n][k], original[n][k]) for n in original for k in original[n])


def test_conversion_is_byte_reproducible_and_spaces_are_shared(parity, tmp_path, converted, component):
    directory, _ = facezoo.convert("facecycle", parity("facecycle", tmp_path / "again.tar"), tmp_path / "component")
    assert (directory / "model.safetensors").read_bytes() == (converted / "model.safetensors").read_bytes()
    again = facezoo.load(f"dir:{directory}", device="cpu", dtype="bfloat16")
    assert {n: v.space_id for n, v in again.views.items()} == {n: v.space_id for n, v in component.views.items()}
    assert len({v.space_id for v in component.views.values()}) == 3


def test_an_imported_file_serves_its_id_for_good(parity, tmp_path, monkeypatch, reference):
    monkeypatch.setenv("FACEZOO_HOME", str(tmp_path / "home"))
    with pytest.raises(facezoo.WeightsUnavailableError, match=r"drive\.google\.com.*unknown.*facezoo import cycle-face-vox12"):
        facezoo.load("cycle-face-vox12", device="cpu")
    facezoo.import_weights("cycle-face-vox12", parity("facecycle", tmp_path / "finalmodel.tar"))
    (tmp_path / "finalmodel.tar").unlink()
    component = facezoo.load("cycle-face-vox12", device="cpu")
    assert relative_error(component.expression_encoder(reference["input"]), reference["expression_code"].flatten(1)) < 1e-5
    assert component.provenance.license["weights"] == "unknown"
    assert facezoo.info("cycle-face-vox12")["availability"] == "here"
    assert all(row.passed for row in facezoo.verify("cycle-face-vox12", devices=["cpu"]))


def test_what_nobody_released_says_so():
    with pytest.raises(facezoo.WeightsUnavailableError, match="not released"):
        facezoo.load("cycle-face-vox1-flip", device="cpu")
