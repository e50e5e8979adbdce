"""The crowd layer: annotators disagree because each judges in an own way, and that way is learned and thrown away.

During training every annotator has an own small transform of the embedding, and an annotator's answer is asked of
that annotator's transformed embeddings. What all share stays in the embedding, what one annotator does differently
goes into the transform. At inference the layer is dropped.

Source: the DLN's abstract names a crowd layer against label noise; its form there is unknown. The variants are those of
Rodrigues and Pereira, "Deep Learning from Crowds", AAAI 2018, applied to an embedding instead of class scores. Whether the
layer stands before or after the L2 normalisation is unknown too: ``placement``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facezoo.plugin import InputError, arrange, double_triplet

Variant = Literal["matrix", "scale", "bias", "scale+bias", "scalar"]
Placement = Literal["before", "after"]


class CrowdLayer(nn.Module):
    """One transform per annotator, the identity at the start.

    Attributes:
        annotators: the ids, by index; stored in every checkpoint and compared when a run is resumed.
        variant: "matrix" A·z, "scale" s∘z, "bias" z + b, "scale+bias" s∘z + b, "scalar" s·z.
        placement: "before": the transformed vectors are L2-normalised, so nobody can meet a margin by stretching them. For
            matrices and scales this is the layer before the embedding's own normalisation. "after": lengths are free.

    Args:
        annotators: ids in the order of their indices.
        dim: D, length of the embedding.
        variant: see above.
        placement: see above.

    Raises:
        InputError: "scalar" before a normalisation, which would undo it.
    """

    def __init__(
        self, annotators: Sequence[str], dim: int, variant: Variant = "matrix", placement: Placement = "before"
    ) -> None:
        super().__init__()
        if (variant, placement) == ("scalar", "before"):
            raise InputError("A scalar per annotator is undone by the L2 normalisation; set crowd_placement=after.")
        self.annotators, self.variant, self.placement = tuple(annotators), variant, placement
        count = len(self.annotators)
        if variant == "matrix":
            self.matrix = nn.Parameter(torch.eye(dim).repeat(count, 1, 1))  # (A, D, D)
        if variant in ("scale", "scale+bias"):
            self.scale = nn.Parameter(torch.ones(count, dim))
        if variant in ("bias", "scale+bias"):
            self.bias = nn.Parameter(torch.zeros(count, dim))
        if variant == "scalar":
            self.scale = nn.Parameter(torch.ones(count, 1))

    def forward(self, embeddings: Tensor, annotators: Tensor) -> Tensor:
        """Every triplet as each of its annotators sees it.

        Args:
            embeddings: (B, M, D) float of length 1, for M pictures per example.
            annotators: (B, R) long, indices of the annotators of each example; -1: no annotator.

        Returns:
            (B, R, M, D) float32. Where there is no annotator: the embeddings as they are, and no gradient for anybody's
            transform.
        """
        # autocast would multiply matrices in 16 bits, too coarse for distances that differ by a small margin
        with torch.autocast(embeddings.device.type, enabled=False):
            return self._seen(embeddings.float(), annotators)

    def _seen(self, embeddings: Tensor, annotators: Tensor) -> Tensor:
        who = annotators.clamp(min=0)
        plain = embeddings[:, None]  # B 1 M D
        seen = plain
        if self.variant == "matrix":
            seen = torch.einsum("brkd,bmd->brmk", self.matrix[who], embeddings)
        if self.variant in ("scale", "scale+bias", "scalar"):
            seen = seen * self.scale[who][:, :, None]
        if self.variant in ("bias", "scale+bias"):
            seen = seen + self.bias[who][:, :, None]
        seen = torch.where((annotators >= 0)[:, :, None, None], seen, plain)
        return F.normalize(seen, dim=-1) if self.placement == "before" else seen

    def get_extra_state(self) -> Tensor:
        """Whom each index means, as UTF-8 in a tensor: checkpoints hold tensors."""
        return torch.frombuffer(bytearray("\n".join(self.annotators).encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Any) -> None:
        """Compares the checkpoint's annotators with the data's. Raises InputError where they differ."""
        before = tuple(bytes(state.tolist()).decode().split("\n"))
        if before != self.annotators:
            missing, new = sorted(set(before) - set(self.annotators)), sorted(set(self.annotators) - set(before))
            raise InputError(
                f"The run began with {len(before)} annotators and the data now have {len(self.annotators)} "
                f"(gone: {', '.join(missing[:4]) or 'nobody'}; new: {', '.join(new[:4]) or 'nobody'}). Resume it on the "
                "data it began with."
            )


def crowd_loss(seen: Tensor, answers: Tensor, margin: Tensor) -> Tensor:
    """The double triplet loss of every annotator's own answer, averaged over the annotators who answered.

    Args:
        seen: (B, R, 3, D) float, from ``CrowdLayer``.
        answers: (B, R) long, index 0 to 2 of the picture that the annotator finds least similar; -1: no answer.
        margin: (B,) float.

    Returns:
        (B,) float32; 0 for an example that nobody answered.
    """
    answered = answers >= 0  # (B, R)
    row = answered.nonzero()[:, 0]
    losses = double_triplet(*arrange(seen[answered], answers[answered]), margin[row])
    totals = torch.zeros(len(seen), device=seen.device).index_add(0, row, losses.float())
    return totals / answered.sum(1).clamp(min=1)
