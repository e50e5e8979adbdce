"""``identity-preservation``: is a person still recognised after frontalisation, or with another's pose and expression?

Source: supplement of Chang, Chen, Chiu, ICCV 2021: person verification between original and frontalised or translated
pictures, 1,000 pairs, 69.2 %. Which pairs, which network judges and how is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from facezoo.plugin import (
    DatasetError,
    Encoder,
    FacePair,
    IncompatibleError,
    Measurement,
    Outcome,
    PairReader,
    Protocol,
    ProtocolConfig,
    Published,
    Subject,
    measure_verification,
    open_dataset,
    similarities,
)
from facezoo_evaluate.judging import Judge
from facezoo_evaluate.verification import Pairs

SOURCE = "supplement of arXiv 2108.03427"
UNCHANGED = "not changed"
LAG = 15  # places between a face and its driver: the two of a pair stand together, and must not drive one another
VERBS = {"": "neutralize", "translated": "reenact", UNCHANGED: None}
"""Groups of figures, and what is done to the second face."""
TASKS = {"": "frontalization", "translated": "expression-transfer", UNCHANGED: "face-verification"}


class PreservationConfig(ProtocolConfig):
    """Values of ``identity-preservation``.

    Attributes:
        reader: of the pairs: lfw, cplfw, portraits, or another that gives pairs.
        pairs: so many, half of them of one person, drawn from the seed.
        changed: what is compared with a pair's first photo: "second-photo": the second one, changed, so that nothing but the
            person can be alike; "same-photo": in pairs of one person the first photo itself, changed.
    """

    reader: str = "lfw"
    pairs: int = Field(default=1000, ge=4)
    changed: Literal["second-photo", "same-photo"] = "second-photo"


class IdentityPreservation(Protocol):
    """An original face against a frontalised one, and against one that was given another's pose and expression."""

    config: PreservationConfig
    config_class = PreservationConfig
    task = "frontalization"
    dataset = "LFW"
    layout = "`facezoo datasets lfw` shows it; --set reader=NAME for other pairs (cplfw, portraits)."
    needs = ("manipulator:neutralize", "manipulator:reenact")
    slots = {"judge": "encoder:identity"}
    published = (
        Published(name="FaceCycle, frontalised and translated", measurement="accuracy", value=69.2, source=SOURCE),
        Published(name="FaceCycle", measurement="accuracy", value=73.72, group=UNCHANGED, source=SOURCE),
    )
    notes = (
        "Which pairs the paper draws, whether the original and the changed picture are of one photo, and which network judges "
        "is not known. Without --slot judge=ID the model's own identity view judges its own pictures, which flatters it.",
        "All faces, also those that are not changed, go through the model's crop and size before the judge sees them.",
    )

    def prepare(self) -> None:
        reader = open_dataset(self.config.reader, self.bench.data)
        if not isinstance(reader, PairReader):
            raise DatasetError(f"The reader {self.config.reader} gives no pairs; lfw, cplfw and portraits do.")
        self.reader = reader
        chosen = self.bench.some(_balanced(reader.pairs("test"), self.config.pairs, self.config.seed))
        self.part, places = self.bench.pairs(reader, "test", chosen)
        self.pairs = Pairs.of(chosen, places)

    def measure(self, subject: Subject) -> Outcome:
        model: Any = subject.component
        judge = self.helpers.get("judge", model)
        if not isinstance(judge, Encoder):
            raise IncompatibleError(f"{subject.name} has no identity view to judge by; name an encoder: --slot judge=ID.")
        verbs = {group: verb for group, verb in VERBS.items() if verb is None or verb in model.verbs}
        seen = Judge(judge, model.contract)
        codes = self._codes(subject, seen, verbs)
        measured = [one for group in verbs for one in self._compared(group, codes[UNCHANGED], codes[group])]
        subject.answered_by = seen.view if judge is model else None
        missing = (VERBS[group] for group in VERBS if group not in verbs)
        return Outcome(tuple(measured), left_out=tuple(f"{verb}: {subject.name} has no such verb" for verb in missing))

    @torch.inference_mode()
    def _codes(self, subject: Subject, judge: Judge, verbs: Mapping[str, str | None]) -> dict[str, np.ndarray]:
        """{group: (N, D) what the judge makes of all faces after its verb}; NaN where no face was found.

        Every face is driven by the one that stands ``LAG`` places before it in the list, the first ones by the very first.
        """
        model: Any = subject.component
        codes: dict[str, np.ndarray] = {}
        before: Tensor | None = None
        for rows, faces in subject.faces(self.part):
            earlier = torch.cat((faces[:1].expand(LAG, -1, -1, -1) if before is None else before, faces))
            drivers, before = earlier[: len(faces)], earlier[-LAG:]
            for group, verb in verbs.items():
                shown = (faces, drivers) if verb == "reenact" else (faces,)
                made = judge(getattr(model, verb)(*shown) if verb else faces)
                codes.setdefault(group, np.full((len(self.part.samples), made.shape[1]), np.nan, np.float32))[rows] = made
        return codes

    def _compared(self, group: str, original: np.ndarray, changed: np.ndarray) -> list[Measurement]:
        first, second = self.pairs.places.T
        if self.config.changed == "same-photo":
            second = np.where(self.pairs.same, first, second)
        alike = similarities(original[first], changed[second])
        measured = measure_verification(alike, self.pairs.same, self.pairs.folds, self.bootstrap, self.pairs.owners)
        return [one.model_copy(update={"group": group, "task": TASKS[group]}) for one in measured if one.threshold is None]

    def remarks(self) -> tuple[str, ...]:
        other = f"The pairs are of the reader {self.config.reader}, not LFW's."
        return (*((other,) if self.config.reader != "lfw" else ()), *self.reader.notes())


def _balanced(pairs: Sequence[FacePair], count: int, seed: int) -> list[FacePair]:
    """So many pairs, half of them of one person, in their order; all of a kind where there are fewer."""
    rng = np.random.default_rng(seed)
    chosen: list[int] = []
    for kind in (True, False):
        rows = [row for row, pair in enumerate(pairs) if pair.same is kind]
        chosen += rng.permutation(rows)[: count // 2].tolist()
    return [pairs[row] for row in sorted(chosen)]
