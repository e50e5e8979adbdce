"""An index: the expression vectors of a folder's faces in a Parquet file, kept up to date, read in portions.

A row per face; a row without a face for a picture in which none was found or that cannot be read, so that it is not looked
at again. Columns: source (path inside the folder, with "/"), size (bytes), modified (ns), error, face, x0 y0 x1 y1, score,
and the vector under its view's name (list of float32). The schema metadata is that of every table of vectors
(``facezoo.tables``: facezoo.spaces, facezoo.models, facezoo.version) and one entry more:

    facezoo.index     JSON: the fields of ``Stamp``
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from facezoo import __version__, images
from facezoo.errors import IncompatibleError, InputError
from facezoo.results import ImageResult
from facezoo.tables import ROWS_AT_ONCE, TableWriter

FORMAT = 1
BOX = ("x0", "y0", "x1", "y1")
KEY = b"facezoo.index"

FileState = tuple[int, int]
"""Size in bytes and time of change in ns: what tells whether a file is still the one that was looked at."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """How an index was made; two with equal stamps (but for the folder) hold the same vectors of the same picture.

    Attributes:
        folder: absolute path of the folder.
        view: the encoder's view.
        role: what the view is about; always "expression".
        space_id: the space of the vectors.
        dim: length of a vector.
        model: the encoder's id.
        contract: the encoder's input contract as JSON.
        detector: the detector's id; None where the pictures came already cropped.
        choices: min_score, max_faces, largest, cropped.
        format: version of this layout.
    """

    folder: str
    view: str
    role: str
    space_id: str | None
    dim: int
    model: str
    contract: str
    detector: str | None
    choices: Mapping[str, Any]
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Changes:
    """What an update of an index did, in pictures."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    kept: int = 0

    @property
    def any(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a face is: path of the picture, number of the face in it, box (xyxy pixels, None if cropped), score."""

    source: str
    face: int
    box: np.ndarray | None
    score: float | None


@dataclass(slots=True)
class Tally:
    """Counts that grow while pictures go by; ``errors`` has a message per picture that could not be read."""

    pictures: int = 0
    faces: int = 0
    without_face: int = 0
    errors: list[str] = dataclasses.field(default_factory=list)

    def add(self, result: ImageResult) -> None:
        """Counts the faces of one picture."""
        self.count(len(result.faces), result.error)

    def count(self, faces: int, error: str | None) -> None:
        """Counts a picture by the number of its faces and why it could not be read."""
        self.pictures += 1
        self.faces += faces
        self.without_face += not faces and error is None
        self.errors += [error] if error is not None else []


Block = tuple[np.ndarray, list[Place]]
"""(N, D) float32 vectors and where their N faces are."""


@dataclass(frozen=True, slots=True)
class ExpressionIndex:
    """An index that was opened.

    Attributes:
        path: its file.
        stamp: how it was made.
        root: the folder that sources are told in: as the caller named it; of an index that was only opened relative to
            the working directory, where it lies inside.
        changes: what the update did that gave this object; None if it was only opened.
    """

    path: Path
    stamp: Stamp
    root: Path
    changes: Changes | None = None

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Reads the stamp; the vectors stay in the file.

        Raises:
            InputError: no such file, or one that is no index.
            IncompatibleError: an index of something else than expressions.
        """
        target = Path(path)
        schema = _parquet(target).schema_arrow
        try:
            facts = json.loads((schema.metadata or {})[KEY])
            stamp = Stamp(**facts)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{target} is no index of expressions: its metadata has no facezoo.index that this version reads. "
                "`facezoo similar QUERY FOLDER --index FILE` makes one."
            ) from error
        if stamp.format != FORMAT or not {"source", "size", "modified", "error", "face", *BOX, stamp.view} <= set(schema.names):
            raise InputError(
                f"{target} is an index of another layout ({stamp.format}; this version reads {FORMAT}); make it again."
            )
        if stamp.role != "expression":
            raise IncompatibleError(f"{target} holds vectors about {stamp.role}; facezoo ranks expressions only.")
        return cls(target, stamp, _shown(Path(stamp.folder)))

    def files(self) -> dict[str, FileState]:
        """{source: state} of every picture that was looked at."""
        return {
            source: (size, modified)
            for batch in _parquet(self.path).iter_batches(ROWS_AT_ONCE, columns=["source", "size", "modified"])
            for source, size, modified in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        }

    def blocks(self, tally: Tally) -> Iterator[Block]:
        """The faces in portions, in constant memory; counts pictures as they go by."""
        view = self.stamp.view
        for batch in _parquet(self.path).iter_batches(ROWS_AT_ONCE):
            rows = batch.drop_columns([view]).to_pylist()
            for row in rows:
                if row["face"]:  # all but the first face of a picture
                    tally.faces += 1
                else:
                    tally.count(int(row["face"] is not None), row["error"])
            places = [self._place(row) for row in rows if row["face"] is not None]
            values = batch.column(view).flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
            if values.size != len(places) * self.stamp.dim:
                raise InputError(f"{self.path} is damaged: its vectors are not of length {self.stamp.dim}; make it again.")
            if places:
                yield values.reshape(len(places), self.stamp.dim), places

    def _place(self, row: Mapping[str, Any]) -> Place:
        box = None if row["x0"] is None else np.array([row[name] for name in BOX], np.float32)
        return Place(str(self.root / row["source"]), row["face"], box, row["score"])


class IndexWriter(TableWriter):
    """Writes an index: rows copied from an older one, and results of pictures. It appears whole or not at all."""

    binary = True

    def __init__(self, path: Path, stamp: Stamp, root: Path, states: Mapping[str, FileState]) -> None:
        super().__init__(path)
        self._arrow: Any = arrow(path)
        self._root, self._states = root, states
        text, whole, real = self._arrow.string(), self._arrow.int64(), self._arrow.float64()
        kinds = {"source": text, "size": whole, "modified": whole, "error": text, "face": whole}
        kinds |= {name: real for name in (*BOX, "score")} | {stamp.view: self._arrow.list_(self._arrow.float32())}
        metadata = {
            KEY.decode(): json.dumps(dataclasses.asdict(stamp)),
            "facezoo.spaces": json.dumps({stamp.view: stamp.space_id}),
            "facezoo.models": json.dumps({stamp.view: stamp.model}),
            "facezoo.version": __version__,
        }
        self._schema = self._arrow.schema(list(kinds.items()), metadata=metadata)
        self._waiting: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        super().__enter__()
        self._writer: Any = self._arrow.parquet.ParquetWriter(self._file, self._schema)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            with contextlib.suppress(OSError):  # before its file is closed; the part is thrown away
                self._writer.close()
        super().__exit__(kind, error, trace)

    def copy(self, index: ExpressionIndex, kept: Set[str]) -> None:
        """The rows of an older index whose pictures are still the same."""
        names = self._arrow.array(sorted(kept), self._arrow.string())
        for batch in _parquet(index.path).iter_batches(ROWS_AT_ONCE):
            chosen = batch.filter(self._arrow.compute.is_in(batch.column("source"), value_set=names))
            if chosen.num_rows:
                self._writer.write_table(self._arrow.Table.from_batches([chosen]).select(self._schema.names).cast(self._schema))

    def add(self, result: ImageResult) -> None:
        """The faces of one picture of the folder."""
        source = Path(result.source).relative_to(self._root).as_posix()
        size, modified = self._states[source]
        for row in result.rows():
            self._waiting.append({**row, "source": source, "size": size, "modified": modified})
        if len(self._waiting) >= ROWS_AT_ONCE:
            self._flush()

    def finish(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        rows, self._waiting = self._waiting, []
        if rows:
            self._writer.write_table(self._arrow.Table.from_pylist(rows, schema=self._schema))


def _shown(folder: Path) -> Path:
    """An absolute folder as somebody in the working directory would name it."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def states_in(folder: Path) -> dict[str, FileState]:
    """{path inside the folder: state} of every picture in it. Raises InputError if there is none."""
    found = {}
    for path in images.pictures_in(folder):
        with contextlib.suppress(FileNotFoundError):  # gone since it was listed
            state = path.stat()
            found[path.relative_to(folder).as_posix()] = (state.st_size, state.st_mtime_ns)
    return found


def compare_states(before: Mapping[str, FileState], now: Mapping[str, FileState]) -> tuple[set[str], Changes]:
    """The pictures that are still the same, and what happened to the others."""
    kept = {source for source, state in now.items() if before.get(source) == state}
    both = before.keys() & now.keys()
    return kept, Changes(len(now) - len(both), len(both) - len(kept), len(before) - len(both), len(kept))


def check_stamp(index: ExpressionIndex, wanted: Stamp) -> None:
    """Raises IncompatibleError, naming both, if an index cannot be brought up to date by a pipeline with another stamp."""
    found, path = index.stamp, index.path
    check_space(index, wanted)
    way = "Use what it was made with, name another file, or delete it."
    if found.detector != wanted.detector or dict(found.choices) != dict(wanted.choices):
        raise IncompatibleError(f"The faces of {path} were found with {_finding(found)}; now it is {_finding(wanted)}. {way}")
    if found.folder != wanted.folder and Path(found.folder).is_dir():  # a folder that is gone was moved or renamed
        raise IncompatibleError(f"{path} is the index of {found.folder}, not of {wanted.folder}. {way}")


def _finding(stamp: Stamp) -> str:
    return ", ".join(f"{name}={value}" for name, value in (("detector", stamp.detector), *sorted(stamp.choices.items())))


def check_space(index: ExpressionIndex, wanted: Stamp) -> None:
    """Raises IncompatibleError, naming both spaces, if a pipeline's vectors cannot be compared with those of an index."""
    found = index.stamp
    if (found.space_id, found.view) != (wanted.space_id, wanted.view):
        raise IncompatibleError(
            f"{index.path} holds vectors of {found.model}, view {found.view} (space {found.space_id}); this pipeline's are of "
            f"{wanted.model}, view {wanted.view} (space {wanted.space_id}). Use the encoder {found.model}, or another file."
        )


def arrow(path: Path) -> Any:
    """pyarrow with its submodules, which come with the extra `table`. Raises InputError."""
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            f"{path} needs pyarrow: pip install 'facezoo[table]'. Without an index a folder is searched all the same."
        ) from error
    return pyarrow


def _parquet(path: Path) -> Any:
    """The file, opened. Raises InputError where it is missing or no Parquet file."""
    pyarrow = arrow(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path} is no Parquet file: {' '.join(str(error).split())}.") from error
