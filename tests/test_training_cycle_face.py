"""The two recipes of cycle-face, end to end on a few pictures: what they export loads, and nothing is silent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

import facezoo
from facezoo.plugin import DatasetError, InputError, WeightsUnavailableError
from facezoo.training import run
from facezoo_cycle_face import initial
from facezoo_cycle_face.train import ExpressionTraining, IdentityTraining

SHORT = {"sources": ["flip"], "device": "cpu", "epochs": 1, "batch_size": 2, "seed": 3}
TINY = {"width": 0.05, "trunk": "trained", "stage": "expression"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("portraits")
    rng = np.random.default_rng(0)
    for i in range(6):
        coarse = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((70, 70), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def first_stage(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    values = {**SHORT, "model": TINY, "perceptual": "off", "initial": "he"}
    return run("cycle-face-expression", data, tmp_path_factory.mktemp("runs") / "one", config=values, quiet=True)


def offline_vgg19() -> nn.Sequential:
    """VGG19's first layers with weights drawn here: as many and as wide, so that indices mean the same."""
    widths = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, 256, "pool", 512)
    layers: list[nn.Module] = []
    given = 3
    for width in widths:
        if isinstance(width, int):
            layers += [nn.Conv2d(given, width, 3, padding=1), nn.ReLU()]
            given = width
        else:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers).requires_grad_(False)


def test_stage_one_exports_a_model_that_knows_expressions_only(first_stage: Path):
    model = facezoo.load(f"dir:{first_stage}", device="cpu")
    faces = torch.rand(2, 3, 64, 64)
    assert model.encode_expression(faces).shape == (2, 256)
    assert model.neutralize(faces).shape == faces.shape
    assert "identity" not in model.views
    card = (first_stage / "README.md").read_text()
    assert "cycle-face-expression" in card and "3 steps" in card and "seed: 3" in card


def test_stage_two_keeps_the_first_stage_and_adds_identity(data: Path, first_stage: Path, tmp_path: Path):
    weights = {"contrast": 0.1, "mean_agreement": 1.0}
    values = {**SHORT, "start": str(first_stage), "perceptual": "off", "mean_face": "running", "weights": weights}
    model = facezoo.load(f"dir:{run('cycle-face-identity', data, tmp_path / 'two', config=values, quiet=True)}", device="cpu")
    before = facezoo.load(f"dir:{first_stage}", device="cpu")
    after = model.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.state_dict().items())
    faces = torch.rand(2, 3, 64, 64)
    assert model.encode_identity(faces).shape == (2, 256)
    assert model.reconstruct(faces).shape == faces.shape


def test_stage_two_needs_a_stage_one(data: Path, tmp_path: Path):
    with pytest.raises(InputError, match="start"):
        run("cycle-face-identity", data, tmp_path / "run", config={**SHORT, "perceptual": "off"}, quiet=True)


def test_a_missing_vgg19_is_an_error_as_trunk_and_a_remark_as_loss(monkeypatch, data: Path, tmp_path: Path):
    monkeypatch.setattr(initial, "vgg19", lambda: None)
    monkeypatch.setattr("facezoo_cycle_face.perceptual.vgg19", lambda: None)
    with pytest.raises(WeightsUnavailableError, match="model.trunk=trained"):
        run("cycle-face-expression", data, tmp_path / "released", config=SHORT, quiet=True)
    values = {**SHORT, "model": TINY, "max_steps": 1}
    model = run("cycle-face-expression", data, tmp_path / "without", config=values, quiet=True)
    assert "perceptual term is off" in (model / "README.md").read_text()


def test_with_vgg19_the_released_trunk_and_the_perceptual_term_are_used(monkeypatch, data: Path, tmp_path: Path):
    torch.manual_seed(0)
    features = offline_vgg19()
    monkeypatch.setattr(initial, "vgg19", lambda: features)
    monkeypatch.setattr("facezoo_cycle_face.perceptual.vgg19", lambda: features)
    values = {**SHORT, "max_steps": 1, "model": {"width": 0.05, "stage": "expression"}}
    folder = run("cycle-face-expression", data, tmp_path / "run", config=values, quiet=True)
    model = facezoo.load(f"dir:{folder}", device="cpu")
    assert torch.equal(model.expression_decoder.trunk.conv3_1.weight, features[10].weight)  # frozen: still ImageNet's
    assert '"perceptual"' in (tmp_path / "run" / "losses.jsonl").read_text()


def test_the_defaults_are_the_releases():
    one, two = ExpressionTraining(), IdentityTraining()
    assert (one.epochs, one.batch_size, one.flip_share, one.rates) == (40, 16, 0.5, {0: 1e-5, 1: 5e-5, 20: 1e-5, 40: 5e-6})
    assert (two.epochs, two.batch_size, two.mean_face, two.rates) == (20, 16, "batch", {0: 5e-5, 1: 1e-4, 10: 1e-5})
    assert one.model.trunk == "vgg19-frozen" and one.model.width == 1.0 and one.perceptual == "vgg19" and one.noise
    released = {"pixel": 1.0, "direct": 1.5, "perceptual": 0.01, "symmetry": 1.5, "symmetry_of_warped": 0.5, "ssim": 5.0}
    assert {name: value for name, value in one.weights.model_dump().items() if value} == released
    released = {"pixel": 1.0, "direct": 0.8, "perceptual": 0.01, "symmetry": 1.5, "ssim": 5.0, "margin": 1.0, "rebuilt": 1.0}
    assert {name: value for name, value in two.weights.model_dump().items() if value} == released


def test_clips_are_read_frame_by_frame_and_their_faces_found(shared_dir: Path, tmp_path: Path):
    clips = shared_dir / "data" / "clips"
    if not clips.is_dir():
        pytest.skip(f"no clips at {clips}")
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "one.mpg").symlink_to(sorted(clips.glob("*.mpg"))[0])
    values = {**SHORT, "sources": ["clips"], "model": TINY, "perceptual": "off", "clip_copies": 2, "max_steps": 1}
    assert run("cycle-face-expression", tmp_path / "clips", tmp_path / "run", config=values, quiet=True).is_dir()


def test_a_folder_without_videos_says_what_it_wanted(data: Path, tmp_path: Path):
    values = {**SHORT, "sources": ["clips"], "model": TINY, "perceptual": "off"}
    with pytest.raises(DatasetError, match=r"No videos in .*\.mp4"):
        run("cycle-face-expression", data, tmp_path / "run", config=values, quiet=True)


def test_several_sources_lie_in_folders_of_their_names(data: Path, tmp_path: Path):
    (tmp_path / "flip").symlink_to(data)
    values = {**SHORT, "sources": ["flip", "clips"], "model": TINY, "perceptual": "off"}
    with pytest.raises(DatasetError, match=r"There is no .*clips"):
        run("cycle-face-expression", tmp_path, tmp_path / "run", config=values, quiet=True)


def test_stage_one_goes_on_from_a_whole_model_and_leaves_the_second_stages_networks(
    data: Path, first_stage: Path, tmp_path: Path
):
    second = {**SHORT, "start": str(first_stage), "perceptual": "off", "mean_face": "neutrals"}
    whole = run("cycle-face-identity", data, tmp_path / "two", config=second, quiet=True)
    again = {**SHORT, "start": str(whole), "perceptual": "off", "schedule": "cosine", "rate": 1e-3, "warm_up_steps": 1}
    model = run("cycle-face-expression", data, tmp_path / "again", config=again, quiet=True)
    before, after = load_file(whole / "model.safetensors"), load_file(model / "model.safetensors")
    assert before.keys() == after.keys()
    changed = {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert {"expression_encoder", "flow_decoder", "expression_decoder"} <= changed and "identity_encoder" not in changed
    assert all(torch.equal(before[n], after[n]) for n in before if n.startswith("identity_decoder.") and ".trunk." not in n)
    assert "It goes on from" in (model / "README.md").read_text()
    with pytest.raises(InputError, match="model would do nothing, since the network given as start"):
        run("cycle-face-expression", data, tmp_path / "no", config={**again, "model": TINY}, quiet=True)
