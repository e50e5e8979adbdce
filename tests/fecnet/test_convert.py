"""A file that holds no FECNet gets one clear sentence, and nothing is written."""

from __future__ import annotations

import pytest
import torch

import facezoo
from facezoo.weights import apply_renames
from facezoo_fecnet.convert import NAMES, convert, to_facezoo
from facezoo_fecnet.model import Fecnet, FecnetConfig


@pytest.fixture(scope="module")
def state():
    """The release's state dictionary of zeros: expanded, so that it takes no memory."""
    with torch.device("meta"):
        tensors = Fecnet(FecnetConfig()).state_dict()
    names = apply_renames(tensors, NAMES, backwards=True)
    return {names[n]: torch.zeros((), dtype=t.dtype).expand(t.shape) for n, t in tensors.items()}


def fails(path, tmp_path, words: str) -> None:
    with pytest.raises(facezoo.WeightsError, match=words) as caught:
        facezoo.convert("fecnet", path, tmp_path / "out")
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    assert not list(tmp_path.glob("*out*"))


def test_the_table_is_a_bijection(state):
    there = apply_renames(state, NAMES)
    back = apply_renames(there.values(), NAMES, backwards=True)
    assert [back[there[name]] for name in state] == list(state)


def test_files_of_another_kind(tmp_path):
    (tmp_path / "empty.pt").touch()
    torch.save({"state_dict": {}}, tmp_path / "nested.pt")
    torch.save({"last_bn.bias": torch.zeros(3), "dense.features.conv0.weight": torch.zeros(3)}, tmp_path / "facenet.pt")
    fails(tmp_path / "empty.pt", tmp_path, "not an AmirSh15/FECNet checkpoint")
    fails(tmp_path / "nested.pt", tmp_path, "no state dictionary.*it has state_dict")
    fails(tmp_path / "facenet.pt", tmp_path, "its names begin with Inc and dense, these with dense, last_bn")


def test_missing_odd_and_misshapen_tensors(state, tmp_path):
    def changed(**tensors):
        torch.save({k: v for k, v in {**state, **tensors}.items() if v is not None}, tmp_path / "x.pt")
        return tmp_path / "x.pt"

    fails(changed(**{"Inc.last_bn.bias": None}), tmp_path, "lacks 1, the first being last_bn.bias")
    fails(changed(**{"dense.classifier.2.bias": None}), tmp_path, "lacks 1 parameters.*dense.embedding.bias")
    fails(changed(**{"dense.classifier.4.bias": torch.zeros(1)}), tmp_path, "not laid out as released.*dense.classifier.4.bias")
    fails(
        changed(**{"dense.classifier.2.bias": torch.zeros(9)}), tmp_path, r"dense\.embedding\.bias has shape \(9,\), .*\(16,\)"
    )


def test_prefixes_and_values(state, tmp_path):
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, tmp_path / "parallel.pt")
    made = convert(tmp_path / "parallel.pt", {"image_size": 160, "l2_normalize": True})
    assert (made.config.image_size, made.config.l2_normalize) == (160, True)
    assert set(made.tensors) == set(to_facezoo(state, "x")[0])
    with pytest.raises(facezoo.WeightsError, match="growth cannot be chosen"):
        convert(tmp_path / "parallel.pt", {"growth": 32})
