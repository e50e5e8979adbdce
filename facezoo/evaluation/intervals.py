"""Bootstrap intervals. Where a person is shown more than once, people are drawn, with all that shows them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facezoo.errors import FacezooError

AT_ONCE = 2**22  # numbers of units that are drawn and held at once


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are drawn.

    Attributes:
        rounds: how often the data are drawn again.
        seed: of the draws.
        level: share of the rounds that lie in the interval.
    """

    rounds: int = 2000
    seed: int = 0
    level: float = 0.95

    def interval(
        self, statistic: Callable[[np.ndarray], float], count: int, owners: Sequence[str] | None = None
    ) -> tuple[float, float] | None:
        """The percentile interval of a statistic over resampled rows.

        Args:
            statistic: of row numbers, (M,) int64, some of them several times.
            count: N, how many rows there are.
            owners: N names; rows of one owner are drawn together. None: every row for itself.

        Returns:
            Lower and upper limit over the rounds that give a number; None for fewer than two owners (or rows), or where most
            rounds give none.

        Raises:
            FacezooError: scipy is not installed.
        """
        stats, rows = _scipy_stats(), _rows_by_owner(count, owners)
        if len(rows) < 2:
            return None

        def of_owners(drawn: np.ndarray) -> float:
            return float(statistic(rows.of(drawn)))

        with warnings.catch_warnings():
            # scipy warns of rounds without a number; its own limits are not read
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)
            drawn = stats.bootstrap(
                (np.arange(len(rows)),), of_owners, vectorized=False, method="percentile", n_resamples=self.rounds,
                batch=max(1, AT_ONCE // len(rows)), rng=np.random.default_rng(self.seed),
            ).bootstrap_distribution  # fmt: skip
        known = drawn[np.isfinite(drawn)]
        if 2 * len(known) < self.rounds:
            return None
        low, high = np.quantile(known, [(1 - self.level) / 2, (1 + self.level) / 2])
        return float(low), float(high)


def certain_share(certain: bool, count: int, level: float = 0.95) -> tuple[float, float]:
    """The exact (Clopper-Pearson) interval of a share, in [0, 1], where all of so many independent rows agree.

    Drawing such rows again always gives the same, which would say that nothing is left to doubt.

    Raises:
        FacezooError: scipy is not installed.
    """
    found = _scipy_stats().binomtest(count if certain else 0, count).proportion_ci(level, method="exact")
    return float(found.low), float(found.high)


def owners_of(owners: Sequence[str] | None, rows: np.ndarray) -> list[str] | None:
    """The owners of some rows, for a statistic of these alone."""
    return None if owners is None else [owners[int(row)] for row in rows]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Row numbers sorted by owner: those of owner ``i`` are ``order[starts[i] : starts[i] + sizes[i]]``."""

    order: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.sizes)

    def of(self, owners: np.ndarray) -> np.ndarray:
        """The rows of some owners, without a loop over them."""
        sizes = self.sizes[owners]
        ends = np.cumsum(sizes)
        within = np.arange(ends[-1]) - np.repeat(ends - sizes, sizes)
        return self.order[np.repeat(self.starts[owners], sizes) + within]


def _scipy_stats() -> Any:
    try:
        from scipy import stats
    except ImportError as error:
        raise FacezooError("Intervals need scipy; install it with: pip install 'facezoo[eval]'") from error
    return stats


def _rows_by_owner(count: int, owners: Sequence[str] | None) -> _Rows:
    if owners is None:
        return _Rows(np.arange(count), np.arange(count), np.ones(count, np.int64))
    _, numbers, sizes = np.unique(np.asarray(owners), return_inverse=True, return_counts=True)
    return _Rows(np.argsort(numbers, kind="stable"), np.cumsum(sizes) - sizes, sizes)
