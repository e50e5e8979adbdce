"""The layers of the Deviation Learning Network that are not a trunk.

    faces ──┬── identity branch (frozen) ── σ(n(·)) ──┐
            └── face branch ─────────────── σ(n(·)) ─(−)── deviation (512) ── polynomial ── n(·) ── embedding (16)

n divides a vector by its length, σ is the logistic function.

Source: Zhang, Ji, Chen, Ding, Fan: "Learning a Facial Expression Embedding Disentangled from Identity", CVPR 2021;
agrees with FuxiVirtualHuman/free_avatar @6f2eb6f, models/pipeline5.py (no licence file), where the order is 1.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

DEVIATION_DIM = 512
POWER_SCALE = 32.0  # brings a deviation's entries, 0.02 or so, near 1 before powers are taken


def branch_code(branch: nn.Module, prepared: Tensor) -> Tensor:
    """What a branch contributes to the deviation: its vector, brought to length 1, through the logistic function.

    Computed in float32 whatever the trunk computes in: the codes of both branches are near 0.5, where bfloat16's steps
    are as large as their difference.

    Args:
        branch: a trunk of ``facezoo_facenet.model.make_trunk``.
        prepared: (B, 3, H, W), as the component's ``prepare`` gives it.

    Returns:
        (B, 512) float32 in (0.26, 0.74).
    """
    return F.normalize(branch(prepared).float(), dim=1).sigmoid()


class Polynomial(nn.Module):
    """(B, 512) deviations v to (B, D) embeddings of length 1: e = n(Σₖ Wₖ normₖ(vᵏ)), powers element by element.

    norm₁ is the identity and normₖ a batch norm, so order 1 is the release: e = n(W₁ v). The orders above are our
    reading: the paper's exact form is unknown, and the release has two batch norms of 512 values that it does not use.
    """

    def __init__(self, embedding_dim: int = 16, order: int = 1) -> None:
        super().__init__()
        self.projections = nn.ModuleList(nn.Linear(DEVIATION_DIM, embedding_dim, bias=False) for _ in range(order))
        self.norms = nn.ModuleList(nn.BatchNorm1d(DEVIATION_DIM) for _ in range(order - 1))

    def forward(self, deviation: Tensor) -> Tensor:
        total = _project(self.projections[0], deviation)  # B D
        # a batch norm does not see a factor; without this one its epsilon would be larger than what it norms
        scaled = POWER_SCALE * deviation.float()
        for order, (projection, norm) in enumerate(zip(self.projections[1:], self.norms, strict=True), start=2):
            total = total + _project(projection, _batch_norm(norm, scaled**order))
        return F.normalize(total, dim=1)


def _project(projection: nn.Module, x: Tensor) -> Tensor:
    """A linear layer, in its own dtype; float32 out."""
    return projection(x.to(projection.weight.dtype)).float()


def _batch_norm(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    """A batch norm computed in float32: the variances of high powers are beyond float16."""
    mean, variance = norm.running_mean.float(), norm.running_var.float()
    return F.batch_norm(x, mean, variance, norm.weight.float(), norm.bias.float(), norm.training, norm.momentum, norm.eps)
