"""The recipe ``facenet`` learns to tell people apart, resumes exactly, and exports a network without its classifier."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch.utils.data import default_collate

import facezoo
from facezoo.plugin import DatasetError, InputError
from facezoo.training import Moment, Record, run
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
    assert "chosen by their loss on the split validation: it flatters them" in card


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
    values = {"device": "cpu", "start": str(trained / "model"), "batch_size": 16, "max_steps": 1, "rate": 1e-9}
    model = run("facenet", data, tmp_path / "run", config=values | {"weight_decay": 0.0}, quiet=True)
    before, after = load_file(trained / "model" / "model.safetensors"), load_file(model / "model.safetensors")
    space = facezoo.load(f"dir:{trained / 'model'}", device="cpu").views["identity"].space_id
    assert f"It starts as {trained / 'model'} (space {space})" in (model / "README.md").read_text()
    assert set(after) == set(before)
    assert all(torch.allclose(after[name], tensor, atol=1e-6) for name, tensor in before.items())


def test_strangers_are_not_validated_on(data: Path, tmp_path: Path):
    for split, people in (("train", "ab"), ("validation", "bcd")):
        for person in people:
            madeup.write(tmp_path / split / f"person-{person}" / "1.png", madeup.face((0, 0, 0), ord(person)))
    recipe = FacenetRecipe(FacenetTraining(**SHORT), tmp_path)
    assert [sample.label for sample in recipe.held_out["folder"]] == ["person-b"]
    assert any("2 of people that are not trained on" in note for note in recipe.notes())
    for folder in (tmp_path / "validation").iterdir():
        folder.rename(tmp_path / "train" / f"{folder.name}-more")
    madeup.write(tmp_path / "validation" / "person-x" / "1.png", madeup.face((0, 0, 0), 9))
    with pytest.raises(DatasetError, match="shows nobody of 'train'; leave it out with validation="):
        FacenetRecipe(FacenetTraining(**SHORT, validation="validation"), tmp_path)
    assert not FacenetRecipe(FacenetTraining(**SHORT), tmp_path).validate()  # a set whose splits divide people
    assert not FacenetRecipe(FacenetTraining(**SHORT, validation=None), tmp_path).validate()


def test_one_person_cannot_be_told_from_anybody(tmp_path: Path):
    madeup.write(tmp_path / "person-a" / "1.png", madeup.face((0, 0, 0), 1))
    with pytest.raises(DatasetError, match="shows person-a only; telling people apart takes two"):
        FacenetRecipe(FacenetTraining(**SHORT), tmp_path)


def test_it_goes_on_only_from_a_facenet(data: Path):
    with pytest.raises(InputError, match="haar-frontal is a .*; a facenet, to go on from, is needed"):
        FacenetRecipe(FacenetTraining(device="cpu", start="haar-frontal"), data)


def test_several_readers_bring_different_people_and_a_crop_travels_with_the_weights(data: Path, tmp_path: Path):
    for name in ("folder", "csv"):
        madeup.person_folders(tmp_path / name, persons=2, each=2)
    rows = [
        f"validation/{file.parent.name}/{file.name},{file.parent.name},train"
        for file in sorted((tmp_path / "csv" / "validation").rglob("*.jpg"))
    ]
    (tmp_path / "csv" / "labels.csv").write_text("\n".join(["file,person,split", *rows]) + "\n")
    crop = {"scale": 2.5, "shift": (0.0, -0.02)}
    recipe = FacenetRecipe(FacenetTraining(**SHORT, readers=("folder", "csv"), crop=crop), tmp_path)
    assert len(recipe.people) == 4  # two in each, of the same names
    joined = recipe.dataset()
    assert len(joined) == 8 and {int(joined[i]["person"]) for i in range(4)} != {int(joined[i]["person"]) for i in range(4, 8)}
    recipe.export(tmp_path / "model", Record("facenet", {}, "x", 1, 1.0, "cpu", {}))
    found = facezoo.load(f"dir:{tmp_path / 'model'}", device="cpu").contract.crop
    assert (found.scale, found.shift) == (2.5, (0.0, -0.02))


def test_the_margin_lowers_the_right_cosine_only(data: Path):
    recipe = FacenetRecipe(FacenetTraining(**SHORT, objective="cosface", scale=10, margin=0.3), data)
    recipe.component.eval()
    batch = default_collate([recipe.dataset()[index] for index in range(4)])
    plain, lowered = recipe.logits(batch["faces"]), recipe.logits(batch["faces"], batch["person"])
    expected = 10 * 0.3 * F.one_hot(batch["person"], PEOPLE)
    torch.testing.assert_close(plain - lowered, expected.float(), atol=1e-4, rtol=0)
    assert plain.abs().max() <= 10.001


MOMENT = Moment(step=0, epoch=0, batch=0, steps_per_epoch=1, steps=1, generator=torch.Generator())


@torch.no_grad()
def test_labels_are_smoothed_in_training_and_not_in_validation(data: Path):
    recipe = FacenetRecipe(FacenetTraining(**SHORT, smoothing=0.3), data)
    recipe.component.eval()
    dataset = recipe._faces("folder", recipe.held_out["folder"], recipe.config.augmentation.model_copy(update={"flip": 0.0}))
    batch = default_collate([dataset[index] for index in range(len(dataset))])
    log = recipe.logits(batch["faces"]).log_softmax(1)
    plain = -log.gather(1, batch["person"][:, None]).mean()
    torch.testing.assert_close(recipe.losses(batch, "facenet", MOMENT)["identity"], 0.7 * plain - 0.3 * log.mean())
    assert recipe.validate()["loss"] == pytest.approx(float(plain), rel=1e-5)
    assert float(plain) == pytest.approx(float(F.nll_loss(log, batch["person"])))


def test_faces_are_augmented_in_training_and_not_in_validation(data: Path):
    recipe, plain = (FacenetRecipe(FacenetTraining(**SHORT, augmentation={"flip": flip}), data) for flip in (1.0, 0.0))
    assert torch.equal(recipe.dataset()[0]["faces"], plain.dataset()[0]["faces"].flip(-1))
    shown: list[torch.Tensor] = []
    for each in (recipe, plain):
        each.logits = lambda faces, people=None: shown.append(faces) or torch.zeros(len(faces), PEOPLE)
        each.validate()
    assert torch.equal(torch.cat(shown[: len(shown) // 2]), torch.cat(shown[len(shown) // 2 :]))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_biases_and_norms_do_not_decay(data: Path, optimizer: str):
    recipe = FacenetRecipe(FacenetTraining(**{**SHORT, "optimizer": optimizer}, weight_decay=0.01), data)
    groups = recipe.optimizers()["facenet"].param_groups
    decay = {id(parameter): group["weight_decay"] for group in groups for parameter in group["params"]}
    norms = [module for module in recipe.component.modules() if "norm" in type(module).__name__.lower()]
    free = {id(parameter) for norm in norms for parameter in norm.parameters()}
    named = [*recipe.component.named_parameters(), *recipe.classifier.named_parameters()]
    free |= {id(parameter) for name, parameter in named if name.endswith("bias")}
    assert norms and set(decay) == {id(parameter) for _, parameter in named}
    assert {id for id, value in decay.items() if value == 0} >= free
    weights = [m for m in recipe.component.modules() if isinstance(m, torch.nn.Linear | torch.nn.Conv2d)]
    assert weights and all(decay[id(module.weight)] == 0.01 for module in [*weights, recipe.classifier])


def test_a_test_split_that_chooses_the_weights_is_said(tmp_path: Path):
    data = madeup.person_folders(tmp_path, splits=("train", "test"), persons=2, each=2)
    notes = " ".join(FacenetRecipe(FacenetTraining(**SHORT), data).notes())
    assert "Validation: 4 faces, split test" in notes
    assert "its weights are chosen by their loss on the split test: it flatters them." in notes
    for off in ({"validation": None}, {"validate_every": 0}):
        told = " ".join(FacenetRecipe(FacenetTraining(**SHORT, **off), data).notes())
        assert "chosen by" not in told and "Nothing is validated (" in told


def test_data_without_a_split_to_validate_on_are_said(data: Path):
    told = " ".join(FacenetRecipe(FacenetTraining(**SHORT), data / "train").notes())
    assert "has no split validation or test of the people that are trained on), so nobody knows how well" in told


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"patience": 2, "validate_every": 0}, "patience would do nothing"),
        ({"patience": 2, "validation": None}, "patience would do nothing"),
        ({"momentum": 0.5, "optimizer": "adamw"}, "momentum would do nothing"),
        ({"start": "dir:nowhere"}, "model would do nothing"),
    ],
)
def test_values_that_would_do_nothing_are_refused(data: Path, values: dict, words: str):
    with pytest.raises(InputError, match=words):
        FacenetRecipe(FacenetTraining(**{**SHORT, **values}), data)


def test_one_face_is_no_batch_where_norms_see_vectors(data: Path):
    with pytest.raises(InputError, match="batch norms of InceptionResnetV1 need two faces at least"):
        FacenetRecipe(FacenetTraining(device="cpu", batch_size=1, model={"image_size": 75}), data)
    FacenetRecipe(FacenetTraining(**{**SHORT, "batch_size": 1}), data)  # this backbone has no batch norm
