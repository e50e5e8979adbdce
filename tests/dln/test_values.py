"""What the values of the recipes dln and dln-emotion do, one by one, and which are refused together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import default_collate

from facezoo.errors import DatasetError, InputError
from facezoo.training import Moment, arrange, double_triplet, run
from facezoo_dln.emotion import DLNEmotionRecipe, DLNEmotionTraining
from facezoo_dln.train import DLNRecipe, DLNTraining
from tests import madeup

MOMENT = Moment(step=0, epoch=0, batch=0, steps_per_epoch=1, steps=1, generator=torch.Generator())
PLACES = ("first", "second", "third")


def recipe_on(few: Path, identity: Path, **values: Any) -> DLNRecipe:
    return DLNRecipe(DLNTraining(**{"identity": str(identity), "device": "cpu", "validate_every": 0, **values}), few)


def batch_of(recipe: Any) -> dict[str, Tensor]:
    """All examples, and a network that can be asked about them: no dropout, and branches that differ."""
    dataset, last = recipe.dataset(), recipe.component.eval().face_branch.last_linear.weight
    last.data += torch.randn(last.shape, generator=torch.Generator().manual_seed(0))
    return default_collate([dataset[index] for index in range(len(dataset))])


@torch.no_grad()
def test_every_annotators_own_answer_is_learnt_not_the_majoritys(few: Path, identity: Path):
    recipe = recipe_on(few, identity)
    batch = batch_of(recipe)
    answered = batch["answers"] >= 0
    assert (answered & (batch["answers"] != batch["odd"][:, None])).any()  # people disagree
    z, expected = recipe.embeddings(recipe.deviations(batch)), []
    for row, (kind, answers) in enumerate(zip(batch["kind"], batch["answers"], strict=True)):
        margin = 0.1 if kind == 0 else 0.2
        losses = [double_triplet(*arrange(z[row][None], answer[None]), margin) for answer in answers if answer >= 0]
        expected.append(torch.cat(losses).mean())  # all transforms are still the identity
    loss = recipe.losses(batch, "dln", MOMENT)["triplet"]
    torch.testing.assert_close(loss, torch.stack(expected).mean())
    assert recipe.crowd is not None
    recipe.crowd.matrix[3] = torch.eye(16).flip(0) * torch.linspace(0.1, 2, 16)[:, None]
    assert abs(float(recipe.losses(batch, "dln", MOMENT)["triplet"] - loss)) > 1e-3


def test_the_crowd_layer_learns_at_its_own_rate_without_decay(few: Path, identity: Path):
    recipe = recipe_on(few, identity, rate=0.5, crowd_rate=0.1, weight_decay=0.01)
    network, crowd = recipe.optimizers()["dln"].param_groups
    assert [parameter.shape for parameter in crowd["params"]] == [(8, 16, 16)]
    assert (network["lr"], network["weight_decay"]) == (0.5, 0.01)
    assert (crowd["lr"], crowd["weight_decay"]) == (pytest.approx(0.05), 0.0)


@torch.no_grad()
def test_the_loss_of_further_orders_has_its_weight(few: Path, identity: Path):
    recipe = recipe_on(few, identity, order_margin=1.0)
    batch = batch_of(recipe)
    once = recipe.losses(batch, "dln", MOMENT)
    recipe.config = recipe.config.model_copy(update={"order_weight": 3.0})
    thrice = recipe.losses(batch, "dln", MOMENT)
    assert once["order"] > 0
    torch.testing.assert_close(thrice["order"], 3 * once["order"])
    torch.testing.assert_close(thrice["triplet"], once["triplet"])


def test_pictures_are_augmented_as_said(few: Path, emotions: Path, identity: Path):
    plain, mirrored = (recipe_on(few, identity, augmentation={"flip": flip}).dataset()[0] for flip in (0.0, 1.0))
    assert all(torch.equal(mirrored[place], plain[place].flip(-1)) for place in PLACES)
    values = {"identity": str(identity), "device": "cpu", "readers": ["rafdb"], "validate_every": 0}
    recipes = (DLNEmotionTraining(**values, augmentation={"flip": flip}) for flip in (0.0, 1.0))
    faces = [DLNEmotionRecipe(recipe, emotions / "rafdb").dataset()[0]["faces"] for recipe in recipes]
    assert torch.equal(faces[1], faces[0].flip(-1))


@pytest.mark.parametrize(
    ("recipe", "values", "words"),
    [
        ("dln", {"best": True, "validate_every": 0}, "best would do nothing, since .* validate_every=0"),
        ("dln", {"patience": 2, "validate_every": 0}, "patience would do"),
        ("dln", {"crowd": "off", "crowd_rate": 0.1, "crowd_placement": "after"}, "crowd_placement, crowd_rate .* crowd=off"),
        ("dln", {"hierarchy": "none", "order_gap": 1}, "order_gap would .* hierarchy=none"),
        ("dln", {"polynomial_order": 7}, "less than or equal to 6"),
        ("dln-emotion", {"best": True, "validate_every": 0}, "best would do nothing, since .* validate_every=0"),
        ("dln-emotion", {"start": "dir:nowhere", "identity": "", "seen": "identity"}, "seen would do"),
        ("dln-emotion", {"patience": 1, "readers": ["folder"], "held_out": 0}, "patience would .* left to validate on"),
    ],
)
def test_values_that_would_do_nothing_are_refused(recipe, values, words, few, folders, identity, tmp_path):
    with pytest.raises(InputError, match=words):
        data = folders if recipe == "dln-emotion" else few
        run(recipe, data, tmp_path / "run", config={"identity": str(identity), "device": "cpu", **values}, quiet=True)
    assert not (tmp_path / "run").exists()


def test_a_triplet_is_a_batch_for_dln(few: Path, identity: Path, tmp_path: Path):
    """Its three faces are shown together, so batch norms have something to compare."""
    values = {"identity": str(identity), "device": "cpu", "batch_size": 1, "max_steps": 2, "validate_every": 0}
    assert run("dln", few, tmp_path / "run", config=values | {"polynomial_order": 2}, quiet=True).is_dir()


def test_one_face_is_no_batch_for_dln_emotion(emotions: Path, identity: Path, tmp_path: Path):
    values = {"identity": str(identity), "device": "cpu", "readers": ["rafdb"], "batch_size": 1}
    with pytest.raises(InputError, match="two faces at least in a batch; batch_size is 1"):
        run("dln-emotion", emotions / "rafdb", tmp_path / "run", config=values, quiet=True)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per emotion, without splits."""
    return madeup.emotion_folders(tmp_path_factory.mktemp("folders"), (), each=5, size=36)


def test_folders_of_classes_without_splits_are_divided(folders: Path, identity: Path, tmp_path: Path):
    values = {"identity": str(identity), "device": "cpu", "readers": ["folder"], "batch_size": 14, "epochs": 1, "best": True}
    model = run("dln-emotion", folders, tmp_path / "run", config=values, quiet=True)
    card = (model / "README.md").read_text()
    assert "folder, split all: 35 pictures" in card
    assert "folder: 7 of these pictures, drawn at random, are measured and not trained on" in card
    assert "chosen by their accuracy on the pictures of the validation: it flatters them" in card
    (line,) = (tmp_path / "run" / "validation.jsonl").read_text().splitlines()
    assert set(json.loads(line)["figures"]) == {"accuracy", "mean_class_accuracy", "cross_entropy"}
    recipe = DLNEmotionRecipe(DLNEmotionTraining(**values), folders)
    drawn, kept = ({sample.name for sample in part["folder"]} for part in (recipe.unseen, recipe.training))
    assert len(drawn) == 7 and len(kept) == 28 and not drawn & kept  # a fifth of every class


def test_nothing_is_held_out_where_nothing_is_validated(folders: Path, identity: Path):
    for values in ({"held_out": 0.0}, {"validate_every": 0}):
        config = DLNEmotionTraining(identity=str(identity), device="cpu", readers=("folder",), **values)
        recipe = DLNEmotionRecipe(config, folders)
        assert len(recipe.training["folder"]) == 35 and not recipe.unseen
        why = "Nothing was held out" if "held_out" in values else "Nothing is validated (validate_every=0)"
        assert any(note.startswith(f"{why}, so nobody knows how well") for note in recipe.notes())


@pytest.mark.parametrize("readers", [None, ("rafdb", "folder")])
def test_a_data_set_given_to_several_readers_is_told_to_name_its_own(folders: Path, identity: Path, readers):
    values = {"readers": readers} if readers else {}
    first = "rafdb and folder, and each" if readers else r"affectnet and rafdb \(the default\), and each"
    with pytest.raises(
        DatasetError, match=f"the readers are {first} .*--readers folder for a folder per class, --readers rafdb"
    ):
        DLNEmotionRecipe(DLNEmotionTraining(identity=str(identity), device="cpu", **values), folders)


def test_a_set_of_test_pictures_alone_is_not_trained_on(identity: Path, tmp_path: Path):
    data = madeup.emotion_folders(tmp_path / "data", ("test",), each=1, size=36)
    with pytest.raises(DatasetError, match="no split 'train'; it has test"):
        DLNEmotionRecipe(DLNEmotionTraining(identity=str(identity), device="cpu", readers=("folder",)), data)


def test_the_card_says_which_split_chooses_the_weights(few: Path, identity: Path):
    chosen = [
        "chosen by their accuracy on the split test" in " ".join(recipe_on(few, identity, validate_every=1, best=best).notes())
        for best in (True, False)
    ]
    assert chosen == [True, False]
