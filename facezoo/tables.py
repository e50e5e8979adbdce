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
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from facezoo import __version__
from facezoo.errors import InputError
from facezoo.results import Embedding, ImageResult

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
    def add(self, result: ImageResult) -> None:
        self._file.write(result.to_json() + "\n")


class _Json(TableWriter):
    """One array, a record per line."""

    _before = "[\n"

    def add(self, result: ImageResult) -> None:
        self._file.write(self._before + result.to_json())
        self._before = ",\n"

    def finish(self) -> None:
        self._file.write("[]\n" if self._before == "[\n" else "\n]\n")


class _Rows(TableWriter):
    """Rows are held back until a face tells which columns there are, then written in portions."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._waiting: list[dict[str, Any]] = []
        self._begun = False

    def add(self, result: ImageResult) -> None:
        self._waiting += result.rows()
        if not self._begun and result.faces:
            self._begin(self._waiting[-1], result.faces[0].embeddings)
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
    def write(self, rows: list[dict[str, Any]]) -> None:
        """Writes rows."""

    def end(self) -> None:
        """Closes what ``begin`` opened."""


class _Csv(_Rows):
    def begin(self, row: Mapping[str, Any], embeddings: Mapping[str, Embedding]) -> None:
        names = [*COLUMNS, *(name for name in _spread(row) if name not in COLUMNS)]
        self._writer = csv.DictWriter(self._file, names, lineterminator="\n")
        self._writer.writeheader()

    def write(self, rows: list[dict[str, Any]]) -> None:
        self._writer.writerows(_spread(row) for row in rows)


def _spread(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with a column per value of each vector."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        flat |= {f"{name}_{i}": float(v) for i, v in enumerate(value)} if isinstance(value, np.ndarray) else {name: value}
    return flat


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
        kinds = {name: arrow.float64() for name in COLUMNS}
        kinds |= {"source": arrow.string(), "error": arrow.string(), "frame": arrow.int64(), "face": arrow.int64()}
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

    def write(self, rows: list[dict[str, Any]]) -> None:
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
