"""``rafdb-linear`` and ``fer2013-linear``: seven emotions by one linear layer on a frozen encoder.

Source: Chang, Chen, Chiu, ICCV 2021 (arXiv 2108.03427); values as in JiaRenChang/FaceCycle @14509c9, folder RAFDB.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from facezoo.plugin import (
    Encoder,
    FaceAugmentation,
    IncompatibleError,
    Layer,
    Outcome,
    Part,
    Protocol,
    ProtocolConfig,
    Published,
    Subject,
    best_class,
    measure_classes,
    open_dataset,
)
from facezoo_evaluate.emotions import FITTED, LABELS, class_numbers, fitted_on, most_frequent
from facezoo_evaluate.peers import PLAIN
from facezoo_evaluate.steps import Steps, fit_in_steps

SOURCE = "arXiv 2108.03427, linear protocol, as the table of its release lists it"


class LinearConfig(ProtocolConfig):
    """Values of ``rafdb-linear`` and ``fer2013-linear``; the defaults are those of the release's RAF-DB script.

    Attributes:
        seed: of the layer's first weights, the order of faces and what happens to them, and the bootstrap.
        layer: "sgd": in steps on augmented faces, as released; "logistic": scikit-learn's logistic regression on faces as they
            are, to the optimum. Peers always get the second: the released rate is made for one network's features.
        side: height and width in pixels at which a view that is a feature map is computed; 0: the contract's. Views that are
            codes are always computed at the contract's size.
        penalty: of the logistic regression; None: by cross-validation on the training split.
        steps: how the released layer is trained.
        augmentation: what happens to a face that is learnt from.
    """

    seed: int = Field(default=1, ge=0)
    layer: Literal["sgd", "logistic"] = "sgd"
    side: int = Field(default=100, ge=0)
    penalty: float | None = Field(default=None, gt=0)
    steps: Steps = Steps()
    augmentation: FaceAugmentation = FaceAugmentation(
        flip=0.5, area=(0.8, 1.2), ratio=(0.8, 1.2), brightness=0.05, contrast=0.05, saturation=0.05, hue=0.01,
        colour_share=0.8, grayscale=0.2,
    )  # fmt: skip


class LinearProtocol(Protocol):
    """One linear layer on the encoder's feature map, or on its expression view where it has no map.

    Attributes:
        reader_name: of the data.
    """

    config: LinearConfig
    config_class = LinearConfig
    task = "emotion-recognition"
    needs = ("encoder:features", "encoder:expression")
    peers: ClassVar[Mapping[str, str]] = PLAIN
    reader_name: ClassVar[str]

    def prepare(self) -> None:
        self.reader = open_dataset(self.reader_name, self.bench.data)
        self.train = self.bench.part(self.reader, "train", "fitted on")
        self.test = self.bench.part(self.reader, "test", "measured on")
        self.wanted = class_numbers(self.test)

    def measure(self, subject: Subject) -> Outcome:
        view = probed_view(subject)
        remarks = self._resized(subject, view)
        if subject.kind == "peer" or self.config.layer == "logistic":
            layer, remarks = fitted_on(subject, self.train, self.config.penalty, view, self.config.seed), (*remarks, FITTED)
        else:
            layer = self._released(subject, self.train, view)
        answers = layer(subject.embed(self.test, view))
        measured, confusion = measure_classes(LABELS, best_class(answers), self.wanted, self.bootstrap, self.test.people)
        return Outcome(tuple(measured), confusion, remarks=remarks)

    def _resized(self, subject: Subject, view: str) -> tuple[str, ...]:
        """Shows faces of the released size to an encoder whose map may have any; says so."""
        side, encoder = self.config.side, subject.encoder
        if not side or subject.kind == "peer" or encoder is None or encoder.contract is None:
            return ()
        if encoder.view_table()[view].role != "features" or encoder.contract.size == (side, side):
            return ()
        own = encoder.contract.size
        subject.show(encoder.contract.model_copy(update={"size": (side, side)}))
        return (f"Features of faces of {side} x {side}, as released; the weights were made for {own[0]} x {own[1]}.",)

    def _released(self, subject: Subject, part: Part, view: str) -> Layer:
        """The layer in steps, on the faces that were found."""
        config, placed, conditions = self.config, subject.placed(part), self.bench.conditions
        if not isinstance(subject.encoder, Encoder):
            raise IncompatibleError(f"{subject.name} is no encoder, so there is nothing to put a layer on.")
        classes = class_numbers(part)[placed.found]
        return fit_in_steps(
            subject.encoder, view, placed.samples, classes, len(LABELS), config.steps, config.augmentation,
            reference=part.reference, seed=config.seed, workers=conditions.workers,
        )  # fmt: skip

    def baselines(self) -> Mapping[str, Outcome]:
        """The best that can be said without looking."""
        return most_frequent(self.test, self.bootstrap)

    def remarks(self) -> tuple[str, ...]:
        return self.reader.notes()


def probed_view(subject: Subject) -> str:
    """The feature map where there is one, else the expression view; the caller's where one was named."""
    try:
        return subject.view("features")
    except IncompatibleError:
        return subject.view("expression")


class RafDbLinear(LinearProtocol):
    """RAF-DB basic, aligned pictures: 12,271 fitted on, 3,068 measured on."""

    dataset = "RAF-DB"
    layout = "`facezoo datasets rafdb` shows it; the paper's crop is the publisher's aligned picture."
    reader_name = "rafdb"
    published = (
        Published(name="FaceCycle", measurement="accuracy", value=71.01, source=SOURCE),
        Published(name="FAb-Net", measurement="accuracy", value=66.72, source=SOURCE),
        Published(name="TCAE", measurement="accuracy", value=65.32, source=SOURCE),
        Published(name="BMVC'20", measurement="accuracy", value=58.86, source=SOURCE),
    )
    notes = (
        "The release reports the mean of its batches' accuracies (100 pictures, the last batch 68); here every picture counts "
        "once.",
        "A random part of more than the whole picture lies anywhere around it here, with repeated edge pixels; torchvision, "
        "which the release uses, then falls back to the whole picture.",
    )


class Fer2013Linear(LinearProtocol):
    """FER-2013: Training fitted on, PrivateTest measured on."""

    dataset = "FER-2013"
    layout = "`facezoo datasets fer2013` shows it."
    reader_name = "fer2013"
    published = (
        Published(name="FaceCycle", measurement="accuracy", value=48.76, source=SOURCE),
        Published(name="FAb-Net", measurement="accuracy", value=46.98, source=SOURCE),
        Published(name="TCAE", measurement="accuracy", value=45.05, source=SOURCE),
        Published(name="BMVC'20", measurement="accuracy", value=47.61, source=SOURCE),
    )
    notes = (
        "The paper says the same linear protocol as on RAF-DB; size, rate and which of the two test splits are not known. Here "
        "they are RAF-DB's, and PrivateTest.",
    )
