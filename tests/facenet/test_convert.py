"""A file that holds no facenet gets one clear sentence, and nothing is written."""

from __future__ import annotations

import pickle

import pytest
import torch

import facezoo
from facezoo_facenet.convert import convert
from facezoo_facenet.model import take_trunk, trunk_layout


@pytest.fixture(scope="module")
def state():
    """A trunk of zeros: expanded, so that it takes no memory."""
    zero, none = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.int64)
    return {name: zero.expand(shape) if shape else none for name, shape in trunk_layout().items()}


def fails(path, tmp_path, words: str) -> None:
    with pytest.raises(facezoo.WeightsError, match=words) as caught:
        facezoo.convert("facenet", path, tmp_path / "out")
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    assert not list(tmp_path.glob("*out*"))


def test_files_of_another_kind(tmp_path):
    class Attack:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    (tmp_path / "bad.pt").write_bytes(pickle.dumps({"logits.bias": Attack()}, protocol=2))
    (tmp_path / "empty.pt").touch()
    torch.save({}, tmp_path / "nothing.pt")
    torch.save(torch.zeros(3), tmp_path / "tensor.pt")
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / "nested.pt")
    torch.save({"model.1.weight": torch.zeros(3)}, tmp_path / "other.pt")
    torch.save({1: torch.zeros(3)}, tmp_path / "numbers.pt")
    fails(tmp_path / "bad.pt", tmp_path, "run code")
    assert not (tmp_path / "owned").exists()
    fails(tmp_path / "empty.pt", tmp_path, "not a facenet-pytorch checkpoint")
    fails(tmp_path / "nowhere.pt", tmp_path, "no file")
    fails(tmp_path / "nothing.pt", tmp_path, "it has nothing")
    fails(tmp_path / "tensor.pt", tmp_path, "no state dictionary.*it has Tensor")
    fails(tmp_path / "nested.pt", tmp_path, "no state dictionary.*it has state_dict")
    fails(tmp_path / "numbers.pt", tmp_path, "no state dictionary")
    fails(tmp_path / "other.pt", tmp_path, r"lacks 714.*do not belong there, the first being model\.1\.weight")


@pytest.mark.parametrize("classes", [None, 8631, 10575, 7])
def test_any_classifier_is_left_out(state, classes):
    logits = {"logits.weight": torch.zeros(classes, 512), "logits.bias": torch.zeros(classes)} if classes else {}
    tensors, report = take_trunk({**state, **logits}, "x.pt")
    assert list(tensors) == list(trunk_layout())
    assert [f"({classes}, 512)" in line for line in report] == ([True] if classes else [])
    assert tensors["last_linear.weight"].dtype == torch.float32
    assert tensors["last_bn.num_batches_tracked"].dtype == torch.int64


def test_missing_and_misshapen_tensors(state):
    with pytest.raises(
        facezoo.WeightsError, match=r"x\.pt.*of its 714 tensors it lacks 1, the first being block8\.conv2d\.bias"
    ):
        take_trunk({name: tensor for name, tensor in state.items() if name != "block8.conv2d.bias"}, "x.pt")
    with pytest.raises(facezoo.WeightsError, match=r"last_linear\.weight has shape \(128, 1792\), expected \(512, 1792\)"):
        take_trunk({**state, "last_linear.weight": torch.zeros(128, 1792)}, "x.pt")


def test_counters_that_old_files_lack_are_zero(state):
    old = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    tensors, report = take_trunk(old, "x.pt")
    assert list(tensors) == list(trunk_layout()) and any("counters of batches" in line for line in report)


def test_dataparallel_prefixes_are_understood(state, tmp_path):
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, tmp_path / "parallel.pt")
    made = convert(tmp_path / "parallel.pt", {"image_size": 224})
    assert set(made.tensors) == {f"trunk.{name}" for name in state} and made.config.image_size == 224
    for odd, words in (({"backbone": "timm:test_resnet"}, "not timm:test_resnet"), ({"image_size": 20}, "at least 75")):
        with pytest.raises(facezoo.WeightsError, match=words):
            convert(tmp_path / "parallel.pt", odd)


@pytest.mark.parametrize(("model", "people"), [("facenet-vggface2", 8631), ("facenet-casia-webface", 10575)])
def test_the_file_of_another_training_set_is_not_imported(state, model, people, tmp_path, monkeypatch):
    monkeypatch.setenv("FACEZOO_HOME", str(tmp_path / "home"))
    other = {8631: 10575, 10575: 8631}[people]
    for logits in ({"logits.weight": torch.zeros(1).expand(other, 512)}, {"logits.bias": torch.zeros(other)}):
        torch.save({**state, **logits}, tmp_path / "other.pt")
        with pytest.raises(facezoo.WeightsError, match=rf"trained on {other} people \(.*not on {people} people"):
            facezoo.import_weights(model, tmp_path / "other.pt")
        assert facezoo.info(model)["availability"] != "here"


def test_a_file_without_classifier_is_taken_on_trust_and_says_so(state, tmp_path):
    torch.save(state, tmp_path / "bare.pt")
    told = " ".join(convert(tmp_path / "bare.pt", {"classes": 8631}).report)
    assert "trained on 8631 people (VGGFace2): taken on trust" in told
    torch.save({**state, "logits.bias": torch.zeros(8631)}, tmp_path / "whole.pt")
    assert "on trust" not in " ".join(convert(tmp_path / "whole.pt", {"classes": 8631}).report)
    assert "on trust" not in " ".join(convert(tmp_path / "bare.pt", {}).report)
