"""Two pictures of everybody: for telling the people of a batch apart, which needs no weights per person."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from facezoo.plugin import FaceDataset


class PersonPairs(Dataset[dict[str, Tensor]]):
    """Item ``i``: two pictures of person ``i``; of somebody with one picture, that picture twice, augmented anew.

    Everything random about an item follows from (seed, epoch, i).

    Args:
        faces: all pictures, with a target ``person``.
    """

    def __init__(self, faces: FaceDataset) -> None:
        self.faces = faces
        self.owned: dict[int, list[int]] = {}
        for index, person in enumerate(faces.targets["person"].tolist()):
            self.owned.setdefault(person, []).append(index)
        self.people = list(self.owned)

    @property
    def digest(self) -> str:
        """Of the pictures, whose order decides the people's."""
        return self.faces.digest

    def set_epoch(self, epoch: int) -> None:
        self.faces.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.people)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """``faces`` (2, 3, H, W) uint8 RGB and ``person`` (), its number."""
        person = self.people[index]
        own = self.owned[person]
        rng = np.random.default_rng([self.faces.seed, self.faces.epoch, index])
        chosen = rng.choice(len(own), 2, replace=False) if len(own) > 1 else (0, 0)
        shown = [self.faces.face(own[place], draw) for draw, place in enumerate(chosen)]
        return {"faces": torch.stack(shown), "person": torch.tensor(person)}


def batch_loss(vectors: Tensor, scale: float, margin: float) -> Tensor:
    """Which of the batch's other pictures shows the same person? The cross-entropy of that, NT-Xent of SimCLR with a margin.

    Args:
        vectors: (B, 2, D) of B different people; their lengths do not count.
        scale: of the cosines.
        margin: by which the cosine of the right one is lowered.

    Returns:
        () float32.

    Source: Chen, Kornblith, Norouzi, Hinton, "A Simple Framework for Contrastive Learning", ICML 2020, eq. 1.
    """
    with torch.autocast(vectors.device.type, enabled=False):  # cosines near 1 differ by less than bfloat16's steps
        unit = F.normalize(vectors.float(), dim=2).transpose(0, 1).flatten(0, 1)  # 2B D: all first ones, all second ones
        count = len(unit)
        right = (torch.arange(count, device=unit.device) + count // 2) % count
        cosines = unit @ unit.T - margin * F.one_hot(right, count)
        itself = torch.eye(count, dtype=torch.bool, device=unit.device)
        return F.cross_entropy((scale * cosines).masked_fill(itself, -torch.inf), right)
