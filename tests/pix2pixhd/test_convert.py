"""The release's files become what the release computes; what is no such file gets one clear sentence."""

from __future__ import annotations

import pickle
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import load_file

import facezoo
from facezoo.loader import relative_error
from facezoo.weights import apply_renames
from facezoo_pix2pixhd import convert as conversion
from facezoo_pix2pixhd.discriminator import MultiscaleDiscriminator
from facezoo_pix2pixhd.instances import InstanceEncoder
from facezoo_pix2pixhd.layouts import discriminator_table, global_table, local_table
from tests.pix2pixhd.released import Discriminators, Global, Local, drawn, picture

TABLES = {
    "global": global_table(4, 9),
    "local": local_table(4, 9, 2, 3),
    "encoder": global_table(4, 0),
    "discriminator": discriminator_table(3, 3, matching=True),
    "discriminator, one sequence": discriminator_table(2, 4, matching=False),
}


@pytest.fixture(scope="module")
def small():
    """A small global generator of the release."""
    return drawn(Global(3, 3, width=4, downs=2, blocks=2))


@pytest.mark.parametrize("kind", ["global", "local"])
def test_agrees_with_the_release(kind, shared_dir, parity, tmp_path):
    path = parity(f"pix2pixhd_{kind}", tmp_path / "latest_net_G.pth")
    directory, report = facezoo.convert("pix2pixhd", path, tmp_path / "component", {"image_size": 64})
    component = facezoo.load(f"dir:{directory}", device="cpu")
    reference = load_file(shared_dir / "parity" / f"pix2pixhd_{kind}.io.safetensors")
    with torch.inference_mode():
        assert relative_error(component.network(reference["input"]), reference["output"]) < 1e-6
    config = component.config
    assert (config.inputs, config.outputs, config.downs, config.blocks) == (3, 3, 4, 9)
    assert (config.width, config.enhancers) == ((16, 0) if kind == "global" else (8, 1))
    assert f"{kind if kind == 'global' else '1 local'}" in report[0]
    original = torch.load(path, weights_only=True)
    back = conversion.to_pix2pixhd(component.state_dict(), config)
    assert set(back) == set(original)
    assert all(torch.equal(back[name], original[name]) for name in original)


@pytest.mark.parametrize(
    ("inputs", "outputs", "width", "downs", "blocks", "enhancers", "local"),
    [(3, 3, 4, 1, 1, 0, 3), (36, 3, 5, 3, 2, 0, 3), (3, 1, 3, 2, 1, 2, 1), (7, 3, 2, 1, 2, 3, 2)],
)
def test_any_size_of_the_release_is_read(tmp_path, inputs, outputs, width, downs, blocks, enhancers, local):
    if enhancers:
        released = drawn(Local(inputs, outputs, width, downs, blocks, enhancers, local))
    else:
        released = drawn(Global(inputs, outputs, width, downs, blocks))
    torch.save(released.state_dict(), tmp_path / "G.pth")
    directory, _ = facezoo.convert("pix2pixhd", tmp_path / "G.pth", tmp_path / "component", {"image_size": 32})
    component = facezoo.load(f"dir:{directory}", device="cpu")
    values = component.config.model_dump()
    wanted = {"inputs": inputs, "outputs": outputs, "width": width, "downs": downs, "blocks": blocks}
    wanted |= {"enhancers": enhancers, "local_blocks": local, "image_size": 32}
    assert values == wanted
    x = picture(inputs, 32, 48)
    assert relative_error(component.network(x), released(x)) < 1e-4


@pytest.mark.parametrize("name", list(TABLES))
def test_tables_are_bijections(name):
    table = TABLES[name]
    theirs = [f"{place}{end}" for place, _ in table for end in ("weight", "bias")]
    ours = apply_renames(theirs, table)
    assert len(set(ours.values())) == len(theirs)
    back = apply_renames(ours.values(), table, backwards=True)
    assert [back[ours[each]] for each in theirs] == theirs


def test_numbers_of_the_release():
    """The layers of four halvings and nine blocks, as its files number them."""
    places = [place for place, _ in TABLES["global"]]
    assert places[0] == "model.1." and places[1:5] == [f"model.{n}." for n in (4, 7, 10, 13)]
    assert places[5] == "model.16.conv_block.1." and places[22] == "model.24.conv_block.5."
    assert places[23:] == [f"model.{n}." for n in (25, 28, 31, 34, 38)]
    assert [p for p, _ in TABLES["encoder"]] == [f"model.{n}." for n in (1, 4, 7, 10, 13, 16, 19, 22, 25, 29)]
    assert {"model1_1.1.", "model1_1.4.", "model1_2.3.", "model2_2.3.", "model2_2.7."} <= {p for p, _ in TABLES["local"]}


def test_discriminator_and_encoder_go_back_as_they_came(parity, tmp_path):
    original = torch.load(parity("pix2pixhd_discriminator", tmp_path / "D.pth", "another"), weights_only=True)
    back = conversion.discriminator_to_pix2pixhd(conversion.load_discriminator(original))
    assert set(back) == set(original)
    assert all(torch.equal(back[name], original[name]) for name in original)
    encoder = drawn(Global(3, 3, width=2, downs=3, blocks=0)).state_dict()
    again = conversion.encoder_to_pix2pixhd(conversion.load_encoder(encoder))
    assert set(again) == set(encoder)
    assert all(torch.equal(again[name], encoder[name]) for name in encoder)


def test_half_precision_and_dataparallel_files_are_read(small, tmp_path):
    state = OrderedDict((f"module.{name}", tensor.half()) for name, tensor in small.state_dict().items())
    torch.save(state, tmp_path / "G.pth")
    made = conversion.convert(tmp_path / "G.pth", {})
    assert all(tensor.dtype == torch.float32 for tensor in made.tensors.values())
    discriminator = drawn(MultiscaleDiscriminator(6, 4))
    state = conversion.discriminator_to_pix2pixhd(discriminator)
    read = conversion.load_discriminator({f"module.{name}": tensor for name, tensor in state.items()})
    assert all(torch.equal(read.state_dict()[name], tensor) for name, tensor in discriminator.state_dict().items())


def test_running_statistics_of_early_files_are_left_out_and_told(small, tmp_path):
    state = {**small.state_dict(), "model.2.running_mean": torch.zeros(4), "model.2.running_var": torch.ones(4)}
    torch.save(state, tmp_path / "G.pth")
    made = conversion.convert(tmp_path / "G.pth", {})
    assert "left out: 2 running statistics, which an instance norm does not read" in made.report
    assert set(made.tensors) == {f"network.{name}" for name in conversion.rename(small.state_dict(), global_table(2, 2), "x")}


def fails(state, tmp_path, words: str, config: dict | None = None) -> None:
    path = tmp_path / "G.pth"
    if state is not None:
        torch.save(state, path)
    with pytest.raises(facezoo.WeightsError, match=words) as caught:
        facezoo.convert("pix2pixhd", path, tmp_path / "out", config)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_truncated_empty_and_missing(small, tmp_path):
    fails(None, tmp_path, "no file")
    torch.save(small.state_dict(), tmp_path / "whole.pth")
    (tmp_path / "G.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:5000])
    fails(None, tmp_path, "truncated or of another kind")
    (tmp_path / "G.pth").write_bytes(b"")
    fails(None, tmp_path, "not a pix2pixHD checkpoint: it is empty")


def test_a_pickle_with_code_is_never_run(tmp_path):
    class Attack:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    fails({"model.1.weight": Attack()}, tmp_path, "run code")
    (tmp_path / "G.pth").write_bytes(pickle.dumps(Attack(), protocol=2))
    fails(None, tmp_path, "run code")
    assert not (tmp_path / "owned").exists()


def test_other_networks_of_the_release_are_told_apart(tmp_path):
    discriminator = conversion.discriminator_to_pix2pixhd(MultiscaleDiscriminator(6, 4))
    for state in (discriminator, Discriminators(6, 4, 3, 2).state_dict()):
        fails(state, tmp_path, r"is a discriminator \(netD\).*load_discriminator\(state_dict\)")
    encoder = conversion.encoder_to_pix2pixhd(InstanceEncoder(width=2))
    fails(encoder, tmp_path, r"is an instance-wise encoder \(netE\).*load_encoder\(state_dict\)")
    with pytest.raises(facezoo.WeightsError, match="no discriminator of pix2pixHD.*has model"):
        conversion.load_discriminator(encoder)
    with pytest.raises(facezoo.WeightsError, match="no encoder of pix2pixHD.*the layers none"):
        conversion.load_encoder(discriminator)


def test_other_methods_and_other_things(small, parity, tmp_path):
    fails({"conv1.weight": torch.zeros(3, 3, 1, 1)}, tmp_path, "no generator of pix2pixHD: it has no residual block")
    fails(torch.zeros(3), tmp_path, "no state dictionary of pix2pixHD, which holds tensors by name, but a Tensor")
    fails({}, tmp_path, "but one with nothing")
    fails({"epoch": 3, "state_dict": small.state_dict()}, tmp_path, "but one with epoch, state_dict")
    parity("facecycle", tmp_path / "G.pth")
    fails(None, tmp_path, "no state dictionary of pix2pixHD.*Swap_Generator")
    parity("fecnet", tmp_path / "G.pth")
    fails(None, tmp_path, "no generator of pix2pixHD")


def test_missing_misplaced_and_misshapen_parameters(small, tmp_path):
    def changed(**changes) -> dict:
        state = {**small.state_dict(), **{name.replace("_at_", "."): value for name, value in changes.items()}}
        return {name: tensor for name, tensor in state.items() if tensor is not None}

    fails(changed(model_at_4_at_bias=None), tmp_path, r"lacks 1 parameters of the release, the first being model\.4\.bias")
    fails(changed(model_at_1_at_weight=None), tmp_path, r"lacks model\.1\.weight")
    fails(changed(model_at_19_at_weight=None), tmp_path, r"lacks model\.19\.weight")
    fails(changed(model_at_7_at_bias=torch.zeros(9)), tmp_path, r"model\.7\.bias has shape \(9,\), expected \(16,\)")
    fails(changed(model_at_1_at_weight=torch.zeros(4)), tmp_path, r"model\.1\.weight has shape \(4,\)")
    fails(changed(model_at_99_at_weight=torch.zeros(4, 4, 1, 1)), tmp_path, r"not laid out as released.*model\.99\.weight")
    fails(changed(model_at_2_at_weight=torch.ones(4)), tmp_path, "--norm batch")
    counting = {"model_at_2_at_running_mean": torch.zeros(4), "model_at_2_at_num_batches_tracked": torch.tensor(7)}
    fails(changed(**counting), tmp_path, "statistics that they read")
    moved = {name.replace("model.10.", "model.30."): tensor for name, tensor in small.state_dict().items()}
    fails(moved, tmp_path, "residual blocks are the layers 11, 30")


def test_what_the_shapes_tell_cannot_be_told_otherwise(small, tmp_path):
    fails(small.state_dict(), tmp_path, "has width 4 by its shapes, not 64; leave width out", {"width": 64})
    fails(small.state_dict(), tmp_path, "image_size", {"image_size": "large"})


def test_a_discriminator_without_one_of_its_scales_is_refused():
    state = conversion.discriminator_to_pix2pixhd(MultiscaleDiscriminator(6, 4, scales=3))
    cut = {name: tensor for name, tensor in state.items() if not name.startswith("scale1_")}
    with pytest.raises(facezoo.WeightsError, match=r"lacks 10 parameters of the release.*scale1_layer0\.0\.weight"):
        conversion.load_discriminator(cut)
