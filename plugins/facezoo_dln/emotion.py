"""``facezoo train dln-emotion``: emotion recognition on the Deviation Learning Network.

Source: supplementary material of Zhang et al., CVPR 2021: the network without its crowd layer as backbone, a softmax layer
in place of the layer that gives the embedding, seven emotions, AffectNet's and RAF-DB's training sets together, 10
epochs, SGD with rate 0.001 and momentum 0.9, batches of 30, cross-entropy weighted by class. The formula of the weights,
weight decay, augmentation and whether the identity branch stays frozen are unknown; they are values here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from facezoo.plugin import (
    SEVEN_EMOTIONS,
    DatasetError,
    FaceAugmentation,
    FaceDataset,
    FacezooError,
    InputError,
    Joined,
    Moment,
    Recipe,
    Record,
    Sample,
    check_batch_size,
    chosen_by,
    class_weights,
    embed_samples,
    held_out,
    open_several,
    origin_of,
    parameters_of,
    refuse_idle,
    save,
    split_digest,
    start_from,
    warm_cosine,
)
from facezoo_dln.auxiliary import Auxiliary, Descending, known_values
from facezoo_dln.initial import Seen, dln_on, emotion_on, identity_model
from facezoo_dln.model import DLN, DLNEmotion

LABELS = tuple(emotion.value for emotion in SEVEN_EMOTIONS)
UNDIVIDED = "all"  # the split of a reader on data without splits
MEASURED = ("validation", "test")  # the first of them that a reader has is measured


class DLNEmotionTraining(Descending):
    """Values of the recipe.

    Attributes:
        start: the dln whose branches are taken over: an id, "dir:/path" or a folder.
        identity: without ``start``: the face recognition network that both branches are copied from.
        seen: with ``identity``: what the branches are shown, as in the recipe ``dln``.
        readers: of the data. One reads the data folder itself, several read the folders of their names in it.
        held_out: share of a reader's pictures that is measured and not trained on, where it has no split for that, such as
            "folder" on folders of classes alone; by person where it knows them. 0: none.
        train_identity: the identity branch is trained as well.
        weighting: of the classes in the loss. "balanced": inverse to their numbers of pictures, with mean 1,
            wₖ = (1 / nₖ) / mean(1 / n); "none": 1.
        augmentation: what happens to a picture.
        best: the weights of the best validation are exported instead of the last. Where a reader has no validation split,
            such as RAF-DB's, its test split would choose them.
        rate: of the optimiser; the highest, with ``schedule=cosine``.
        classifier_rate: the last layer's rate as a multiple of ``rate``. A deviation's entries are near 0.01, so logits of any
            size take large weights, which a small rate is slow to reach.
        momentum: of "sgd".
        weight_decay: of the optimiser.
        smoothing: of the labels, share that is spread over all classes.
    """

    epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=30, ge=1)
    start: str = ""
    identity: str = ""
    seen: Seen = "auto"
    readers: tuple[str, ...] = Field(default=("affectnet", "rafdb"), min_length=1)
    held_out: float = Field(default=0.2, ge=0, lt=1)
    train_identity: bool = False
    weighting: Literal["balanced", "none"] = "balanced"
    augmentation: FaceAugmentation = FaceAugmentation(flip=0.5)
    best: bool = False
    rate: float = Field(default=0.001, gt=0)
    classifier_rate: float = Field(default=1.0, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    smoothing: float = Field(default=0.0, ge=0, lt=1)


class DLNEmotionRecipe(Recipe):
    """Seven emotions, end to end; only the last layer starts at random."""

    config: DLNEmotionTraining

    def __init__(self, config: DLNEmotionTraining, data: Path) -> None:
        super().__init__(config, data)
        _refuse_idle(config)
        self.best_by = ("accuracy", "max") if config.best or config.patience else None
        self.remarks: list[str] = []
        self.component = self._start()
        if config.train_identity:
            self.component.frozen = ()
            self.remarks.append("The identity branch is trained as well.")
        self.component.trainable_(True)
        side = self.component.config.image_size
        check_batch_size(self.component.face_branch, (side, side), config.batch_size)
        self.readers = open_several(config.readers, data, DLNEmotionTraining.model_fields["readers"].default)
        self.training: dict[str, list[Sample]] = {}
        self.unseen: dict[str, list[Sample]] = {}
        for name in self.readers:
            self._divide(name)
        self._check_validation()
        self.class_weights = self._class_weights()
        self.values = {name: known_values(samples, config.auxiliary) for name, samples in self.training.items()}
        self.auxiliary = self._auxiliary()
        self.remarks += [f"{name}: {note}" for name, reader in self.readers.items() for note in reader.notes()]

    def _start(self) -> DLNEmotion:
        config = self.config
        if config.start and config.identity:
            raise InputError("Both start and identity are given; name a dln as start, or a facenet as identity.")
        if config.start:
            dln = start_from(config.start, DLN, "a dln, whose branches are taken over,")
            self.remarks.append(f"Both branches start as those of {origin_of(config.start, dln.views['deviation'])}.")
            return emotion_on(dln, LABELS)
        if not config.identity:
            raise InputError(
                "dln-emotion starts from a trained network, never from random weights. Name one: start=dir:RUN/model of a run "
                "of `facezoo train dln`, or identity=facenet-vggface2 or another facenet."
            )
        identity = identity_model(config.identity)
        self.remarks.append(f"Both branches start as copies of {origin_of(config.identity, identity.views['identity'])}.")
        return emotion_on(dln_on(identity, config.seen), LABELS)

    def _divide(self, name: str) -> None:
        """What of a reader is trained on, and what is measured."""
        config, splits = self.config, self.readers[name].splits
        self.training[name] = self._labelled(name, UNDIVIDED if splits == (UNDIVIDED,) else "train")
        if not config.validate_every:
            return
        if found := [split for split in MEASURED if split in splits]:
            self.unseen[name] = self._labelled(name, found[0])
        elif config.held_out:
            self.training[name], drawn = held_out(self.training[name], config.held_out, config.seed)
            self.remarks.append(f"{name}: {len(drawn)} of these pictures, drawn at random, are measured and not trained on.")
            self.unseen |= {name: drawn} if drawn else {}

    def _check_validation(self) -> None:
        """Refuses what a run without a validation cannot do, and says what a reader of the card must know of one."""
        if self.unseen:
            _confusion_matrix()  # its absence is told now, not after the first epoch
            if self.best_by:
                self.remarks.append(chosen_by(self.best_by[0], "the pictures of the validation"))
        else:
            refuse_idle(self.config, ("best", "patience"), "no picture is left to validate on")
            why = "Nothing was held out" if self.config.validate_every else "Nothing is validated (validate_every=0)"
            self.remarks.append(f"{why}, so nobody knows how well this classifier does on new faces.")

    def _labelled(self, name: str, split: str) -> list[Sample]:
        """A split's pictures of the seven emotions; the others are counted."""
        samples = self.readers[name].samples(split)
        kept = [sample for sample in samples if sample.label in LABELS]
        others = Counter(str(sample.label) for sample in samples if sample.label not in LABELS)
        left_out = ", ".join(f"{count} {label}" for label, count in sorted(others.items()))
        self.remarks.append(
            f"{name}, split {split}: {len(kept)} pictures (digest {split_digest(kept)})"
            + (f"; left out: {left_out}." if left_out else ".")
        )
        if not kept:
            raise DatasetError(f"{name} has no picture of {', '.join(LABELS)} in its split {split!r}; it has {left_out}.")
        return kept

    def _class_weights(self) -> Tensor | None:
        numbers = [number for samples in self.training.values() for number in class_numbers(samples)]
        if absent := sorted(set(range(len(LABELS))) - set(numbers)):
            self.remarks.append(f"No picture to learn from: {', '.join(LABELS[number] for number in absent)}.")
        if self.config.weighting == "none":
            return None
        weights = class_weights(numbers, len(LABELS))
        listed = ", ".join(f"{label} {weight:.3g}" for label, weight in zip(LABELS, weights.tolist(), strict=True))
        self.remarks.append(f"Weights of the classes in the loss: {listed}.")
        return weights

    def _auxiliary(self) -> Auxiliary | None:
        names = self.config.auxiliary
        if not names:
            return None
        self.remarks.append(self.config.remark)
        return Auxiliary(names, np.concatenate(list(self.values.values())))

    def dataset(self) -> Joined:
        parts = [
            FaceDataset(
                samples, self.component.contract, {"label": class_numbers(samples), "values": self.values[name]},
                self.config.augmentation, self.readers[name].box_reference, self.config.seed + number,
            )
            for number, (name, samples) in enumerate(self.training.items())
        ]  # fmt: skip
        return Joined(parts)

    def modules(self) -> dict[str, nn.Module]:
        auxiliary: dict[str, nn.Module] = {"auxiliary": self.auxiliary} if self.auxiliary else {}
        return {"component": self.component, **auxiliary}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        config, last = self.config, parameters_of(self.component.classifier)
        own = {id(parameter) for parameter in last}
        rest = [parameter for parameter in parameters_of(*self.modules().values()) if id(parameter) not in own]
        share = config.classifier_rate
        groups: list[dict[str, Any]] = [{"params": rest}, {"params": last, "lr": config.rate * share, "share": share}]
        if config.optimizer == "sgd":
            decay, momentum = config.weight_decay, config.momentum
            return {"emotion": torch.optim.SGD(groups, lr=config.rate, momentum=momentum, weight_decay=decay)}
        return {"emotion": torch.optim.AdamW(groups, lr=config.rate, weight_decay=config.weight_decay)}

    def learning_rate(self, turn: str, moment: Moment) -> float | None:
        return warm_cosine(self.config.rate, self.config.warm_up, moment) if self.config.schedule == "cosine" else None

    def losses(self, batch: Mapping[str, Tensor], turn: str, moment: Moment) -> dict[str, Tensor]:
        deviation = self.component.deviation(batch["faces"].float() / 255)
        logits = self.component.read(deviation)
        weights = None if self.class_weights is None else self.class_weights.to(logits.device)
        smoothing = self.config.smoothing
        terms = {"cross_entropy": F.cross_entropy(logits, batch["label"], weights, label_smoothing=smoothing)}
        if self.auxiliary is not None:
            terms["auxiliary"] = self.config.auxiliary_weight * self.auxiliary.loss(deviation, batch["values"])
        return terms

    def validate(self) -> dict[str, float]:
        """Accuracy, its mean over the classes, and the cross-entropy without weights on pictures that are not trained on; with
        several readers the accuracies on each as well."""
        confusion_matrix = _confusion_matrix()
        figures: dict[str, float] = {}
        tables, entropies = [], []
        for name, samples in self.unseen.items():
            reference = self.readers[name].box_reference
            logits = embed_samples(
                self.component, samples, self.config.batch_size, box_reference=reference, workers=self.config.workers
            )
            answers, truth = torch.from_numpy(logits), torch.tensor(class_numbers(samples))
            tables.append(confusion_matrix(answers, truth, len(LABELS)))
            entropies.append(F.cross_entropy(answers, truth, reduction="none"))
            if len(self.unseen) > 1:
                figures |= {f"{figure}_{name}": value for figure, value in accuracies(tables[-1]).items()}
        if not tables:
            return {}
        return {**accuracies(torch.stack(tables).sum(0)), "cross_entropy": float(torch.cat(entropies).mean()), **figures}

    def pictures(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"faces": batch["faces"].float() / 255}

    def notes(self) -> Sequence[str]:
        return self.remarks

    def export(self, directory: Path, record: Record) -> None:
        text = (
            f"# {record.recipe}\n\nEmotion recognition on a Deviation Learning Network, trained by facezoo. Classes in the "
            f"order of the logits: {', '.join(LABELS)}.\n\n{record.as_markdown()}"
        )
        save(self.component, directory, card=text)


def _refuse_idle(config: DLNEmotionTraining) -> None:
    """Raises InputError for values that were chosen and that another value switches off."""
    if not config.validate_every:
        refuse_idle(config, ("best", "patience"), "nothing is validated with validate_every=0")
    if config.start:
        refuse_idle(config, ("seen",), "a dln given as start keeps what it is shown")
    config.refuse_idle()


def class_numbers(samples: Sequence[Sample]) -> list[int]:
    """The samples' places in ``LABELS``."""
    return [LABELS.index(str(sample.label)) for sample in samples]


def _confusion_matrix() -> Callable[[Tensor, Tensor, int], Tensor]:
    try:
        from torchmetrics.functional.classification import multiclass_confusion_matrix
    except ImportError as error:
        raise FacezooError("Validation needs torchmetrics; install it with: pip install 'facezoo[train]'") from error
    return multiclass_confusion_matrix


def accuracies(table: Tensor) -> dict[str, float]:
    """Share of right answers, and its mean over the classes that occur.

    Args:
        table: (K, K) counts, rows: the true class, columns: the answer.
    """
    right, occurring = table.diagonal().double(), table.sum(1).double()
    mean = (right / occurring.clamp(min=1))[occurring > 0].mean()
    return {"accuracy": float(right.sum() / occurring.sum()), "mean_class_accuracy": float(mean)}
