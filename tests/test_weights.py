"""Component directories: whole or refused; never random weights."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

import facezoo
from facezoo import weights
from tests.untrained import cycle_face, cycle_face_directory


@pytest.fixture
def directory(tmp_path):
    return cycle_face_directory(tmp_path / "component")


def edit(directory, **changes):
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_saved_component_loads_as_it_was(directory):
    original, loaded = cycle_face(), facezoo.load(f"dir:{directory}", device="cpu")
    faces = torch.rand(2, 3, 64, 64)
    for verb in ("encode_identity", "encode_expression", "neutralize", "mean_face", "reconstruct"):
        assert torch.equal(getattr(original, verb)(faces), getattr(loaded, verb)(faces))
    assert loaded.contract == original.contract
    assert loaded.config == original.config
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    assert sorted(p.name for p in directory.iterdir()) == [
        "README.md",
        "config.json",
        "golden.safetensors",
        "model.safetensors",
    ]


def test_shared_tensors_are_stored_once(directory):
    names = load_file(directory / "model.safetensors")
    assert "expression_decoder.trunk.conv1_1.weight" in names
    assert not any(name.startswith("identity_decoder.trunk") for name in names)


def test_a_contract_travels_with_the_weights(directory):
    manifest = json.loads((directory / "config.json").read_text())
    manifest["contract"]["crop"]["scale"] = 3.5
    edit(directory, contract=manifest["contract"])
    assert facezoo.load(f"dir:{directory}", device="cpu").contract.crop.scale == 3.5


def test_another_contract_is_another_space(directory):
    before = facezoo.load(f"dir:{directory}", device="cpu").views["identity"].space_id
    manifest = json.loads((directory / "config.json").read_text())
    manifest["contract"]["crop"]["scale"] = 3.5
    edit(directory, contract=manifest["contract"])
    assert facezoo.load(f"dir:{directory}", device="cpu").views["identity"].space_id != before


def test_a_space_depends_on_the_tensors_its_view_reads(tmp_path):
    one, other = cycle_face(), cycle_face()
    with torch.no_grad():
        other.identity_encoder.code[2].bias.add_(0.1)
    weights.save(one, tmp_path / "one")
    weights.save(other, tmp_path / "other")
    a, b = (facezoo.load(f"dir:{tmp_path / name}", device="cpu").views for name in ("one", "other"))
    assert a["identity"].space_id != b["identity"].space_id
    assert a["expression"].space_id == b["expression"].space_id
    assert cycle_face().views["identity"].space_id is None


def test_float16_storage_is_a_space_of_its_own_and_loads_as_float32(tmp_path):
    weights.save(cycle_face(), tmp_path / "half", dtype="float16")
    loaded = facezoo.load(f"dir:{tmp_path / 'half'}", device="cpu")
    assert loaded.dtype == torch.float32
    assert load_file(tmp_path / "half" / "model.safetensors")["flow_decoder.to_flow.2.weight"].dtype == torch.float16
    assert all(row.passed for row in facezoo.verify(f"dir:{tmp_path / 'half'}", devices=["cpu"], dtypes=["float32"]))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda d: (d / "config.json").unlink(), "has no config.json"),
        (lambda d: (d / "model.safetensors").unlink(), "has no model.safetensors"),
        (lambda d: (d / "config.json").write_text("{"), "not a facezoo manifest"),
        (lambda d: edit(d, surprise=1), "surprise"),
        (lambda d: edit(d, config={"width": -1}), "width"),
        (lambda d: edit(d, config={"width": 0.125, "trunk": "trained", "depth": 3}), "depth"),
        (lambda d: edit(d, config={"width": 0.25, "trunk": "trained"}), "other shapes"),
        (lambda d: edit(d, config={"width": 0.125, "trunk": "trained", "stage": "expression"}), "unexpected: identity_"),
        (
            lambda d: (d / "model.safetensors").write_bytes((d / "model.safetensors").read_bytes()[:-50]),
            "not a whole safetensors",
        ),
        (lambda d: (d / "model.safetensors").write_bytes(b"junk"), "not a whole safetensors"),
    ],
)
def test_a_damaged_directory_is_refused(directory, damage, words):
    damage(directory)
    with pytest.raises(facezoo.WeightsError, match=words):
        facezoo.load(f"dir:{directory}", device="cpu")


def test_a_folder_that_is_not_there_and_one_too_high_are_told_apart(directory, tmp_path):
    with pytest.raises(facezoo.WeightsError, match="nowhere does not exist"):
        facezoo.load(f"dir:{tmp_path / 'nowhere'}")
    with pytest.raises(facezoo.WeightsError, match="is a file"):
        facezoo.load(f"dir:{directory / 'config.json'}")
    run = tmp_path / "run"
    run.mkdir()
    directory.rename(run / "model")
    with pytest.raises(facezoo.WeightsError, match="model has one: name that folder"):
        facezoo.load(f"dir:{run}")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 4, "does not begin like a file of torch.save"),
        (b"", "it is empty"),
        (b"PK\x03\x04" + bytes(300), "its end is missing; get the file again"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_not_accused_of_code(tmp_path, content, words):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(facezoo.WeightsError, match=words) as caught:
        weights.read_checkpoint(tmp_path / "file", "a checkpoint")
    assert "run code" not in str(caught.value)


def test_missing_tensors_are_listed(directory):
    tensors = load_file(directory / "model.safetensors")
    del tensors["flow_decoder.to_flow.2.weight"]
    save_file(tensors, directory / "model.safetensors")
    with pytest.raises(facezoo.WeightsError, match=r"missing: flow_decoder\.to_flow\.2\.weight"):
        facezoo.load(f"dir:{directory}", device="cpu")


def test_verify_notices_other_weights(directory):
    tensors = load_file(directory / "model.safetensors")
    tensors["identity_encoder.code.2.bias"] += 0.5
    save_file(tensors, directory / "model.safetensors")
    rows = facezoo.verify(f"dir:{directory}", devices=["cpu"], dtypes=["float32"])
    failed = {row.output for row in rows if not row.passed}
    assert "identity" in failed
    assert "expression" not in failed


def test_verify_needs_golden_outputs(directory):
    (directory / "golden.safetensors").unlink()
    with pytest.raises(facezoo.WeightsError, match=r"golden\.safetensors"):
        facezoo.verify(f"dir:{directory}")


def test_a_failed_save_leaves_what_was_there(directory):
    before = (directory / "model.safetensors").read_bytes()
    broken = cycle_face()
    with torch.no_grad():
        broken.flow_decoder.to_flow[2].weight[0] = float("nan")
    with pytest.raises(facezoo.WeightsError, match="not finite"):
        weights.save(broken, directory)
    assert (directory / "model.safetensors").read_bytes() == before
    assert [p.name for p in directory.parent.iterdir()] == [directory.name]


def test_a_save_replaces_an_older_component_and_nothing_else(directory, tmp_path):
    weights.save(cycle_face(seed=1), directory)
    assert torch.equal(
        facezoo.load(f"dir:{directory}", device="cpu").flow_decoder.to_flow[2].weight,
        cycle_face(seed=1).flow_decoder.to_flow[2].weight,
    )
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.txt").write_text("years of work")
    with pytest.raises(facezoo.WeightsError, match="holds other things"):
        weights.save(cycle_face(), tmp_path / "papers")
    assert (tmp_path / "papers" / "thesis.txt").exists()


def test_saving_twice_gives_the_same_bytes(tmp_path):
    one, other = (cycle_face_directory(tmp_path / name) for name in ("one", "other"))
    for name in ("config.json", "model.safetensors", "golden.safetensors", "README.md"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
