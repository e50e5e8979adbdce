"""What the deviation must tell beside its task: values of the samples, through a layer that is thrown away."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.utils.data import default_collate

from facezoo.errors import DatasetError, InputError
from facezoo.plugin import Sample
from facezoo.training import Moment, run
from facezoo_dln.auxiliary import Auxiliary, known_values
from facezoo_dln.emotion import DLNEmotionRecipe, DLNEmotionTraining
from facezoo_dln.networks import DEVIATION_DIM
from facezoo_dln.train import DLNRecipe, DLNTraining
from tests import madeup

MOMENT = Moment(step=0, epoch=0, batch=0, steps_per_epoch=1, steps=1, generator=torch.Generator())
EMOTION = {"readers": ("affectnet",), "epochs": 1, "batch_size": 12, "device": "cpu", "validate_every": 0}


def face(**values: float) -> Sample:
    return Sample("x", np.zeros((8, 8, 3), np.uint8), values=values)


def test_a_value_that_some_samples_lack_is_unknown_there_and_one_that_all_lack_is_refused():
    found = known_values([face(AU1=0.5), face(AU2=1.0, AU1=0.25)], ("AU1", "AU2"))
    np.testing.assert_equal(found, np.array([[0.5, np.nan], [0.25, 1.0]], np.float32))
    with pytest.raises(DatasetError, match="No sample has a value AU9; the samples have AU1, AU2"):
        known_values([face(AU1=0.5), face(AU2=1.0)], ("AU1", "AU9"))


@torch.no_grad()
def test_unknown_values_cost_nothing_and_errors_count_in_spreads():
    layer = Auxiliary(("a", "b"), np.array([[0, 10], [2, 30]], np.float32))
    torch.nn.init.zeros_(layer.readout.weight)
    torch.nn.init.zeros_(layer.readout.bias)  # so it tells the means, 1 and 20, whose spreads are 1 and 10
    deviation = torch.randn(2, DEVIATION_DIM)
    torch.testing.assert_close(layer(deviation), torch.tensor([[1.0, 20.0]] * 2))
    values = torch.tensor([[4.0, torch.nan], [torch.nan, torch.nan]])
    assert float(layer.loss(deviation, values)) == pytest.approx(2.5)  # Huber of 3
    values[1, 1] = 50.0
    assert float(layer.loss(deviation, values)) == pytest.approx(2.5)
    assert float(layer.loss(deviation, torch.full((2, 2), torch.nan))) == 0


def test_the_deviation_learns_the_values_and_the_layer_is_not_exported(identity: Path, tmp_path: Path):
    pictures = madeup.emotion_folders(tmp_path / "data", splits=("train",), each=6, size=36)
    files = sorted(pictures.rglob("*.jpg"))
    rows = [
        f"{file.relative_to(pictures).as_posix()},{file.parent.name},{float(file.parent.name == 'surprise')}" for file in files
    ]
    (pictures / "labels.csv").write_text("\n".join(["file,label,valence", *rows]) + "\n")
    values = {
        **EMOTION, "readers": ("csv",), "identity": str(identity), "auxiliary": ("valence",), "epochs": 25,
        "optimizer": "adamw", "rate": 3e-3, "schedule": "cosine",
    }  # fmt: skip
    folder = run("dln-emotion", pictures, tmp_path / "run", config=values, quiet=True)
    lines = [json.loads(line)["losses"]["auxiliary"] for line in (tmp_path / "run" / "losses.jsonl").read_text().splitlines()]
    assert np.mean(lines[-12:]) < 0.6 * np.mean(lines[:12])
    assert not any("readout" in name for name in load_file(folder / "model.safetensors"))
    assert "also told valence; the layer for that is not part of the model" in (folder / "README.md").read_text()


def test_triplets_bring_the_values_of_their_faces_in_order(few: Path, identity: Path, monkeypatch):
    recipe = DLNRecipe(DLNTraining(identity=str(identity), device="cpu", validate_every=0), few)
    for number, sample in enumerate(recipe.reader.samples("train")):
        object.__setattr__(sample, "values", {"AU1": float(number)})
    monkeypatch.setattr("facezoo_dln.train.open_dataset", lambda *_: recipe.reader)
    recipe = DLNRecipe(DLNTraining(identity=str(identity), device="cpu", validate_every=0, auxiliary=("AU1",)), few)
    recipe.component.eval()
    batch = default_collate([recipe.dataset()[index] for index in range(2)])
    triplets = recipe.dataset().triplets
    assert batch["values"][1, :, 0].tolist() == [image.values["AU1"] for image in triplets[1].images]
    assert recipe.auxiliary is not None
    with torch.no_grad():
        deviations = recipe.deviations(batch)
        wanted = torch.tensor([[triplets[i].images[place].values["AU1"]] for place in range(3) for i in range(2)])
        torch.testing.assert_close(recipe.losses(batch, "dln", MOMENT)["auxiliary"], recipe.auxiliary.loss(deviations, wanted))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"auxiliary_weight": 2.0}, "auxiliary_weight would do nothing, since no auxiliary values are named"),
        ({"optimizer": "adamw", "momentum": 0.5}, "momentum would do nothing"),
        ({"warm_up": 0.2}, "warm_up would do nothing, since the rate is constant"),
    ],
)
def test_idle_values_are_refused(emotions: Path, few: Path, identity: Path, values: dict, words: str):
    with pytest.raises(InputError, match=words):
        DLNRecipe(DLNTraining(identity=str(identity), device="cpu", **values), few)
    with pytest.raises(InputError, match=words):
        DLNEmotionRecipe(DLNEmotionTraining(**EMOTION, identity=str(identity), **values), emotions / "affectnet")


def test_a_cosine_rises_to_the_rate_and_falls_to_almost_nothing_and_the_crowd_keeps_its_share(few: Path, identity: Path):
    values = {
        "identity": str(identity),
        "device": "cpu",
        "validate_every": 0,
        "schedule": "cosine",
        "warm_up": 0.1,
        "rate": 0.4,
    }
    recipe = DLNRecipe(DLNTraining(**values, crowd_rate=0.5), few)
    rates = [recipe.learning_rate("dln", Moment(step, 0, 0, 100, 100, torch.Generator())) for step in (0, 9, 50, 99)]
    assert rates[0] == pytest.approx(0.04, rel=0.01) and rates[1] == pytest.approx(0.39, rel=0.03)
    assert 0.15 < rates[2] < 0.25 and rates[3] < 0.005
    assert recipe.optimizers()["dln"].param_groups[1]["share"] == 0.5
