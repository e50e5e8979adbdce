"""``rafdb-7`` and ``affectnet-7``: how often a classifier names the right one of seven emotions.

Source of what is compared: Zhang et al., CVPR 2021 (DLN), whose supplement says on what it was trained and not what it gave.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import numpy as np
from pydantic import Field

from facezoo.plugin import (
    SEVEN_EMOTIONS,
    Bootstrap,
    Encoder,
    IncompatibleError,
    Layer,
    Outcome,
    Part,
    Protocol,
    ProtocolConfig,
    Subject,
    best_class,
    fit_classes,
    measure_classes,
    measure_share,
    open_dataset,
)
from facezoo_evaluate.answers import columns_of
from facezoo_evaluate.peers import EMOTION

LABELS = tuple(emotion.value for emotion in SEVEN_EMOTIONS)
NOTES = (
    "What DLN gives on this split is not known here, so nothing stands beside it as the paper's.",
    "A classifier answers with the best of the seven emotions; further classes of its own, such as contempt, do not count.",
    "Peers that are no classifiers (raw pixels, HOG) get a logistic regression fitted on the training split of the same data.",
)


class EmotionConfig(ProtocolConfig):
    """Values of ``rafdb-7`` and ``affectnet-7``.

    Attributes:
        penalty: of the logistic regression that peers get; None: by cross-validation on the training split.
    """

    penalty: float | None = Field(default=None, gt=0)


class EmotionProtocol(Protocol):
    """Seven classes of a reader, measured on one of its splits.

    Attributes:
        reader_name: of the data.
        split: that is measured on.
    """

    config: EmotionConfig
    config_class = EmotionConfig
    task = "emotion-recognition"
    needs = ("classifier:emotion", "head:emotion")
    peers: ClassVar[Mapping[str, str]] = EMOTION
    reader_name: ClassVar[str]
    split: ClassVar[str]

    def prepare(self) -> None:
        self.reader = open_dataset(self.reader_name, self.bench.data)
        self.test = self.bench.part(self.reader, self.split, "measured on")
        self.wanted = class_numbers(self.test)

    def measure(self, subject: Subject) -> Outcome:
        if subject.kind == "peer" and isinstance(subject.component, Encoder):
            layer = fitted_on(subject, self.train, self.config.penalty, seed=self.config.seed)
            answers, remarks = layer(subject.embed(self.test)), (FITTED,)
        else:
            answers, remarks = subject.answers(self.test)[:, columns_of(subject, LABELS, "logits")], ()
        measured, confusion = measure_classes(LABELS, best_class(answers), self.wanted, self.bootstrap, self.test.people)
        return Outcome(tuple(measured), confusion, remarks=remarks)

    @cached_property
    def train(self) -> Part:
        """What peers are fitted on; laid out when the first of them asks."""
        return self.bench.part(self.reader, "train", "fitted on")

    def baselines(self) -> Mapping[str, Outcome]:
        """The best that can be said without looking."""
        return most_frequent(self.test, self.bootstrap)

    def remarks(self) -> tuple[str, ...]:
        return self.reader.notes()


FITTED = "A logistic regression by scikit-learn, fitted on the training split."


class RafDbSeven(EmotionProtocol):
    """RAF-DB basic, its test split: 3,068 pictures."""

    dataset = "RAF-DB"
    layout = "`facezoo datasets rafdb` shows it; the aligned pictures are used where they are there."
    reader_name = "rafdb"
    split = "test"
    notes = NOTES


class AffectNetSeven(EmotionProtocol):
    """AffectNet without contempt, its validation split, for nobody has the test split."""

    dataset = "AffectNet"
    layout = "`facezoo datasets affectnet` shows it, both layouts; pictures of contempt are left out."
    reader_name = "affectnet-7"
    split = "validation"
    notes = (*NOTES, "There is no public test split; papers report on the validation split, 500 pictures of each class.")


def class_numbers(part: Part) -> np.ndarray:
    """(N,) int64: each picture's place in ``LABELS``."""
    return np.array([LABELS.index(str(sample.label)) for sample in part.samples], np.int64)


def fitted_on(subject: Subject, train: Part, penalty: float | None, view: str | None = None, seed: int = 0) -> Layer:
    """A logistic regression on what an encoder makes of a part, for raw vectors; faces not found are left out.

    Raises:
        IncompatibleError: no face of some class was found.
    """
    found, classes = subject.found(train), class_numbers(train)
    codes = subject.embed(train, view)
    if absent := sorted(set(LABELS) - {LABELS[number] for number in classes[found]}):
        raise IncompatibleError(f"{subject.name} cannot be fitted: the training split shows no {' and no '.join(absent)}.")
    people = train.people
    known = None if people is None else [people[row] for row in np.flatnonzero(found)]
    return fit_classes(codes[found], classes[found], len(LABELS), penalty=penalty, people=known, seed=seed).layer


def most_frequent(part: Part, bootstrap: Bootstrap) -> dict[str, Outcome]:
    """The baseline that always says the class that is most frequent where it is measured."""
    wanted = class_numbers(part)
    right = wanted == np.bincount(wanted, minlength=len(LABELS)).argmax()
    return {"always the most frequent class": Outcome((measure_share("accuracy", right, bootstrap, owners=part.people),))}
