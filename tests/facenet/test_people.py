"""Telling the people of a batch apart: two pictures of everybody, and which of the others is whose."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import facezoo
from facezoo.plugin import FaceDataset, InputContract, InputError, Sample, SquareCrop
from facezoo.training import FaceAugmentation, run
from facezoo_facenet.people import PersonPairs, batch_loss
from facezoo_facenet.train import FacenetRecipe, FacenetTraining
from tests import madeup

CONTRACT = InputContract(crop=SquareCrop(scale=2.5), size=(16, 16))
SMALL = {"model": {"backbone": "timm:test_convnext", "image_size": 32, "embedding_dim": 12}, "batch_size": 8, "device": "cpu"}


def faces_of(people: list[int], **augmentation: float) -> FaceDataset:
    pictures = [Sample(f"{i}", np.full((16, 16, 3), 10 * i, np.uint8), cropped=True) for i in range(len(people))]
    return FaceDataset(pictures, CONTRACT, {"person": people}, FaceAugmentation(**augmentation), seed=3)


def test_an_example_is_two_different_pictures_of_one_person():
    pairs = PersonPairs(faces_of([7, 7, 2, 7, 2]))
    assert len(pairs) == 2
    for epoch in range(4):
        pairs.set_epoch(epoch)
        for index, (person, own) in enumerate(((7, {0, 10, 30}), (2, {20, 40}))):
            item = pairs[index]
            shown = {int(face.float().mean()) for face in item["faces"]}
            assert int(item["person"]) == person and len(shown) == 2 and shown <= own


def test_one_picture_is_shown_twice_each_time_augmented_anew():
    pairs = PersonPairs(faces_of([0, 1], brightness=0.9, colour_share=1.0))
    first, second = pairs[1]["faces"]
    assert not torch.equal(first, second)
    assert torch.equal(pairs[1]["faces"], pairs[1]["faces"])  # from (seed, epoch, index) alone


def test_the_loss_is_the_cross_entropy_of_finding_the_other_picture():
    vectors = torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(0))
    unit = F.normalize(vectors, dim=2)
    expected = []
    for person in range(3):
        for view in range(2):
            others = [(p, v) for p in range(3) for v in range(2) if (p, v) != (person, view)]
            cosines = torch.stack([unit[person, view] @ unit[p, v] - 0.2 * (p == person) for p, v in others])
            expected.append(F.cross_entropy(7 * cosines[None], torch.tensor([others.index((person, 1 - view))])))
    torch.testing.assert_close(batch_loss(vectors, 7, 0.2), torch.stack(expected).mean())
    same = vectors[:, :1].expand(-1, 2, -1) * torch.tensor([1.0, 5.0])[:, None]  # lengths do not count
    assert batch_loss(same, 100, 0.0) < 0.1 < batch_loss(vectors, 100, 0.0)


def test_people_it_never_saw_are_told_apart(tmp_path: Path):
    data = madeup.person_folders(tmp_path / "people", persons=12, each=8)
    values = {**SMALL, "objective": "batch", "epochs": 60, "optimizer": "adamw", "rate": 3e-3}
    folder = run("facenet", data, tmp_path / "run", config=values, quiet=True)
    strangers = madeup.person_folders(tmp_path / "strangers", splits=("train",), persons=30, each=2, seed=5)
    samples = facezoo.plugin.open_dataset("folder", strangers).samples("train")
    vectors = torch.from_numpy(facezoo.plugin.embed_samples(facezoo.load(f"dir:{folder}", device="cpu"), samples))
    people = np.array([sample.label for sample in samples])
    nearest = (vectors @ vectors.T - 2 * torch.eye(len(samples))).argmax(1).numpy()
    assert (people[nearest] == people).mean() > 0.5  # by chance one in 59
    assert "Nothing is validated (objective=batch knows nobody by name" in (folder / "README.md").read_text()


def test_values_that_name_people_are_refused(tmp_path: Path):
    data = madeup.person_folders(tmp_path, persons=2, each=2)
    with pytest.raises(InputError, match="smoothing would do nothing, since with objective=batch nobody is known by name"):
        FacenetRecipe(FacenetTraining(**SMALL, objective="batch", smoothing=0.1), data)
    recipe = FacenetRecipe(FacenetTraining(**SMALL, objective="batch"), data)
    assert set(recipe.modules()) == {"component"} and math.isfinite(len(recipe.dataset()))
