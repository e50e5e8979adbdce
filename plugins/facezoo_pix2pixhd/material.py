"""The faces of a run: which are learned from, which are measured, and what their embeddings are like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facezoo.plugin import (
    BoxReference,
    DatasetError,
    Detector,
    Emotion,
    Encoder,
    InputError,
    Reader,
    Sample,
    embed_samples,
    load,
    locate,
    open_several,
    split_digest,
)
from facezoo_pix2pixhd.manipulator import ExpressionManipulator
from facezoo_pix2pixhd.pairs import Face, shots_of
from facezoo_pix2pixhd.settings import ManipulatorTraining

SEVERAL = 600  # faces whose embeddings say how these are spread
PER_EMOTION = 300  # faces at most whose mean embedding stands for an emotion


class Material:
    """The faces of a run.

    Args:
        config: the recipe's values.
        data: its folder.

    Attributes:
        shots: pictures of one person in one place, two at least, to train on.
        portraits: single faces to train on.
        unseen: shots of the split that is measured; empty: nothing is.
        unseen_portraits: portraits of theirs.
        remarks: what a card should say of them.

    Raises:
        DatasetError: no pairs, or a folder that is laid out another way.
    """

    def __init__(self, config: ManipulatorTraining, data: Path) -> None:
        self.config = config
        self.remarks: list[str] = []
        names = (*config.readers, *([config.portraits] if config.portraits else ()))
        opened = open_several(names, data, ("rafd",))
        readers = {name: opened[name] for name in config.readers}
        self.faces = [face for name, reader in readers.items() for face in self._train(name, reader)]
        self.shots = shots_of(self.faces, config.alike)
        if not self.shots:
            same = f" and the same {' and '.join(config.alike)}" if config.alike else ""
            raise DatasetError(
                f"Among {len(self.faces)} faces of {', '.join(readers)} there are no two of one person{same}, and a pair is a "
                "person with two expressions in one place."
            )
        self.portraits = self._train(config.portraits, opened[config.portraits]) if config.portraits else []
        portraits = f", and {len(self.portraits)} portraits" if self.portraits else ""
        self.remarks.append(f"{sum(map(len, self.shots))} pictures in {len(self.shots)} shots of one person{portraits}.")
        self.unseen = shots_of(
            [face for name, reader in readers.items() for face in self._validation(name, reader)], config.alike
        )
        self.unseen_portraits = self._validation(config.portraits, opened[config.portraits]) if config.portraits else []
        if not self.unseen and not self.unseen_portraits:
            self.remarks.append("Nothing is validated, so nobody knows how well this does on new faces.")

    def _train(self, name: str, reader: Reader) -> list[Face]:
        split = self.config.split
        return self._faces(
            name, reader, ("train" if "train" in reader.splits else reader.splits[0]) if split == "auto" else split
        )

    def _validation(self, name: str, reader: Reader) -> list[Face]:
        split = self.config.validation
        if split == "auto":
            split = next((each for each in ("validation", "test") if each in reader.splits), "")
        return self._faces(name, reader, split, self.config.validation_faces) if split and self.config.validate_every else []

    def _faces(self, name: str, reader: Reader, split: str, limit: int | None = None) -> list[Face]:
        """The faces of a split that can be placed; of those that are measured, the first people with so many faces."""
        samples = reader.samples(split)
        if limit is not None:
            people = list(dict.fromkeys(sample.person or sample.name for sample in samples))[:limit]
            samples = [sample for sample in samples if (sample.person or sample.name) in set(people)]
        samples = self._placed(name, reader, samples)
        self.remarks.append(f"{len(samples)} faces of {name}, split {split} (digest {split_digest(samples)}).")
        self.remarks += [note for note in reader.notes() if note not in self.remarks]
        return [Face(sample, reader.box_reference) for sample in samples]

    def _placed(self, name: str, reader: Reader, samples: Sequence[Sample]) -> list[Sample]:
        if all(s.cropped or s.landmarks is not None or s.box is not None for s in samples):
            return list(samples)
        detector = load(self.config.detector, device="cpu")
        if not isinstance(detector, Detector):
            raise InputError(f"{self.config.detector} is a {type(detector).__name__}, no detector; set detector=haar-frontal.")
        found, missing = locate(samples, detector, reader.box_reference)
        self.remarks.append(f"{self.config.detector} found no face in {missing} of {len(samples)} pictures of {name}.")
        if not found:
            raise DatasetError(f"{self.config.detector} found no face in any of the {len(samples)} pictures of {name}.")
        return found

    def standardise(self, component: ExpressionManipulator, encoder: Encoder, view: str) -> None:
        """Tells the component the mean and standard deviation of the embeddings that it is shown in training."""
        faces = [face for shot in self.shots for face in shot]
        rows = _embedded(encoder, view, self._some(faces, SEVERAL), self.config.workers)
        component.expression_mean.copy_(torch.from_numpy(rows.mean(axis=0)))
        component.expression_deviation.copy_(torch.from_numpy(rows.std(axis=0).clip(1e-3)))

    def unseen_emotions(self, emotions: Sequence[str]) -> list[str]:
        """Those that no training face shows clearly enough."""
        return [emotion for emotion in emotions if not self._showing(emotion)]

    def _showing(self, emotion: str) -> list[Face]:
        """The training faces that count for an emotion's mean embedding."""
        least = 0.0 if emotion == Emotion.NEUTRAL else self.config.mean_intensity
        own = [face for face in self.faces if face.sample.label == emotion]
        return [face for face in own if face.sample.values.get("intensity", 1.0) >= least]

    def emotion_means(self, encoder: Encoder, view: str, emotions: Sequence[str]) -> Tensor:
        """(len(emotions), dim) float32: mean embedding of the training faces of each emotion; all 0 where one has no face."""
        if self.unseen_emotions(emotions):
            return torch.zeros(len(emotions), encoder.views[view].dim)
        groups = [self._showing(emotion) for emotion in emotions]
        rows = [_embedded(encoder, view, self._some(own, PER_EMOTION), self.config.workers).mean(axis=0) for own in groups]
        return torch.from_numpy(np.stack(rows))

    def _some(self, faces: Sequence[Face], count: int) -> list[Face]:
        chosen = np.random.default_rng(self.config.seed).permutation(len(faces))[:count].tolist()
        return [faces[i] for i in sorted(chosen)]


def _embedded(encoder: Encoder, view: str, faces: Sequence[Face], workers: int) -> np.ndarray:
    """(N, dim) float32: a row per face, those of one data set after those of another."""
    groups: dict[str, tuple[BoxReference, list[Sample]]] = {}
    for face in faces:
        groups.setdefault(face.reference.model_dump_json(), (face.reference, []))[1].append(face.sample)
    made = [embed_samples(encoder, s, view=view, box_reference=ref, workers=workers) for ref, s in groups.values()]
    return np.concatenate(made)
