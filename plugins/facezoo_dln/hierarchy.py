"""Hierarchical annotation: what a triplet's kind and its votes say beyond "this one is the odd one out".

The paper's abstract says that the annotation's hierarchy is used to augment the data; how is unknown. This is facezoo's
reading, with a switch:

- The kind of a triplet decides its margin: pictures of one emotion class differ less than those of two or three.
- The votes order all three pair distances. Every vote for a picture as odd one out is a vote for the two others as the
  closest pair, so of votes (4, 2, 0) the pair (1, 2) is the closest, (0, 2) comes next, (0, 1) is the farthest. That
  (1, 2) is closer than both others is the double triplet loss; that (0, 2) is closer than (0, 1) is one more triplet,
  with anchor 0, positive 2 and negative 1, and a smaller margin.
"""

from __future__ import annotations

import torch
from torch import Tensor

PAIRS = ((0, 1), (0, 2), (1, 2))


def opposite_distances(embeddings: Tensor) -> Tensor:
    """Euclidean distances of the pairs, each at the index of the picture that is not in it.

    Args:
        embeddings: (B, 3, D) float.

    Returns:
        (B, 3) float32: d(1, 2), d(0, 2), d(0, 1).
    """
    a, b, c = embeddings.float().unbind(1)
    # of two equal vectors the norm's gradient is zero
    return torch.linalg.vector_norm(torch.stack([b - c, a - c, a - b], dim=1), dim=2)


def further_orders(votes: Tensor, least_gap: int = 2) -> Tensor:
    """The orders of two pair distances that votes give and the majority's double triplet does not.

    Args:
        votes: (B, 3) integers, how many annotators found each picture the odd one out.
        least_gap: votes apart that count as an order; one vote is often chance.

    Returns:
        (B, 3) long, for the pictures (0, 1), (0, 2), (1, 2): +1 where the pair opposite the first is closer than the pair
        opposite the second, -1 where it is farther, 0 where the votes do not say or the majority's double triplet says so
        already. A tie for the most votes has no majority, so there both orders towards the third are given.
    """
    top = votes == votes.amax(dim=1, keepdim=True)
    majority = top & (top.sum(dim=1, keepdim=True) == 1)
    orders = []
    for first, second in PAIRS:
        gap = votes[:, first] - votes[:, second]
        known = majority[:, first] | majority[:, second]
        orders.append(torch.where((gap.abs() >= least_gap) & ~known, gap.sign(), torch.zeros_like(gap)))
    return torch.stack(orders, dim=1).long()


def order_loss(embeddings: Tensor, orders: Tensor, margin: float) -> Tensor:
    """A triplet loss for every further order.

    Args:
        embeddings: (B, 3, D) float.
        orders: (B, 3) from ``further_orders``.
        margin: how much closer the closer pair should be.

    Returns:
        (B,) float32, the sum over an example's orders.
    """
    distances = opposite_distances(embeddings)
    losses = []
    for number, (first, second) in enumerate(PAIRS):
        order = orders[:, number]
        gap = order * (distances[:, first] - distances[:, second])
        losses.append(torch.where(order != 0, (gap + margin).clamp(min=0), torch.zeros_like(gap)))
    return torch.stack(losses, dim=1).sum(dim=1)


def margins(kind: Tensor, one_class: float, other: float) -> Tensor:
    """(B,) long kinds (0: one-class, 1: two-class, 2: three-class) -> (B,) float32 margins."""
    return torch.where(kind == 0, one_class, other).float()
