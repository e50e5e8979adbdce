"""Disentanglement: what a linear layer reads from each view of an encoder. Identity, emotion and pose of rendered faces.

The people that a layer is measured on are never those that it was fitted on. A view keeps a factor to itself if the layer
reads the factor from it and from no other view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facezoo.plugin import (
    NO_ANSWER,
    Bootstrap,
    FacezooError,
    Measurement,
    Part,
    Subject,
    best_class,
    fit_classes,
    fit_values,
    measure_share,
    measure_statistic,
    owners_of,
)
from facezoo_evaluate.angles import ANGLES, angles_of, measure_angles

TASK = "disentanglement"
EMOTION, YAW, PITCH, ROLL, SHAPE = GROUPS = tuple(f"linear probe of {factor}" for factor in ("emotion", *ANGLES, "shape"))
"""Groups of figures; in each a figure has the name of the view that was read."""


@dataclass(frozen=True, slots=True)
class Factors:
    """Faces, and what is true of them.

    Attributes:
        part: N faces.
        shapes: (N, K) float: the head's shape coefficients, which are its identity.
        emotions: (N,) int: class numbers.
    """

    part: Part
    shapes: np.ndarray
    emotions: np.ndarray

    @property
    def shaped(self) -> bool:
        """False for a set whose labels do not have the shapes: all are alike."""
        return bool(np.ptp(self.shapes))


def measure_factors(
    subject: Subject, fitted: Factors, measured: Factors, classes: int, bootstrap: Bootstrap, penalty: float | None
) -> list[Measurement]:
    """Linear probes of every factor from every view.

    Args:
        subject: an encoder.
        fitted: what the layers are fitted on, every class at least once.
        measured: what they are measured on; other people.
        classes: how many emotions there are.
        bootstrap: how intervals are drawn; people are drawn. Its seed also divides the folds of cross-validation.
        penalty: see ``fit_classes``; None: by cross-validation for each layer.
    """
    views = subject.encoder.view_table() if subject.encoder is not None else {}
    found: list[Measurement] = []
    for view in views:
        codes, answers = subject.embed(fitted.part, view), subject.embed(measured.part, view)
        known = np.flatnonzero(np.isfinite(codes).all(axis=1))
        probe = _Probe(codes[known], answers, fitted, measured, known, bootstrap, penalty)
        found += [probe.emotion(view, classes), *probe.pose(view)]
        if fitted.shaped and measured.shaped:
            found.append(probe.shape(view))
    return sorted(found, key=lambda one: GROUPS.index(one.group))


@dataclass(frozen=True, slots=True)
class _Probe:
    """One view's vectors: (M, D) of the faces that were found among the fitted ones, (N, D) of the measured ones."""

    codes: np.ndarray
    answers: np.ndarray
    fitted: Factors
    measured: Factors
    known: np.ndarray
    bootstrap: Bootstrap
    penalty: float | None

    @property
    def _people(self) -> Sequence[str] | None:
        """Whom the fitted faces show."""
        return owners_of(self.fitted.part.people, self.known)

    @property
    def _owners(self) -> Sequence[str] | None:
        return self.measured.part.people

    def emotion(self, view: str, classes: int) -> Measurement:
        """Accuracy in per cent."""
        wanted = self.fitted.emotions[self.known]
        fit = fit_classes(self.codes, wanted, classes, penalty=self.penalty, people=self._people, seed=self.bootstrap.seed)
        given = best_class(fit.layer(self.answers))
        right = (given != NO_ANSWER) & (given == self.measured.emotions)
        return measure_share(view, right, self.bootstrap, owners=self._owners, group=EMOTION, task=TASK)

    def pose(self, view: str) -> list[Measurement]:
        """Mean absolute error of each angle in degrees."""
        wanted = angles_of(self.fitted.part.samples)[self.known]
        fit = fit_values(self.codes, wanted, penalty=self.penalty, people=self._people, seed=self.bootstrap.seed)
        found = measure_angles(
            fit.layer(self.answers), angles_of(self.measured.part.samples), self.bootstrap,
            guess=wanted.mean(axis=0), owners=self._owners,
        )  # fmt: skip
        groups = zip((YAW, PITCH, ROLL), found, strict=True)
        return [one.model_copy(update={"name": view, "group": group, "task": TASK}) for group, one in groups]

    def shape(self, view: str) -> Measurement:
        """Mean R² of the shape coefficients: 1 is perfect, 0 is as good as not looking."""
        try:
            from sklearn.metrics import r2_score
        except ImportError as error:
            raise FacezooError("Probes need scikit-learn; install it with: pip install 'facezoo[eval]'") from error
        shapes, seed = self.fitted.shapes[self.known], self.bootstrap.seed
        fit, guess = fit_values(self.codes, shapes, penalty=self.penalty, people=self._people, seed=seed), shapes.mean(axis=0)
        layer = fit.layer(self.answers)
        given = np.where(np.isfinite(layer), layer, guess)
        wanted = self.measured.shapes

        def explained(rows: np.ndarray) -> float:
            return float(r2_score(wanted[rows], given[rows]))

        return measure_statistic(view, explained, len(wanted), self.bootstrap, owners=self._owners, group=SHAPE, task=TASK)
