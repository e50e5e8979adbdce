"""Triplets of faces: anchor, positive, negative; what is learnt from them and how well a space agrees with people.

In FEC people name the ODD ONE OUT of three faces. Which two are alike follows from their answers alone, never from the
order of the pictures in a row.

Source: the double triplet loss and accuracy of Vemulapalli and Agarwala, "A Compact Embedding for Facial Expression
Similarity", CVPR 2019; code-level facts from AmirSh15/FECNet and the expression embedding of
FuxiVirtualHuman/free_avatar.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from facezoo.components import Component
from facezoo.contracts import BoxReference, InputContract
from facezoo.datasets import AnnotatedTriplet, TripletKind
from facezoo.errors import InputError
from facezoo.training.augmentation import FaceAugmentation
from facezoo.training.faces import UNCHANGED, FaceDataset, as_bytes, cut_face, embed_samples, ordered_digest

KINDS: tuple[str, ...] = get_args(TripletKind)  # in the order of their numbers
PLACES = ("first", "second", "third")


class TripletDataset(Dataset[dict[str, Tensor]]):
    """Item ``i``: the three faces of a triplet and what people said of them.

    Everything random about an item follows from (seed, epoch, i); each of the three faces draws for itself.

    Args:
        triplets: of a reader. Ties, of which no face is the odd one out, are left out.
        contract: of the component that is to see the faces.
        annotators: {annotator: number}, as of ``annotators_of``; answers of anybody else are left out.
        augmentation: what may happen to a crop; as it stands nothing.
        box_reference: how the samples' boxes relate to a face's reference; as in ``FaceDataset``.
        seed: of every choice.
        keep_ties: ties stay, with odd -1: annotators of a tie can still teach a crowd layer.
        values: names of the faces' values that an example brings along.

    Attributes:
        ties: how many of the triplets given are ties.

    Raises:
        InputError: two annotators with one number, or a negative number.
    """

    def __init__(
        self,
        triplets: Sequence[AnnotatedTriplet],
        contract: InputContract | None,
        annotators: Mapping[str, int] | None = None,
        augmentation: FaceAugmentation = UNCHANGED,
        box_reference: BoxReference | None = None,
        seed: int = 0,
        keep_ties: bool = False,
        values: Sequence[str] = (),
    ) -> None:
        self.annotators, self.values = dict(annotators or {}), tuple(values)
        if len(set(self.annotators.values())) < len(self.annotators) or min(self.annotators.values(), default=0) < 0:
            raise InputError("Every annotator has a number of its own, from 0.")
        self.ties = sum(triplet.odd is None for triplet in triplets)
        self.triplets = [triplet for triplet in triplets if keep_ties or triplet.odd is not None]
        self.width = max((len(triplet.answers) for triplet in self.triplets), default=0)
        self.faces = FaceDataset((), contract, augmentation=augmentation, box_reference=box_reference, seed=seed)

    @property
    def digest(self) -> str:
        """Says which triplets these are, and whose answers are learnt from."""
        names = [image.name for triplet in self.triplets for image in triplet.images]
        return ordered_digest(self.triplets, [*names, *self.annotators])

    def set_epoch(self, epoch: int) -> None:
        self.faces.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.triplets)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One example.

        Returns:
            ``first``, ``second``, ``third`` (3, H, W) uint8 RGB; ``odd`` () int64, 0 to 2, -1 on a tie; ``kind`` () int64,
            a place in ``KINDS``; ``votes`` (3,) int64, how many people found each the odd one; ``annotators`` (R,) int64 and
            ``answers`` (R,) int64, the odd one each of them named, filled up with -1, R the largest number of answers;
            ``values`` (3, K) float32 of the faces, NaN where one is not known.
        """
        triplet, source = self.triplets[index], self.faces
        item: dict[str, Tensor] = {}
        for place, (name, sample) in enumerate(zip(PLACES, triplet.images, strict=True)):
            rng = np.random.default_rng([source.seed, source.epoch, index, place])
            face = cut_face(sample, source.contract, source.box_reference, source.augmentation, rng)
            item[name] = as_bytes(face)
        known = [(self.annotators[who], answer) for who, answer in triplet.answers if who in self.annotators]
        padded = torch.full((2, self.width), -1)
        if known:
            padded[:, : len(known)] = torch.tensor(known).T
        odd = -1 if triplet.odd is None else triplet.odd
        return item | {
            "odd": torch.tensor(odd), "kind": torch.tensor(KINDS.index(triplet.kind)), "votes": torch.tensor(triplet.votes),
            "annotators": padded[0], "answers": padded[1],
            "values": torch.tensor([[face.values.get(name, math.nan) for name in self.values] for face in triplet.images]),
        }  # fmt: skip


def annotators_of(triplets: Sequence[AnnotatedTriplet]) -> dict[str, int]:
    """{annotator: number} of everybody who answered, numbered in the order of their sorted ids."""
    return {who: number for number, who in enumerate(sorted({who for t in triplets for who, _ in t.answers}))}


def arrange(embeddings: Tensor, odd: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Anchor, positive and negative, each (B, D): the negative is the odd one, the others keep their order.

    Args:
        embeddings: (B, 3, D) of the three faces.
        odd: (B,) int64, 0 to 2.

    Raises:
        InputError: another shape, or an ``odd`` that is none of the three (a tie).
    """
    if embeddings.ndim != 3 or embeddings.shape[1] != 3 or odd.shape != embeddings.shape[:1]:
        raise InputError(f"Embeddings are (B, 3, D) with odd (B,), not {tuple(embeddings.shape)} and {tuple(odd.shape)}.")
    if len(odd) and not bool(((odd >= 0) & (odd <= 2)).all()):
        raise InputError("A triplet's odd one is 0, 1 or 2; leave ties (-1) out before arranging.")
    others = torch.tensor([[1, 2, 0], [0, 2, 1], [0, 1, 2]], device=odd.device)[odd]
    anchor, positive, negative = embeddings.gather(1, others[:, :, None].expand_as(embeddings)).unbind(1)
    return anchor, positive, negative


def distance(a: Tensor, b: Tensor, *, squared: bool = False) -> Tensor:
    """(B,) float32 Euclidean distances of rows, or their squares; where two rows are equal the gradient is zero."""
    difference = a.float() - b.float()
    return difference.square().sum(1) if squared else torch.linalg.vector_norm(difference, dim=1)


def double_triplet(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float | Tensor, *, squared: bool = False
) -> Tensor:
    """The loss of each triplet, (B,) float32: max(0, d(a,p) - d(a,n) + m) + max(0, d(a,p) - d(p,n) + m).

    Args:
        anchor: (B, D).
        positive: (B, D).
        negative: (B, D).
        margin: m, or (B,) of them: one per kind of triplet.
        squared: d is the squared distance.
    """
    near = distance(anchor, positive, squared=squared)
    far = distance(anchor, negative, squared=squared), distance(positive, negative, squared=squared)
    return F.relu(near - far[0] + margin) + F.relu(near - far[1] + margin)


def triplet_accuracy(anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """(B,) bool: True where anchor and positive are nearer to each other than either to the negative."""
    near = distance(anchor, positive)
    return (near < distance(anchor, negative)) & (near < distance(positive, negative))


def accuracy_by_kind(right: Tensor, kinds: Tensor) -> dict[str, float]:
    """``accuracy`` over all, and ``one_class``, ``two_class``, ``three_class`` of the kinds there are, in [0, 1].

    Args:
        right: (N,) bool of ``triplet_accuracy``.
        kinds: (N,) int64, places in ``KINDS``.
    """
    shares = {"accuracy": right} | {kind.replace("-", "_"): right[kinds == i] for i, kind in enumerate(KINDS)}
    return {name: float(some.double().mean()) for name, some in shares.items() if len(some)}


def embed_triplets(
    component: Component,
    triplets: Sequence[AnnotatedTriplet],
    batch_size: int = 32,
    view: str | None = None,
    box_reference: BoxReference | None = None,
    workers: int = 0,
) -> Tensor:
    """(N, 3, dim) float32 on the CPU. A face that many triplets share (one ``Sample`` object) is embedded once.

    Args:
        component: an encoder in eval mode.
        triplets: N of them.
        batch_size: faces at once.
        view: one of the encoder's views; None is the first.
        box_reference: as in ``FaceDataset``.
        workers: as in ``embed_samples``.

    Raises:
        FacezooError: as ``embed_samples``.
    """
    samples = list(dict.fromkeys(sample for triplet in triplets for sample in triplet.images))
    row = {sample: number for number, sample in enumerate(samples)}
    table = torch.from_numpy(embed_samples(component, samples, batch_size, view, box_reference, workers))
    places = torch.tensor([[row[sample] for sample in t.images] for t in triplets], dtype=torch.long).reshape(-1, 3)
    return table[places]


def triplet_figures(
    component: Component,
    triplets: Sequence[AnnotatedTriplet],
    batch_size: int = 32,
    view: str | None = None,
    box_reference: BoxReference | None = None,
    workers: int = 0,
    loss: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor] | None = None,
) -> dict[str, float]:
    """How often a space agrees with people, as ``accuracy_by_kind`` says it; ties are left out. For ``Recipe.validate``.

    Args:
        component: as in ``embed_triplets``, and the other arguments too.
        loss: of anchor, positive, negative, (N, D) each, and (N,) places in ``KINDS``: (N,), whose mean is then the figure
            ``loss``.
    """
    judged = [(triplet, triplet.odd) for triplet in triplets if triplet.odd is not None]
    if not judged:
        return {}
    embeddings = embed_triplets(component, [triplet for triplet, _ in judged], batch_size, view, box_reference, workers)
    triple = arrange(embeddings, torch.tensor([odd for _, odd in judged]))
    kinds = torch.tensor([KINDS.index(triplet.kind) for triplet, _ in judged])
    figures = accuracy_by_kind(triplet_accuracy(*triple), kinds)
    return figures if loss is None else {**figures, "loss": float(loss(*triple, kinds).mean())}
