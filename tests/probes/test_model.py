"""The component: conformance, its door, and what a saved probe carries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import facezoo
from facezoo import weights
from facezoo.components import Requirement
from facezoo.errors import InputError, WeightsError
from facezoo.plugin import check_component, check_plugin
from facezoo_probes.config import LinearProbeConfig
from facezoo_probes.model import LinearProbe
from tests import untrained


def made(**values: object) -> LinearProbe:
    return weights.create(untrained.spec("linear-probe"), LinearProbeConfig(**values)).trainable_(False)  # pyright: ignore


@pytest.mark.parametrize("output", ["logits", "values"])
def test_an_untrained_probe_keeps_the_contract(output: str):
    check_component(made(output=output, input_dim=12, outputs=3))


def test_a_fitted_probe_keeps_the_contract(emotion_probe: Path, pose_probe: Path):
    check_component(f"dir:{emotion_probe}")
    check_component(f"dir:{pose_probe}")


def test_the_plugin_keeps_the_contract():
    check_plugin("probes")


def test_what_was_computed_when_it_was_saved_is_computed_again(emotion_probe: Path):
    assert all(row.passed for row in facezoo.verify(f"dir:{emotion_probe}"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (torch.zeros(2, 13), r"\(B, 12\) float, not \(2, 13\)"),
        (torch.zeros(12), r"embedding\[None\]"),
        (torch.zeros(2, 12, dtype=torch.int64), "int64"),
        ([[0.0] * 12], "not list"),
    ],
)
def test_other_vectors_are_refused(given: object, message: str):
    with pytest.raises(InputError, match=message):
        made(input_dim=12)(given)


def test_no_embeddings_give_no_answers():
    assert made(input_dim=12, outputs=3)(torch.zeros(0, 12)).shape == (0, 3)


def test_a_saved_probe_carries_names_units_and_space(tmp_path: Path):
    probe = made(input_dim=4, outputs=2, output="values", name="mood")
    probe.labels, probe.units = ("valence", "arousal"), ""
    probe.requires = Requirement("facenet-x", "identity", "0123456789ab")
    probe.set_layer(torch.arange(8.0).view(2, 4), torch.tensor([1.0, -1.0]))
    weights.save(probe, tmp_path / "probe")
    again = facezoo.load(f"dir:{tmp_path / 'probe'}", device="cpu")
    assert (again.labels, again.units, again.requires) == (probe.labels, "", probe.requires)
    assert again.output == "values" and again.config.name == "mood"
    assert torch.equal(again(torch.ones(1, 4)), torch.tensor([[7.0, 21.0]]))


def test_a_configuration_that_says_neither_logits_nor_values_is_refused(emotion_probe: Path, tmp_path: Path):
    manifest = json.loads((emotion_probe / "config.json").read_text())
    manifest["config"]["output"] = "probabilities"
    (tmp_path / "config.json").write_text(json.dumps(manifest))
    (tmp_path / "model.safetensors").symlink_to(emotion_probe / "model.safetensors")
    with pytest.raises(WeightsError, match="probabilities"):
        facezoo.load(f"dir:{tmp_path}", device="cpu")
