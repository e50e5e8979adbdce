"""Pictures of results: the faces drawn on each picture or video, and the faces that a pipeline made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from facezoo import images, video
from facezoo.cli import drawing
from facezoo.cli.delivering import Target, crops_of, many, stems
from facezoo.disclosure import Synthesis
from facezoo.errors import FacezooError, InputError
from facezoo.results import ImageResult

if TYPE_CHECKING:
    import numpy as np

LEGIBLE = 256  # pixels of the shorter side of a face crop that is drawn on


class Sketches:
    """Writes pictures for results as they come.

    Into a folder: ``NAME.png`` with the faces drawn (``NAME.mp4`` for a video); where a pipeline made faces,
    ``NAME.png`` is a sheet of them and ``NAME-0-neutral.png`` … are the faces at their own size (0 is the face's number).
    Into a picture or video file: the one drawing. Faces that a network made are marked as such, unless ``mark`` is False.
    """

    def __init__(self, target: Target, *, mark: bool = True) -> None:
        self.target = target
        self.mark = mark
        self.stem = stems()
        self._written: set[Path] = set()
        self._video: _MarkedVideo | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._video is not None:
            self._video.close(kind, error, trace)
        if isinstance(error, FacezooError) and self.target.kind == "folder" and self._written:
            error.add_note(f"{many(len(self._written), 'drawing')} made before that stay in {self.target.path}.")

    def add(self, result: ImageResult) -> None:
        if result.error is not None:
            return
        if result.faces and result.faces[0].pictures:
            self._made(result)
        elif result.frame is not None:
            self._frame(result)
        else:
            image = images.read(result.source)
            if any(face.box is None for face in result.faces):  # a face crop, often too small for letters; no box to move
                image = drawing.enlarged_to(image, LEGIBLE)
            self._write(drawing.mark(image, result.faces), f"{self.stem(result.source)}.png")

    def _made(self, result: ImageResult) -> None:
        frame = f"-{result.frame:06d}" if result.frame is not None else ""
        name = f"{self.stem(result.source)}{frame}"
        how = next((p.made for face in result.faces for p in face.pictures.values() if p.made is not None), None)
        how = dataclasses.replace(how, composite=True) if how is not None else None  # the crops are photographs
        self._write(drawing.sheet([list(crops_of(face)) for face in result.faces]), f"{name}.png", how)
        if self.target.kind == "folder":
            for index, face in enumerate(result.faces):
                for kind, picture in face.pictures.items():
                    picture.save(self.target.path / f"{name}-{index}-{kind.replace('_', '-')}.png", mark=self.mark)

    def _write(self, picture: np.ndarray, name: str, made: Synthesis | None = None) -> None:
        path = self.target.path / name if self.target.kind == "folder" else self.target.path
        if path in self._written or self.target.kind == "video":
            raise InputError(
                f"{path} takes one {'video' if self.target.kind == 'video' else 'picture'}; name a folder: -o {path.stem}."
            )
        self._written.add(path)
        images.write(picture, path, made=made, mark=self.mark)

    def _frame(self, result: ImageResult) -> None:
        if self._video is None or self._video.source != result.source:
            if self._video is not None:
                self._video.close(None, None, None)
            inside = self.target.kind == "folder"
            path = self.target.path / f"{self.stem(result.source)}.mp4" if inside else self.target.path
            if path in self._written or self.target.kind == "picture":
                raise InputError(f"{path} does not take several videos or frames; name a folder: -o {path.stem}.")
            self._written.add(path)
            self._video = _MarkedVideo(result.source, path)
        self._video.add(result)


class _MarkedVideo:
    """A video read a second time, beside its results, and written with the faces drawn."""

    def __init__(self, source: str, path: Path) -> None:
        info = video.probe(source)
        self.source = source
        self._frames: Iterator[video.Frame] = video.frames(source)
        self._stack = ExitStack()
        sound = source if info.has_audio else None
        self._writer = self._stack.enter_context(video.Writer(path, info.fps, (info.height, info.width), audio_from=sound))

    def add(self, result: ImageResult) -> None:
        frame = next(self._frames)
        self._writer.write(drawing.mark(frame.image, result.faces))

    def close(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)
