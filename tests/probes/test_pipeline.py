"""A head at work: what it says of faces, under which names, and that no other space is read with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import facezoo
from facezoo import weights
from facezoo.components import Requirement
from facezoo.errors import IncompatibleError
from facezoo.evaluation import softmax
from facezoo.plugin import check_pipeline
from facezoo.tables import open_table
from facezoo_probes.config import LinearProbeConfig
from tests import tiny, untrained


def head(encoder: Any, names: tuple[str, ...], units: str | None = None, **config: Any) -> Any:
    """A probe with made-up weights on the encoder's expression view."""
    view = encoder.views["expression"]
    values = {"input_dim": view.dim, "outputs": len(names), "output": "logits" if units is None else "values", **config}
    probe: Any = weights.create(untrained.spec("linear-probe"), LinearProbeConfig(**values)).trainable_(False)
    probe.labels, probe.units, probe.requires = names, units, Requirement("encoder-a", "expression", view.space_id)
    generator = torch.Generator().manual_seed(0)
    probe.set_layer(torch.randn(len(names), view.dim, generator=generator), torch.zeros(len(names)))
    return probe


def pipe_of(encoder: Any, probe: Any, name: str = "linear-probe") -> Any:
    return facezoo.pipeline(name, detector=untrained.FixedDetector(), encoder=encoder, head=probe, device="cpu")


def test_the_pipeline_keeps_the_contract(loaded: Any):
    check_pipeline(pipe_of(loaded, head(loaded, ("with", "without"), name="glasses")))


def test_a_fitted_probe_tells_emotions(emotion_probe: Path, loaded: Any, emotions: Path):
    pipe = pipe_of(loaded, f"dir:{emotion_probe}")
    results = pipe(emotions / "validation" / "happiness", cropped=True)
    assert np.mean([result.faces[0].emotions.label == "happiness" for result in results]) > 0.6
    assert not results[0].faces[0].scores


def test_a_fitted_probe_tells_pose_as_the_core_does(pose_probe: Path, loaded: Any):
    picture = untrained.portrait()
    own, core = (pipe_of(loaded, f"dir:{pose_probe}", name)(picture).faces[0] for name in ("linear-probe", "head-pose"))
    assert own.pose == core.pose and own.pose is not None


def test_probabilities_of_own_classes_are_the_softmax_of_the_logits(loaded: Any, tmp_path: Path):
    probe = head(loaded, ("with", "without", "sun"), name="glasses")
    pipe = pipe_of(loaded, probe)
    result = pipe(untrained.portrait())
    [face] = result.faces
    code = loaded.encode(torch.from_numpy(face.crop.copy()).permute(2, 0, 1)[None].float() / 255, "expression")
    wanted = softmax(probe(code).numpy())[0]
    given = face.scores["glasses"].probabilities
    assert list(given) == ["with", "without", "sun"]
    assert np.allclose(list(given.values()), wanted, atol=2e-2)  # the crop was rounded to bytes
    [row] = result.rows()
    assert row["glasses"] == face.scores["glasses"].label and row["p_glasses_sun"] == given["sun"]
    assert json.loads(result.to_json())["faces"][0]["scores"]["glasses"]["probabilities"] == given
    with open_table(tmp_path / "faces.csv") as table:
        table.add(result)
    assert "p_glasses_without" in (tmp_path / "faces.csv").read_text().splitlines()[0]


def test_values_come_with_their_units(loaded: Any):
    result = pipe_of(loaded, head(loaded, ("age", "sleep"), "years"))(untrained.portrait())
    [face] = result.faces
    assert face.pose is None and list(face.values) == ["age", "sleep"]
    assert face.values["age"].units == "years" and float(face.values["age"]) == face.values["age"].value
    assert result.rows()[0]["sleep"] == face.values["sleep"].value
    assert result.to_dict()["faces"][0]["values"]["age"] == {"value": face.values["age"].value, "units": "years"}


def test_a_value_that_is_called_like_a_column_does_not_replace_it(loaded: Any):
    result = pipe_of(loaded, head(loaded, ("score", "time"), ""))(untrained.portrait())
    [row] = result.rows()
    assert row["score"] == result.faces[0].score and row["time"] is None
    assert row["value_score"] == result.faces[0].values["score"].value and "value_time" in row


def test_angles_in_other_units_are_no_pose(loaded: Any):
    [face] = pipe_of(loaded, head(loaded, ("yaw", "pitch", "roll"), "radians"))(untrained.portrait()).faces
    assert face.pose is None and face.values["yaw"].units == "radians"


def test_any_plugins_head_can_be_used(loaded: Any):
    other: Any = weights.create(tiny.spec_of(tiny.TinyHead, "head"), tiny.TinyConfig(dim=256)).trainable_(False)
    other.requires = Requirement("x", "expression", loaded.views["expression"].space_id)
    [face] = pipe_of(loaded, other)(untrained.portrait()).faces
    assert face.emotions is not None and list(face.emotions.probabilities) == ["neutral", "happiness"]


@pytest.mark.parametrize("name", ["linear-probe", "head-pose"])
def test_other_weights_of_the_same_architecture_are_refused(loaded: Any, tmp_path: Path, name: str):
    other: Any = facezoo.load(f"dir:{untrained.cycle_face_directory(tmp_path / 'other', seed=1)}", device="cpu")
    spaces = [encoder.views["expression"].space_id for encoder in (loaded, other)]
    with pytest.raises(IncompatibleError, match=f"encoder-a.*{spaces[0]}.*{spaces[1]}.*encoder='encoder-a'"):
        pipe_of(other, head(loaded, ("yaw", "pitch", "roll"), "degrees"), name)


def test_another_view_and_another_encoder_are_refused(loaded: Any):
    probe = head(loaded, ("a", "b"))
    probe.requires = Requirement("encoder-a", "identity", probe.requires.space_id)  # a space of another view
    with pytest.raises(IncompatibleError, match="view identity"):
        pipe_of(loaded, probe)
    probe.requires = Requirement("facenet-b", "embedding", "0123456789ab")
    with pytest.raises(IncompatibleError, match=r"facenet-b, view embedding \(space 0123456789ab\).*no such view"):
        pipe_of(loaded, probe)


def test_a_probe_that_was_never_fitted_is_refused(loaded: Any):
    probe = head(loaded, ("a", "b"))
    probe.requires = None
    with pytest.raises(IncompatibleError, match="does not say on which encoder"):
        pipe_of(loaded, probe)


def test_a_probe_brings_the_encoder_that_it_was_fitted_on(emotion_probe: Path, encoder: str):
    pipe = facezoo.pipeline("linear-probe", head=f"dir:{emotion_probe}", device="cpu")
    assert pipe.encoder.provenance.id == encoder != "cycle-face-nano"


def test_an_encoder_that_is_named_is_not_replaced(emotion_probe: Path, encoder: str):
    with pytest.raises(IncompatibleError, match=f"encoder='{encoder}'"):
        facezoo.pipeline("linear-probe", head=f"dir:{emotion_probe}", encoder="cycle-face-nano", device="cpu")


def test_two_heads_share_one_detection(loaded: Any, pose_probe: Path):
    detector = untrained.FixedDetector()
    emotions = head(loaded, ("with", "without"), name="glasses")
    both = facezoo.pipeline(["linear-probe", "identity-embedding"], detector=detector, encoder=loaded, head=emotions)
    [face] = both(untrained.portrait()).faces
    assert set(face.scores) == {"glasses"} and set(face.embeddings) == {"identity"}
    assert detector.pictures == [1]
