"""dln computes what the released code computes, through ``facezoo convert`` and ``facezoo.load``, and has its size."""

from __future__ import annotations

import json
import math

import pytest
import torch
from safetensors.torch import load_file
from torch.utils.flop_counter import FlopCounterMode

import facezoo
from facezoo.loader import relative_error
from facezoo.plugins import discover
from facezoo.specs import ComponentSpec, resolve
from facezoo_dln.config import DLNConfig
from facezoo_dln.convert import to_free_avatar
from facezoo_dln.model import DLN

LOGITS = 2 * (512 * 8631 + 8631)  # of both branches; unused
NORMS = 2 * (512 + 512)  # BN1 and BN2; unused


@pytest.fixture(scope="module")
def reference(shared_dir):
    return load_file(shared_dir / "parity" / "dln.io.safetensors")


@pytest.fixture(scope="module")
def faces(reference):
    return reference["pixels"].float() / 255


@pytest.mark.parametrize("view", ["deviation", "identity", "embedding"])
def test_agrees_with_the_release(released, reference, faces, view):
    with torch.inference_mode():
        assert relative_error(released.encode(faces, view), reference[view]) < 1e-5


def test_every_reference_output_is_compared(released, reference):
    assert set(reference) - {"pixels"} == set(released.views)


def test_what_is_dropped_is_named(converted):
    report = "\n".join(converted[1])
    for words in (
        "faceNet is the identity_branch; left out: logits.weight (8631, 512)",
        "R_net is the face_branch; left out: logits.weight (8631, 512)",
        "left out: BN1 (5 tensors)",
        "left out: BN2 (5 tensors)",
        "embedding of 16 values, polynomial of order 1",
    ):
        assert words in report
    assert all(line in (converted[0] / "README.md").read_text() for line in converted[1])


def test_spaces_are_named_and_apart(released):
    assert len({view.space_id for view in released.views.values()} - {None}) == 3


def test_reduced_precision_keeps_the_deviation(converted):
    """Both branches' codes are near 0.5: subtracted in bfloat16, little would be left."""
    rows = facezoo.verify(f"dir:{converted[0]}", devices=["cpu"], dtypes=["bfloat16"])
    assert {row.output for row in rows} == {"embedding", "deviation", "identity"}
    assert max(row.error for row in rows) < 0.02


def test_another_file_arrives_whole(parity, tmp_path):
    path = parity("dln", tmp_path / "other.pth", "another")
    convert = resolve(discover().get(ComponentSpec, "dln").converters["dln"], "a test")
    back = to_free_avatar(convert(path, {}).tensors)
    original = torch.load(path, weights_only=True, mmap=True)
    dropped = {name for name in original if name.startswith(("BN1.", "BN2.")) or ".logits." in name}
    assert set(back) == set(original) - dropped
    assert all(torch.equal(tensor, original[name]) for name, tensor in back.items())


def test_published_size():
    """55.83 M parameters with what the release has and never reads; the paper says 55.93 M."""
    with torch.device("meta"):
        component = DLN(DLNConfig())
    own = sum(parameter.numel() for parameter in component.parameters())
    assert own == 2 * 23_482_624 + 16 * 512 == 46_973_440
    assert own + LOGITS + NORMS == 55_830_894


def test_the_release_has_that_size(shared_dir):
    layout = json.loads((shared_dir / "parity" / "dln.layout.json").read_text())["state"]
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    assert sum(math.prod(shape) for name, (shape, _) in layout.items() if not name.endswith(statistics)) == 55_830_894


def test_published_work():
    """6.28 GMac in convolutions and linear layers for a face of 224 pixels (the paper says 6.32)."""
    with torch.device("meta"):
        component, prepared = DLN(DLNConfig()).eval(), torch.zeros(1, 3, 224, 224)
    with FlopCounterMode(display=False) as counter:
        component.embed(prepared, "embedding")
    assert counter.get_total_flops() / 2 == pytest.approx(6.281e9, rel=1e-3)
