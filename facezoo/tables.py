"""Results to a file, one by one and in constant memory: .json, .jsonl, .csv or .parquet, by the file's ending.

JSON holds a record per picture (``ImageResult.to_dict``); CSV and Parquet a row per face (``ImageResult.rows``), and one
row without a face for a picture in which none was found. In CSV a vector takes a column per value (``identity_0`` …), in
Parquet it is a list of float32. The schema metadata of a Parquet file says in which space vectors are:

    facezoo.spaces    JSON {view: space id}
    facezoo.models    JSON {view: model id}
    facezoo.version   version of facezoo that wrote the file
"""

from __future__ import annotations

import csv
import json
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from facezoo import __version__
from facezoo.errors import InputError
from facezoo.results import Embedding, ImageResult, Matches

MATCH_COLUMNS = ("rank", "source", "face", "x0", "y0", "x1", "y1", "score", "similarity", "distance")
COLUMNS = ("source", "frame", "time", "error", "face", "x0", "y0", "x1", "y1", "score")
ROWS_AT_ONCE = 1024


class TableWriter(ABC):
    """Appends results to a file, which appears under its name when the block ends without an error. Use ``open_table``."""

    binary = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        self._file: IO[Any]

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open("wb") if self.binary else self._part.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise InputError(f"{self.path} cannot be written: {error.strerror or error}.") from error
        return self

    @abstractmethod
    def add(self, result: ImageResult) -> None:
        """Appends the faces of one picture or frame."""

    def finish(self) -> None:  # noqa: B027 - not every format holds something back
        """Writes what was held back, before the file is closed."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                self.finish()
            self._file.close()
            if kind is None:
                self._part.replace(self.path)
        finally:
            self._file.close()
            self._part.unlink(missing_ok=True)


class _JsonLines(TableWriter):
    """A record per line."""

    def add(self, result: ImageResult) -> None:
        self.put(result.to_json())

    def put(self, record: str) -> None:
        """Appends a record, given as JSON."""
        self._file.write(record + "\n")


class _Json(_JsonLines):
    """One array, a record per line."""

    _before = "[\n"

    def put(self, record: str) -> None:
        self._file.write(self._before + record)
        self._before = ",\n"

    def finish(self) -> None:
        self._file.write("[]\n" if self._before == "[\n" else "\n]\n")


class _Rows(TableWriter):
    """Rows are held back until a face tells which columns there are, then written in portions."""

    columns: tuple[str, ...] = COLUMNS  # the first ones, whatever is found

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._waiting: list[Mapping[str, Any]] = []
        self._begun = False

    def add(self, result: ImageResult) -> None:
        self.take(result.rows(), result.faces[0].embeddings if result.faces else None)

    def take(self, rows: Sequence[Mapping[str, Any]], embeddings: Mapping[str, Embedding] | None) -> None:
        """Appends rows; those with ``embeddings`` tell which columns there are and in which spaces vectors are."""
        self._waiting += rows
        if not self._begun and embeddings is not None:
            self._begin(self._waiting[-1] if self._waiting else {}, embeddings)
        if self._begun and len(self._waiting) >= ROWS_AT_ONCE:
            self._flush()

    def finish(self) -> None:
        if not self._begun:
            self._begin({}, {})
        self._flush()
        self.end()

    def _begin(self, row: Mapping[str, Any], embeddings: Mapping[str, Embedding]) -> None:
        self._begun = True
        self.begin(row, embeddings)

    def _flush(self) -> None:
        rows, self._waiting = self._waiting, []
        if rows:
            self.write(rows)

    @abstractmethod
    def begin(self, row: Mapping[str, Any], embeddings: Mapping[str, Embedding]) -> None:
        """Settles the columns from the row of the first face; an empty row if there is none."""

    @abstractmethod
    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes rows."""

    def end(self) -> None:
        """Closes what ``begin`` opened."""


class _Csv(_Rows):
    def begin(self, row: Mapping[str, Any], embeddings: Mapping[str, Embedding]) -> None:
        names = [*self.columns, *(name for name in _spread(row) if name not in self.columns)]
        self._writer = csv.DictWriter(self._file, names, lineterminator="\n")
        self._writer.writeheader()

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._writer.writerows(_spread(row) for row in rows)


def _spread(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with a column per value of each vector."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        flat |= {f"{name}_{i}": float(v) for i, v in enumerate(value)} if isinstance(value, np.ndarray) else {name: value}
    return flat


def _kinds(arrow: Any) -> dict[str, Any]:
    """The types of columns that are no float64."""
    return {"source": arrow.string, "error": arrow.string, "frame": arrow.int64, "face": arrow.int64, "rank": arrow.int64}


class _Parquet(_Rows):
    binary = True

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            import pyarrow.parquet
        except ImportError as error:
            raise InputError(f"{path} needs pyarrow: pip install 'facezoo[table]', or write .csv or .jsonl.") from error
        self._arrow = pyarrow

    def begin(self, row: Mapping[str, Any], embeddings: Mapping[str, Embedding]) -> None:
        arrow = self._arrow
        kinds = dict.fromkeys(self.columns, arrow.float64())
        kinds |= {name: kind() for name, kind in _kinds(arrow).items() if name in kinds}
        kinds |= {name: self._kind(value) for name, value in row.items() if name not in kinds}
        metadata = {
            "facezoo.spaces": json.dumps({view: e.space_id for view, e in embeddings.items()}),
            "facezoo.models": json.dumps({view: e.model for view, e in embeddings.items()}),
            "facezoo.version": __version__,
        }
        self._schema = arrow.schema(list(kinds.items()), metadata=metadata)
        self._writer = arrow.parquet.ParquetWriter(self._file, self._schema)

    def _kind(self, value: Any) -> Any:
        arrow = self._arrow
        if isinstance(value, np.ndarray):
            return arrow.list_(arrow.float32())
        return arrow.float64() if isinstance(value, float) else arrow.int64() if isinstance(value, int) else arrow.string()

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._writer.write_table(self._arrow.Table.from_pylist(rows, schema=self._schema))

    def end(self) -> None:
        self._writer.close()


FORMATS: Mapping[str, type[TableWriter]] = {".json": _Json, ".jsonl": _JsonLines, ".csv": _Csv, ".parquet": _Parquet}


def open_table(path: str | Path) -> TableWriter:
    """A writer for the format of the file's ending; nothing is opened before its block begins.

    Raises:
        InputError: another ending, or Parquet without pyarrow.
    """
    target = Path(path)
    kind = FORMATS.get(target.suffix.lower())
    if kind is None:
        raise InputError(f"{target} does not end like a table; a table ends in {', '.join(FORMATS)}.")
    return kind(target)


def write_table(results: Iterable[ImageResult], path: str | Path) -> Path:
    """Writes results to a file, whole or not at all.

    Raises:
        InputError: as ``open_table``, or a file that cannot be written.
    """
    with open_table(path) as table:
        for result in results:
            table.add(result)
    return Path(path)


def write_matches(matches: Matches, path: str | Path) -> Path:
    """Writes the ranking of a search, a row or record per match.

    The metadata of a Parquet file names the space of the query's vector, in which the similarities are.

    Raises:
        InputError: as ``open_table``, or a file that cannot be written.
    """
    with open_table(path) as table:
        if isinstance(table, _Rows):
            table.columns = MATCH_COLUMNS
            table.take(matches.rows(), matches.query.embeddings)
        elif isinstance(table, _JsonLines):
            for match in matches.matches:
                table.put(match.to_json())
    return Path(path)
