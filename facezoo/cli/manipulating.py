"""``facezoo manipulate``, and ``facezoo provenance``: what the file of a made picture says about itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facezoo.cli import screen
from facezoo.cli.options import Compute, ManipulationSlots, Picking, Shared
from facezoo.cli.tasks import NoMark, perform
from facezoo.errors import InputError

Expression = Annotated[
    Path | None, typer.Argument(metavar="TARGET", help="Picture or video whose expression it is.", show_default=False)
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="PATH", show_default="none: an error",
        help="A picture, a .gif or a video; for a folder of pictures a folder.",
    ),
]  # fmt: skip


def manipulate(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Picture, video, or folder of pictures of the people.")],
    slots: ManipulationSlots,
    picking: Picking,
    compute: Compute,
    shared: Shared,
    target: Expression = None,
    emotion: Annotated[
        str | None, typer.Option(metavar="WORD", help="An emotion in place of TARGET, e.g. happiness.", show_default="none")
    ] = None,
    intensity: Annotated[float, typer.Option(metavar="NUMBER", help="Of the emotion: 0 neutral, 1 its mean.")] = 1.0,
    start: Annotated[
        str | None,
        typer.Option(metavar="WHAT", help="Begin a series here: a picture, neutral, anger:0.5 …", show_default="their own"),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(metavar="N", help="Pictures of a series, both ends among them.", show_default="7, as a film 24"),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default="picture; of a series side-by-side",
            help="picture (put back into SOURCE), face (the result alone) or side-by-side (before and after).",
        ),
    ] = None,
    faces: Annotated[str, typer.Option(metavar="WHICH", help="largest, or all of SOURCE.")] = "largest",
    fps: Annotated[float, typer.Option(metavar="RATE", help="Pictures per second of a series as a film.")] = 12.0,
    output: Output = None,
    no_mark: NoMark = False,
) -> None:
    """Give faces another expression: another face's, an emotion's, or steps between two.

    The rest of the photograph stays as it is. Only with the consent of the people shown; say that the result was made. The
    file notes it, and a small mark shows it.

    \b
    Examples:
      facezoo manipulate me.jpg smile.jpg -o smiling.png
      facezoo manipulate me.jpg --emotion surprise --intensity 0.8 -o surprised.png
      facezoo manipulate me.jpg --start neutral --emotion happiness --steps 9 -o strip.png
      facezoo manipulate me.jpg clip.mp4 -o moving.mp4
    """  # fmt: skip
    given = {"emotion": emotion, "start": start, "steps": steps, "layout": layout}
    options = {**picking.calling, "batch_size": compute.batch_size, **{k: v for k, v in given.items() if v is not None}}
    options |= {"intensity": intensity, "faces": faces, "fps": fps}
    inputs = [source, *([target] if target is not None else [])]
    perform("face-manipulation", inputs, slots.chosen({}), options, compute, output, shared, mark=not no_mark)


def provenance(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="Pictures and videos.", show_default=False)],
    shared: Shared,
) -> None:
    """Did facezoo make this file, and with which model?

    Reads the note that facezoo writes into the pictures and videos that its models make. A file without one may be made all
    the same: notes are lost when a picture is edited or sent on, and anybody can take them away or write one.

    \b
    Example:
      facezoo provenance smiling.png
    """
    from facezoo import images, video

    found = {}
    for path in files:
        if not path.is_file():
            there = f"{path} is a folder; name the files in it." if path.is_dir() else f"There is no file {path}."
            raise InputError(there)
        found[path] = (video if images.is_video(path) else images).synthesis_of(path)
    if shared.json:
        screen.dump([{"file": str(path), "synthetic": made.to_dict() if made else None} for path, made in found.items()])
        return
    cells = [(str(path), made.task, made.model, made.sha256, made.software) if made else (str(path), "no note of facezoo")
             for path, made in found.items()]  # fmt: skip
    columns = ("file", "made by", "model", "sha256", "with")
    screen.table(columns, [(*cell, *[None] * (len(columns) - len(cell))) for cell in cells], wrap=("file", "sha256"))
