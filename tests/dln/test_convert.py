"""A file that holds no DLN gets one clear sentence, and nothing is written."""

from __future__ import annotations

import pickle

import pytest
import torch

import facezoo
from facezoo_dln.config import DLNConfig
from facezoo_dln.convert import convert, to_free_avatar
from facezoo_dln.model import DLN


@pytest.fixture(scope="module")
def names():
    with torch.device("meta"):
        return {name: tensor.shape for name, tensor in DLN(DLNConfig()).state_dict().items()}


@pytest.fixture
def state(names):
    """A file's content in the release's layout: zeros, expanded so that they take no memory."""
    unused = {f"{norm}.{name}": (512,) for norm in ("BN1", "BN2") for name in ("weight", "bias", "running_mean", "running_var")}
    unused |= {f"{branch}.logits.weight": (8631, 512) for branch in ("faceNet", "R_net")}
    unused |= {f"{branch}.logits.bias": (8631,) for branch in ("faceNet", "R_net")}
    zeros = {name: torch.zeros(()).expand(shape) for name, shape in names.items()}
    return {**to_free_avatar(zeros), **{name: torch.zeros(()).expand(shape) for name, shape in unused.items()}}


def fails(state, tmp_path, words: str, **config) -> None:
    path = tmp_path / "file.pth"
    torch.save(state, path)
    with pytest.raises(facezoo.WeightsError, match=words) as caught:
        facezoo.convert("dln", path, tmp_path / "out", config)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert not list(tmp_path.glob("*out*"))


def read(state, tmp_path, **config):
    torch.save(state, tmp_path / "file.pth")
    return convert(tmp_path / "file.pth", config)


def test_every_parameter_has_one_name_here_and_there(names):
    there = to_free_avatar({name: torch.zeros(()) for name in names})
    assert len(there) == len(names)
    assert {name.partition(".")[0] for name in there} == {"faceNet", "R_net", "linear2"}


@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_layout_is_read_with_and_without_dataparallel(state, names, tmp_path, prefix):
    made = read({prefix + name: tensor for name, tensor in state.items()}, tmp_path)
    assert {name: tensor.shape for name, tensor in made.tensors.items()} == names
    assert made.config == DLNConfig()


def test_the_branches_are_not_swapped(state, tmp_path):
    state["faceNet.last_bn.bias"], state["R_net.last_bn.bias"] = torch.full((512,), 1.0), torch.full((512,), 2.0)
    tensors = read(state, tmp_path).tensors
    assert float(tensors["identity_branch.last_bn.bias"][0]) == 1
    assert float(tensors["face_branch.last_bn.bias"][0]) == 2


def test_the_layer_of_another_task_is_left_out_and_named(state, tmp_path):
    made = read({**state, "last_D.weight": torch.zeros(1, 512), "last_D.bias": torch.zeros(1)}, tmp_path)
    assert "left out: last_D (2 tensors), a layer of another task" in made.report


def test_a_file_without_what_is_unused_says_nothing_of_it(state, names, tmp_path):
    made = read({n: t for n, t in state.items() if not n.startswith("BN") and ".logits." not in n}, tmp_path)
    assert set(made.tensors) == set(names)
    assert not any("left out" in line for line in made.report)


def test_the_length_of_the_embedding_is_read_off_the_file(state, tmp_path):
    state["linear2.weight"] = torch.zeros(24, 512)
    assert read(state, tmp_path, image_size=112).config == DLNConfig(embedding_dim=24, image_size=112)


def test_files_of_another_kind(tmp_path):
    class Attack:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    (tmp_path / "bad.pth").write_bytes(pickle.dumps({"linear2.weight": Attack()}, protocol=2))
    with pytest.raises(facezoo.WeightsError, match="run code"):
        facezoo.convert("dln", tmp_path / "bad.pth", tmp_path / "out")
    assert not (tmp_path / "owned").exists()
    with pytest.raises(facezoo.WeightsError, match="no file"):
        facezoo.convert("dln", tmp_path / "nowhere.pth", tmp_path / "out")
    fails(torch.zeros(3), tmp_path, "no DLN checkpoint.*is Tensor")
    fails({}, tmp_path, "no DLN checkpoint.*is empty")
    fails({"state_dict": {"a": torch.zeros(1)}}, tmp_path, "no DLN checkpoint.*is state_dict")
    fails({"logits.weight": torch.zeros(1)}, tmp_path, r"lacks R_net\.\*, faceNet\.\*, linear2\.\* and has logits\.\*")


def test_truncated(state, tmp_path):
    torch.save(state, tmp_path / "whole.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:20_000])
    with pytest.raises(facezoo.WeightsError, match="truncated or of another kind"):
        facezoo.convert("dln", tmp_path / "cut.pth", tmp_path / "out")


def test_the_single_network_that_was_distilled_from_it_is_not_mistaken(state, tmp_path):
    student = {name.removeprefix("R_net."): tensor for name, tensor in state.items() if name.startswith("R_net.")}
    fails({**student, "linear1.weight": torch.zeros(16, 512)}, tmp_path, r"lacks R_net\.\*, faceNet\.\*, linear2\.\*")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"R_net.last_linear.weight": None}, r"R_net.*last_linear\.weight"),
        ({"faceNet.extra.weight": torch.zeros(1)}, r"faceNet.*extra\.weight"),
        ({"faceNet.last_bn.bias": torch.zeros(7)}, r"faceNet.*last_bn\.bias has shape \(7,\)"),
        ({"linear2.bias": torch.zeros(16)}, "linear2 has bias, weight"),
        ({"linear2.weight": torch.zeros(16, 256)}, r"linear2\.weight has shape \(16, 256\), expected \(16, 512\)"),
        ({"linear3.weight": torch.zeros(16, 16)}, r"does not have: linear3\.\*.*Known are BN1\.\*"),
    ],
)
def test_missing_odd_and_misshapen_parameters(state, tmp_path, change, words):
    changed = {name: tensor for name, tensor in {**state, **change}.items() if tensor is not None}
    fails(changed, tmp_path, words)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"polynomial_order": 3}, "of polynomial_order 1, and the configuration asks for 3"),
        ({"embedding_dim": 8}, "of embedding_dim 16, and the configuration asks for 8"),
        ({"backbone": "timm:test_resnet"}, "of backbone 'inception-resnet-v1'"),
        ({"image_size": 40}, "at least 75 pixels"),
    ],
)
def test_a_configuration_that_such_a_file_cannot_fill(state, tmp_path, config, words):
    fails(state, tmp_path, words, **config)


def test_a_value_that_there_is_not_is_no_fault_of_the_file(state, tmp_path):
    torch.save(state, tmp_path / "file.pth")
    with pytest.raises(facezoo.WeightsError, match="--config.*no value imagesize; close to it is image_size"):
        facezoo.convert("dln", tmp_path / "file.pth", tmp_path / "out", {"imagesize": 160})
    assert not (tmp_path / "out").exists()
