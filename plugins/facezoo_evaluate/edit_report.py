"""The report on edited faces: figures from their codes, and what they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from facezoo.plugin import (
    Bootstrap,
    Component,
    Conditions,
    EditedFace,
    Measurement,
    Published,
    Report,
    Split,
    System,
    Weights,
    crop_of,
    made_with,
    named,
    similarities,
    split_digest,
)
from facezoo_evaluate.edit_cases import OWN, Cases, Faces
from facezoo_evaluate.edit_figures import (
    DIFFERENCES,
    EXPRESSION,
    FEWEST,
    Shown,
    measure_expression,
    measure_identity,
    measure_recognition,
    stranger_similarities,
)
from facezoo_evaluate.judging import Judge
from facezoo_evaluate.preservation import SOURCE

PUBLISHED = Published(name="FaceCycle, frontalised and translated", measurement="accuracy", value=69.2, source=SOURCE)
NOTES = (
    "All faces, also those that are not edited, go through the manipulator's crop and size before the encoders see them, and "
    "results are judged where they are, without looking for the face again.",
    "Verification: every result once with its own person's original and once with another person's, ten folds of people, the "
    "threshold from the other nine. Which pairs the paper draws, and which network judges them, is not known.",
    "Cosines of identity vectors; Euclidean distances of expression vectors, which also follow pose and picture quality as far "
    "as the encoder does. People are drawn for intervals, with all that shows them.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """What encoders make of N faces before and after.

    Attributes:
        source: (N, D) identity vectors.
        result: (N, D).
        before: (N, E) expression vectors of the sources.
        after: (N, E) of the results.
        target: (N, E) of the targets; None where an edit takes none.
    """

    source: np.ndarray
    result: np.ndarray
    before: np.ndarray
    after: np.ndarray
    target: np.ndarray | None

    def distances(self, shown: Shown) -> tuple[np.ndarray, np.ndarray] | None:
        """(N,) twice: to the target's expression before and after; without targets, of each face to another person's.

        None without targets where one person alone is shown.
        """
        if self.target is not None:
            ends = self.target, self.target
        elif shown.strangers.shape[1]:
            other = shown.strangers[:, 0]
            ends = self.before[other], self.after[other]
        else:
            return None
        before, after = (np.linalg.norm(a - b, axis=1) for a, b in zip((self.before, self.after), ends, strict=True))
        return before, after


def figures_of(codes: Codes, shown: Shown, bootstrap: Bootstrap) -> list[Measurement]:
    """All numbers: recognition first, then identity and expression."""
    found = measure_recognition(codes.source, codes.result, shown, bootstrap)
    found += measure_identity(codes.source, codes.result, shown, bootstrap)
    distances = codes.distances(shown)
    if distances is not None:
        group = DIFFERENCES if codes.target is None else EXPRESSION
        found += measure_expression(*distances, shown.people, bootstrap, group)
    return found


def rows_of(cases: Cases, codes: Codes, shown: Shown) -> tuple[EditedFace, ...]:
    """A row per source."""
    own, strange = similarities(codes.source, codes.result), stranger_similarities(codes.source, shown)
    distances = codes.distances(shown)
    return tuple(
        EditedFace(
            source=sample.name,
            person=shown.people[row],
            target=cases.targets.samples[cases.turn[row]].name if cases.targets else "",
            similarity=float(own[row]),
            stranger=float(strange[row, 0]) if strange.shape[1] else None,
            before=float(distances[0][row]) if distances else None,
            after=float(distances[1][row]) if distances else None,
        )
        for row, sample in enumerate(cases.sources.samples)
    )


def report_of(
    cases: Cases,
    figures: list[Measurement],
    manipulator: Component,
    judges: Mapping[str, Judge],
    choices: dict[str, Any],
    batch_size: int,
) -> Report:
    """The report on one manipulator.

    Args:
        cases: what was edited.
        figures: from ``figures_of``.
        manipulator: who edited.
        judges: {slot: who judged}.
        choices: the values of the call.
        batch_size: of the call.
    """
    told = [f"{role.capitalize()} is judged by {_said(judge, manipulator)}." for role, judge in judges.items()]
    people = len(set(cases.sources.people))
    if people < FEWEST:
        told.append(f"Verification takes {FEWEST} people at least; {people} are shown here.")
    system = System(
        name=named(manipulator), kind="model", weights=_weights(manipulator), crop=crop_of(manipulator.contract),
        measurements=tuple(figures), remarks=(*told, *_gathered(cases)),
    )  # fmt: skip
    splits = [_split("sources", cases.sources), *([_split("targets", cases.targets)] if cases.targets else [])]
    return Report(
        protocol="edit-and-measure", task=cases.edit, dataset=choices["reader"] or OWN,
        summary=f"What {cases.edit} keeps of a person and does to the expression, on {len(cases.sources.samples):,} faces",
        splits=tuple(splits), systems=(system,), published=(PUBLISHED,) if any(not one.group for one in figures) else (),
        detector=_detector(cases), choices=choices, notes=NOTES,
        made_with=made_with(Conditions(device=str(manipulator.device), batch_size=batch_size)),
        command="facezoo run edit-and-measure",
    )  # fmt: skip


def _said(judge: Judge, manipulator: Component) -> str:
    """Who judges, and whether that flatters."""
    encoder, weights, space = judge.encoder, _weights(judge.encoder), judge.encoder.views[judge.view].space_id
    sha256 = f", weights {weights.sha256[:12]}" if weights and weights.sha256 else ""
    wanted = manipulator.requires
    own = encoder is manipulator or bool(wanted and wanted.view == judge.view and wanted.space_id == space)
    flatters = "; the manipulator was trained with it, which flatters" if own else ""
    return f"{named(encoder)}, view {judge.view}{sha256}, space {space or 'none'}{flatters}"


def _weights(component: Component) -> Weights | None:
    origin = component.provenance
    return None if origin is None else Weights(sha256=origin.sha256, source=origin.source.partition(":/")[0])


def _split(name: str, faces: Faces) -> Split:
    digest = split_digest(faces.samples)
    people = len(set(faces.people))
    return Split(name=name, use="measured on", count=len(faces.samples), what="faces", people=people, digest=digest)


def _detector(cases: Cases) -> str | None:
    """Who looked for faces; None where all places were known."""
    return next((faces.detector for faces in (cases.sources, cases.targets) if faces and faces.detector), None)


def _gathered(cases: Cases) -> list[str]:
    """Who looked for faces, who is taken for somebody of its own, and what was left out."""
    told = [f"Faces without landmarks were looked for by {_detector(cases)}."] if _detector(cases) else []
    for name, faces in (("sources", cases.sources), ("targets", cases.targets)):
        if faces and faces.nameless:
            told.append(f"Pictures of the {name} that do not say who is shown count as a person each: {faces.nameless:,}.")
        if faces and faces.missing:
            told.append(f"Pictures of the {name} in which no face was found, left out: {faces.missing:,}.")
        if faces and faces.unreadable:
            told.append(f"Pictures of the {name} that could not be read, left out: {faces.unreadable:,}.")
    return told
