"""Examples to learn edits from: a face, the expression it is to take, and, where somebody has shown it, the true result.

Three kinds of examples: a *pair* is two pictures of one shot, the same person in the same place with two expressions (or
twice the same picture), so the second one is what the edit should give; in an *own* example a portrait is to keep its
expression; and a *stranger's* expression has no true result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from facezoo.plugin import (
    BoxReference,
    Detections,
    FaceAugmentation,
    IncompatibleError,
    InputContract,
    Sample,
    cut,
    matrices,
    split_digest,
)

PAIR, OWN, STRANGER = 0, 1, 2
Alignment = Literal["source", "own"]


@dataclass(frozen=True, eq=False)
class Face:
    """A face of a data set, and how that set's boxes relate to a face."""

    sample: Sample
    reference: BoxReference

    def place(self, image: np.ndarray, contract: InputContract) -> np.ndarray:
        """(2, 3): coordinates in the crop, [0, 1] x [0, 1], to pixels of the picture.

        Raises:
            IncompatibleError: a crop by five landmarks of a face without them.
        """
        sample = self.sample
        if sample.cropped:
            return np.array([[image.shape[1], 0.0, 0.0], [0.0, image.shape[0], 0.0]])
        box = np.array([sample.box if sample.box is not None else [np.nan] * 4], np.float32)
        points = None if sample.landmarks is None else np.asarray(sample.landmarks, np.float32).reshape(1, 5, 2)
        try:
            return matrices(contract.crop, Detections(box, np.ones(1, np.float32), points), self.reference, contract.size)[0]
        except IncompatibleError as error:
            raise IncompatibleError(f"{sample.name}: {error}") from error


def shots_of(faces: Iterable[Face], alike: Sequence[str]) -> list[list[Face]]:
    """The faces that may be paired: of one person, and with the same ``alike`` values, two at least.

    Args:
        faces: of one split of one data set; those without a person are left out.
        alike: names of the values that have to agree ("camera"); a sample without one has None for it.
    """
    found: dict[tuple[object, ...], list[Face]] = {}
    for face in faces:
        if face.sample.person is not None:
            key = (face.sample.person, *(face.sample.values.get(name) for name in alike))
            found.setdefault(key, []).append(face)
    return [own for own in found.values() if len(own) > 1]


@dataclass(frozen=True)
class Mixture:
    """What examples an epoch has; shares from 0 to 1.

    Attributes:
        own: share of pairs that are twice the same picture: the face keeps its expression.
        strangers: share of pairs in which it takes that of another person of the same set instead.
        portraits: share of all examples that show a face of the portraits.
        own_portraits: share of those that keep their own expression; the others take somebody's.
        foreign: share of those others that take the expression of a face of the pairs, not of another portrait.
    """

    own: float
    strangers: float
    portraits: float
    own_portraits: float
    foreign: float


class EditDataset(Dataset[dict[str, Tensor]]):
    """Item ``i``: face number ``i`` of the shots (or a portrait in its place) and the expression it is to take.

    Everything random about an item follows from (seed, epoch, i).

    Args:
        shots: pictures that may be paired, see ``shots_of``.
        portraits: faces that nobody has shown with another expression; may be empty.
        contract: of the manipulator.
        encoder: of the expression encoder.
        mixture: what is drawn how often.
        augmentation: happens to source and target alike; faces for the encoder are only mirrored with them.
        alignment: "source": a pair's second picture is cut where the first one's face is, so that a still head stays where
            it is; "own": each where its own face is.
        seed: of every choice.
    """

    def __init__(
        self,
        shots: Sequence[Sequence[Face]],
        portraits: Sequence[Face],
        contract: InputContract,
        encoder: InputContract,
        mixture: Mixture,
        augmentation: FaceAugmentation,
        alignment: Alignment = "source",
        seed: int = 0,
    ) -> None:
        self.shots, self.portraits = [list(shot) for shot in shots], list(portraits)
        self.faces = [(number, place) for number, shot in enumerate(self.shots) for place in range(len(shot))]
        self.contract, self.encoder, self.mixture = contract, encoder, mixture
        self.colours, self.flip = augmentation.model_copy(update={"flip": 0.0}), augmentation.flip
        self.alignment, self.seed, self.epoch = alignment, seed, 0

    @property
    def digest(self) -> str:
        """Says which faces these are."""
        return split_digest([*(face.sample for shot in self.shots for face in shot), *(p.sample for p in self.portraits)])

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One example.

        Returns:
            ``source``, ``target`` (3, S, S) uint8 RGB as the manipulator's contract says, the target in the source's place
            where ``kind`` is PAIR or OWN; ``source_face``, ``target_face`` (3, E, E) uint8 as the encoder's does, each cut
            by its own landmarks; ``kind`` (): PAIR, OWN or STRANGER.

        Raises:
            InputError: a picture that cannot be read.
        """
        rng = np.random.default_rng([self.seed, self.epoch, index])
        source, target, kind = self._drawn(index, rng)
        flipped, part, colours = rng.random() < self.flip, self.colours.part(rng, self.contract.size), int(rng.integers(2**32))
        pictures = [source.sample.read()]
        pictures.append(pictures[0] if target is source else target.sample.read())
        places = [face.place(picture, self.contract) for face, picture in zip((source, target), pictures, strict=True)]
        if kind != STRANGER and self.alignment == "source":
            places[1] = places[0]
        moved = np.stack(places) @ part if self.colours.moves else np.stack(places)
        shown = [
            self.colours.change(f, np.random.default_rng(colours)) for f in cut(pictures, [0, 1], moved, self.contract.size)
        ]
        own = [face.place(picture, self.encoder) for face, picture in zip((source, target), pictures, strict=True)]
        crops = (*shown, *cut(pictures, [0, 1], np.stack(own), self.encoder.size))
        named = zip(("source", "target", "source_face", "target_face"), crops, strict=True)
        item = {name: _as_bytes(crop.flip(-1) if flipped else crop) for name, crop in named}
        return {**item, "kind": torch.tensor(kind)}

    def _drawn(self, index: int, rng: np.random.Generator) -> tuple[Face, Face, int]:
        """The face, whose expression it takes, and the kind of example."""
        chances, mixture = rng.random(4), self.mixture
        number, place = self.faces[index]
        if self.portraits and chances[0] < mixture.portraits:
            which = int(rng.integers(len(self.portraits)))
            source = self.portraits[which]
            if chances[1] < mixture.own_portraits:
                return source, source, OWN
            if chances[2] < mixture.foreign or len(self.portraits) == 1:
                return source, self.shots[number][place], STRANGER
            return source, self.portraits[_other(which, len(self.portraits), rng)], STRANGER
        shot = self.shots[number]
        source = shot[place]
        if chances[1] < mixture.own:
            return source, source, PAIR
        if chances[2] < mixture.strangers and len(self.shots) > 1:
            another = self.shots[_other(number, len(self.shots), rng)]
            return source, another[int(rng.integers(len(another)))], STRANGER
        return source, shot[_other(place, len(shot), rng)], PAIR


def _other(number: int, count: int, rng: np.random.Generator) -> int:
    """One of ``count`` numbers, but not this one."""
    return (number + 1 + int(rng.integers(count - 1))) % count


def _as_bytes(face: Tensor) -> Tensor:
    return (face.clamp(0, 1) * 255).round().to(torch.uint8)
