"""The recipe ``fecnet`` learns what people find alike, resumes exactly, and leaves the trunk as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import facezoo
from facezoo import weights
from facezoo.plugin import DatasetError, InputError, TripletDataset
from facezoo.training import run
from facezoo_facenet.model import FacenetConfig
from facezoo_fecnet.train import FecnetRecipe, FecnetTraining, fecnet_on
from tests import madeup
from tests.untrained import spec

SHORT = {"stem": 24, "layers": 2, "growth": 8, "hidden": 32, "batch_size": 16, "device": "cpu", "rate": 4e-3}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return madeup.fec(tmp_path_factory.mktemp("fec"), train=240, test=300)


@pytest.fixture(scope="module")
def trunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A facenet whose layers have random weights: it keeps enough of a drawn face to learn expressions from."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = FacenetConfig(backbone="timm:test_convnext", image_size=32, embedding_dim=8)
        facenet = weights.create(spec("facenet"), config).trainable_(False)
    return weights.save(facenet, tmp_path_factory.mktemp("trunk") / "facenet")


@pytest.fixture(scope="module")
def values(trunk: Path) -> dict:
    return {**SHORT, "trunk": str(trunk)}


@pytest.fixture(scope="module")
def trained(data: Path, values: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole run. Its faces are cut out once: without augmentation they are the same in every epoch."""
    config, dataset = {**values, "validation": "test", "epochs": 7}, FecnetRecipe.dataset
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FecnetRecipe, "dataset", lambda recipe: read_once(dataset(recipe)))
        return run("fecnet", data, tmp_path_factory.mktemp("runs") / "whole", config=config, quiet=True).parent


def read_once(triplets: TripletDataset) -> list[dict]:
    return [triplets[index] for index in range(len(triplets))]


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_unseen_triplets_are_seen_as_people_see_them(trained: Path):
    figures = lines(trained / "validation.jsonl")[-1]["figures"]
    assert figures["loss"] < 0.34  # one vector for all faces costs twice the margin, 0.4
    assert figures["accuracy"] > 0.5  # of about 290 triplets; guessing gives a third
    assert {"one_class", "two_class", "three_class"} < set(figures)


def test_the_trunk_stays_as_it_was_and_the_rest_does_not(trained: Path, trunk: Path):
    given, made = load_file(trunk / "model.safetensors"), load_file(trained / "model" / "model.safetensors")
    kept = {name: tensor for name, tensor in made.items() if name.startswith("trunk.")}
    assert set(kept) == set(given) and all(torch.equal(tensor, given[name]) for name, tensor in kept.items())
    encoder = facezoo.load(f"dir:{trained / 'model'}", device="cpu")
    assert encoder.views["embedding"].dim == 16 and encoder.views["embedding"].role == "expression"
    assert encoder.contract.size == (32, 32) and encoder.config.backbone == "timm:test_convnext"
    card = (trained / "model" / "README.md").read_text()
    assert "triplets of fec, split train (digest " in card and "because their votes are tied" in card
    space = facezoo.load(f"dir:{trunk}", device="cpu").views["identity"].space_id
    assert f"The frozen trunk is that of {trunk} (space {space})." in card
    assert "chosen by their loss on the split test: it flatters them" in card


def test_an_interrupted_run_ends_as_an_unbroken_one(values: dict, tmp_path: Path, monkeypatch):
    data = madeup.fec(tmp_path / "fec", train=40, test=6, photos=42)
    config = {**values, "batch_size": 12, "epochs": 2, "validation": "test", "augmentation": {"flip": 0.5, "shift": 0.05}}
    run("fecnet", data, tmp_path / "whole", config=config, quiet=True)
    with monkeypatch.context() as patch:
        losses = FecnetRecipe.losses

        def until_five(recipe, batch, turn, moment):
            if moment.step == 5:  # in the second epoch
                raise RuntimeError("the machine is gone")
            return losses(recipe, batch, turn, moment)

        patch.setattr(FecnetRecipe, "losses", until_five)
        with pytest.raises(RuntimeError, match="gone"):
            run("fecnet", data, tmp_path / "parts", config={**config, "checkpoint_every": 4}, quiet=True)
    assert [path.name for path in (tmp_path / "parts" / "checkpoints").iterdir()] == ["step-00000004"]
    run("fecnet", data, tmp_path / "parts", config=config, quiet=True, resume=True)
    for file in ("losses.jsonl", "validation.jsonl", "model/model.safetensors"):
        assert (tmp_path / "parts" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file


def test_the_loss_is_squared_and_has_a_margin_for_each_kind(data: Path, values: dict):
    anchor, positive, negative = torch.tensor([[0.0]]), torch.tensor([[1.0]]), torch.tensor([[1.5]])
    one, two = torch.tensor([0]), torch.tensor([1])
    recipe = FecnetRecipe(FecnetTraining(**values), data)
    assert recipe.loss_of(anchor, positive, negative, one).item() == pytest.approx(0 + 1 - 0.25 + 0.2)  # 1 - 2.25 + 0.2 < 0
    assert recipe.loss_of(anchor, positive, negative, two).item() == pytest.approx(0.95)
    paper = FecnetRecipe(FecnetTraining(**values, margin_one_class=0.1, squared=False), data)
    assert paper.loss_of(anchor, positive, negative, one).item() == pytest.approx(1 - 0.5 + 0.1)
    assert paper.loss_of(anchor, positive, negative, two).item() == pytest.approx(1 - 0.5 + 0.2)


def test_the_defaults_are_the_releases():
    c = FecnetTraining()
    assert (c.margin, c.margin_one_class, c.squared, c.rate, c.batch_size, c.epochs) == (0.2, 0.2, True, 5e-4, 240, 200)
    assert (c.patience, c.split, c.validation, c.l2_normalize) == (50, "train", "validation", False)


def test_a_trunk_is_never_random(data: Path, values: dict):
    with pytest.raises(InputError, match="never one with random weights.*trunk=facenet-vggface2"):
        FecnetRecipe(FecnetTraining(**SHORT), data)
    with pytest.raises(InputError, match="haar-frontal is a .*; a facenet is needed"):
        FecnetRecipe(FecnetTraining(**{**values, "trunk": "haar-frontal"}), data)
    with pytest.raises(InputError, match="'folder' has no triplets"):
        FecnetRecipe(FecnetTraining(**values, reader="folder"), data)


def test_faces_are_shown_as_the_trunk_knows_them(trunk: Path):
    facenet = facezoo.load(f"dir:{trunk}", device="cpu")
    crop = facenet.contract.crop.model_copy(update={"scale": 3.5})
    facenet.contract = facenet.contract.model_copy(update={"crop": crop, "mean": (90.0, 100.0, 110.0)})
    assert fecnet_on(facenet, {}).contract == facenet.contract
    larger = fecnet_on(facenet, {"image_size": 48}).contract
    assert larger == facenet.contract.model_copy(update={"size": (48, 48)})


def test_pictures_are_augmented_as_said(data: Path, values: dict):
    plain, mirrored = (
        FecnetRecipe(FecnetTraining(**values, validation=None, augmentation={"flip": flip}), data).dataset()[0]
        for flip in (0.0, 1.0)
    )
    assert all(torch.equal(mirrored[place], plain[place].flip(-1)) for place in ("first", "second", "third"))


def test_validation_embeds_as_many_faces_at_once_as_a_batch_has(data: Path, values: dict, monkeypatch):
    recipe = FecnetRecipe(FecnetTraining(**{**values, "batch_size": 7, "validation": "test"}), data)
    embed, seen = recipe.component.embed, []
    monkeypatch.setattr(recipe.component, "embed", lambda faces, view: seen.append(len(faces)) or embed(faces, view))
    recipe.component.eval()
    recipe.held_out = recipe.held_out[:6]
    figures = recipe.validate()
    assert max(seen) == 7 and {"loss", "accuracy"} <= set(figures)


@pytest.mark.parametrize("off", [{"validate_every": 0}, {"validation": None}])
def test_patience_without_a_validation_is_refused(data: Path, values: dict, off: dict):
    with pytest.raises(InputError, match="patience would do nothing"):
        FecnetRecipe(FecnetTraining(**values, **off, patience=3), data)
    recipe = FecnetRecipe(FecnetTraining(**values, **off), data)  # the default is there for runs with a validation
    assert recipe.validate() == {} and not any("flatters" in note for note in recipe.notes())
    assert any(note.startswith("Nothing is validated (") and "nobody knows how well" in note for note in recipe.notes())


def test_a_split_of_ties_teaches_nothing(data: Path, values: dict, monkeypatch):
    reader = type(facezoo.plugin.open_dataset("fec", data))
    tied = [triplet for triplet in reader(data).triplets("train") if triplet.odd is None]
    monkeypatch.setattr(reader, "collect_triplets", lambda self, split: tied)
    with pytest.raises(DatasetError, match=f"All {len(tied)} triplets of the split 'train' .* are tied"):
        FecnetRecipe(FecnetTraining(**values), data)


def test_a_triplet_is_a_batch(data: Path, values: dict, tmp_path: Path):
    """Its three faces are shown together, so batch norms have something to compare."""
    config = {**values, "batch_size": 1, "max_steps": 2, "validation": None}
    assert run("fecnet", data, tmp_path / "run", config=config, quiet=True).is_dir()
