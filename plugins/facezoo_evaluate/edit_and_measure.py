"""``edit-and-measure``: edit faces, look at them again, and say what was kept of the person and done to the expression.

Source of the published number beside it: supplement of Chang, Chen, Chiu, ICCV 2021; see ``preservation``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facezoo.plugin import (
    Bootstrap,
    Component,
    DetectingPipeline,
    EditedFace,
    Encoder,
    IncompatibleError,
    InputError,
    Manipulator,
    MeasuredEdit,
    Picture,
    PipelineSpec,
    check_edit_folder,
    describe,
    make_options,
    progress,
    to_uint8,
)
from facezoo_evaluate.edit_cases import Cases, Gathering
from facezoo_evaluate.edit_figures import Shown
from facezoo_evaluate.edit_report import Codes, figures_of, report_of, rows_of
from facezoo_evaluate.edits import EDITS, WITHOUT_TARGET, chosen_edit, driver_of, edited, edits_of
from facezoo_evaluate.judging import Judge
from facezoo_evaluate.sheets import sheet_of

ON_SHEET = 12  # faces


class EditAndMeasure(DetectingPipeline):
    """``pipe(sources, targets)``: every source is edited, and encoders look at the result.

    The largest face of each picture counts. ``manipulator`` edits, ``identity`` says who is shown, ``expression`` how they
    look. All faces, also those that are not edited, go through the manipulator's crop and size before they are judged.
    """

    @classmethod
    def check_slot(cls, spec: PipelineSpec, slot: str, component: Component) -> None:
        super().check_slot(spec, slot, component)
        if slot == "manipulator" and not (isinstance(component, Manipulator) and edits_of(component)):
            verbs = ", ".join(f"{verb} ({edit})" for edit, verb in EDITS.items())
            raise IncompatibleError(f"{describe(component)} does not fit {spec.name}, which measures the verbs {verbs}.")

    def prepare(self) -> None:
        shown = self.manipulator.contract
        self._judges = {role: Judge(self.slots[role], shown, role) for role in ("identity", "expression")}  # pyright: ignore[reportArgumentType]

    def check_output(self, path: Path) -> None:
        """Raises InputError, before the work, where the result cannot be written: it is a folder, and not one in use."""
        if path.suffix and not path.is_dir():
            raise InputError(f"{self.spec.name} leaves several files: name a folder, -o {path.with_suffix('')}, not {path}.")
        check_edit_folder(path)

    def __call__(
        self,
        sources: Any,
        targets: Any = None,
        *,
        edit: str | None = None,
        reader: str | None = None,
        split: str = "test",
        limit: int | None = None,
        seed: int = 0,
        rounds: int = 2000,
        **options: Any,
    ) -> MeasuredEdit:
        """Edits and measures.

        Args:
            sources: a folder of pictures, with a folder per person or one photo of each; or a picture, a list of pictures or of
                ``facezoo.datasets.Sample``.
            targets: the same: whose expressions the sources are given, in turn, each source another person's; None: the
                sources' own. For "frontalization" none.
            edit: "face-manipulation", "expression-transfer" or "frontalization"; None: what the manipulator can do, with
                targets one that takes them.
            reader: of a data set: sources and targets are then folders laid out as `facezoo datasets NAME` shows.
            split: of the reader.
            limit: so many sources and so many targets at most, drawn from the seed.
            seed: of what is drawn: the turn of the targets, strangers, folds, intervals.
            rounds: resamples of people for 95 % intervals.
            **options: batch_size, min_score, cropped, on_error.

        Returns:
            The report, a row per face and a sheet of some; ``save(folder)`` writes them.

        Raises:
            InputError: no face in any source, only one person's targets, a picture that cannot be read, another edit.
            IncompatibleError: a manipulator that cannot do the edit, or encoders whose crop does not fit its.
            FacezooError: scikit-learn or scipy is not installed.
        """
        chosen = make_options(options)
        if rounds < 1 or (limit is not None and limit < 1):
            raise InputError(f"rounds and limit start at 1, not {rounds} and {limit}.")
        edit = chosen_edit(edit, self.manipulator, targets=targets is not None)
        gathering = Gathering(None if chosen.cropped else self.detector, chosen, reader, split, limit, seed)
        faces = gathering.faces(sources, "sources")
        others = None if edit in WITHOUT_TARGET else faces if targets is None else gathering.faces(targets, "targets")
        cases = Cases.paired(edit, faces, others, seed)
        codes, pictures = self._looked_at(cases, chosen.batch_size)
        shown = Shown.drawn(faces.people, seed)
        figures = figures_of(codes, shown, Bootstrap(rounds, seed))
        values = {"reader": reader, "split": split if reader else None, "limit": limit, "seed": seed, "rounds": rounds}
        report = report_of(cases, figures, self.manipulator, self._judges, values, chosen.batch_size)
        rows = rows_of(cases, codes, shown)
        return MeasuredEdit(report, rows, Picture(_sheet(rows, pictures, edit), self.synthesis(self.manipulator)))

    @torch.inference_mode()
    def _looked_at(self, cases: Cases, batch_size: int) -> tuple[Codes, dict[int, list[np.ndarray]]]:
        """What the judges see of every case; and of some, by row, the pictures of source, target if any, and result."""
        manipulator, sources, targets = self.manipulator, cases.sources, cases.targets
        who, how = (self._judges[role] for role in ("identity", "expression"))
        driver = driver_of(manipulator, self.expression) if EDITS[cases.edit] == "manipulate" else None
        count = len(sources.samples)
        drawn = set(np.linspace(0, count - 1, min(ON_SHEET, count)).round().astype(int).tolist())
        found: dict[str, list[np.ndarray]] = {}
        pictures: dict[int, list[np.ndarray]] = {}
        with progress(cases.edit, count) as advance:
            for start in range(0, count, batch_size):
                rows = range(start, min(start + batch_size, count))
                before = sources.cut(manipulator.contract, rows)
                wanted = None if targets is None else targets.cut(manipulator.contract, cases.turn[list(rows)])
                after = edited(manipulator, cases.edit, before, self._given(driver, cases, rows, wanted)).cpu()
                seen = {"source": who(before), "result": who(after), "before": how(before), "after": how(after)}
                seen |= {} if wanted is None else {"target": how(wanted)}
                for name, values in seen.items():
                    found.setdefault(name, []).append(values)
                beside = [to_uint8(stack) for stack in (before, wanted, after) if stack is not None]
                pictures |= {row: [stack[row - start] for stack in beside] for row in rows if row in drawn}
                advance(len(rows))
        joined = {name: np.concatenate(parts) for name, parts in found.items()}
        return Codes(**{"target": None, **joined}), pictures

    def _given(self, driver: Encoder | None, cases: Cases, rows: range, wanted: Tensor | None) -> Tensor | None:
        """What the manipulator takes beside the faces: nothing, drivers, or embeddings of the targets' own crops."""
        if driver is None or driver.contract is None or cases.targets is None:
            return wanted
        return driver.encode(cases.targets.cut(driver.contract, cases.turn[list(rows)]), self.manipulator.requires.view)


def _sheet(rows: tuple[EditedFace, ...], pictures: dict[int, list[np.ndarray]], edit: str) -> np.ndarray:
    """(H, W, 3) uint8: source, target if any, result, and what was measured of each; two cases abreast."""
    columns = ("source", "result") if edit in WITHOUT_TARGET else ("source", "target", "result")
    said = []
    for number in pictures:
        row = rows[number]
        moved = "" if row.before is None or edit in WITHOUT_TARGET else f", expression {row.before:.2f} to {row.after:.2f}"
        said.append(f"identity {row.similarity:.2f}{moved}")
    return sheet_of(list(pictures.values()), columns, said, abreast=min(2, len(pictures)))
