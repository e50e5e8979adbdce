"""Triplets: who is the odd one out, the double triplet loss by hand, accuracy, and what an item holds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from facezoo.components import Encoder, View
from facezoo.config import ComponentConfig
from facezoo.contracts import InputContract, SquareCrop
from facezoo.datasets import AnnotatedTriplet, Sample
from facezoo.errors import InputError
from facezoo.training import (
    FaceAugmentation,
    FaceDataset,
    TripletDataset,
    accuracy_by_kind,
    annotators_of,
    arrange,
    double_triplet,
    embed_triplets,
    triplet_accuracy,
    triplet_figures,
)
from tests.untrained import portrait

CONTRACT = InputContract(crop=SquareCrop(scale=2.6), size=(24, 24))


class Colour(Encoder):
    """The mean colour: faces of like colours are alike."""

    def __init__(self) -> None:
        super().__init__(ComponentConfig())
        self.contract, self.seen = CONTRACT, 0

    def view_table(self) -> dict[str, View]:
        return {"expression": View(3, "expression", ())}

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        self.seen += len(prepared)
        return prepared.mean((2, 3))


def flat(name: str, *colour: int) -> Sample:
    return Sample(name, np.full((24, 24, 3), colour, np.uint8), cropped=True)


RED, ROSE, BLUE, SKY = flat("red", 200, 0, 0), flat("rose", 210, 20, 20), flat("blue", 0, 0, 200), flat("sky", 20, 20, 210)
ANSWERS = (("11", 1), ("7", 1), ("305", 0))
TRIPLETS = [
    AnnotatedTriplet((RED, BLUE, ROSE), "one-class", ANSWERS),
    AnnotatedTriplet((SKY, BLUE, RED), "two-class", (("7", 2),)),
    AnnotatedTriplet((SKY, BLUE, RED), "three-class", (("7", 2), ("9", 1))),  # a tie
    AnnotatedTriplet((RED, SKY, BLUE), "three-class", (("9", 1), ("11", 1))),  # people see something else than colours
]


def test_an_item_holds_three_faces_and_what_people_said() -> None:
    dataset = TripletDataset(TRIPLETS, CONTRACT, {"7": 0, "11": 4})
    assert len(dataset) == 3 and dataset.ties == 1
    item = dataset[0]
    for name, sample in zip(("first", "second", "third"), TRIPLETS[0].images, strict=True):
        assert torch.equal(item[name], FaceDataset([sample], CONTRACT)[0]["faces"])
    said = {name: item[name].tolist() for name in ("odd", "kind", "votes", "annotators", "answers")}
    assert said == {"odd": 1, "kind": 0, "votes": [1, 2, 0], "annotators": [4, 0, -1], "answers": [1, 1, -1]}
    assert dataset[2]["annotators"].tolist() == [4, -1, -1] and dataset[2]["kind"] == 2  # annotator 9 has no number
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_size=3)))
    assert batch["answers"].shape == (3, 3) and batch["first"].dtype == torch.uint8


def test_ties_stay_where_they_are_wanted() -> None:
    dataset = TripletDataset(TRIPLETS, CONTRACT, annotators_of(TRIPLETS), keep_ties=True)
    assert len(dataset) == 4 and dataset.ties == 1
    assert dataset[2]["odd"] == -1 and dataset[2]["votes"].tolist() == [0, 1, 1]
    assert sum(value >= 0 for value in dataset[2]["answers"].tolist()) == 2


def test_annotators_are_numbered_once_and_for_all() -> None:
    numbers = annotators_of(TRIPLETS)
    assert numbers == {"11": 0, "305": 1, "7": 2, "9": 3} == annotators_of(TRIPLETS[::-1])
    for wrong in ({"7": 0, "9": 0}, {"7": -1}):
        with pytest.raises(InputError, match="number of its own"):
            TripletDataset(TRIPLETS, CONTRACT, wrong)


def test_the_three_faces_change_each_for_itself_and_again_alike() -> None:
    same = Sample("same", portrait(0), cropped=True)
    triplets = [AnnotatedTriplet((same, same, same), "one-class", (("1", 0),))] * 2

    def items(epoch: int, seed: int = 0) -> list[dict[str, Tensor]]:
        dataset = TripletDataset(triplets, CONTRACT, augmentation=FaceAugmentation(flip=0.5, shift=0.2), seed=seed)
        dataset.set_epoch(epoch)
        return [dataset[1], dataset[0]]

    one, again, later, other = items(0), items(0), items(1), items(0, seed=1)
    assert all(torch.equal(a[name], b[name]) for a, b in zip(one, again, strict=True) for name in ("first", "second", "third"))
    pictures = [item[name].numpy().tobytes() for item in (*one, *later, *other) for name in ("first", "second", "third")]
    assert len(set(pictures)) == 18


def rows(*values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def test_the_loss_is_the_one_on_paper() -> None:
    """d(a,p) = 5, d(a,n) = 6, d(p,n) = sqrt(9 + 4) from points one can draw."""
    anchor, positive, negative = rows([0, 0]), rows([3, 4]), rows([0, 6])
    far = math.sqrt(13)
    assert double_triplet(anchor, positive, negative, 0.2).tolist() == pytest.approx([5 - far + 0.2])
    assert double_triplet(anchor, positive, negative, 1.5).tolist() == pytest.approx([(5 - 6 + 1.5) + (5 - far + 1.5)])
    squared = double_triplet(anchor, positive, negative, 0.2, squared=True)
    assert squared.tolist() == pytest.approx([25 - 13 + 0.2])
    assert double_triplet(anchor, positive, negative, 12.0, squared=True).tolist() == pytest.approx([1 + 24])
    two = [torch.cat((t, t)) for t in (anchor, positive, negative)]
    assert double_triplet(*two, torch.tensor([0.2, 1.5])).tolist() == pytest.approx([5.2 - far, 0.5 + 6.5 - far])
    alike = double_triplet(*two[:2], two[2] * 100, 0.2)
    assert alike.tolist() == [0, 0]


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_equal_embeddings_have_finite_gradients(squared: bool, dtype: torch.dtype) -> None:
    points = torch.tensor([[[0.6, 0.8]] * 3, [[0.6, 0.8], [0.6, 0.8], [1.0, 0.0]]], dtype=dtype, requires_grad=True)
    loss = double_triplet(points[:, 0], points[:, 1], points[:, 2], 0.2, squared=squared)
    assert loss.dtype == torch.float32 and loss[0].item() == pytest.approx(0.4)
    loss.sum().backward()
    assert points.grad is not None and torch.isfinite(points.grad).all()


def test_a_triplet_is_right_when_both_distances_to_the_odd_one_are_larger() -> None:
    anchor, positive = rows([0, 0], [0, 0], [0, 0], [1, 1]), rows([1, 0], [1, 0], [1, 0], [1, 1])
    negative = rows([3, 0], [1.5, 0], [-0.5, 0], [1, 1])
    assert triplet_accuracy(anchor, positive, negative).tolist() == [True, False, False, False]  # equal is not nearer


def test_the_odd_one_becomes_the_negative() -> None:
    embeddings = torch.arange(18.0).reshape(3, 3, 2)
    anchor, positive, negative = arrange(embeddings, torch.tensor([0, 1, 2]))
    assert anchor.tolist() == [[2, 3], [6, 7], [12, 13]]
    assert positive.tolist() == [[4, 5], [10, 11], [14, 15]]
    assert negative.tolist() == [[0, 1], [8, 9], [16, 17]]
    with pytest.raises(InputError, match="leave ties"):
        arrange(embeddings, torch.tensor([0, -1, 2]))
    with pytest.raises(InputError, match=r"\(B, 3, D\)"):
        arrange(embeddings[:, 0], torch.tensor([0, 1, 2]))
    learned = nn.Parameter(embeddings.clone())
    arrange(learned, torch.tensor([0, 1, 2]))[2].sum().backward()
    assert learned.grad is not None and learned.grad.sum(2).tolist() == [[2, 0, 0], [0, 2, 0], [0, 0, 2]]


def test_accuracy_is_told_per_kind_of_triplet() -> None:
    right, kinds = torch.tensor([True, False, True, True]), torch.tensor([0, 0, 2, 2])
    assert accuracy_by_kind(right, kinds) == {"accuracy": 0.75, "one_class": 0.5, "three_class": 1.0}
    assert accuracy_by_kind(right[:0], kinds[:0]) == {}


def test_a_face_of_many_triplets_is_embedded_once() -> None:
    component = Colour()
    embeddings = embed_triplets(component, TRIPLETS, batch_size=3)
    assert embeddings.shape == (4, 3, 3) and component.seen == 4
    wanted = component.encode(torch.stack([torch.tensor(s.read()).permute(2, 0, 1) / 255 for s in TRIPLETS[0].images]))
    assert torch.allclose(embeddings[0], wanted)
    assert embed_triplets(component, []).shape == (0, 3, 3)


def test_the_figures_of_a_space_count_its_agreement_with_people() -> None:
    figures = triplet_figures(Colour(), TRIPLETS)
    assert figures == {"accuracy": pytest.approx(2 / 3), "one_class": 1.0, "two_class": 1.0, "three_class": 0.0}
    noted = triplet_figures(Colour(), TRIPLETS, loss=lambda a, p, n, kinds: double_triplet(a, p, n, 0.2) * 0 + kinds)
    assert noted == {**figures, "loss": 1.0}  # the mean of kinds 0, 1 and 2
    # the mistake to avoid: taking the first two pictures of a row for the pair that is alike
    mistaken = [AnnotatedTriplet(t.images, t.kind, (("1", 2),)) for t in TRIPLETS]
    assert triplet_figures(Colour(), mistaken)["one_class"] == 0.0
    assert triplet_figures(Colour(), TRIPLETS[2:3]) == {}
