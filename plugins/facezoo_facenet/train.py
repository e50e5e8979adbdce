"""``facezoo train facenet``: identity vectors, learned by telling people apart.

The vector before L2 normalisation goes through a linear layer with one output per person, with a softmax cross-entropy, as
in facenet-pytorch's classifier; or the cosines with one direction per person do, with a margin. Either is dropped when the
model is exported. How the released weights were trained is not part of that release, so every value here is facezoo's choice.
"""

from __future__ import annotations

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
    Descent,
    FaceAugmentation,
    FaceDataset,
    InputError,
    Joined,
    Moment,
    Reader,
    Recipe,
    Record,
    Sample,
    SquareCrop,
    TrainingConfig,
    check_batch_size,
    chosen_by,
    create,
    descend,
    open_several,
    origin_of,
    parameters_of,
    refuse_idle,
    save,
    split_digest,
    start_from,
    warm_cosine,
)
from facezoo_facenet.model import Facenet, FacenetConfig
from facezoo_facenet.people import PersonPairs, batch_loss


class FacenetTraining(TrainingConfig):
    """Values of the recipe.

    Attributes:
        model: the component's configuration: any backbone, size and length of the vector.
        start: weights to go on from, an id, "dir:/path" or a folder; its configuration counts then. Empty: random ones.
        crop: what of a face is shown; None: facenet's own crop. It travels with the weights.
        readers: of the data; "folder" takes a folder per person. One reads the data folder itself, several read the folders
            of their names in it, and their people count as different ones.
        split: of the readers, to train on; "auto": "train" where it has one, else its first.
        validation: of the readers, with the same people, for the figures; "auto": "validation" or "test" where it has one;
            None (``validation=``): no figures.
        augmentation: what happens to a face.
        objective: "softmax" over a linear layer; "cosface": over cosines with one direction per person, the right one's
            lowered by ``margin`` (Wang et al., CosFace, CVPR 2018); or "batch": which other picture of the batch shows the same
            person, see ``people.batch_loss``. An example is then a person, of whom two pictures are shown; it learns from
            few pictures of many people, where a direction per person hardly gets any, and nothing is validated.
        scale: of the cosines.
        margin: see above.
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
    crop: SquareCrop | None = None
    readers: tuple[str, ...] = Field(default=("folder",), min_length=1)
    split: str = "auto"
    validation: str | None = "auto"
    augmentation: FaceAugmentation = FaceAugmentation(flip=0.5)
    objective: Literal["softmax", "cosface", "batch"] = "softmax"
    scale: float = Field(default=30.0, gt=0)
    margin: float = Field(default=0.2, ge=0, lt=1)
    smoothing: float = Field(default=0.0, ge=0, lt=1)
    optimizer: Descent = "sgd"
    rate: float = Field(default=0.05, gt=0)
    warm_up: float = Field(default=0.05, ge=0, lt=1)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)


Person = tuple[str, str]  # the reader's name and the person's in it


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
        self.readers = open_several(config.readers, data, FacenetTraining.model_fields["readers"].default)
        self.samples = {name: reader.samples(_split(reader, config.split)) for name, reader in self.readers.items()}
        self.people = self._people()
        for name, samples in self.samples.items():
            self.remarks.append(
                f"{len(samples)} faces of {len({person_of(sample) for sample in samples})} people: {name}, split "
                f"{_split(self.readers[name], config.split)} (digest {split_digest(samples)})."
            )
        self.held_out = self._held_out() if config.validate_every and config.objective != "batch" else {}
        if not self.held_out:
            self.best_by = None
            self.remarks.append(
                f"Nothing is validated ({self._why_not()}), so nobody knows how well this network does on new faces."
            )
            refuse_idle(config, ("patience",), "nothing is validated: there is no split for it, or it is switched off")
        self.remarks += [note for reader in self.readers.values() for note in reader.notes()]
        self.classifier: nn.Linear | None = None
        if config.objective != "batch":
            self.classifier = nn.Linear(self.component.config.embedding_dim, len(self.people), config.objective == "softmax")

    def _people(self) -> dict[Person, int]:
        """{(reader, person): number}, numbered in the order of their names."""
        people = {(name, person_of(sample)) for name, samples in self.samples.items() for sample in samples}
        if nobody := [name for name, person in people if not person]:
            raise DatasetError(f"{nobody[0]} has faces of nobody in {self.data}: neither a person nor a class is named.")
        if len(people) < 2:
            raise DatasetError(f"{self.data} shows {next(iter(people))[1]} only; telling people apart takes two.")
        return {person: number for number, person in enumerate(sorted(people))}

    def _held_out(self) -> dict[str, list[Sample]]:
        """Faces of the same people that are not trained on, of each reader that has any."""
        found: dict[str, list[Sample]] = {}
        for name, reader in self.readers.items():
            trained, wanted = _split(reader, self.config.split), self.config.validation
            own = [split for split in ("validation", "test") if split in reader.splits and split != trained]
            split = wanted if wanted != "auto" else own[0] if own else None
            if not split:
                continue
            given = reader.samples(split)
            known = [sample for sample in given if (name, person_of(sample)) in self.people]
            if not known and wanted != "auto":
                raise DatasetError(
                    f"The split {split!r} of {self.data} shows nobody of {trained!r}; leave it out with validation=."
                )
            self.remarks.append(
                f"Validation: {len(known)} faces, split {split} (digest {split_digest(known)}); "
                f"{len(given) - len(known)} of people that are not trained on were left out."
            )
            if known:
                found[name] = known
                self.remarks.append(chosen_by("loss", f"the split {split}"))
        return found

    def _why_not(self) -> str:
        if self.config.objective == "batch":
            return "objective=batch knows nobody by name; `facezoo evaluate` tells how well it tells strangers apart"
        if not self.config.validate_every:
            return "validate_every=0"
        if self.config.validation is None:
            return "no split for it is named"
        return f"{self.data} has no split validation or test of the people that are trained on"

    def _start(self) -> Facenet:
        config = self.config
        if config.start:
            found = start_from(config.start, Facenet, "a facenet, to go on from,")
            self.remarks.append(f"It starts as {origin_of(config.start, found.views['identity'])}.")
            return found
        made = create(facezoo_facenet.facezoo_components()[0], config.model)
        if not isinstance(made, Facenet):
            raise InputError(f"facenet is built as {type(made).__name__}, which this recipe does not know.")
        if config.crop and made.contract:
            made.contract = made.contract.model_copy(update={"crop": config.crop})
        return made

    def dataset(self) -> Joined:
        parts = [self._faces(name, samples, self.config.augmentation) for name, samples in self.samples.items()]
        return Joined([PersonPairs(part) for part in parts] if self.config.objective == "batch" else parts)

    def _faces(self, name: str, samples: Sequence[Sample], augmentation: FaceAugmentation) -> FaceDataset:
        targets = {"person": [self.people[name, person_of(sample)] for sample in samples]}
        seed = self.config.seed + list(self.readers).index(name)
        return FaceDataset(samples, self.component.contract, targets, augmentation, self.readers[name].box_reference, seed)

    def modules(self) -> dict[str, nn.Module]:
        classifier: dict[str, nn.Module] = {"classifier": self.classifier} if self.classifier else {}
        return {"component": self.component, **classifier}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        config, trained = self.config, parameters_of(*self.modules().values())
        return {"facenet": descend(config.optimizer, trained, config.rate, config.weight_decay, config.momentum)}

    def learning_rate(self, turn: str, moment: Moment) -> float:
        return warm_cosine(self.config.rate, self.config.warm_up, moment)

    def vectors(self, faces: Tensor) -> Tensor:
        """(B, 3, H, W) uint8 faces -> (B, D), of any length."""
        return self.component.trunk(self.component.prepare(faces.float() / 255))

    def logits(self, faces: Tensor, people: Tensor | None = None) -> Tensor:
        """(B, 3, H, W) uint8 faces -> (B, people) float32; with (B,) ``people`` theirs are lowered by the margin."""
        vectors = self.vectors(faces)
        if self.classifier is None:
            raise InputError("With objective=batch there are no people to tell a face from.")
        if self.config.objective == "softmax":
            return self.classifier(vectors).float()
        with torch.autocast(vectors.device.type, enabled=False):  # cosines near 1 differ by less than bfloat16's steps
            cosines = F.normalize(vectors.float(), dim=1) @ F.normalize(self.classifier.weight, dim=1).T
        if people is not None:
            cosines = cosines - self.config.margin * F.one_hot(people, cosines.shape[1])
        return self.config.scale * cosines

    def losses(self, batch: Mapping[str, Tensor], turn: str, moment: Moment) -> dict[str, Tensor]:
        if self.config.objective == "batch":
            vectors = self.vectors(batch["faces"].flatten(0, 1)).unflatten(0, (-1, 2))
            return {"identity": batch_loss(vectors, self.config.scale, self.config.margin)}
        logits = self.logits(batch["faces"], batch["person"])
        return {"identity": F.cross_entropy(logits, batch["person"], label_smoothing=self.config.smoothing)}

    def validate(self) -> dict[str, float]:
        """Cross-entropy on faces that are not trained on, and the share of them given the right name."""
        if not self.held_out:
            return {}
        unseen = Joined([self._faces(name, samples, FaceAugmentation()) for name, samples in self.held_out.items()])
        faces = DataLoader(unseen, self.config.batch_size, num_workers=self.config.workers)
        device = self.component.device
        parts = [(self.logits(batch["faces"].to(device)).cpu(), batch["person"]) for batch in faces]
        logits, people = torch.cat([part for part, _ in parts]), torch.cat([part for _, part in parts])
        right = (logits.argmax(1) == people).double().mean()
        return {"loss": float(F.cross_entropy(logits, people)), "accuracy": float(right)}

    def pictures(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        faces = batch["faces"].float() / 255
        return {"faces": faces} if faces.ndim == 4 else {"first": faces[:, 0], "second": faces[:, 1]}

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


def _split(reader: Reader, wanted: str) -> str:
    """The split of a reader that is trained on."""
    return wanted if wanted != "auto" else "train" if "train" in reader.splits else reader.splits[0]


def _refuse_idle(config: FacenetTraining) -> None:
    """Raises InputError for values that were chosen and that another value switches off."""
    if config.optimizer == "adamw":
        refuse_idle(config, ("momentum",), "optimizer=adamw has momenta of its own")
    if config.start:
        refuse_idle(config, ("model", "crop"), "the network given as start brings its own configuration and crop")
    if config.objective == "softmax":
        refuse_idle(config, ("scale", "margin"), "there are no cosines with objective=softmax")
    if config.objective == "batch":
        refuse_idle(config, ("validation", "smoothing"), "with objective=batch nobody is known by name")
