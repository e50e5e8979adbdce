"""Where a series of pictures goes: side by side into one picture, a GIF, or a video."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facezoo.plugin import Clip, InputError, Synthesis, Writer, is_picture, is_video, takes_note, write_animation
from facezoo_pix2pixhd.editing import Tally


@dataclass(frozen=True, slots=True)
class Film:
    """How a series is written.

    Attributes:
        output: the file; its ending decides.
        fps: frames per second.
        sound: a video whose sound is kept, or None.
        made: what the file says about itself.
        mark: draw the visible mark.
    """

    output: Path
    fps: float
    sound: Path | None
    made: Synthesis
    mark: bool

    def write(self, pictures: Iterable[np.ndarray], tally: Tally) -> Clip:
        """Writes (H, W, 3) uint8 RGB pictures of one size, in constant memory but for a GIF."""
        if self.output.suffix.lower() == ".gif":
            write_animation(pictures, self.output, self.fps, made=self.made, mark=self.mark)
            return Clip(self.output, tally.frames, self.fps, tally.missed)
        iterator = iter(pictures)
        first = next(iterator)
        with Writer(self.output, self.fps, first.shape[:2], audio_from=self.sound, made=self.made, mark=self.mark) as writer:
            for picture in itertools.chain([first], iterator):
                writer.write(picture)
        return Clip(self.output, tally.frames, self.fps, tally.missed)


def is_film(path: Path) -> bool:
    """True if the name ends like a video's or a GIF's."""
    return is_video(path) or path.suffix.lower() == ".gif"


def check_output(task: str, output: Path | None, *, moving: bool, steps: bool) -> None:
    """Refuses, before the work, an output that the inputs do not give.

    Args:
        task: the pipeline's name.
        output: the file, or None.
        moving: there is a video among the inputs.
        steps: the result is a series of steps.

    Raises:
        InputError: says what is made of these inputs.
    """
    if output is None:
        if moving:
            raise InputError("A video gives a video: say where to write it, output='result.mp4'.")
        return
    fits = is_film(output) if moving else takes_note(output) or (steps and is_film(output))
    if not moving and is_picture(output) and not takes_note(output):
        better = output.with_suffix(".png").name
        raise InputError(f"{output}: its format has no room for the note that a network made the picture; try {better}.")
    if not fits or (not moving and not steps and output.suffix.lower() == ".gif"):
        made = "video" if moving else "picture"
        example = "out.mp4 or out.gif" if moving else "out.png"
        more = ", or of its steps a film: -o out.mp4 or -o out.gif" if steps else ""
        raise InputError(f"{task} makes a {made} of these inputs: -o {example}{more}; not {output}.")


def named(source: str, ending: str, taken: set[str]) -> str:
    """A file's name after its source; equal names get -2, -3 … ``taken`` keeps those that were given."""
    stem = "picture" if source.startswith("<") else Path(source).stem  # <array>, <Pillow image>
    names = itertools.chain([stem], (f"{stem}-{count}" for count in itertools.count(2)))
    name = next(name for name in names if name not in taken)
    taken.add(name)
    return f"{name}{ending}"
