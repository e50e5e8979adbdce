"""``synthetic``: rendered faces, of which everything is known. Emotion, head pose, verification and disentanglement.

A model is measured by the parts that it can answer: a classifier says emotions, a head angles, an encoder who is alike; of an
encoder's views it is also measured what a linear layer reads from each. The other parts are left out, and the report says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from facezoo.plugin import (
    Encoder,
    IncompatibleError,
    Measurement,
    Outcome,
    Part,
    Protocol,
    ProtocolConfig,
    Reader,
    Subject,
    best_class,
    measure_classes,
    measure_share,
    open_dataset,
    owners_of,
    verify_by_folds,
)
from facezoo_evaluate.angles import ANGLES, angles_of, measure_angles
from facezoo_evaluate.answers import columns_of, outcome_of
from facezoo_evaluate.draws import draw_pairs, draw_samples
from facezoo_evaluate.emotions import LABELS, class_numbers, most_frequent
from facezoo_evaluate.factors import Factors, measure_factors
from facezoo_evaluate.peers import EMOTION, IDENTITY
from facezoo_evaluate.verification import CENTRED, CENTRED_NOTE, Pairs, centred, measure_pairs

INTENSITIES = ((0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.0))
YAWS = ((0, 15), (15, 30), (30, 45), (45, 60))


class SyntheticConfig(ProtocolConfig):
    """Values of ``synthetic``.

    Attributes:
        split: what emotion, pose and verification are measured on: "test", people whose number ends in 7, or "all" for a set
            of which nothing was trained on.
        probes: also fit the linear probes of an encoder's views. They are fitted on people of the split ``train`` and
            measured on people of ``test``.
        fit_on: faces that they are fitted on at most, drawn from the seed.
        penalty: of the probes; None: by cross-validation for each of them.
        shapes: so many of the head's shape coefficients stand for identity, the most telling first.
    """

    split: Literal["test", "all"] = "test"
    probes: bool = True
    fit_on: int = Field(default=2000, ge=2)
    penalty: float | None = Field(default=None, gt=0)
    shapes: int = Field(default=10, ge=1, le=100)


class SyntheticFaces(Protocol):
    """A folder of ``facezoo synth render``."""

    config: SyntheticConfig
    config_class = SyntheticConfig
    task = "emotion-recognition"
    dataset = "synthetic faces"
    layout = "A folder that `facezoo synth render` wrote; `facezoo datasets synthetic` shows it."
    needs = ()
    peers: ClassVar[Mapping[str, str]] = {**IDENTITY, **EMOTION}
    notes = (
        "Rendered faces and simulated expressions: what is measured here is not what a model does on photographs.",
        "A classifier answers with the best of the seven emotions; further classes of its own do not count.",
        CENTRED_NOTE,
    )

    def prepare(self) -> None:
        self.reader: Any = open_dataset("synthetic", self.bench.data)
        self.part = self.bench.part(self.reader, self.config.split, "measured on")
        self.wanted = class_numbers(self.part)

    def measure(self, subject: Subject) -> Outcome:
        parts = {
            "emotion": self._emotion, "head pose": self._pose, "verification": self._verification,
            "disentanglement": self._disentanglement,
        }  # fmt: skip
        return outcome_of(subject, parts, "rendered faces")

    def _emotion(self, subject: Subject) -> Outcome:
        """Accuracy, by class, by intensity and by yaw."""
        columns = columns_of(subject, LABELS, "logits")
        given = best_class(subject.answers(self.part)[:, columns])
        measured, confusion = measure_classes(LABELS, given, self.wanted, self.bootstrap, self.part.people)
        right = given == self.wanted
        for group, bins in (("accuracy by intensity", self._intensities()), ("accuracy by |yaw|", self._yaws())):
            for name, chosen in bins.items():
                if chosen.any():
                    owners = owners_of(self.part.people, np.flatnonzero(chosen))
                    measured.append(measure_share(name, right[chosen], self.bootstrap, owners=owners, group=group))
        return Outcome(tuple(measured), confusion)

    def _intensities(self) -> dict[str, np.ndarray]:
        """{name of a bin: (N,) bool}. Neutral faces are a bin of their own, whatever their intensity."""
        intensity = np.array([sample.values["intensity"] for sample in self.part.samples])
        neutral = self.wanted == 0
        bins = {f"{low:g} to {high:g}": ~neutral & _within(intensity, low, high) for low, high in INTENSITIES}
        return {"neutral": neutral, **bins}

    def _yaws(self) -> dict[str, np.ndarray]:
        yaw = np.abs(angles_of(self.part.samples)[:, 0])
        return {f"{low} to {high} degrees": _within(yaw, low, high) for low, high in YAWS}

    def _pose(self, subject: Subject) -> Outcome:
        """Errors of a head that gives angles."""
        columns = columns_of(subject, ANGLES, "values")
        wanted = angles_of(self.part.samples)
        given = subject.answers(self.part)[:, columns]
        return Outcome(tuple(measure_angles(given, wanted, self.bootstrap, guess=wanted.mean(axis=0), owners=self.part.people)))

    def _verification(self, subject: Subject) -> Outcome:
        """Same person or not, in other light and with another expression; also by the views that should not tell."""
        if not isinstance(subject.component, Encoder):
            raise IncompatibleError(f"{subject.name} is no encoder, so it has no view to compare.")
        if self.reader.settings.tracks:
            raise IncompatibleError("the pictures of a person share one light and backdrop here, which would tell them.")
        view = subject.view("identity")
        part, pairs = self._pairs
        by_view = [self._by_view(name, subject.embed(part, name), pairs) for name in subject.component.view_table()]
        return Outcome((*measure_pairs(subject.embed(part, view), pairs, self.bootstrap, "verification"), *by_view))

    def _by_view(self, view: str, codes: np.ndarray, pairs: Pairs) -> Measurement:
        """How much of a person a view shows: the accuracy of its centred vectors."""
        decided = verify_by_folds(pairs.alike(centred(codes)), pairs.same, pairs.folds)
        group = f"verification by view, {CENTRED}"
        return measure_share(view, decided.right, self.bootstrap, owners=pairs.owners, group=group, task="disentanglement")

    @cached_property
    def _pairs(self) -> tuple[Part, Pairs]:
        # of everybody, and in a trial some of the pairs: of some pictures hardly two would show one person
        pairs = self.bench.some(draw_pairs(self.reader.samples(self.config.split), self.config.seed))
        part, places = self.bench.pairs(self.reader, f"{self.config.split}, pairs", pairs)
        return part, Pairs.of(pairs, places)

    def _disentanglement(self, subject: Subject) -> Outcome:
        """Linear probes of each factor from each view."""
        if not isinstance(subject.component, Encoder):
            raise IncompatibleError(f"{subject.name} is no encoder, so it has no views to probe.")
        if not self.config.probes:
            raise IncompatibleError("probes=false was set.")
        fitted, measured = self._factors
        headline = subject.answered_by  # the view that the report's row names
        found = measure_factors(subject, fitted, measured, len(LABELS), self.bootstrap, self.config.penalty)
        subject.answered_by = headline or subject.answered_by
        unknown = "shape: the labels of this set have no shape coefficients, so no probe reads them."
        return Outcome(tuple(found), remarks=() if fitted.shaped and measured.shaped else (unknown,))

    @cached_property
    def _factors(self) -> tuple[Factors, Factors]:
        return self._known("train", "fitted on"), self._known("test", "measured on")

    def _known(self, split: str, use: Literal["fitted on", "measured on"]) -> Factors:
        """A split with what is true of its faces; some of it where it is fitted on."""
        samples, shapes = self.reader.samples(split), self.reader.shapes(split)[:, : self.config.shapes]
        if use == "measured on" and self.config.split == split:
            part = self.part
        else:
            chosen = draw_samples(samples, self.config.fit_on, self.config.seed) if use == "fitted on" else samples
            part = self.bench.part(self.reader, split, use, chosen)
        row = {sample.name: number for number, sample in enumerate(samples)}
        return Factors(part, shapes[[row[sample.name] for sample in part.samples]], class_numbers(part))

    def baselines(self) -> Mapping[str, Outcome]:
        """The most frequent class, and the mean angles: the best that can be said without looking."""
        wanted = angles_of(self.part.samples)
        mean = np.broadcast_to(wanted.mean(axis=0), wanted.shape)
        angles = measure_angles(mean, wanted, self.bootstrap, guess=mean[0], owners=self.part.people)
        return {**most_frequent(self.part, self.bootstrap), "always the mean angles": Outcome(tuple(angles))}

    def remarks(self) -> tuple[str, ...]:
        reader: Reader = self.reader
        seed = getattr(getattr(reader, "settings", None), "seed", None)
        whose = f"People of seed {seed}. The bundled models learned from people of seeds 0 and 1: measure them on others."
        return (*([whose] if seed is not None else []), *reader.notes())


def _within(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """(N,) bool: low <= value < high; the last bin's upper limit belongs to it."""
    last = high in (INTENSITIES[-1][1], YAWS[-1][1])
    return (values >= low) & ((values <= high) if last else (values < high))
