"""Head pose in numbers: the true angles of samples, and the mean absolute error of answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facezoo.plugin import Bootstrap, DatasetError, Measurement, Sample, measure_mean

ANGLES = ("yaw", "pitch", "roll")


def angles_of(samples: Sequence[Sample]) -> np.ndarray:
    """(N, 3) float64: yaw, pitch, roll in degrees.

    Raises:
        DatasetError: a sample without one of them; names it.
    """
    for sample in samples:
        if missing := [angle for angle in ANGLES if angle not in sample.values]:
            raise DatasetError(f"The sample {sample.name} has no value {', '.join(missing)}; head pose needs all three angles.")
    return np.array([[sample.values[angle] for angle in ANGLES] for sample in samples], np.float64).reshape(-1, 3)


def measure_angles(
    given: np.ndarray,
    wanted: np.ndarray,
    bootstrap: Bootstrap,
    *,
    guess: np.ndarray,
    owners: Sequence[str] | None = None,
    group: str = "",
) -> list[Measurement]:
    """The mean absolute error of each angle.

    Args:
        given: (N, 3) degrees: yaw, pitch, roll; a row of NaN where no face was found.
        wanted: (N, 3) degrees.
        bootstrap: how intervals are drawn.
        guess: (3,) degrees, the answer where no face was found: an error like that of somebody who does not look.
        owners: N names of whom the pictures show.
        group: see ``Measurement``.
    """
    answered = np.where(np.isfinite(given).all(axis=1, keepdims=True), given, guess)
    return [
        measure_mean(
            f"{angle} MAE", np.abs(answered - wanted)[:, column], bootstrap,
            unit="degrees", owners=owners, group=group, better="lower", task="head-pose",
        )
        for column, angle in enumerate(ANGLES)
    ]  # fmt: skip
