"""The recipe of the expression manipulator: what a run leaves, goes on from, and refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import default_collate

import facezoo
from facezoo.labels import SEVEN_EMOTIONS, Emotion
from facezoo.plugin import DatasetError, InputError, Moment
from facezoo.training import checkpoints, run
from facezoo_pix2pixhd import material, train
from facezoo_pix2pixhd.losses import VGGDistance
from facezoo_pix2pixhd.settings import ManipulatorTraining
from facezoo_pix2pixhd.train import ManipulatorRecipe
from tests import madeup
from tests.untrained import FixedDetector

TINY = {"image_size": 64, "width": 4, "downs": 2, "blocks": 1, "condition": "modulated", "output": "blend"}
EDITS = {
    "perceptual": 0, "pixel": 10, "moving": 10, "own": 10, "expression": 1, "identity": 1, "cycle": 1, "mask": 1,
    "area": 0.1, "smooth": 0.1,
}  # fmt: skip
PAIRS: dict[str, Any] = {
    "readers": ["csv"], "model": TINY, "weights": {**EDITS, "identity": 0}, "discriminator": {"width": 4, "depth": 1},
    "open_share": 0.5, "own_share": 0.2, "strangers_share": 0.2, "device": "cpu", "batch_size": 4, "rate": 1e-3, "seed": 3,
}  # fmt: skip
BOTH = {**PAIRS, "portraits": "folder", "identity_encoder": "facenet-nano", "weights": EDITS}
LONG = {**BOTH, "epochs": 4, "ema": 0.9, "validate_every": 4, "pictures_every": 9, "checkpoint_every": 4}
WITHOUT_MODEL = {name: value for name, value in BOTH.items() if name != "model"}

RUN = """
import json, sys, torch
from facezoo.training import run
torch.set_num_threads(1)
run("expression-manipulator", sys.argv[1], sys.argv[2], config=json.loads(sys.argv[3]), quiet=True)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs as ``csv``, portraits as ``folder``: 14 faces of two people and six portraits to train on."""
    root = tmp_path_factory.mktemp("data")
    madeup.shots(root / "csv")
    madeup.person_folders(root / "folder", ("train", "test"), persons=3, each=2)
    return root


@pytest.fixture(scope="module")
def first(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of four epochs of three steps."""
    output = tmp_path_factory.mktemp("runs") / "first"
    run("expression-manipulator", data, output, config=LONG, quiet=True)
    return output


def recipe_of(data: Path, **values: Any) -> ManipulatorRecipe:
    return ManipulatorRecipe(ManipulatorTraining(**values), data)


def moment(epoch: int = 0, step: int = 0, steps: int = 10) -> Moment:
    return Moment(step, epoch, 0, 1, steps, torch.Generator().manual_seed(0))


def lines(output: Path) -> list[dict]:
    path = output / "losses.jsonl"
    return [json.loads(line) for line in (path.read_text() if path.is_file() else "").splitlines() if line.endswith("}")]


def test_a_run_leaves_a_manipulator_that_knows_its_encoder_and_emotions(first: Path):
    model, encoder = facezoo.load(f"dir:{first / 'model'}", device="cpu"), facezoo.load("dln-nano", device="cpu")
    assert (model.requires.encoder, model.requires.view) == ("dln-nano", "embedding")
    assert model.requires.space_id == encoder.views["embedding"].space_id
    smile = madeup.face(madeup.EXPRESSIONS[Emotion.HAPPINESS], 9, 80)
    happy = encoder.encode(torch.from_numpy(smile / 255).float().permute(2, 0, 1)[None])
    near = (torch.stack([model.expression_of(e) for e in SEVEN_EMOTIONS]) - happy).norm(dim=1)
    assert SEVEN_EMOTIONS[int(near.argmin())] == Emotion.HAPPINESS
    assert float(model.expression_deviation.min()) > 0 and float(model.expression_deviation.max()) < 1
    assert model.manipulate(torch.rand(2, 3, 64, 64), happy).shape == (2, 3, 64, 64)
    card = (first / "model" / "README.md").read_text()
    assert "`expression-manipulator`" in card and "14 pictures in 2 shots" in card and "and 6 portraits" in card
    assert any(name.startswith("scales.1") for name in load_file(first / "discriminator.safetensors"))


def test_a_run_learns_and_measures_itself_on_other_people(first: Path):
    totals = [line["total"] for line in lines(first)]
    assert len(totals) == 12 and np.mean(totals[-3:]) < 0.9 * np.mean(totals[:3])
    [validation] = [json.loads(line) for line in (first / "validation.jsonl").read_text().splitlines()]
    names = {"expression_ratio", "halved", "own_psnr", "identity", "identity_kept"}
    assert set(validation["figures"]) == {*names, "true_gain", *(f"portraits_{name}" for name in names)}
    assert list((first / "tensorboard").iterdir())


def test_a_killed_run_continues_with_the_losses_of_an_unbroken_one(data: Path, first: Path, tmp_path: Path):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", RUN, str(data), str(tmp_path / "run"), json.dumps(LONG)]
    broken = subprocess.Popen(words, env=environment)
    deadline = time.monotonic() + 300
    while len(lines(tmp_path / "run")) < 5:
        assert broken.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    broken.send_signal(signal.SIGKILL)
    broken.wait()
    saved = checkpoints.found(tmp_path / "run" / "checkpoints")
    assert saved and len(lines(tmp_path / "run")) < 12
    assert int(saved[-1].name.removeprefix("step-")) % 3  # in mid-epoch
    run("expression-manipulator", data, tmp_path / "run", config=LONG, resume=True, quiet=True)
    assert lines(tmp_path / "run") == lines(first)  # every loss of both networks, to the last bit
    for name in ("model/model.safetensors", "discriminator.safetensors", "validation.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (first / name).read_bytes()


def test_a_run_goes_on_from_another_with_both_networks(data: Path, first: Path):
    recipe = recipe_of(data, **WITHOUT_MODEL, start=str(first))
    assert recipe.discriminator is not None
    for network, name in ((recipe.component, "model/model.safetensors"), (recipe.discriminator, "discriminator.safetensors")):
        stored = load_file(first / name)
        assert all(torch.equal(tensor, stored[name]) for name, tensor in network.state_dict().items())
    assert any("The discriminator goes on" in note for note in recipe.notes())
    other = {**WITHOUT_MODEL, "discriminator": {"width": 6}, "start": str(first / "model")}
    assert any("begins anew: the one beside the start has other layers" in note for note in recipe_of(data, **other).notes())
    with pytest.raises(InputError, match=r"was trained with embeddings of dln-nano .*name that encoder"):
        recipe_of(data, **WITHOUT_MODEL, start=str(first), encoder="cycle-face-nano")


def test_the_local_stage_puts_enhancers_around_a_global_generator_and_leaves_it_alone_at_first(data: Path, first: Path):
    values = {name: value for name, value in PAIRS.items() if name != "model"}
    local = {"stage": "local", "start": str(first), "local_blocks": 1, "fix_global": 1}
    recipe = recipe_of(data / "csv", **values, **local)
    config = recipe.component.config
    assert (config.image_size, config.width, config.enhancers, recipe.component.contract.size) == (128, 2, 1, (128, 128))
    stored, state = load_file(first / "model" / "model.safetensors"), recipe.component.state_dict()
    base = {n.replace("network.", "network.base.", 1): t for n, t in stored.items() if not n.startswith("network.head")}
    base = {n: t for n, t in base.items() if n.startswith("network.")}
    assert len(base) > 8 and all(torch.equal(state[n], t) for n, t in base.items())
    batch = default_collate([recipe.dataset()[i] for i in range(2)])
    optimizer = recipe.optimizers()["generator"]
    for epoch, free in ((0, False), (1, True)):
        optimizer.zero_grad()
        torch.stack(list(recipe.losses(batch, "generator", moment(epoch)).values())).sum().backward()
        optimizer.step()
        state = recipe.component.state_dict()
        assert free != all(torch.equal(state[n], t) for n, t in base.items())


def test_each_turn_moves_its_own_network_only(data: Path):
    recipe = recipe_of(data, **BOTH)
    batch = default_collate([recipe.dataset()[i] for i in range(4)])
    for turn, idle in (("generator", recipe.discriminator), ("discriminator", recipe.component)):
        for network in (recipe.component, recipe.discriminator):
            network.zero_grad()
        torch.stack(list(recipe.losses(batch, turn, moment()).values())).sum().backward()
        assert all(p.grad is None for p in idle.parameters())


def test_the_rate_is_constant_and_then_falls_to_nothing_along_a_line(data: Path):
    recipe = recipe_of(data / "csv", **PAIRS, constant_share=0.5)
    assert [recipe.learning_rate("generator", moment(step=n)) for n in (0, 5, 8)] == pytest.approx([1e-3, 1e-3, 4e-4])
    recipe = recipe_of(data / "csv", **PAIRS, constant_share=1.0)
    assert recipe.learning_rate("discriminator", moment(step=9)) == 1e-3


def test_without_vgg19_the_perceptual_term_is_a_remark_and_with_it_a_loss(monkeypatch, data: Path):
    monkeypatch.setattr(train.VGGDistance, "from_timm", lambda: None)
    usual = {**PAIRS, "weights": {**EDITS, "identity": 0, "perceptual": 10}}
    assert any("The perceptual term is off" in note for note in recipe_of(data / "csv", **usual).notes())
    alone = {**usual, "weights": {"gan": 0, "feature": 0, "perceptual": 10}, "own_share": 0.0, "strangers_share": 0.0}
    del alone["discriminator"]
    with pytest.raises(InputError, match="Nothing would be learned"):
        recipe_of(data / "csv", **alone)
    layers = VGGDistance(nn.Sequential(nn.Conv2d(3, 4, 3), *(nn.ReLU() for _ in range(30))))
    monkeypatch.setattr(train.VGGDistance, "from_timm", lambda: layers)
    recipe = recipe_of(data / "csv", **alone)
    [loss] = recipe.losses(default_collate([recipe.dataset()[i] for i in range(2)]), "generator", moment()).items()
    assert loss[0] == "perceptual" and float(loss[1].detach()) > 0 and set(recipe.optimizers()) == {"generator"}


def test_the_defaults_are_the_papers_and_the_releases():
    values = ManipulatorTraining()
    assert (values.rate, values.epochs, values.constant_share, values.batch_size, values.fix_global) == (2e-4, 200, 0.5, 1, 10)
    assert {n: v for n, v in values.weights.model_dump().items() if v} == {
        "gan": 1,
        "feature": 10,
        "perceptual": 10,
        "moving": 1,
    }
    assert values.discriminator.model_dump() == {"width": 64, "depth": 3, "scales": 2, "code": True}
    assert values.readers == ("rafd",) and values.open_share == values.own_share == values.strangers_share == 0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"stage": "local"}, "name its run as start"),
        ({"enhancers": 2}, "enhancers would do nothing, since the stage is global"),
        ({"portraits_share": 0.5}, "portraits_share would do nothing, since there are no portraits"),
        ({"weights": {"identity": 1}}, "name an identity_encoder"),
        ({"weights": {"gan": 0, "feature": 0, "pixel": 1}, "discriminator": {"width": 8}}, "discriminator would do nothing"),
        ({"model": {**TINY, "output": "image"}}, "open_share would do nothing, since the manipulator draws whole pictures"),
        ({"model": {**TINY, "output": "image"}, "open_share": 0}, "mask, area, smooth would do nothing"),
        ({"start": "somewhere"}, "model would do nothing"),
        ({"encoder": "yunet"}, "yunet"),
    ],
)
def test_values_that_do_nothing_or_do_not_fit_are_refused(data: Path, changed: dict, words: str):
    with pytest.raises(facezoo.plugin.FacezooError, match=words):
        recipe_of(data / "csv", **{**PAIRS, **changed})


def test_data_without_pairs_or_emotions_say_so(data: Path, tmp_path: Path):
    madeup.person_folders(tmp_path / "people", ("train",), persons=3, each=2)
    with pytest.raises(DatasetError, match="there are no two of one person and the same camera and gaze"):
        recipe_of(tmp_path / "people", **{**PAIRS, "readers": ["folder"]})
    madeup.shots(tmp_path / "shots")
    text = (tmp_path / "shots" / "faces.csv").read_text().splitlines()
    (tmp_path / "shots" / "faces.csv").write_text("\n".join(line for line in text if ",anger," not in line))
    recipe = recipe_of(tmp_path / "shots", **PAIRS)
    assert any("No emotion gets a mean embedding, since no training face shows anger" in note for note in recipe.notes())
    emotions = recipe.component.config.emotions
    assert not recipe.material.emotion_means(recipe.encoder, recipe.view, emotions).any()
    assert recipe.material.emotion_means(recipe.encoder, recipe.view, emotions[:2]).any()


def test_rafds_faces_are_found_by_the_detector_and_paired_within_camera_and_gaze(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(material, "load", lambda name, device: FixedDetector())
    recipe = recipe_of(madeup.rafd(tmp_path / "rafd", models=(1, 2, 8, 18)), **{**PAIRS, "readers": ["rafd"]})
    found = recipe.notes()
    assert any("haar-frontal found no face in 0 of 64 pictures of rafd" in note for note in found)
    assert any("64 pictures in 8 shots of one person" in note for note in found)
    assert {face.sample.person for shot in recipe.material.unseen for face in shot} == {"m08", "m18"}
    assert recipe.dataset()[0]["source"].float().std() > 10  # a face, not its surroundings


def test_faint_expressions_do_not_count_for_an_emotions_mean(tmp_path: Path):
    madeup.shots(tmp_path / "shots")
    head, *rows = (tmp_path / "shots" / "faces.csv").read_text().splitlines()
    strengths = {"neutral": 0.0, "happiness": 0.9}
    rows = [f"{row},{strengths.get(row.split(',')[1], 0.5 if row.startswith('0') else 0.7)}" for row in rows]
    (tmp_path / "shots" / "faces.csv").write_text("\n".join([f"{head},intensity", *rows]))
    means = {}
    for least in (0.0, 0.6, 0.8):
        recipe = recipe_of(tmp_path / "shots", **PAIRS, mean_intensity=least)
        means[least] = recipe.material.emotion_means(recipe.encoder, recipe.view, ("neutral", "happiness", "anger"))
    assert torch.equal(means[0.0][:2], means[0.6][:2]) and not torch.equal(means[0.0][2], means[0.6][2])
    assert not means[0.8].any()  # nobody shows anger so clearly
    assert any("no training face shows sadness" in note for note in recipe.notes())
