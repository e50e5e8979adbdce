"""``facezoo train facenet``: identity vectors, learned by telling people apart.

The vector before L2 normalisation goes through a linear layer with one output per person, with a softmax cross-entropy, as
in facenet-pytorch's classifier; that layer is dropped when the model is exported. How the released weights were trained is
not part of that release, so every value here is facezoo's choice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn
from torch.utils.data import DataLoader

import facezoo_facenet
from facezoo.plugin import (
    DatasetError,
    FaceAugmentation,
    FaceDataset,
    InputError,
    Moment,
    Recipe,
    Record,
    Sample,
    TrainingConfig,
    check_batch_size,
    chosen_by,
    create,
    open_dataset,
    origin_of,
    parameters_of,
    refuse_idle,
    save,
    split_digest,
    start_from,
)
from facezoo_facenet.model import Facenet, FacenetConfig

LOWEST = 0.01  # share of the rate that is left at the end


class FacenetTraining(TrainingConfig):
    """Values of the recipe.

    Attributes:
        model: the component's configuration: any backbone, size and length of the vector.
        start: weights to go on from, an id, "dir:/path" or a folder; its configuration counts then. Empty: random ones.
        reader: of the data set; "folder" takes a folder per person.
        split: of the reader, to train on; "auto": "train" where it has one, else its first.
        validation: of the reader, with the same people, for the figures; "auto": "validation" or "test" where it has one;
            None (``validation=``): no figures.
        augmentation: what happens to a face.
        smoothing: of the labels, share that is spread over all people.
        optimizer: "sgd" with momentum, or "adamw".
        rate: highest learning rate; rises over ``warm_up`` of the run, then falls along a cosine.
        warm_up: share of the run.
        momentum: of "sgd".
        weight_decay: not of biases and norms.
    """

    epochs: int = Field(default=30, ge=1)
    batch_size: int = Field(default=64, ge=1)
    model: FacenetConfig = FacenetConfig()
    start: str = ""
    reader: str = "folder"
    split: str = "auto"
    validation: str | None = "auto"
    augmentation: FaceAugmentation = FaceAugmentation(flip=0.5)
    smoothing: float = Field(default=0.0, ge=0, lt=1)
    optimizer: Literal["sgd", "adamw"] = "sgd"
    rate: float = Field(default=0.05, gt=0)
    warm_up: float = Field(default=0.05, ge=0, lt=1)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)


class FacenetRecipe(Recipe):
    """A network learns people's names; what it knows one layer earlier is the identity vector."""

    config: FacenetTraining
    best_by = ("loss", "min")

    def __init__(self, config: FacenetTraining, data: Path) -> None:
        super().__init__(config, data)
        _refuse_idle(config)
        self.remarks: list[str] = []
        self.component = self._start()
        self.component.trainable_(True)
        side = self.component.config.image_size
        check_batch_size(self.component.trunk, (side, side), config.batch_size)
        self.reader = open_dataset(config.reader, data)
        found = "train" if "train" in self.reader.splits else self.reader.splits[0]
        split = found if config.split == "auto" else config.split
        self.samples = self.reader.samples(split)
        self.people = _people(self.samples, split, data)
        self.remarks.append(
            f"{len(self.samples)} faces of {len(self.people)} people: {config.reader}, split {split} "
            f"(digest {split_digest(self.samples)})."
        )
        self.held_out = self._held_out(split) if config.validate_every else []
        if not self.held_out:
            self.best_by = None
            self.remarks.append(
                f"Nothing is validated ({self._why_not()}), so nobody knows how well this network does on new faces."
            )
            refuse_idle(config, ("patience",), "nothing is validated: there is no split for it, or it is switched off")
        self.remarks += self.reader.notes()
        self.classifier = nn.Linear(self.component.config.embedding_dim, len(self.people))

    def _held_out(self, trained: str) -> list[Sample]:
        """Faces of the same people that are not trained on."""
        found = [split for split in ("validation", "test") if split in self.reader.splits and split != trained]
        split = self.config.validation if self.config.validation != "auto" else found[0] if found else None
        if not split:
            return []
        given = self.reader.samples(split)
        known = [sample for sample in given if person_of(sample) in self.people]
        self.remarks.append(
            f"Validation: {len(known)} faces, split {split} (digest {split_digest(known)}); "
            f"{len(given) - len(known)} of people that are not trained on were left out."
        )
        if not known:
            raise DatasetError(
                f"The split {split!r} of {self.data} shows nobody of {trained!r}; leave it out with validation=."
            )
        self.remarks.append(chosen_by("loss", f"the split {split}"))
        return known

    def _why_not(self) -> str:
        if not self.config.validate_every:
            return "validate_every=0"
        if self.config.validation is None:
            return "no split for it is named"
        return f"{self.data} has no split validation or test beside the one that is trained on"

    def _start(self) -> Facenet:
        config = self.config
        if config.start:
            found = start_from(config.start, Facenet, "a facenet, to go on from,")
            self.remarks.append(f"It starts as {origin_of(config.start, found.views['identity'])}.")
            return found
        made = create(facezoo_facenet.facezoo_components()[0], config.model)
        if not isinstance(made, Facenet):
            raise InputError(f"facenet is built as {type(made).__name__}, which this recipe does not know.")
        return made

    def dataset(self) -> FaceDataset:
        return self._faces(self.samples, self.config.augmentation)

    def _faces(self, samples: Sequence[Sample], augmentation: FaceAugmentation) -> FaceDataset:
        targets = {"person": [self.people[person_of(sample)] for sample in samples]}
        reference = self.reader.box_reference
        return FaceDataset(samples, self.component.contract, targets, augmentation, reference, self.config.seed)

    def modules(self) -> dict[str, nn.Module]:
        return {"component": self.component, "classifier": self.classifier}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        config = self.config
        parameters = parameters_of(self.component, self.classifier)
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        if config.optimizer == "adamw":
            return {"facenet": torch.optim.AdamW(groups, lr=config.rate)}
        return {"facenet": torch.optim.SGD(groups, lr=config.rate, momentum=config.momentum)}

    def learning_rate(self, turn: str, moment: Moment) -> float:
        config = self.config
        rise = min(1.0, (moment.step + 1) / max(1, round(config.warm_up * moment.steps)))
        return config.rate * rise * (LOWEST + (1 - LOWEST) * (1 + math.cos(math.pi * moment.progress)) / 2)

    def logits(self, faces: Tensor) -> Tensor:
        """(B, 3, H, W) uint8 faces -> (B, people) float32."""
        return self.classifier(self.component.trunk(self.component.prepare(faces.float() / 255))).float()

    def losses(self, batch: Mapping[str, Tensor], turn: str, moment: Moment) -> dict[str, Tensor]:
        logits = self.logits(batch["faces"])
        return {"identity": F.cross_entropy(logits, batch["person"], label_smoothing=self.config.smoothing)}

    def validate(self) -> dict[str, float]:
        """Cross-entropy on faces that are not trained on, and the share of them given the right name."""
        if not self.held_out:
            return {}
        faces = DataLoader(
            self._faces(self.held_out, FaceAugmentation()), self.config.batch_size, num_workers=self.config.workers
        )
        device = self.component.device
        parts = [(self.logits(batch["faces"].to(device)).cpu(), batch["person"]) for batch in faces]
        logits, people = torch.cat([part for part, _ in parts]), torch.cat([part for _, part in parts])
        right = (logits.argmax(1) == people).double().mean()
        return {"loss": float(F.cross_entropy(logits, people)), "accuracy": float(right)}

    def pictures(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"faces": batch["faces"].float() / 255}

    def notes(self) -> Sequence[str]:
        return self.remarks

    def export(self, directory: Path, record: Record) -> None:
        text = (
            f"# {record.recipe}\n\nA facenet, trained by facezoo to tell {len(self.people)} people apart. View `identity`: "
            f"unit vectors, the closer, the likelier one person.\n\n{record.as_markdown()}"
        )
        save(self.component, directory, card=text)


def person_of(sample: Sample) -> str:
    """Who is shown: the person where the set names one, else the class."""
    return sample.person or sample.label or ""


def _people(samples: Sequence[Sample], split: str, data: Path) -> dict[str, int]:
    """{person: number}, numbered in the order of their names."""
    people = sorted({person_of(sample) for sample in samples})
    if "" in people:
        raise DatasetError(f"The split {split!r} of {data} has faces of nobody: neither a person nor a class is named.")
    if len(people) < 2:
        raise DatasetError(f"The split {split!r} of {data} shows {people[0]} only; telling people apart takes two.")
    return {person: number for number, person in enumerate(people)}


def _refuse_idle(config: FacenetTraining) -> None:
    """Raises InputError for values that were chosen and that another value switches off."""
    if config.optimizer == "adamw":
        refuse_idle(config, ("momentum",), "optimizer=adamw has momenta of its own")
    if config.start:
        refuse_idle(config, ("model",), "the network given as start brings its own configuration")
