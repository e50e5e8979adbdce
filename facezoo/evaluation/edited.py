"""What measuring an edit of faces leaves: a report, a row per face, and a sheet of some of them."""

from __future__ import annotations

import csv
import dataclasses
import importlib.util
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facezoo.errors import FacezooError, InputError
from facezoo.evaluation import writing
from facezoo.evaluation.report import Report
from facezoo.evaluation.tables import groups_of, table_of
from facezoo.records import PlainRecord
from facezoo.results import Picture

ROWS, SHEET = "faces.csv", "sheet.png"
FILES = (*writing.FILES, ROWS, SHEET)


@dataclass(frozen=True, slots=True, repr=False)
class EditedFace(PlainRecord):
    """One face before and after its edit. Similarities are cosines of identity vectors, distances are Euclidean.

    Attributes:
        source: its picture.
        person: who is shown.
        target: the picture whose expression it was given; "" where an edit takes none.
        similarity: of source and result.
        stranger: of the source and another person's; None where one person alone is shown.
        before: distance of the source's expression vector to the target's; without targets to another person's source.
        after: the same of the result; without targets to that other person's result.
    """

    source: str
    person: str
    target: str
    similarity: float
    stranger: float | None
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True, repr=False)
class MeasuredEdit(PlainRecord):
    """An edit of many faces, measured.

    Attributes:
        report: every number with its interval, and what it belongs to.
        faces: a row per face.
        sheet: some of them: source, target, result.
    """

    report: Report
    faces: tuple[EditedFace, ...]
    sheet: Picture = field(metadata={"picture": True})

    def to_dict(self) -> dict[str, Any]:
        """The report and the rows, as in JSON."""
        return {"report": json.loads(self.report.model_dump_json()), "faces": [face.to_dict() for face in self.faces]}

    def tables(self) -> list[tuple[list[str], list[list[str]]]]:
        """Columns and cells of the report's tables: for a terminal."""
        groups = dict.fromkeys(group for group, _ in groups_of(self.report))
        tables = [(group or self.report.task, *table_of(self.report, group)) for group in groups]
        return [([title, *columns[1:]], rows) for title, columns, rows in tables]

    def save(self, folder: str | Path, *, overwrite: bool = False, mark: bool = True) -> Path:
        """Writes ``report.json``, ``report.md``, ``figure.png``, ``faces.csv`` and ``sheet.png``.

        Args:
            folder: where to.
            overwrite: what is there may be replaced.
            mark: as of ``Picture.save``, for the sheet.

        Raises:
            InputError: as ``check_edit_folder``.
            FacezooError: matplotlib is not installed.
        """
        place = check_edit_folder(folder, overwrite=overwrite)
        place.mkdir(parents=True, exist_ok=True)
        self.sheet.save(place / SHEET, mark=mark)
        unfinished = place / f".unfinished-{ROWS}"
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            rows = csv.DictWriter(file, [each.name for each in dataclasses.fields(EditedFace)])
            rows.writeheader()
            rows.writerows(face.to_dict() for face in self.faces)
        os.replace(unfinished, place / ROWS)
        return writing.write(self.report, place, overwrite=overwrite)


def check_edit_folder(folder: str | Path, *, overwrite: bool = False) -> Path:
    """The folder for a measured edit, before the work.

    Raises:
        InputError: it is a file, or holds one already.
        FacezooError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise FacezooError("The figure needs matplotlib; install it with: pip install 'facezoo[eval]'")
    place = writing.check_free(folder, overwrite=True)
    if there := [name for name in FILES if (place / name).exists() and not overwrite]:
        raise InputError(f"{place} holds {', '.join(there)} already; name another folder.")
    return place
