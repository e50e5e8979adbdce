"""The crowd layer and the further orders: whose answer moves what, and what votes say beyond their majority."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from facezoo.plugin import InputError, arrange, double_triplet
from facezoo_dln.crowd import CrowdLayer, crowd_loss
from facezoo_dln.hierarchy import further_orders, margins, opposite_distances, order_loss

VARIANTS = ("matrix", "scale", "bias", "scale+bias")


def unit(*shape: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


@pytest.mark.parametrize("placement", ["before", "after"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_transform_starts_as_the_identity(variant, placement):
    layer = CrowdLayer(("a", "b", "c"), 16, variant, placement)
    embeddings, annotators = unit(4, 3, 16), torch.tensor([[0, 1], [2, -1], [-1, -1], [1, 1]])
    seen = layer(embeddings, annotators)
    assert seen.shape == (4, 2, 3, 16)
    torch.testing.assert_close(seen, embeddings[:, None].expand(-1, 2, -1, -1))


@pytest.mark.parametrize("variant", VARIANTS)
def test_at_the_start_the_loss_is_the_one_without_the_layer(variant):
    embeddings, margin = unit(5, 3, 16), torch.tensor([0.1, 0.2, 0.2, 0.1, 0.2])
    answers = torch.tensor([[0, 0, -1], [1, -1, -1], [2, 2, 2], [0, -1, -1], [1, 1, -1]])  # unanimous
    annotators = torch.where(answers >= 0, torch.tensor([0, 1, 2]), -1)
    loss = crowd_loss(CrowdLayer(("a", "b", "c"), 16, variant)(embeddings, annotators), answers, margin)
    torch.testing.assert_close(loss, double_triplet(*arrange(embeddings, answers[:, 0]), margin))


def test_each_variant_is_its_formula():
    z = unit(1, 3, 4)
    who = torch.tensor([[1]])
    random = torch.Generator().manual_seed(1)
    matrix, scale, bias = (torch.randn(2, *shape, generator=random) for shape in ((4, 4), (4,), (4,)))
    expected = {
        "matrix": z @ matrix[1].T, "scale": z * scale[1], "bias": z + bias[1], "scale+bias": z * scale[1] + bias[1],
        "scalar": z * scale[1, :1],
    }  # fmt: skip
    for variant, vectors in expected.items():
        layer = CrowdLayer(("a", "b"), 4, variant, "after")
        for name, values in (("matrix", matrix), ("scale", scale if variant != "scalar" else scale[:, :1]), ("bias", bias)):
            if hasattr(layer, name):
                getattr(layer, name).data.copy_(values)
        torch.testing.assert_close(layer(z, who)[:, 0], vectors)
        if variant != "scalar":
            layer.placement = "before"
            torch.testing.assert_close(layer(z, who)[:, 0], F.normalize(vectors, dim=-1))


def test_mixed_precision_leaves_the_transforms_in_float32():
    layer, embeddings, who = CrowdLayer(("a",), 16), unit(2, 3, 16), torch.tensor([[0], [0]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen = layer(embeddings, who)
    torch.testing.assert_close(seen[:, 0], embeddings)


def test_a_scalar_that_the_normalisation_undoes_is_refused():
    with pytest.raises(InputError, match="crowd_placement=after"):
        CrowdLayer(("a",), 16, "scalar", "before")


@pytest.mark.parametrize("variant", VARIANTS)
def test_who_did_not_answer_gets_no_gradient(variant):
    layer = CrowdLayer(("a", "b", "c", "d"), 16, variant)
    embeddings = unit(2, 3, 16).requires_grad_()
    annotators, answers = torch.tensor([[1, 3], [3, -1]]), torch.tensor([[0, 1], [2, -1]])
    crowd_loss(layer(embeddings, annotators), answers, torch.tensor([2.0, 2.0])).sum().backward()
    for parameter in layer.parameters():
        moved = parameter.grad.flatten(1).abs().sum(1) > 0
        assert moved.tolist() == [False, True, False, True]  # index 0 stands in for -1 inside, and must not notice
    assert torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize("placement", ["before", "after"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_nobody_sees_the_embeddings_as_they_are(variant, placement):
    layer = CrowdLayer(("a", "b"), 16, variant, placement)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.rand(parameter.shape, generator=torch.Generator().manual_seed(1)))
    embeddings = unit(2, 3, 16)
    seen = layer(embeddings, torch.tensor([[1, -1], [-1, -1]]))
    torch.testing.assert_close(seen[:, 1], embeddings)
    assert not torch.allclose(seen[0, 0], embeddings[0], atol=1e-2)
    seen[:, 1].square().mul(torch.rand(16)).sum().backward()
    assert all(not parameter.grad.any() for parameter in layer.parameters())


def test_the_answer_counts_for_the_annotator_who_gave_it():
    embeddings = unit(1, 3, 16)
    layer = CrowdLayer(("a", "b"), 16)
    layer.matrix.data[1] = torch.eye(16).flip(0) * torch.linspace(0.2, 3, 16)
    both = torch.tensor([[0, 1]])
    loss = crowd_loss(layer(embeddings, both), torch.tensor([[0, 2]]), torch.tensor([0.2]))
    theirs = F.normalize(embeddings @ layer.matrix[1].T, dim=-1)
    expected = [
        double_triplet(*arrange(v, torch.tensor([odd])), torch.tensor([0.2])) for v, odd in ((embeddings, 0), (theirs, 2))
    ]
    torch.testing.assert_close(loss, (expected[0] + expected[1]) / 2)


def test_nobodys_answer_costs_nothing():
    loss = crowd_loss(unit(2, 1, 3, 16), torch.tensor([[-1], [-1]]), torch.tensor([0.2, 0.2]))
    assert loss.tolist() == [0.0, 0.0]


def test_a_checkpoint_knows_whom_each_index_means():
    state = CrowdLayer(("anna", "béla"), 16).state_dict()
    assert all(isinstance(value, Tensor) for value in state.values())  # checkpoints hold tensors
    CrowdLayer(("anna", "béla"), 16).load_state_dict(state)
    with pytest.raises(InputError, match="gone: béla; new: carl"):
        CrowdLayer(("anna", "carl"), 16).load_state_dict(state)


def odd_ones(points: Tensor, triplets: Tensor) -> Tensor:
    return opposite_distances(points[triplets]).argmin(1)


def learned_from_crowd(seed: int, crowd: bool) -> float:
    """Share of unseen triplets of plain vectors that are judged as by their true distances, after learning from six
    annotators of whom three look at one direction far more than at the others."""
    random = torch.Generator().manual_seed(seed)
    true = F.normalize(torch.randn(40, 3, generator=random), dim=1)
    triplets, unseen = (torch.stack([torch.randperm(40, generator=random)[:3] for _ in range(count)]) for count in (3000, 1000))
    biased = F.normalize(true * torch.tensor([3.0, 0.3, 0.3]), dim=1)
    by_annotator = torch.stack([odd_ones(points, triplets) for points in (biased,) * 3 + (true,) * 3])
    annotators = torch.randint(0, 6, (len(triplets), 2), generator=random)
    answers = by_annotator[annotators, torch.arange(len(triplets))[:, None]]
    points = (torch.randn(40, 3, generator=random) / 2).requires_grad_()
    layer = CrowdLayer(tuple("abcdef"), 3)
    optimizer = torch.optim.Adam([points, *layer.parameters()] if crowd else [points], lr=0.03)
    for _ in range(300):
        chosen = torch.randint(0, len(triplets), (256,), generator=random)
        seen = layer(F.normalize(points, dim=1)[triplets[chosen]], annotators[chosen])
        loss = crowd_loss(seen, answers[chosen], torch.full((256,), 0.2)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    learned = F.normalize(points.detach(), dim=1)
    return float((odd_ones(learned, unseen) == odd_ones(true, unseen)).float().mean())


def test_the_layer_absorbs_what_some_annotators_always_do():
    gains = [learned_from_crowd(seed, crowd=True) - learned_from_crowd(seed, crowd=False) for seed in (0, 1)]
    assert sum(gains) / len(gains) > 0.02


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ((4, 2, 0), (0, 0, 1)),  # 0 is odd; of the rest, the pair opposite 1 is closer than the one opposite 2
        ((0, 2, 4), (-1, 0, 0)),  # mirrored: the pair opposite 0 is farther than the one opposite 1
        ((2, 4, 0), (0, 1, 0)),
        ((6, 0, 0), (0, 0, 0)),  # the majority says all there is
        ((4, 1, 1), (0, 0, 0)),  # a tie for the second place
        ((3, 3, 0), (0, 1, 1)),  # a tie for the first: both pairs are closer than the third
        ((2, 2, 2), (0, 0, 0)),
        ((3, 2, 1), (0, 0, 0)),  # one vote apart is no order
        ((0, 0, 0), (0, 0, 0)),
    ],
)
def test_votes_order_pairs_beyond_the_majority(votes, expected):
    assert further_orders(torch.tensor([votes])).tolist() == [list(expected)]


def test_the_gap_that_counts_as_an_order_can_be_set():
    votes = torch.tensor([[3, 2, 1], [4, 2, 0]])
    assert further_orders(votes, least_gap=1).tolist() == [[0, 0, 1], [0, 0, 1]]
    assert further_orders(votes, least_gap=3).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_the_further_triplet_of_four_two_none():
    """Votes (4, 2, 0): besides the pair (1, 2), (0, 2) is to be closer than (0, 1), by a small margin."""
    points = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 0.7]]])
    orders = further_orders(torch.tensor([[4, 2, 0]]))
    torch.testing.assert_close(opposite_distances(points), torch.tensor([[1.49**0.5, 0.7, 1.0]]), atol=1e-5, rtol=0)
    assert order_loss(points, orders, margin=0.05).item() == 0  # 0.7 is closer than 1 by 0.3
    assert order_loss(points, orders, margin=0.5).item() == pytest.approx(0.2, abs=1e-5)
    assert order_loss(points[:, [0, 2, 1]], orders, margin=0.05).item() == pytest.approx(0.35, abs=1e-5)


def test_margins_follow_the_kind():
    assert margins(torch.tensor([0, 1, 2]), 0.1, 0.2).tolist() == pytest.approx([0.1, 0.2, 0.2])
