"""What a user names on the command line, sent through a pipeline: pictures, folders and videos."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facezoo.errors import InputError

if TYPE_CHECKING:
    from facezoo.pipelines import FacePipeline
    from facezoo.results import ImageResult


def check_inputs(inputs: Sequence[Path]) -> None:
    """Raises InputError for the first input that is not there, before any network is loaded."""
    for path in inputs:
        if not path.exists() and not str(path).startswith(("http:/", "https:/")):  # an address has a message of its own
            raise InputError(f"There is no file or folder {path}.")


def number_of_inputs(pipe: Any) -> tuple[int, int | None]:
    """How many inputs a call of the pipeline takes, fewest and most; most is None for any number of pictures.

    A pipeline that makes pictures, or files of its own, may take an option in place of an input (an emotion in place of a
    second picture), or do without.
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = [p for p in inspect.signature(pipe.__call__).parameters.values() if p.kind in kinds]
    if len(given) == 1:
        return 1, None
    required = sum(p.default is p.empty for p in given)
    return required if takes(pipe, "output") or hasattr(pipe, "check_output") else len(given), len(given)


def takes(pipe: Any, argument: str) -> bool:
    """True if a call of the pipeline has a parameter of that name."""
    return argument in inspect.signature(pipe.__call__).parameters


def walk(pipe: FacePipeline, inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[ImageResult]:
    """A result per picture and per frame, in the order of the inputs, in constant memory.

    Raises:
        InputError: something that cannot be read, unless the options say on_error="record". The results before it came.
    """
    for portion in portions(inputs):
        if isinstance(portion, Path):
            yield from pipe.video(portion, **options)
            continue
        for result in pipe.stream(portion, **{**options, "on_error": "record"}):
            if result.error is not None and options.get("on_error") != "record":
                more = " With --keep-going it is recorded, and the others are done." if len(portion) > 1 else ""
                raise InputError(f"{result.error}{more}")
            yield result


def portions(inputs: Iterable[Path]) -> Iterator[Path | list[Path]]:
    """Videos one by one; what stands between them as a list of pictures, folders opened."""
    from facezoo.images import is_video

    pictures: list[Path] = []
    for path in (file for item in inputs for file in (_files(item) if item.is_dir() else [item])):
        if not is_video(path):
            pictures.append(path)
            continue
        if pictures:
            yield pictures
        pictures = []
        yield path
    if pictures:
        yield pictures


def _files(folder: Path) -> list[Path]:
    """Pictures and videos in a folder and its sub-folders, sorted, without hidden ones. Raises InputError if there are none."""
    from facezoo.images import is_picture, is_video

    found = sorted(path for path in folder.rglob("*") if (is_picture(path) or is_video(path)) and path.is_file())
    shown = [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if not shown:
        raise InputError(f"{folder} holds no picture and no video, by the endings of its files.")
    return shown
