"""A linear layer in steps, as FaceCycle's RAF-DB script trains it: every epoch sees the faces augmented anew.

Source: values as in JiaRenChang/FaceCycle @14509c9, folder RAFDB.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.utils.data import DataLoader

from facezoo.plugin import BoxReference, Encoder, FaceAugmentation, FaceDataset, Layer, Sample, progress


class Steps(BaseModel):
    """How the layer is trained: SGD with momentum on a cross-entropy.

    Attributes:
        epochs: over all faces.
        batch_size: faces.
        rate: the first.
        rate_drop: factor on the rate at epoch ``drop_every``, twice that, and so on, counted from 1.
        drop_every: epochs.
        momentum: of SGD.
        weight_decay: of SGD, on weights and bias.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=300, ge=1)
    batch_size: int = Field(default=256, ge=1)
    rate: float = Field(default=30.0, gt=0)
    rate_drop: float = Field(default=0.1, gt=0, le=1)
    drop_every: int = Field(default=80, ge=1)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)


def fit_in_steps(
    encoder: Encoder,
    view: str,
    samples: Sequence[Sample],
    classes: np.ndarray,
    count: int,
    steps: Steps,
    augmentation: FaceAugmentation,
    *,
    reference: BoxReference,
    seed: int,
    workers: int = 0,
) -> Layer:
    """Trains the layer; the encoder stays as it is.

    Args:
        encoder: in eval mode; its contract says what it is shown.
        view: of the encoder.
        samples: N whose face is known.
        classes: (N,) int64.
        count: K.
        steps: how.
        augmentation: what happens to a face.
        reference: how the samples' boxes relate to a face's reference.
        seed: of the first weights, the order and the augmentation.
        workers: processes that read and cut; the result does not depend on their number.

    Returns:
        The layer for what the encoder gives.

    Raises:
        InputError: a picture that cannot be read.
    """
    faces = FaceDataset(samples, encoder.contract, {"label": classes}, augmentation, reference, seed)
    loader = DataLoader(
        faces, steps.batch_size, shuffle=True, generator=torch.Generator().manual_seed(seed), num_workers=workers
    )
    linear = _layer(_codes(encoder, view, faces[0]["faces"][None]).shape[1], count, seed).to(encoder.device)
    optimizer = torch.optim.SGD(linear.parameters(), lr=steps.rate, momentum=steps.momentum, weight_decay=steps.weight_decay)
    with progress("Training the layer", steps.epochs) as advance:
        for epoch in range(1, steps.epochs + 1):
            faces.set_epoch(epoch)
            for group in optimizer.param_groups:
                group["lr"] = steps.rate * steps.rate_drop ** (epoch // steps.drop_every)
            for batch in loader:
                loss = F.cross_entropy(linear(_codes(encoder, view, batch["faces"])), batch["label"].to(encoder.device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            advance(1)
    weight, bias = (parameter.detach().cpu().double().numpy() for parameter in (linear.weight, linear.bias))
    return Layer(weight, bias)


@torch.no_grad()
def _codes(encoder: Encoder, view: str, faces: Tensor) -> Tensor:
    """(B, 3, H, W) uint8 -> (B, D) float32 on the encoder's device; D of a feature map follows from the faces' size."""
    return encoder.encode(faces.to(encoder.device).float() / 255, view)


def _layer(dim: int, count: int, seed: int) -> nn.Linear:
    """Kaiming-uniform weights and no bias, drawn from the seed."""
    linear = nn.Linear(dim, count)
    nn.init.kaiming_uniform_(linear.weight, generator=torch.Generator().manual_seed(seed))
    nn.init.zeros_(linear.bias)
    return linear
