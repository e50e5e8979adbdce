"""The recipe ``facenet`` learns to tell people apart, resumes exactly, and exports a network without its classifier."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import facezoo
from facezoo.plugin import DatasetError, InputError
from facezoo.training import run
from facezoo_facenet.train import FacenetRecipe, FacenetTraining
from tests import madeup

MODEL = {"backbone": "timm:test_convnext", "image_size": 32, "embedding_dim": 12, "dropout": 0.2}
SHORT = {"model": MODEL, "epochs": 10, "batch_size": 16, "optimizer": "adamw", "rate": 3e-3, "device": "cpu"}
PEOPLE = 4


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return madeup.person_folders(tmp_path_factory.mktemp("people"), persons=PEOPLE, each=8)


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole run."""
    return run("facenet", data, tmp_path_factory.mktemp("runs") / "whole", config=SHORT, quiet=True).parent


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_unseen_faces_are_told_apart(trained: Path):
    figures = lines(trained / "validation.jsonl")[-1]["figures"]
    assert figures["loss"] < 0.5 * math.log(PEOPLE)  # knowing only that all are equally likely costs log(PEOPLE)
    assert figures["accuracy"] > 0.9


def test_vectors_of_one_person_are_closer_than_those_of_two(trained: Path, data: Path):
    encoder = facezoo.load(f"dir:{trained / 'model'}", device="cpu")
    reader = facezoo.plugin.open_dataset("folder", data).samples("validation")
    vectors = torch.from_numpy(facezoo.plugin.embed_samples(encoder, reader))
    same = torch.tensor([[a.label == b.label for b in reader] for a in reader])
    similarity = vectors @ vectors.T
    apart = ~torch.eye(len(reader), dtype=torch.bool)
    assert similarity[same & apart].mean() > similarity[~same].mean() + 0.2


def test_the_classifier_is_dropped_and_the_card_says_what_was_shown(trained: Path):
    names = set(load_file(trained / "model" / "model.safetensors"))
    assert all(name.startswith("trunk.") for name in names)
    card = (trained / "model" / "README.md").read_text()
    assert "tell 4 people apart" in card and "32 faces of 4 people: folder, split train (digest " in card
    assert "Validation: 32 faces, split validation" in card


def test_an_interrupted_run_ends_as_an_unbroken_one(trained: Path, data: Path, tmp_path: Path, monkeypatch):
    with monkeypatch.context() as patch:
        losses = FacenetRecipe.losses

        def until_five(recipe, batch, turn, moment):
            if moment.step == 5:  # in the third epoch
                raise RuntimeError("the machine is gone")
            return losses(recipe, batch, turn, moment)

        patch.setattr(FacenetRecipe, "losses", until_five)
        with pytest.raises(RuntimeError, match="gone"):
            run("facenet", data, tmp_path / "run", config={**SHORT, "checkpoint_every": 3}, quiet=True)
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-00000003"]
    run("facenet", data, tmp_path / "run", config=SHORT, quiet=True, resume=True)
    for file in ("losses.jsonl", "validation.jsonl", "model/model.safetensors"):
        assert (tmp_path / "run" / file).read_bytes() == (trained / file).read_bytes(), file


def test_it_goes_on_from_a_trained_network(trained: Path, data: Path, tmp_path: Path):
    values = {**SHORT, "start": str(trained / "model"), "max_steps": 1, "rate": 1e-9, "optimizer": "sgd", "weight_decay": 0.0}
    after = load_file(run("facenet", data, tmp_path / "run", config=values, quiet=True) / "model.safetensors")
    before = load_file(trained / "model" / "model.safetensors")
    assert set(after) == set(before)
    assert all(torch.allclose(after[name], tensor, atol=1e-6) for name, tensor in before.items())


def test_strangers_are_not_validated_on(data: Path, tmp_path: Path):
    for split, people in (("train", "ab"), ("validation", "bcd")):
        for person in people:
            madeup.write(tmp_path / split / f"person-{person}" / "1.png", madeup.face((0, 0, 0), ord(person)))
    recipe = FacenetRecipe(FacenetTraining(**SHORT), tmp_path)
    assert [sample.label for sample in recipe.held_out] == ["person-b"]
    assert any("2 of people that are not trained on" in note for note in recipe.notes())
    for folder in (tmp_path / "validation").iterdir():
        folder.rename(tmp_path / "train" / f"{folder.name}-more")
    madeup.write(tmp_path / "validation" / "person-x" / "1.png", madeup.face((0, 0, 0), 9))
    with pytest.raises(DatasetError, match="shows nobody of 'train'; leave it out with validation="):
        FacenetRecipe(FacenetTraining(**SHORT), tmp_path)
    assert not FacenetRecipe(FacenetTraining(**SHORT, validation=None), tmp_path).validate()


def test_one_person_cannot_be_told_from_anybody(tmp_path: Path):
    madeup.write(tmp_path / "person-a" / "1.png", madeup.face((0, 0, 0), 1))
    with pytest.raises(DatasetError, match="shows person-a only; telling people apart takes two"):
        FacenetRecipe(FacenetTraining(**SHORT), tmp_path)


def test_it_goes_on_only_from_a_facenet(data: Path):
    with pytest.raises(InputError, match="haar-frontal is a .*goes on from a facenet"):
        FacenetRecipe(FacenetTraining(**SHORT, start="haar-frontal"), data)
