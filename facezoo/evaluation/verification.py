"""Same person or not, by folds: the threshold that decides a fold's pairs is chosen on the others.

Source: the restricted protocol of LFW (Huang et al. 2007): mean accuracy over ten folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facezoo.errors import DatasetError, FacezooError
from facezoo.evaluation.intervals import Bootstrap, certain_share, owners_of
from facezoo.evaluation.measuring import measure_mean, measure_share, measure_statistic
from facezoo.evaluation.report import Measurement


@dataclass(frozen=True, slots=True)
class Verified:
    """What folds gave.

    Attributes:
        right: (N,) bool; a pair without a similarity (a face was not found) is not right.
        accepted: (N,) bool: taken for the same person.
        thresholds: (F,) float64, of each fold.
    """

    right: np.ndarray
    accepted: np.ndarray
    thresholds: np.ndarray


def similarities(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N, D), (N, D) -> (N,) float64 cosines; NaN where a row is NaN, 0 where one is zero."""
    a, b = (np.asarray(rows, np.float64) for rows in (first, second))
    scale = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(axis=1) / np.where(scale == 0, 1.0, scale)


def verify_by_folds(similarity: np.ndarray, same: np.ndarray, folds: np.ndarray) -> Verified:
    """Decides every pair by the threshold that does best on the pairs of the other folds.

    Args:
        similarity: (N,) float; higher is more alike; NaN where a face was not found.
        same: (N,) bool: one person.
        folds: (N,) int: which fold a pair belongs to.

    Raises:
        DatasetError: fewer than two folds, or folds without pairs of both kinds beside them.
        FacezooError: scikit-learn is not installed.
    """
    known, numbers = np.isfinite(similarity), np.unique(folds)
    if len(numbers) < 2:
        raise DatasetError(f"Choosing a threshold on other folds needs two folds at least, not {len(numbers)}.")
    accepted = np.zeros(len(same), bool)
    thresholds = np.zeros(len(numbers))
    for place, number in enumerate(numbers):
        others = known & (folds != number)
        if len(np.unique(same[others])) < 2:
            raise DatasetError(f"Beside fold {number} there are no pairs of both kinds to choose a threshold on.")
        thresholds[place] = best_threshold(similarity[others], same[others])
        own = known & (folds == number)
        accepted[own] = similarity[own] >= thresholds[place]
    right = known & (accepted == same)
    return Verified(right, accepted, thresholds)


def best_threshold(similarity: np.ndarray, same: np.ndarray) -> float:
    """The threshold with most pairs right: those at it or above are the same.

    It lies midway between the two similarities that it parts, so that a similar value on other pairs falls on its side.

    Args:
        similarity: (N,) finite.
        same: (N,) bool with both kinds.
    """
    try:
        from sklearn.metrics import roc_curve
    except ImportError as error:
        raise FacezooError("Verification needs scikit-learn; install it with: pip install 'facezoo[eval]'") from error
    false_rate, true_rate, thresholds = roc_curve(same, similarity, drop_intermediate=False)
    right = true_rate * same.sum() + (1 - false_rate) * (~same).sum()
    chosen = thresholds[int(np.argmax(right))]
    below = similarity[similarity < chosen]
    if not np.isfinite(chosen):  # nothing is accepted
        return float(np.nextafter(similarity.max(), np.inf))
    return float((chosen + below.max()) / 2) if len(below) else float(chosen)


def measure_verification(
    similarity: np.ndarray,
    same: np.ndarray,
    folds: np.ndarray,
    bootstrap: Bootstrap,
    owners: Sequence[str] | None = None,
) -> list[Measurement]:
    """Accuracy over folds, the area under the ROC curve, and the share of strangers accepted at the mean threshold.

    The accuracy's interval draws pairs (or their owners) and leaves every pair's decision as it is. The area and the share
    of strangers are those of the pairs whose faces were found.

    Args:
        similarity: as for ``verify_by_folds``, as the next two.
        same: (N,) bool.
        folds: (N,) int.
        bootstrap: how intervals are drawn.
        owners: N names; pairs of one owner are drawn together.

    Raises:
        DatasetError: as ``verify_by_folds``.
    """
    decided = verify_by_folds(similarity, same, folds)
    from sklearn.metrics import roc_auc_score

    known = np.isfinite(similarity)
    answered, truth = similarity[known], same[known]
    own = owners_of(owners, np.flatnonzero(known))

    def area(rows: np.ndarray) -> float:
        both = len(np.unique(truth[rows])) == 2
        return float(roc_auc_score(truth[rows], answered[rows])) if both else float("nan")

    threshold = float(decided.thresholds.mean())
    different = np.flatnonzero(known & ~same)
    strangers, taken = owners_of(owners, different), (similarity[different] >= threshold).astype(np.float64)
    accepted = measure_mean("false_accept_rate", taken, bootstrap, unit="", owners=strangers, better="lower")
    if len(taken) and taken.mean() in (0.0, 1.0):  # drawn again, such pairs always give the same
        accepted = accepted.model_copy(
            update={"interval": certain_share(bool(taken.mean()), len(set(strangers or range(len(taken)))))}
        )
    return [
        measure_share("accuracy", decided.right, bootstrap, owners=owners),
        measure_statistic("area under ROC", area, len(truth), bootstrap, owners=own),
        accepted.model_copy(update={"threshold": round(threshold, 4)}),  # as facezoo.tasks looks for it in the registry
    ]
