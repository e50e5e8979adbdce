"""The task ``face-manipulation``: the people of a photograph or video with another expression."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from facezoo.plugin import (
    PANEL,
    Clip,
    DetectingPipeline,
    FacezooError,
    IncompatibleError,
    InputError,
    Options,
    Picture,
    check_spared,
    fits,
    gather,
    is_single,
    is_video,
    make_options,
    name_of,
    probe,
)
from facezoo_pix2pixhd.editing import Editing
from facezoo_pix2pixhd.expressions import Expressions, check_no_intensity
from facezoo_pix2pixhd.films import Film, check_output, is_film, named
from facezoo_pix2pixhd.scenes import Frame, Layout

STRIP, FILM = 7, 24  # steps of a series in a row and as a film, where nobody says how many
Which = Literal["largest", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a call asks for; ``FaceManipulation.__call__`` says what each means."""

    target: Any
    intensity: float
    start: Any
    steps: int | None
    layout: Layout | None
    fps: float
    mark: bool
    options: Options

    @property
    def is_series(self) -> bool:
        return self.start is not None or self.steps is not None


class FaceManipulation(DetectingPipeline):
    """``pipe(source, target)``: the people of ``source`` with the expression of ``target``.

    What a manipulator leaves as it is keeps the photograph's own pixels.
    """

    def prepare(self) -> None:
        fits(self.manipulator, self.encoder)
        self._expressions = Expressions(self)

    def __call__(
        self,
        source: Any,
        target: Any = None,
        *,
        emotion: str | None = None,
        intensity: float = 1.0,
        start: Any = None,
        steps: int | None = None,
        output: str | Path | None = None,
        layout: Layout | None = None,
        faces: Which = "largest",
        fps: float = 12.0,
        mark: bool = True,
        **options: Any,
    ) -> Any:
        """Gives faces another expression.

        Args:
            source: a picture: path, bytes, ``PIL.Image``, (H, W, 3) uint8 array or (3, H, W) tensor; the path of a video,
                whose every frame is edited; or a folder or list of these.
            target: what the faces are to show: a picture, whose largest face counts; an ``Embedding`` of the manipulator's
                space; a word for an emotion, or with an intensity "happiness:0.5"; or the path of a video, whose frames'
                expressions a picture shows one after the other.
            emotion: a word for an emotion, in place of a target.
            intensity: of an emotion alone: 0 is neutral, 1 its mean; beyond is exaggerated.
            start: where a series begins, as ``target`` but no video; None with ``steps``: at the face's own expression.
            steps: pictures from ``start`` to the target, both ends among them: the embeddings on the line between.
            output: the file to write; needed for a video. A series goes side by side into a picture, or as a film into a
                .gif or a video. Of several sources the folder to write into.
            layout: "picture": the faces put back into the source, at its resolution; "face": the largest face alone, at the
                model's size; "side-by-side": before, the target if it is a face, after. None: "picture"; of a series of one
                face in a row "side-by-side"; of faces that came cropped "face".
            faces: the largest face of the source, or all of them (layout "picture" only).
            fps: of a series as a film, frames per second.
            mark: draw the visible mark on what is written to ``output``. The note in the file is written in any case.
            **options: as ``Options``: batch_size, max_faces, min_score, cropped; on_error="record" leaves out those of
                several sources that cannot be used, with a warning.

        Returns:
            ``Picture``; ``Clip`` of what is written as a film; of several sources a list of them.

        Raises:
            InputError: a picture or video that cannot be used, or one without any face; no or two targets.
            IncompatibleError: an embedding of another space, or a layout that does not go with the rest.
        """
        if (target is None) == (emotion is None):
            raise InputError(
                "Say what the face is to show: a target (picture, video, embedding) or an emotion, one of the two."
            )
        goal = target if emotion is None else str(emotion)
        if not is_single(source):
            same = {"start": start, "steps": steps, "layout": layout, "faces": faces, "fps": fps, "mark": mark}
            return list(self.stream(source, goal, intensity=intensity, output=output, **same, **options))
        chosen = make_options({**options, "largest": faces == "largest"})
        if steps is not None and (not isinstance(steps, int) or steps < 2):
            raise InputError(f"steps is a number from 2 on, not {steps!r}: both ends of the series count.")
        wish = Wish(
            target=goal, intensity=intensity, start=start, steps=steps, layout=_layout(layout, faces, cropped=chosen.cropped),
            fps=fps, mark=mark, options=chosen,
        )  # fmt: skip
        return self._made(source, wish, Path(output) if output is not None else None)

    def stream(
        self, sources: Any, target: Any = None, *, intensity: float = 1.0, output: str | Path | None = None, **options: Any
    ) -> Iterator[Any]:
        """As a call with several sources, in constant memory: one result at a time, in order; ``output`` is a folder.

        Raises:
            InputError: also where on_error="record" left out all of them.
        """
        goal = target if target is not None else options.pop("emotion", None)
        if output is not None and Path(output).suffix and not Path(output).is_dir():
            raise InputError(f"Several sources give several results: name a folder, not {output}.")
        check_spared(None if output is None else Path(output), sources)
        if goal is not None and not _moves(goal):  # read once for all
            looking = make_options({k: v for k, v in options.items() if k in ("min_score", "cropped")} | {"largest": True})
            goal, intensity = self._expressions.of(goal, looking, intensity), 1.0
        taken: set[str] = set()
        done, last = 0, None
        for source in [sources] if is_single(sources) else gather(sources):
            ending = ".mp4" if _moves(source) or _moves(goal) else ".png"
            place = Path(output) / named(name_of(source), ending, taken) if output is not None else None
            try:
                made = self(source, goal, intensity=intensity, output=place, **options)
            except FacezooError as error:
                if options.get("on_error") != "record":
                    raise
                last = error
                warnings.warn(f"{name_of(source)} is left out: {error}", stacklevel=2)
            else:
                done += 1
                yield made
        if last is not None and not done:
            raise InputError(f"None of the sources could be used; of the last one: {last}") from last

    def _made(self, source: Any, wish: Wish, output: Path | None) -> Picture | Clip:
        """The one result of one source."""
        films = [Path(each) for each in (source, wish.target) if _moves(each)]
        if len(films) + wish.is_series > 1:
            raise InputError("Of source, target and a series of steps only one can move; give pictures for the others.")
        if output is not None and (output.is_dir() or not output.suffix):
            output /= named(name_of(source), ".mp4" if films else ".png", set())
        check_output(self.spec.name, output, moving=bool(films), steps=wish.is_series)
        check_spared(output, source, wish.target, wish.start)
        editing = Editing(self, self._expressions, wish.options)
        as_film = output is not None and is_film(output)
        frames = self._frames(editing, source, wish, FILM if as_film else STRIP)
        layout = wish.layout or ("side-by-side" if wish.is_series and not as_film else "picture")
        made = self.synthesis(self.manipulator)  # a mask lets the photograph through, also where the face stands alone
        pictures = editing.drawn(frames, layout)
        if output is not None and as_film:
            info = probe(films[0]) if films else None
            sound = films[0] if info is not None and info.has_audio else None
            return Film(output, info.fps if info else wish.fps, sound, made, wish.mark).write(pictures, editing.tally)
        first, *others = pictures
        row = [first, *(other[:, -PANEL:] for other in others)] if layout == "side-by-side" else [first, *others]  # once before
        picture = Picture(np.concatenate(row, axis=1), made)
        if output is not None:
            picture.save(output, mark=wish.mark)
        return picture

    def _frames(self, editing: Editing, source: Any, wish: Wish, steps: int) -> Iterator[Frame]:
        """What the pictures of the result are made of."""
        if _moves(wish.target):
            check_no_intensity(wish.intensity)
            return editing.driven(source, Path(wish.target))
        goal = self._expressions.of(wish.target, wish.options, wish.intensity)
        if _moves(source):
            return editing.film(Path(source), goal)
        if not wish.is_series:
            return editing.single(source, goal)
        start = None if wish.start is None else self._expressions.of(wish.start, wish.options)
        return editing.steps(source, start, goal, wish.steps or steps)


def _moves(given: Any) -> bool:
    """True for the path of a video."""
    return isinstance(given, str | Path) and is_video(given)


def _layout(layout: Layout | None, faces: Which, *, cropped: bool) -> Layout | None:
    """Raises InputError or IncompatibleError for a layout that does not go with the faces."""
    if faces not in get_args(Which):
        raise InputError(f"faces is {' or '.join(get_args(Which))}, not {faces!r}.")
    if layout is not None and layout not in get_args(Layout):
        raise InputError(f"layout is {', '.join(get_args(Layout))}, not {layout!r}.")
    if cropped and layout == "picture":
        raise IncompatibleError("A face that came already cropped has no picture to be put back into; use another layout.")
    if faces == "all" and layout not in (None, "picture"):
        raise IncompatibleError(f"The layout {layout} shows one face; all faces are shown by the layout picture.")
    if layout is None and cropped:
        return "face"
    return "picture" if faces == "all" else layout
