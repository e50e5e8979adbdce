"""Faces of a data set as a network is shown them: cut out as the component's contract says, exactly as by a pipeline.

    dataset = FaceDataset(samples, component.contract, {"label": codes}, augmentation, reader.box_reference, seed=0)
    dataset[3]  # {"faces": (3, S, S) uint8, "label": ()}

In a batch ``faces`` is (B, 3, S, S) uint8; a component takes it as ``batch["faces"].float() / 255``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from facezoo import crops
from facezoo.batches import progress, whole_face
from facezoo.components import Component, Detections, Detector, Encoder, describe
from facezoo.contracts import BoxReference, InputContract
from facezoo.datasets import AnnotatedTriplet, Sample, split_digest
from facezoo.errors import DatasetError, IncompatibleError, InputError
from facezoo.training.augmentation import FaceAugmentation, functional

LARGEST_STEP = 8.0  # source pixels per pixel of a crop; a bigger photograph is averaged in whole blocks first
OVERLAP = 0.3  # of a found face with the sample's own box, as intersection over union, to be taken for the same
UNCHANGED = FaceAugmentation()


class FaceDataset(Dataset[dict[str, Tensor]]):
    """Item ``i``: the face of sample ``i`` and what is to be learnt of it.

    Everything random about an item follows from (seed, epoch, i).

    Args:
        samples: whose faces.
        contract: of the component that is to see them.
        targets: by name one value per sample: numbers, or rows of numbers.
        augmentation: what may happen to a crop; as it stands nothing.
        box_reference: how the samples' boxes relate to a face's reference: the reader's own. Counts for faces without
            landmarks; None: such faces are refused.
        seed: of every choice.

    Raises:
        InputError: targets of another length.
        IncompatibleError: no contract, since the component takes embeddings.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        contract: InputContract | None,
        targets: Mapping[str, Sequence[object] | np.ndarray | Tensor] | None = None,
        augmentation: FaceAugmentation = UNCHANGED,
        box_reference: BoxReference | None = None,
        seed: int = 0,
    ) -> None:
        self.samples, self.contract = list(samples), _needed(contract)
        self.targets = {name: _as_tensor(name, values, len(self.samples)) for name, values in (targets or {}).items()}
        self.augmentation, self.box_reference, self.seed, self.epoch = augmentation, box_reference, seed, 0
        if augmentation.recolours:
            functional()  # imported here once rather than in every worker, and its absence is told now

    @property
    def digest(self) -> str:
        """Says which samples and targets these are, and in which order."""
        values = [values.numpy().tobytes() for values in self.targets.values()]
        return ordered_digest(self.samples, [sample.name for sample in self.samples], *values)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """``faces`` (3, H, W) uint8 RGB, and the targets: int64 or float32.

        Raises:
            InputError: the picture cannot be read, or its face lies far outside it.
            DatasetError: the sample does not say where its face is.
        """
        return {"faces": self.face(index), **{name: values[index] for name, values in self.targets.items()}}

    def face(self, index: int, *draw: int) -> Tensor:
        """(3, H, W) uint8 RGB: the face of a sample; with another ``draw`` it is augmented another way. Raises as an item."""
        rng = np.random.default_rng([self.seed, self.epoch, index, *draw])
        return as_bytes(cut_face(self.samples[index], self.contract, self.box_reference, self.augmentation, rng))


def ordered_digest(samples: Sequence[Sample | AnnotatedTriplet], names: Sequence[str], *values: bytes) -> str:
    """Twelve hex digits: those of ``split_digest``, and the order in which a run finds the examples."""
    found = hashlib.sha256(split_digest(samples).encode())
    found.update("\n".join(names).encode("utf-8", "surrogateescape"))
    for value in values:
        found.update(value)
    return found.hexdigest()[:12]


def cut_face(
    sample: Sample,
    contract: InputContract,
    box_reference: BoxReference | None = None,
    augmentation: FaceAugmentation = UNCHANGED,
    rng: np.random.Generator | None = None,
) -> Tensor:
    """A sample's face as the contract says: (3, *contract.size) float32 RGB in [0, 1].

    The same as a pipeline's crop, but for photographs with more than eight pixels per pixel of the crop: those are
    averaged in whole blocks first, which changes values by a few thousandths.

    Args:
        sample: landmarks count before the box; a cropped one is resized as a whole.
        contract: geometry and size.
        box_reference: as in ``FaceDataset``.
        augmentation: what may happen, drawn from ``rng``. Beyond the edge of a picture its edge pixels are repeated.
        rng: None: nothing happens.
    """
    image = sample.read()
    moved = rng is not None and augmentation.moves
    if sample.cropped and not moved:
        face = whole_face(image, contract.size)
    else:
        matrix = _place(sample, image, contract, box_reference)
        if rng is not None and moved:
            matrix = matrix @ augmentation.part(rng, contract.size)
        image, matrix = _reduced(image, matrix, contract.size)
        try:
            face = crops.cut([image], [0], matrix[None], contract.size)[0]
        except InputError as error:
            raise InputError(f"{sample.name}: {error}") from error
    return face if rng is None else augmentation.change(face, rng).clamp(0, 1)


def as_bytes(face: Tensor) -> Tensor:
    """Float in [0, 1] -> uint8, rounded."""
    return (face * 255).round().to(torch.uint8)


def _place(sample: Sample, image: np.ndarray, contract: InputContract, box_reference: BoxReference | None) -> np.ndarray:
    """(2, 3): crop coordinates to pixels of the picture."""
    if sample.cropped:
        return np.array([[image.shape[1], 0.0, 0.0], [0.0, image.shape[0], 0.0]])
    known = sample.landmarks is not None and bool(np.isfinite(sample.landmarks[[0, 1, 3, 4]]).all())
    if not known and (sample.box is None or box_reference is None):
        raise DatasetError(
            f"{sample.name} has neither landmarks nor a box whose relation to the face is known; look for its face with "
            "a detector first, or say that the pictures are face crops."
        )
    try:
        return crops.matrices(contract.crop, _detections(sample), box_reference or BoxReference(length=1.0), contract.size)[0]
    except IncompatibleError as error:
        raise IncompatibleError(f"{sample.name}: {error}") from error


def _detections(sample: Sample) -> Detections:
    box = np.array([sample.box if sample.box is not None else [np.nan] * 4], np.float32)
    points = None if sample.landmarks is None else np.asarray(sample.landmarks, np.float32).reshape(1, 5, 2)
    return Detections(box, np.ones(1, np.float32), points)


def _reduced(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A big photograph averaged in blocks, to about four pixels per pixel of the crop, and the crop's place in it."""
    per_pixel = np.linalg.norm(matrix[:, :2] / np.array(size[::-1]), axis=1).max()
    block = min(int(per_pixel / 4), min(image.shape[:2]) // 8) if per_pixel > LARGEST_STEP else 1  # NaN is left to `cut`
    if block < 2:
        return image, matrix
    import cv2

    rows, columns = image.shape[0] // block, image.shape[1] // block
    whole = image[: rows * block, : columns * block]
    return cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), matrix / block


def _needed(contract: InputContract | None) -> InputContract:
    if contract is None:
        raise IncompatibleError("A component without a contract takes embeddings; give the encoder's that makes them.")
    return contract


def _as_tensor(name: str, values: Sequence[object] | np.ndarray | Tensor, count: int) -> Tensor:
    given = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if given.shape[:1] != (count,) or given.dtype.kind not in "biuf":
        raise InputError(
            f"Targets {name!r} are {given.dtype} of shape {given.shape}; a number (or row) for each of {count} samples."
        )
    found = torch.from_numpy(given.copy())  # what is given may be read-only
    return found.float() if found.is_floating_point() else found.long()


def locate(
    samples: Iterable[Sample],
    detector: Detector,
    box_reference: BoxReference,
    min_score: float = 0.5,
    batch_size: int = 16,
) -> tuple[list[Sample], int]:
    """Samples with the place of their faces, by a detector.

    Cropped samples and those with landmarks stay as they are. Where a sample has a box, the face that overlaps it best
    is meant, else the largest. A picture without such a face keeps the box it has; without one it is left out.

    Args:
        samples: of a reader.
        detector: finds faces, and landmarks where it knows them.
        box_reference: the reader's. Boxes found are restated in it, so that one reference holds for all samples.
        min_score: fainter faces do not count.
        batch_size: pictures at once.

    Returns:
        The samples that say where their face is, in order; and in how many pictures none was found.
    """
    given = list(samples)
    asked = [i for i, sample in enumerate(given) if not sample.cropped and sample.landmarks is None]
    found: dict[int, Sample | None] = {}
    with progress("Looking for faces", len(asked)) as advance:
        for start in range(0, len(asked), batch_size):
            some = asked[start : start + batch_size]
            detections = detector.detect([given[i].read() for i in some], min_score)
            found |= {
                i: _found(given[i], d, detector.box_reference, box_reference) for i, d in zip(some, detections, strict=True)
            }
            advance(len(some))
    missing = sum(sample is None for sample in found.values())
    kept = [found.get(i) or sample for i, sample in enumerate(given) if found.get(i, sample) is not None or sample.box]
    return kept, missing


def _found(sample: Sample, faces: Detections, theirs: BoxReference, wanted: BoxReference) -> Sample | None:
    """The sample with the best of some faces, its box as ``wanted`` says; None if none fits."""
    if not len(faces):
        return None
    boxes = np.asarray(faces.boxes, np.float64)
    sides = boxes[:, 2:] - boxes[:, :2]
    fits = sides.prod(axis=1)
    if sample.box is not None:
        own = np.asarray(sample.box, np.float64)
        shared = np.minimum(boxes[:, 2:], own[2:]) - np.maximum(boxes[:, :2], own[:2])
        inside = np.clip(shared, 0, None).prod(axis=1)
        fits = inside / (fits + (own[2:] - own[:2]).prod() - inside)
        if fits.max() < OVERLAP:
            return None
    chosen = int(fits.argmax())
    points = faces.landmarks[chosen] if faces.landmarks is not None else None
    one = Detections(faces.boxes[[chosen]], faces.scores[[chosen]], None if points is None else points[None])
    x, y, length = crops.references(one, theirs)[0]
    height = length / wanted.length  # and as wide: only the reference point and length count
    left, top = x - height * (0.5 + wanted.center[0]), y - height * (0.5 + wanted.center[1])
    known = points is not None and bool(np.isfinite(points).all())
    box = tuple(float(v) for v in (left, top, left + height, top + height))
    return replace(sample, box=box, landmarks=points if known else None)  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class _Cut(Dataset[Tensor]):
    """Item ``i``: the face of sample ``i``, as ``cut_face`` gives it."""

    samples: Sequence[Sample]
    contract: InputContract
    box_reference: BoxReference | None

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Tensor:
        return cut_face(self.samples[index], self.contract, self.box_reference)


@torch.no_grad()
def embed_samples(
    component: Component,
    samples: Sequence[Sample],
    batch_size: int = 32,
    view: str | None = None,
    box_reference: BoxReference | None = None,
    workers: int = 0,
) -> np.ndarray:
    """What a component makes of faces: (N, dim) float32, a row per sample, in order.

    Args:
        component: an encoder, or a classifier (then logits); in eval mode, as ``load`` gives it and ``Recipe.validate``
            finds it.
        samples: N faces.
        batch_size: faces at once.
        view: one of the encoder's views; None is the first.
        box_reference: as in ``FaceDataset``.
        workers: processes that read and cut; the result does not depend on their number.

    Raises:
        InputError: a picture that cannot be read.
        DatasetError: a sample that does not say where its face is.
        IncompatibleError: no such view, or a component that takes embeddings.
    """
    contract = _needed(component.contract)
    if view is not None and not isinstance(component, Encoder):
        raise IncompatibleError(f"{describe(component)} is no encoder; it has no view {view!r}.")
    rows: list[np.ndarray] = []
    loader = DataLoader(_Cut(samples, contract, box_reference), batch_size, num_workers=workers)
    with progress("Embedding", len(samples)) as advance:
        for batch in loader:
            faces = batch.to(component.device)
            made = component.encode(faces, view) if isinstance(component, Encoder) else component(faces)
            rows.append(made.float().cpu().numpy())
            advance(len(faces))
    if not rows and isinstance(component, Encoder):
        return np.zeros((0, component.view_table()[component.resolve_view(view)].dim), np.float32)
    return np.concatenate(rows) if rows else np.zeros((0, len(component.labels or ())), np.float32)


def class_weights(labels: Iterable[int], classes: int) -> Tensor:
    """(classes,) float32 weights for a cross-entropy: inverse to each class's count, with mean 1.

    A class without a sample weighs nothing and does not count in the mean.

    Args:
        labels: a class number per sample, from 0.
        classes: how many there are.

    Raises:
        InputError: a number that is no class, or no labels.
    """
    counts = Counter(int(label) for label in labels)
    strange = sorted(set(counts) - set(range(classes)))
    if strange or not counts:
        raise InputError(f"Labels are 0 to {classes - 1}, not {strange}." if strange else "There are no labels to count.")
    inverse = torch.tensor([1 / counts[i] if counts[i] else 0.0 for i in range(classes)], dtype=torch.float64)
    return (inverse / inverse.sum() * len(counts)).float()
