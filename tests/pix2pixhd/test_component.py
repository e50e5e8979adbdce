"""What the pix2pixhd component promises: faces where its weights are for faces, maps of any kind otherwise."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

import facezoo
from facezoo import weights
from facezoo.components import patterns
from facezoo.loader import relative_error
from facezoo.testing import check_component, check_plugin
from tests.pix2pixhd.released import Global, drawn, picture, untrained


@pytest.fixture(scope="module")
def faces():
    return patterns(2, 32, 32)


@pytest.mark.parametrize("enhancers", [0, 2])
def test_keeps_the_contract(enhancers):
    report = check_component(untrained(enhancers=enhancers))
    assert {"ignores-contract", "loses-state-on-save", "breaks-under-channels-last", "output-range"} <= set(report.passed)


def test_for_label_maps_there_is_no_contract_with_faces():
    component = untrained(inputs=36)
    assert component.contract is None and component.verbs == ()
    report = check_component(component)
    assert {"cannot-be-saved", "loses-state-on-save", "does-io-when-built"} <= set(report.passed)


def test_translating_is_the_network_between_the_door_s_units(faces):
    component = untrained()
    wanted = (component.network(faces * 2 - 1) + 1) / 2
    torch.testing.assert_close(component.translate(faces), wanted, rtol=0, atol=1e-5)
    large = torch.nn.functional.interpolate(faces, (48, 40), mode="bilinear", antialias=True)
    assert component.translate(large).shape == faces.shape


@pytest.mark.parametrize(("inputs", "outputs"), [(36, 3), (3, 1), (6, 3)])
def test_weights_for_other_maps_translate_no_faces(inputs, outputs, faces):
    component = untrained(inputs=inputs, outputs=outputs)
    with pytest.raises(facezoo.IncompatibleError, match=rf"{outputs} channels from {inputs}.*component\.network\(maps\)"):
        component.translate(faces)
    maps = picture(inputs, 24, 40)
    assert component.network(maps).shape == (2, outputs, 24, 40)
    assert component.contract is None


def test_label_maps_are_converted_verified_and_loaded(tmp_path):
    released = drawn(Global(5, 3, width=4, downs=2, blocks=1))
    torch.save(released.state_dict(), tmp_path / "G.pth")
    directory, report = facezoo.convert("pix2pixhd", tmp_path / "G.pth", tmp_path / "component")
    assert report[-1] == "5 channels in, 3 out: no RGB faces; call `component.network(maps)`"
    golden = load_file(directory / "golden.safetensors")
    assert golden["input.maps"].shape == (1, 5, 32, 32)
    assert relative_error(released(golden["input.maps"]), golden["output.network"]) < 1e-5
    rows = facezoo.verify(f"dir:{directory}", devices=["cpu"])
    assert {(row.dtype, row.output) for row in rows} == {("float32", "network"), ("bfloat16", "network")}
    assert all(row.passed for row in rows)
    component = facezoo.load(f"dir:{directory}", device="cpu")
    assert component.provenance is not None and component.contract is None


def test_faces_are_verified_by_what_is_made_of_them(tmp_path):
    directory = weights.save(untrained(), tmp_path / "component")
    rows = facezoo.verify(f"dir:{directory}", devices=["cpu"])
    assert [row.output for row in rows] == ["translate", "translate"]
    assert all(row.passed for row in rows)


def test_the_plugin_is_what_it_says():
    check_plugin("pix2pixhd")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_compiled_networks_compute_the_same(faces):
    from facezoo.devices import compile_networks

    plain, compiled = untrained(enhancers=1), untrained(enhancers=1)
    compile_networks(compiled, torch.device("cpu"))
    with torch.inference_mode():
        assert relative_error(compiled.translate(faces), plain.translate(faces)) < 1e-4
