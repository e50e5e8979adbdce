"""The work of one call: from photographs and films to scenes and what each is to show, and from there to pictures."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facezoo.plugin import Cut, DetectingPipeline, InputError, Options, Shot, frames, name_of, probe, progress, read, whole_face
from facezoo_pix2pixhd.expressions import Expression, Expressions
from facezoo_pix2pixhd.scenes import Frame, Layout, Scene, laid_out, middle


@dataclass(slots=True)
class Tally:
    """Frames that were made, and those of them in which no face was found."""

    frames: int = 0
    missed: int = 0


class Editing:
    """One call of a pipeline.

    Args:
        pipe: with slots detector, encoder and manipulator.
        expressions: reads expressions for it.
        options: of the call.

    Attributes:
        tally: what has happened so far.
    """

    def __init__(self, pipe: DetectingPipeline, expressions: Expressions, options: Options) -> None:
        self._pipe, self._expressions, self._options = pipe, expressions, options
        self._largest = dataclasses.replace(options, largest=True)
        self._manipulator: Any = pipe.slots["manipulator"]
        self.tally = Tally()

    def single(self, source: Any, goal: Expression) -> Iterator[Frame]:
        """A photograph whose faces show an expression."""
        scene = self._scene(source)
        yield Frame(scene, goal.code.expand(len(scene.faces), -1), goal.face)

    def steps(self, source: Any, start: Expression | None, goal: Expression, count: int) -> Iterator[Frame]:
        """A photograph whose faces go from one expression to another, on the line between; None: from their own."""
        scene = self._scene(source)
        begin = self._own(scene) if start is None else start.code
        for way in torch.linspace(0.0, 1.0, count):
            self.tally.frames += 1
            yield Frame(scene, torch.lerp(begin, goal.code, way).expand(len(scene.faces), -1))

    def driven(self, source: Any, film: Path) -> Iterator[Frame]:
        """A photograph whose faces show the expressions of a film; in a frame without a face the last one stands still."""
        scene, last = self._scene(source), None
        for chunk in self._chunks(film):
            cuts = self._cut(chunk, self._largest, self._pipe.slots["encoder"])
            read_off = iter(self._read_off([found[0] for found in cuts if found]))
            for shot, found in zip(chunk, cuts, strict=True):
                last = next(read_off) if found else last
                self.tally.missed += not found
                yield Frame(scene, last.code.expand(len(scene.faces), -1) if last else None, last.face if last else shot.image)
        self._refuse_empty(film)

    def film(self, film: Path, goal: Expression) -> Iterator[Frame]:
        """A film whose faces show an expression; a frame without a face stays as it is."""
        for chunk in self._chunks(film):
            for shot, cuts in zip(chunk, self._cut(chunk, self._options, self._manipulator), strict=True):
                self.tally.missed += not cuts
                scene = Scene(np.asarray(shot.image), cuts)
                yield Frame(scene, goal.code.expand(len(cuts), -1) if cuts else None, goal.face)
        self._refuse_empty(film)

    def drawn(self, made_of: Iterable[Frame], layout: Layout) -> Iterator[np.ndarray]:
        """The pictures, (H, W, 3) uint8 RGB, all of one size for frames of one size."""
        last: np.ndarray | None = None
        todo = iter(made_of)
        while chunk := list(itertools.islice(todo, self._options.batch_size)):
            for frame, edited in zip(chunk, self._edited(chunk), strict=True):
                if frame.scene.faces or layout == "picture":
                    last = laid_out(frame, edited, layout)
                elif last is None:
                    last = laid_out(dataclasses.replace(frame, scene=self._faceless(frame.scene)), [], layout)
                yield last

    def _scene(self, source: Any) -> Scene:
        shot = Shot(name_of(source), read(source))
        cuts = self._cut([shot], self._options, self._manipulator)[0]
        if not cuts:
            raise InputError(f"No face was found in {shot.source}; try another detector or a lower --min-score.")
        return Scene(np.asarray(shot.image), cuts)

    def _own(self, scene: Scene) -> Tensor:
        """(faces, dim): what the faces of a photograph show."""
        options = self._options
        shot = Shot("", scene.image)
        cuts = self._cut([shot], options, self._pipe.slots["encoder"])[0]
        return torch.stack([each.code for each in self._read_off(cuts)])

    def _faceless(self, scene: Scene) -> Scene:
        """A scene without a face, whose middle stands for one."""
        size = self._manipulator.contract.size
        return Scene(scene.image, [Cut(scene.image, whole_face(middle(scene.image), size))])

    def _chunks(self, film: Path) -> Iterator[list[Shot]]:
        stream = frames(film)
        with progress(self._pipe.spec.name, probe(film).frames) as advance:
            while chunk := list(itertools.islice(stream, self._options.batch_size)):
                self.tally.frames += len(chunk)
                yield [Shot(str(film), frame.image, frame=frame.index, time=frame.time) for frame in chunk]
                advance(len(chunk))

    def _refuse_empty(self, film: Path) -> None:
        if self.tally.missed and self.tally.missed == self.tally.frames:
            raise InputError(f"No face was found in any of the {self.tally.frames} frames of {film}.")

    @torch.inference_mode()
    def _cut(self, shots: Sequence[Shot], options: Options, component: Any) -> list[list[Cut]]:
        return self._pipe.cut_all_faces(shots, options, component)

    @torch.inference_mode()
    def _read_off(self, cuts: list[Cut]) -> list[Expression]:
        return self._expressions.read_off(cuts)

    @torch.inference_mode()
    def _edited(self, chunk: Sequence[Frame]) -> list[Sequence[Tensor]]:
        """For every frame its faces with their new expressions; the network sees at most ``batch_size`` at once."""
        asked = [frame for frame in chunk if frame.codes is not None]
        faces = [cut.face for frame in asked for cut in frame.scene.faces]
        codes = [code for frame in asked if frame.codes is not None for code in frame.codes]
        made: list[Tensor] = []
        for start in range(0, len(faces), self._options.batch_size):
            part = slice(start, start + self._options.batch_size)
            made += self._manipulator.manipulate(torch.stack(faces[part]), torch.stack(codes[part])).cpu()
        each = iter(made)
        return [list(itertools.islice(each, len(f.scene.faces) if f.codes is not None else 0)) for f in chunk]
