"""Where the results of many pictures go: a table on the screen, JSON, a file, or a folder of pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from facezoo.cli import screen
from facezoo.cli.options import Shared
from facezoo.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from facezoo.results import Face, ImageResult

SHOWN = 40  # rows on a terminal

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Target:
    """What ``-o`` names."""

    path: Path
    kind: Literal["table", "picture", "video", "folder"]


def target_of(output: Path | None, inputs: Sequence[Path] = ()) -> Target | None:
    """What an output is, by its ending.

    Raises:
        InputError: an ending that nothing here writes, Parquet without pyarrow, or pictures that would be written over or
            among those that are read.
    """
    if output is None:
        return None
    target = _target_of(output)
    if target.kind != "table":
        _check_apart(target, inputs)
    return target


def _check_apart(target: Target, inputs: Sequence[Path]) -> None:
    """A drawing in place of a photograph would be a loss, and one among photographs is read with them next time."""
    written = target.path.resolve()
    for path in inputs:
        read = path.resolve()
        if written == read and not path.is_dir():
            other = target.path.with_stem(f"{target.path.stem}-faces")
            raise InputError(f"{target.path} is read; written to, it would be lost. Name another file: -o {other}.")
        inside = path.is_dir() and (written == read or read in written.parents)
        if inside or (target.kind == "folder" and written == read.parent):
            folder = path if path.is_dir() else path.parent
            raise InputError(
                f"-o {target.path} would write among the pictures of {folder}, which are read; name a folder of its own."
            )


def _target_of(output: Path) -> Target:
    from facezoo.images import is_picture, is_video
    from facezoo.tables import FORMATS, open_table

    suffix = output.suffix.lower()
    if output.is_dir() or not suffix:
        return Target(output, "folder")
    if suffix in FORMATS:
        open_table(output)  # refuses now rather than after an hour's work
        return Target(output, "table")
    if is_picture(output):
        return Target(output, "picture")
    if is_video(output):
        return Target(output, "video")
    raise InputError(
        f"{output}: results go to {', '.join(FORMATS)}, to a picture, a video, or a folder (a name without an ending)."
    )


def deliver(
    results: Iterable[ImageResult],
    target: Target | None,
    shared: Shared,
    rows: Callable[[ImageResult], Rows] | None = None,
    *,
    mark: bool = True,
) -> None:
    """Sends results where they belong while they come in.

    Args:
        results: in order.
        target: what -o names.
        shared: what every command understands.
        rows: says what the screen shows of one result, else ``rows_of``.
        mark: pictures that a network made get the visible mark.
    """
    counts = _Counts()
    with ExitStack() as stack:
        sinks: list[Callable[[ImageResult], None]] = [counts.add]
        if target is not None and target.kind == "table":
            from facezoo.tables import open_table

            sinks.append(stack.enter_context(open_table(target.path)).add)
        elif target is not None:
            from facezoo.cli.sketching import Sketches

            sinks.append(stack.enter_context(Sketches(target, mark=mark)).add)
        if shared.json:
            sinks.append(stack.enter_context(_JsonArray()).add)
        elif target is None or target.kind != "table":
            sinks.append(stack.enter_context(_Screen(rows or rows_of)).add)
        for result in results:
            for sink in sinks:
                sink(result)
    where = f" -> {target.path}" if target else ""
    screen.note(f"{counts}{where}", shared)


class _Counts:
    def __init__(self) -> None:
        self.pictures = self.frames = self.faces = self.errors = 0

    def add(self, result: ImageResult) -> None:
        self.pictures += result.frame is None
        self.frames += result.frame is not None
        self.faces += len(result.faces)
        self.errors += result.error is not None

    def __str__(self) -> str:
        places = [many(n, what) for n, what in ((self.pictures, "picture"), (self.frames, "frame")) if n]
        text = f"{many(self.faces, 'face')} in {' and '.join(places) or 'nothing'}"
        return f"{text}, {self.errors} of which could not be read" if self.errors else text


def many(count: int, what: str) -> str:
    """A count with its noun: 1 face, 2 faces."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


class _JsonArray:
    """A JSON array on standard output, a record per line."""

    def __enter__(self) -> _JsonArray:
        self.before = "[\n"
        return self

    def add(self, result: ImageResult) -> None:
        sys.stdout.write(self.before + result.to_json())
        self.before = ",\n"

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            screen.say("[]" if self.before == "[\n" else "\n]")


class _Screen:
    """A table once all results are there; on a terminal its first rows."""

    def __init__(self, shown: Callable[[ImageResult], Rows]) -> None:
        self._shown = shown

    def __enter__(self) -> _Screen:
        self.rows: Rows = []
        self.left_out = 0
        return self

    def add(self, result: ImageResult) -> None:
        if sys.stdout.isatty() and len(self.rows) >= SHOWN:
            self.left_out += max(1, len(result.faces))
        else:
            self.rows += self._shown(result)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is not None or not self.rows:
            return
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        screen.table(columns, [[row.get(name) for name in columns] for row in self.rows], wrap=("picture", "found"))
        if self.left_out:
            screen.say(f"… and {self.left_out} more; -o results.csv keeps all.")


def rows_of(result: ImageResult) -> Rows:
    """What a person wants to see of a result: a row per face."""
    return rows_with(result, _row)


def rows_with(result: ImageResult, row: Callable[[Face], dict[str, str]]) -> Rows:
    """A row per face, with what ``row`` says of it; one row where there is no face."""
    head = {"picture": short(result.source)} | ({"time": f"{result.time:.2f} s"} if result.time is not None else {})
    if result.error is not None:
        return [{**head, "face": screen.NONE, "found": result.error}]
    if not result.faces:
        return [{**head, "face": screen.NONE, "found": "no face"}]
    return [{**head, "face": str(index), **row(face)} for index, face in enumerate(result.faces)]


def _row(face: Face) -> dict[str, str]:
    row = box_of(face.box)
    if face.score is not None:
        row["score"] = f"{face.score:.2f}"
    found = [f"{view}: {len(e.values)} values, space {e.space_id or 'none'}" for view, e in face.embeddings.items()]
    if face.emotions:
        label = face.emotions.label
        found.append(f"{label} {face.emotions.probabilities[label]:.0%}")
    if face.pose:
        found.append(f"yaw {face.pose.yaw:+z.0f}°, pitch {face.pose.pitch:+z.0f}°, roll {face.pose.roll:+z.0f}°")
    found += [f"{name}: {s.label} {s.probabilities[s.label]:.0%}" for name, s in face.scores.items()]
    found += [f"{name} {q.value:.3g} {q.units}".rstrip() for name, q in face.values.items()]
    found += [name.replace("_", " ") for name in face.pictures]
    return {**row, "found": "; ".join(found)} if found else row


def box_of(box: np.ndarray | None) -> dict[str, str]:
    """A box as a person reads it: upper left corner and size in pixels; nothing for a cropped face."""
    if box is None:
        return {}
    x0, y0, x1, y1 = (round(float(v)) for v in box)
    return {"x": str(x0), "y": str(y0), "size": f"{x1 - x0}x{y1 - y0}"}


def short(source: str) -> str:
    """A source on a terminal: its name alone."""
    return Path(source).name if sys.stdout.isatty() else source


def stems() -> Callable[[str], str]:
    """A function that names output files after sources; equal names of different sources get -2, -3 …"""
    given: dict[str, str] = {}

    def stem(source: str) -> str:
        if source not in given:
            name, count = Path(source).stem or "picture", 1
            while (candidate := name if count == 1 else f"{name}-{count}") in given.values():
                count += 1
            given[source] = candidate
        return given[source]

    return stem


def crops_of(face: Face) -> Iterator[tuple[str, np.ndarray]]:
    """A face as it was cut out, and what was made from it, by caption."""
    if face.crop is not None:
        yield "crop", face.crop
    for name, picture in face.pictures.items():
        yield name.replace("_", " "), picture.pixels
