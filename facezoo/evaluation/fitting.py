"""Fits one linear layer to embeddings, on plain arrays: scikit-learn's logistic regression and ridge regression.

Embeddings are centred and scaled first, so that their mean square length is 1 whatever their dimension and units: one
penalty, and one learning rate, mean the same on every encoder. The result is folded back and takes raw embeddings.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from facezoo.errors import DatasetError, FacezooError

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
PAST = 1.1  # times the smallest error: weaker penalties will not be better again
FLOOR = 1e-7  # probability of a class that a fold has not seen
ITERATIONS = 2000


@dataclass(frozen=True, slots=True)
class Layer:
    """weight (K, D) and bias (K,), float64: ``layer(embeddings)`` is (N, K)."""

    weight: np.ndarray
    bias: np.ndarray

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        return embeddings.astype(np.float64) @ self.weight.T + self.bias


@dataclass(frozen=True, slots=True)
class Scaling:
    """(x - center) / scale, both (D,) float64."""

    center: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, embeddings: np.ndarray, standardise: bool = True) -> Self:
        """The scaling after which every value has mean 0 and variance 1 / D; none if not ``standardise``."""
        dim = embeddings.shape[1]
        if not standardise:
            return cls(np.zeros(dim), np.ones(dim))
        spread = embeddings.std(axis=0, dtype=np.float64)
        still = spread <= 1e-6 * max(float(spread.max()), 1e-12)  # a value that never changes tells nothing
        return cls(embeddings.mean(axis=0, dtype=np.float64), np.where(still, np.inf, spread) * dim**0.5)

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        return (embeddings - self.center) / self.scale

    def folded(self, weight: np.ndarray, bias: np.ndarray) -> Layer:
        """A layer for raw embeddings from one for scaled ones."""
        raw = np.asarray(weight, np.float64) / self.scale
        return Layer(raw, np.asarray(bias, np.float64) - raw @ self.center)


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted layer for raw embeddings.

    Attributes:
        layer: the layer.
        penalty: weight of the squared norm that it was fitted with.
        tried: {penalty: error in cross-validation}, strongest first; empty where the penalty was given.
        remarks: what a card should say of the fit.
    """

    layer: Layer
    penalty: float
    tried: dict[float, float]
    remarks: tuple[str, ...] = ()


def fit_classes(
    embeddings: np.ndarray,
    classes: np.ndarray,
    count: int,
    *,
    penalty: float | None = None,
    weights: np.ndarray | None = None,
    people: Sequence[str] | None = None,
    standardise: bool = True,
    folds: int = 5,
    seed: int = 0,
) -> Fit:
    """Logistic regression: the layer whose softmax gives probabilities of classes.

    Args:
        embeddings: (N, D) float.
        classes: (N,) int in [0, count), each class at least once.
        count: K.
        penalty: weight of half the squared norm beside the summed cross-entropy; None: by cross-validation, the one of
            ``PENALTIES`` with the smallest cross-entropy.
        weights: (K,) of the classes' samples; None: all 1.
        people: N names; cross-validation then never tests on people that it has fitted on.
        standardise: see ``Scaling.of``.
        folds: of the cross-validation.
        seed: of the folds.

    Raises:
        DatasetError: a class too rare for cross-validation.
        FacezooError: scikit-learn is not installed.
    """
    _sklearn()
    per_sample = np.ones(len(classes)) if weights is None else np.asarray(weights, np.float64)[classes]
    remarks: list[str] = []

    def fitted(rows: np.ndarray, value: float) -> Layer:
        scaling = Scaling.of(embeddings[rows], standardise)
        weight, bias, settled = _logistic(scaling(embeddings[rows]), classes[rows], count, per_sample[rows], value)
        if not settled and not remarks:
            remarks.append(f"Logistic regression did not settle within {ITERATIONS} iterations for some penalty.")
        return scaling.folded(weight, bias)

    def error(layer: Layer, rows: np.ndarray) -> float:
        chance = np.clip(softmax(layer(embeddings[rows])), FLOOR, 1.0)[np.arange(len(rows)), classes[rows]]
        return float(-(per_sample[rows] * np.log(chance)).sum())

    tried: dict[float, float] = {}
    if penalty is None:
        splits = list(_class_folds(classes, count, people, folds, seed, remarks))
        total = float(per_sample.sum())
        tried = _tried(lambda p: sum(error(fitted(train, p), test) for train, test in splits) / total)
        penalty = min(tried, key=lambda p: tried[p])
    return Fit(fitted(np.arange(len(classes)), penalty), penalty, tried, tuple(remarks))


def fit_values(
    embeddings: np.ndarray,
    values: np.ndarray,
    *,
    penalty: float | None = None,
    people: Sequence[str] | None = None,
    standardise: bool = True,
    folds: int = 5,
    seed: int = 0,
) -> Fit:
    """Ridge regression: the layer nearest to the values in squares.

    Args:
        embeddings: (N, D) float.
        values: (N, K) float, in any units.
        penalty: weight of the squared norm beside the summed squared error; None: by cross-validation, the one of
            ``PENALTIES`` with the smallest squared error, each value measured in its own variance.
        people: as for ``fit_classes``.
        standardise: as for ``fit_classes``.
        folds: as for ``fit_classes``.
        seed: as for ``fit_classes``.

    Raises:
        DatasetError: too few samples for cross-validation.
        FacezooError: scikit-learn is not installed.
    """
    Ridge = _sklearn().linear_model.Ridge  # noqa: N806 - a class
    spread = values.std(axis=0).clip(1e-12)
    tried: dict[float, float] = {}

    def fitted(rows: np.ndarray, value: float) -> Layer:
        scaling = Scaling.of(embeddings[rows], standardise)
        model = Ridge(alpha=value).fit(scaling(embeddings[rows]), values[rows])
        return scaling.folded(np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_))

    if penalty is None:
        splits = list(_value_folds(len(values), people, folds, seed))

        def error(value: float) -> float:
            misses = [((fitted(train, value)(embeddings[test]) - values[test]) / spread).ravel() for train, test in splits]
            return float(np.mean(np.concatenate(misses) ** 2))

        tried = _tried(error)
        penalty = min(tried, key=lambda p: tried[p])
    return Fit(fitted(np.arange(len(values)), penalty), penalty, tried)


def _tried(error: Callable[[float], float]) -> dict[float, float]:
    """{penalty: error}, strongest first; once it is clearly worse than the best the rest, which take longest, are spared."""
    found: dict[float, float] = {}
    for penalty in sorted(PENALTIES, reverse=True):
        found[penalty] = error(penalty)
        if found[penalty] > PAST * min(found.values()):
            break
    return found


def softmax(logits: np.ndarray) -> np.ndarray:
    """(N, K) logits -> probabilities."""
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def _logistic(
    x: np.ndarray, classes: np.ndarray, count: int, sample_weight: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray, bool]:
    """(K, D), (K,) and whether it settled; classes that the rows do not hold get the probability ``FLOOR`` or less."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1.0 / penalty, max_iter=ITERATIONS)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(x, classes, sample_weight=sample_weight)
    weight, bias = np.zeros((count, x.shape[1])), np.full(count, -1e3)
    present = model.classes_
    if len(present) == 2:  # one row, for the second class: half of it to each side gives the same probabilities
        halves = np.array([[-0.5], [0.5]])
        weight[present], bias[present] = halves * model.coef_, (halves * model.intercept_).ravel()
    else:
        weight[present], bias[present] = model.coef_, model.intercept_
    return weight, bias, not any(issubclass(w.category, ConvergenceWarning) for w in caught)


def _class_folds(
    classes: np.ndarray, count: int, people: Sequence[str] | None, folds: int, seed: int, remarks: list[str]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of row numbers to fit on and to test on, with every class on both sides."""
    selection = _sklearn().model_selection
    rarest = int(np.bincount(classes, minlength=count).min())
    if rarest < 2:
        raise DatasetError(
            "A class has a single sample, so cross-validation cannot choose the penalty: add samples or set penalty=1."
        )
    rows = np.zeros((len(classes), 1))
    if people is not None:
        owners = np.unique(np.asarray(people), return_inverse=True)[1]
        fewest = min(len(np.unique(owners[classes == c])) for c in range(count))
        if fewest >= 2:
            kept_apart = selection.StratifiedGroupKFold(min(folds, fewest), shuffle=True, random_state=seed)
            yield from kept_apart.split(rows, classes, owners)
            return
        remarks.append("A class shows one person only, so cross-validation did not keep people apart.")
    yield from selection.StratifiedKFold(min(folds, rarest), shuffle=True, random_state=seed).split(rows, classes)


def _value_folds(count: int, people: Sequence[str] | None, folds: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    owners = np.unique(np.asarray(people), return_inverse=True)[1] if people is not None else np.arange(count)
    units = len(np.unique(owners))
    if units < 2:
        raise DatasetError(
            f"{units} {'person' if people is not None else 'sample'} cannot be cross-validated: add data or set penalty=1."
        )
    # folds of people (or of samples, each its own owner) in an order drawn from the seed
    order = np.random.default_rng(seed).permutation(units)
    for part in np.array_split(order, min(folds, units)):
        test = np.isin(owners, part)
        yield np.flatnonzero(~test), np.flatnonzero(test)


def _sklearn() -> Any:
    try:
        import sklearn
        import sklearn.linear_model
        import sklearn.model_selection
    except ImportError as error:
        raise FacezooError(
            "A linear probe is fitted by scikit-learn: pip install 'facezoo[eval]'. Without it, "
            "`facezoo train linear-probe --set solver=sgd` trains one in steps."
        ) from error
    return sklearn
