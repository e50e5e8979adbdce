"""The tasks that only a cycle-face can do: frontalisation and expression transfer."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from facezoo.plugin import (
    Clip,
    Cut,
    DetectingPipeline,
    FaceBatch,
    FacePipeline,
    IncompatibleError,
    InputError,
    Options,
    Picture,
    Shot,
    Writer,
    check_spared,
    enlarged,
    frames,
    is_video,
    make_options,
    name_of,
    panel,
    paste,
    probe,
    progress,
    read,
    takes_note,
    to_uint8,
)

Layout = Literal["side-by-side", "face", "picture"]
LAYOUTS = ("side-by-side", "face", "picture")


class Frontalization(FacePipeline):
    """Per face ``pictures["neutral"]`` (frontal, without expression) and, where the model has identity networks,
    ``pictures["mean_face"]`` (without identity too), at the model's own size."""

    def annotate(self, batch: FaceBatch) -> list[dict[str, Any]]:
        manipulator = self.manipulator
        faces = batch.faces_for(manipulator)
        made = {"neutral": to_uint8(manipulator.neutralize(faces))}
        if "mean_face" in manipulator.verbs:
            made["mean_face"] = to_uint8(manipulator.mean_face(faces))
        how = self.synthesis(manipulator, composite=False)
        return [{"pictures": {name: Picture(stack[i], how) for name, stack in made.items()}} for i in range(batch.count)]


class ExpressionTransfer(DetectingPipeline):
    """``pipe(source, driver)``: the person of ``source`` with the head pose and expression of ``driver``."""

    def __call__(
        self,
        source: Any,
        driver: Any,
        *,
        output: str | Path | None = None,
        layout: Layout = "side-by-side",
        mark: bool = True,
        **options: Any,
    ) -> Picture | Clip:
        """Puts one face's expression on another; the largest face of each picture counts.

        Args:
            source: a picture: path, bytes, ``PIL.Image``, (H, W, 3) uint8 array or (3, H, W) tensor.
            driver: a picture, or the path of a video.
            output: the picture or video to write; needed for a video.
            layout: "side-by-side" (source, driver, result as squares), "face" (the result alone), "picture" (the result
                put back into the source).
            mark: draw the visible mark on what is written to ``output``.
            **options: batch_size, min_score, cropped.

        Returns:
            ``Picture``, or for a video ``Clip``; the video's sound is kept. In a frame without a face the last result
            stands still; ``Clip.missed`` counts such frames.

        Raises:
            InputError: a picture or video that cannot be used, or one without any face.
        """
        if layout not in LAYOUTS:
            raise InputError(f"layout is {', '.join(LAYOUTS)}, not {layout!r}.")
        chosen = make_options({**options, "largest": True})
        if layout == "picture" and chosen.cropped:
            raise IncompatibleError("A face that came already cropped has no picture to be put back into; use another layout.")
        moving = isinstance(driver, str | Path) and is_video(driver)
        self._check_output(output, moving=moving)
        check_spared(None if output is None else Path(output), source, driver)
        own = self._one_face(source, chosen)
        if moving and output is not None:
            return self._clip(own, Path(driver), Path(output), layout, chosen, mark=mark)
        other = self._one_face(driver, chosen)
        result = self._reenact(own, [other])[0]
        how = self.synthesis(self.manipulator, composite=layout != "face")
        picture = Picture(self._laid_out(own, other, other.image, result, layout), how)
        if output is not None:
            picture.save(output, mark=mark)
        return picture

    def _check_output(self, output: str | Path | None, *, moving: bool) -> None:
        """Raises InputError, before the work, for an output that these inputs do not give."""
        if output is None and moving:
            raise InputError("A driver video gives a video: say where to write it, output='result.mp4'.")
        if output is not None and not (is_video if moving else takes_note)(output):
            made, example = ("video", "out.mp4") if moving else ("picture", "out.png")
            raise InputError(f"{self.spec.name} makes a {made} of these inputs: -o {example}, not {output}.")

    def _one_face(self, picture: Any, options: Options) -> Cut:
        cut = self._cuts([Shot(name_of(picture), read(picture))], options)[0]
        if cut is None:
            raise InputError(f"No face was found in {name_of(picture)}; try another detector or a lower --min-score.")
        return cut

    @torch.inference_mode()
    def _cuts(self, shots: list[Shot], options: Options) -> list[Cut | None]:
        return self.cut_faces(shots, options, self.manipulator)

    @torch.inference_mode()
    def _reenact(self, own: Cut, drivers: list[Cut]) -> np.ndarray:
        return to_uint8(self.manipulator.reenact(own.face[None], torch.stack([d.face for d in drivers])))

    def _clip(self, own: Cut, driver: Path, output: Path, layout: Layout, options: Options, *, mark: bool) -> Clip:
        info = probe(driver)
        count = missed = 0
        last = to_uint8(own.face[None])[0]
        first = self._laid_out(own, own, own.image, last, layout)
        how, sound = self.synthesis(self.manipulator, composite=layout != "face"), driver if info.has_audio else None
        with (
            Writer(output, info.fps, first.shape[:2], audio_from=sound, made=how, mark=mark) as writer,
            progress(self.spec.name, info.frames) as advance,
        ):
            stream = frames(driver)
            while chunk := list(itertools.islice(stream, options.batch_size)):
                shots = [Shot(str(driver), frame.image, frame=frame.index, time=frame.time) for frame in chunk]
                cuts = self._cuts(shots, options)
                made = iter(self._reenact(own, [c for c in cuts if c])) if any(cuts) else iter(())
                for cut, frame in zip(cuts, chunk, strict=True):
                    last = next(made) if cut else last
                    missed += cut is None
                    writer.write(self._laid_out(own, cut, frame.image, last, layout))
                count += len(chunk)
                advance(len(chunk))
            if missed == count:
                raise InputError(f"No face was found in any of the {count} frames of {driver}.")
        return Clip(output, count, info.fps, missed)

    def _laid_out(self, own: Cut, other: Cut | None, image: np.ndarray, result: np.ndarray, layout: Layout) -> np.ndarray:
        if layout == "face":
            return result
        if layout == "picture" and own.matrix is not None:
            return paste(own.image, torch.from_numpy(result).permute(2, 0, 1).float() / 255, own.matrix)
        return np.concatenate([panel(own, own.image), panel(other, image), enlarged(result)], axis=1)
