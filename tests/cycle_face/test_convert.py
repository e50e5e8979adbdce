"""A checkpoint that cannot be converted gets one clear sentence, and nothing is written."""

from __future__ import annotations

import pickle
from collections import OrderedDict

import pytest
import torch

import facezoo
from facezoo.weights import apply_renames
from facezoo_cycle_face.convert import ENCODER, EXPRESSION, FLOW, IDENTITY, to_facecycle, to_facezoo
from tests.untrained import cycle_face


def released(component) -> dict:
    """A component's weights in the authors' layout."""
    return to_facecycle({name: tensor.clone() for name, tensor in component.state_dict().items()})


@pytest.fixture(scope="module")
def full_size():
    return cycle_face(width=1.0, trunk="vgg19-frozen")


def fails(path, tmp_path, words: str) -> None:
    with pytest.raises(facezoo.WeightsError, match=words) as caught:
        facezoo.convert("facecycle", path, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("table", [ENCODER, FLOW, EXPRESSION, IDENTITY])
def test_rename_tables_are_bijections(table, full_size):
    role = {id(ENCODER): "expression_encoder", id(FLOW): "flow_decoder", id(EXPRESSION): "expression_decoder"}
    network = full_size.get_submodule(role.get(id(table), "identity_decoder"))
    ours = list(network.state_dict())
    theirs = apply_renames(ours, table, backwards=True)
    assert len(set(theirs.values())) == len(ours)
    there_and_back = apply_renames(theirs.values(), table)
    assert [there_and_back[theirs[name]] for name in ours] == ours


def test_a_stage_1_file_gives_a_model_without_identity(full_size, tmp_path):
    state = {k: v for k, v in released(full_size).items() if k not in ("idcodegen", "Swap_Norm")}
    torch.save(state, tmp_path / "ExpCode_19.tar")
    directory, report = facezoo.convert("facecycle", tmp_path / "ExpCode_19.tar", tmp_path / "component")
    component = facezoo.load(f"dir:{directory}", device="cpu")
    assert list(component.views) == ["expression", "features"]
    assert any("stage 1" in line for line in report)
    faces = torch.rand(1, 3, 64, 64)
    assert component.reconstruct(faces).shape == (1, 3, 64, 64)
    with pytest.raises(facezoo.IncompatibleError, match="stage 1"):
        component.mean_face(faces)
    with pytest.raises(facezoo.IncompatibleError, match="stage 1"):
        component.reconstruct(faces, level="identity")


def test_dataparallel_prefixes_are_understood(full_size):
    state = {n: OrderedDict((f"module.{k}", v) for k, v in s.items()) for n, s in released(full_size).items()}
    assert set(to_facezoo(state, "x")) == set(full_size.state_dict())


def test_truncated(full_size, tmp_path):
    torch.save(released(full_size), tmp_path / "a.tar")
    cut = tmp_path / "cut.tar"
    cut.write_bytes((tmp_path / "a.tar").read_bytes()[:100_000])
    fails(cut, tmp_path, "truncated or of another kind")


def test_empty_and_missing(tmp_path):
    (tmp_path / "empty.tar").touch()
    fails(tmp_path / "empty.tar", tmp_path, "not a FaceCycle checkpoint")
    fails(tmp_path / "nowhere.tar", tmp_path, "no file")


def test_a_pickle_with_code_is_never_run(tmp_path):
    class Attack:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    (tmp_path / "bad.tar").write_bytes(pickle.dumps({"codegeneration": Attack()}, protocol=2))
    torch.save({"codegeneration": Attack()}, tmp_path / "bad2.tar")
    for name in ("bad.tar", "bad2.tar"):
        fails(tmp_path / name, tmp_path, "run code")
    assert not (tmp_path / "owned").exists()


def test_another_method(tmp_path):
    torch.save({"model.1.weight": torch.zeros(3)}, tmp_path / "other.tar")
    fails(tmp_path / "other.tar", tmp_path, "no FaceCycle checkpoint")
    torch.save(torch.zeros(3), tmp_path / "tensor.tar")
    fails(tmp_path / "tensor.tar", tmp_path, "no FaceCycle checkpoint")


def test_missing_and_misshapen_parameters(full_size, tmp_path):
    state = released(full_size)
    del state["exptoflow"]["toflow4.3.weight"]
    torch.save(state, tmp_path / "missing.tar")
    fails(tmp_path / "missing.tar", tmp_path, r"lacks 1 parameters.*flow_decoder\.to_flow\.2\.weight")
    state = released(full_size)
    state["idcodegen"]["expresscode.2.bias"] = torch.zeros(7)
    torch.save(state, tmp_path / "odd.tar")
    fails(tmp_path / "odd.tar", tmp_path, r"identity_encoder\.code\.2\.bias has shape \(7,\)")


def test_unknown_format_names_the_known_ones(tmp_path):
    with pytest.raises(facezoo.UnknownNameError, match="facecycle"):
        facezoo.convert("facecycl", tmp_path / "x", tmp_path / "out")
