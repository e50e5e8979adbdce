"""Lines of csv files, one after the other; whatever is wrong with a file as a whole becomes a ``DatasetError``."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from facezoo.plugin import DatasetError


def csv_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number from 1, fields without surrounding blanks) of every line that is not empty.

    Raises:
        DatasetError: the file is no csv file, or cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            lines = csv.reader(file)
            for fields in lines:
                if fields:
                    yield lines.line_num, [field.strip() for field in fields]
    except (OSError, csv.Error) as error:
        raise DatasetError(f"{path} was not read as a csv file: {error}.") from error
