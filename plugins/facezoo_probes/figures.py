"""How well a probe does on samples that it was not fitted on, beside what needs no face at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from facezoo_probes.targets import Target


def figures(target: Target, given: np.ndarray, wanted: np.ndarray, fitted_on: np.ndarray) -> dict[str, float]:
    """Figures and their baselines, by name.

    Args:
        target: what was learnt.
        given: (N, K) logits or values of the probe.
        wanted: (N,) class numbers or (N, K) values.
        fitted_on: the same of the training samples; the baselines know nothing else.

    Returns:
        For classes accuracy, balanced_accuracy (the mean of the classes' recalls) and baseline_accuracy (of always
        saying the most frequent training class), in [0, 1]. For values per name mae_… and baseline_mae_… (of always
        saying the training mean), in the target's units, and relative_mae, the mean of their ratios.
    """
    if target.is_classes:
        right = given.argmax(axis=1) == wanted
        most = np.bincount(fitted_on, minlength=len(target.names)).argmax()
        recalls = [float(right[wanted == c].mean()) for c in np.unique(wanted)]
        return {
            "accuracy": float(right.mean()),
            "balanced_accuracy": float(np.mean(recalls)),
            "baseline_accuracy": float((wanted == most).mean()),
        }
    own = np.abs(given - wanted).mean(axis=0)
    constant = np.abs(fitted_on.mean(axis=0) - wanted).mean(axis=0)
    found = {"relative_mae": float(np.mean(own / constant.clip(1e-12)))}
    for name, error, baseline in zip(target.names, own, constant, strict=True):
        found |= {f"mae_{name}": float(error), f"baseline_mae_{name}": float(baseline)}
    return found


def as_markdown(target: Target, found: Mapping[str, float], given: np.ndarray, wanted: np.ndarray) -> str:
    """A table of the figures for a card."""
    if target.is_classes:
        answers = given.argmax(axis=1)
        rows = [
            (name, str(int((wanted == c).sum())), f"{(answers[wanted == c] == c).mean():.1%}" if (wanted == c).any() else "–")
            for c, name in enumerate(target.names)
        ]
        return (
            f"Accuracy {found['accuracy']:.1%}; always saying the most frequent class gives {found['baseline_accuracy']:.1%}. "
            f"Mean of the classes' recalls {found['balanced_accuracy']:.1%}; chance is {1 / len(target.names):.1%}.\n\n"
            + _table(("class", "samples", "recall"), rows)
        )
    units = f" ({target.units})" if target.units else ""
    rows = [(name, f"{found[f'mae_{name}']:.3g}", f"{found[f'baseline_mae_{name}']:.3g}") for name in target.names]
    return _table(("value", f"mean absolute error{units}", f"of always saying the mean{units}"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
