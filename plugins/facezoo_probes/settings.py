"""The values of ``facezoo train linear-probe``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from facezoo.plugin import TrainingConfig, refuse_idle
from facezoo_probes.targets import LABEL

STEPS = (
    "epochs", "max_steps", "mixed_precision", "channels_last", "clip_norm", "ema", "validate_every", "patience",
    "checkpoint_every", "keep_checkpoints", "pictures_every", "rate", "rate_drop", "drop_every", "momentum", "weight_decay",
)  # fmt: skip
"""What only sgd reads. Seed, batch size, workers and device are also those of holding out, folds and embedding."""


class LinearProbeTraining(TrainingConfig):
    """What is fitted on what, and how.

    Attributes:
        encoder: an id, ``hub:…`` or ``dir:…``; its weights stay as they are.
        view: one of the encoder's views; empty: its first.
        reader: of the data: folder, csv, rafdb, fer2013, affectnet … (`facezoo datasets`); auto: csv for a file that
            ends so, else folder.
        train_split: empty: "train", or the first that the reader has.
        test_split: what the figures are measured on; empty: validation, or test, where the reader has one.
        held_out: share of the training samples that the figures are measured on where there is no other split; 0: none.
        target: "label", or names of values ("yaw,pitch,roll").
        labels: the classes that are learnt, in this order; empty: all. Samples of other classes are left out.
        units: of the values; empty: degrees for yaw, pitch and roll.
        name: what the classes are about; results carry them under it. Empty: "emotion" for emotions, else "label".
        faces: "auto": what is no crop already is found by its own landmarks or box, else by the detector; "detect":
            always by the detector; "cropped": every picture is a crop as the encoder's contract wants it.
        detector: finds faces; those not found are left out and counted.
        solver: "scikit-learn": logistic or ridge regression to the optimum; "sgd": torch, in steps.
        penalty: scikit-learn: weight of the squared norm; None: chosen by cross-validation on the training samples.
        folds: of the cross-validation, which keeps people apart where the samples say who is shown.
        class_weights: "balanced": every class counts as much as every other; "none": every sample does.
        standardise: scale embeddings to mean square length 1 before fitting; the probe takes them as they are all the same.
        rate: sgd: the first learning rate; None: 3 for classes, 0.05 for values, whose gradients have no bound.
        rate_drop: sgd: factor on the rate after every ``drop_every`` epochs.
        drop_every: sgd: epochs.
        momentum: sgd.
        weight_decay: sgd.
    """

    epochs: int = Field(default=300, ge=1)
    batch_size: int = Field(default=64, ge=1)
    validate_every: int = Field(default=10, ge=0)
    encoder: str = ""
    view: str = ""
    reader: str = "auto"
    train_split: str = ""
    test_split: str = ""
    held_out: float = Field(default=0.2, ge=0, lt=1)
    target: tuple[str, ...] = Field(default=(LABEL,), min_length=1)
    labels: tuple[str, ...] = ()
    units: str = ""
    name: str = ""
    faces: Literal["auto", "detect", "cropped"] = "auto"
    detector: str = "haar-frontal"
    solver: Literal["scikit-learn", "sgd"] = "scikit-learn"
    penalty: float | None = Field(default=None, gt=0)
    folds: int = Field(default=5, ge=2)
    class_weights: Literal["none", "balanced"] = "none"
    standardise: bool = True
    rate: float | None = Field(default=None, gt=0)
    rate_drop: float = Field(default=0.1, gt=0, le=1)
    drop_every: int = Field(default=80, ge=1)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)

    @field_validator("target", "labels", mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        """``yaw,pitch,roll`` is three names, alone or in a list."""
        names = [given] if isinstance(given, str) else given
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            return given
        return tuple(part.strip() for name in names for part in name.split(",") if part.strip())

    @model_validator(mode="after")
    def _consistent(self) -> LinearProbeTraining:
        if LABEL in self.target and len(self.target) > 1:
            raise ValueError("target is 'label' or names of values; one probe does not learn both")
        if len(set(self.target)) < len(self.target) or len(set(self.labels)) < len(self.labels):
            raise ValueError("target and labels name everything once")
        if self.target == (LABEL,) and self.units:
            raise ValueError("classes have no units")
        return self

    def refuse_idle(self) -> None:
        """Raises InputError for values that were chosen and that another value switches off."""
        if self.solver == "scikit-learn":
            refuse_idle(self, STEPS, "solver=scikit-learn solves in one go, without steps")
        else:
            refuse_idle(self, ("penalty", "folds"), "solver=sgd has weight_decay and no cross-validation")
        if self.penalty is not None:
            refuse_idle(self, ("folds",), "a penalty that is given needs no cross-validation")
        if not self.validate_every:
            refuse_idle(self, ("patience",), "nothing is validated with validate_every=0")
        if not self.of_classes:
            refuse_idle(self, ("labels", "class_weights"), "values have no classes")
        if self.faces == "cropped":
            refuse_idle(self, ("detector",), "nothing is looked for with faces=cropped")

    @property
    def of_classes(self) -> bool:
        return self.target == (LABEL,)
