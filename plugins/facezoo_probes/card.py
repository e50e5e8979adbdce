"""The README of a probe: what it says, of which space, fitted on what, and how well it does on other samples."""

from __future__ import annotations

from collections import Counter

import numpy as np

from facezoo.plugin import PENALTIES, Fit, Layer, Record
from facezoo_probes.figures import as_markdown, figures
from facezoo_probes.material import Material, Part
from facezoo_probes.model import LinearProbe
from facezoo_probes.targets import Target


def card_of(probe: LinearProbe, material: Material, layer: Layer, fit: Fit | None, record: Record) -> str:
    """The whole text. ``fit`` is None for a probe that was trained in steps."""
    target, needs = material.target, probe.requires
    says = "the probabilities of" if target.is_classes else "the values"
    units = f", in {target.units}" if target.units else ""
    lines = [
        f"# linear-probe: {', '.join(target.names)}",
        f"One linear layer that gives {says} {', '.join(target.names)}{units}, in this order. Made by facezoo.",
    ]
    if needs is not None:
        lines.append(
            f"It reads the view `{needs.view}` of the encoder `{needs.encoder}`, space `{needs.space_id}`, and is refused on "
            "any other."
        )
    lines += ["## Data", _told(material.train, target, "Fitted on")]
    if material.test is not None:
        lines.append(_told(material.test, target, "Measured on"))
    lines += ["## Figures", _measured(material, layer)]
    if fit is not None:
        lines += ["## Fit", _fitted(fit)]
    return "\n\n".join([*lines, record.as_markdown()])


def _told(part: Part, target: Target, what: str) -> str:
    text = part.told(what)
    if part.not_found:
        text += f" No face was found in {part.not_found:,} more."
    if target.is_classes:
        counts = Counter(part.numbers.tolist())
        return f"{text} Per class: {', '.join(f'{name} {counts[i]:,}' for i, name in enumerate(target.names))}."
    spans = zip(target.names, part.numbers.min(axis=0), part.numbers.max(axis=0), strict=True)
    return f"{text} Ranges: {', '.join(f'{name} {low:.4g} to {high:.4g}' for name, low, high in spans)}."


def _measured(material: Material, layer: Layer) -> str:
    if material.test is None:
        return "None: nothing was held out."
    given = layer(material.test.embeddings)
    found = figures(material.target, given, material.test.numbers, material.train.numbers)
    return f"On {material.test.name}, {len(given):,} samples.\n\n" + as_markdown(
        material.target, found, given, np.asarray(material.test.numbers)
    )


def _fitted(fit: Fit) -> str:
    if not fit.tried:
        return f"scikit-learn, penalty {fit.penalty:g} as given."
    tried = ", ".join(f"{penalty:g}: {error:.4g}" for penalty, error in fit.tried.items())
    edge = fit.penalty in (min(PENALTIES), max(PENALTIES))
    more = " The best is at the end of the range; a penalty beyond it may be better." if edge else ""
    return f"scikit-learn, penalty {fit.penalty:g}, chosen by cross-validation on the training samples ({tried}).{more}"
