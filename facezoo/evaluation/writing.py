"""A report's folder: ``report.json``, ``report.md`` and ``figure.png``. Nothing is written over unless that is wanted."""

from __future__ import annotations

import os
from pathlib import Path

from facezoo.errors import InputError
from facezoo.evaluation.drawing import draw
from facezoo.evaluation.report import JSON, Report
from facezoo.evaluation.tables import as_markdown

MARKDOWN, FIGURE = "report.md", "figure.png"
FILES = (JSON, MARKDOWN, FIGURE)


def check_free(folder: str | Path, *, overwrite: bool = False) -> Path:
    """The folder for a report, before hours of work.

    Args:
        folder: made when the report is written.
        overwrite: a report that is there may be replaced.

    Raises:
        InputError: it is a file, or holds a report.
    """
    place = Path(folder)
    if place.exists() and not place.is_dir():
        raise InputError(f"{place} is a file; a report is a folder with {', '.join(FILES)}.")
    there = [name for name in FILES if (place / name).exists()]
    if there and not overwrite:
        raise InputError(f"{place} holds {', '.join(there)} already. Name another folder, or say --overwrite.")
    return place


def write(report: Report, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Writes a report; each file whole, the JSON last.

    Returns:
        The folder.

    Raises:
        InputError: as ``check_free``.
        FacezooError: matplotlib is not installed.
    """
    place = check_free(folder, overwrite=overwrite)
    place.mkdir(parents=True, exist_ok=True)
    scratch = place / f".unfinished-{FIGURE}"
    os.replace(draw(report, scratch), place / FIGURE)
    for name, text in ((MARKDOWN, as_markdown(report, FIGURE)), (JSON, report.model_dump_json(indent=2) + "\n")):
        unfinished = place / f".unfinished-{name}"
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, place / name)
    return place
