"""``facezoo synth``: the head, a contact sheet, and sets of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from facezoo.plugin import SEVEN_EMOTIONS, Command, Group, InputError, Shared, dump, emotion_of, flat, note, say

app = typer.Typer(cls=Group, no_args_is_help=True, add_completion=False, rich_markup_mode="rich")

HeadFile = Annotated[
    Path | None,
    typer.Option(
        "--head", metavar="FILE", help="The head's file, if not the one that was imported.", show_default="the imported one"
    ),
]
Seed = Annotated[int, typer.Option(metavar="N", help="Of everybody and everything that is shown.")]
Size = Annotated[int, typer.Option(metavar="PX", help="Side of a picture in pixels, 32 to 512.")]
Yaw = Annotated[float, typer.Option(metavar="DEGREES", help="Yaw is uniform over ± so many degrees.")]
Device = Annotated[str, typer.Option(metavar="NAME", help="auto (cuda, else cpu), cpu, cuda or cuda:1.")]


def import_(
    checkout: Annotated[Path, typer.Argument(metavar="CHECKOUT", help="Folder of a checkout of ICT-VGL/ICT-FaceKit.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it.", show_default="where the others find it"),
    ] = None,
    *,
    shared: Shared,
) -> None:
    """Make the head's file from a checkout of the ICT-FaceKit repository (MIT).

    \b
    Example:
      git clone --depth 1 https://github.com/ICT-VGL/ICT-FaceKit
      facezoo synth import ICT-FaceKit
    """
    from facezoo.plugin import progress
    from facezoo_synthetic.head import digest, stored_path
    from facezoo_synthetic.importing import import_head

    with progress("reading shapes", None) as done:
        path = import_head(checkout, output or stored_path(), done)
    if shared.json:
        dump({"head": str(path), "sha256": digest(path)})
        return
    say(f"Imported: {path}")
    hint = f" --head {path}" if output else ""
    note(f"Next: facezoo synth preview{hint}", shared)


def preview(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The sheet, a picture file.")] = Path(
        "sheet.png"
    ),
    emotion: Annotated[
        list[str] | None,
        typer.Option("--emotion", metavar="NAME", help="A row; may be repeated.", show_default="all seven"),
    ] = None,
    people: Annotated[int, typer.Option("--people", metavar="N", help="Columns: a person each.")] = 7,
    seed: Seed = 0,
    size: Size = 128,
    yaw: Yaw = 60.0,
    labels: Annotated[bool, typer.Option("--labels", help="Draw what is known of each picture; three times as large.")] = False,
    head: HeadFile = None,
    device: Device = "cpu",
    *,
    shared: Shared,
) -> None:
    """Draw a contact sheet: a row per emotion, a column per person.

    \b
    Examples:
      facezoo synth preview -o sheet.png
      facezoo synth preview --emotion happiness --emotion anger --labels -o two.png
    """
    from PIL import Image

    from facezoo.plugin import is_picture
    from facezoo_synthetic.head import find_head, load_head
    from facezoo_synthetic.preview import contact_sheet
    from facezoo_synthetic.starting import check_picture
    from facezoo_synthetic.studio import Studio

    if not is_picture(output):
        raise InputError(f"-o {output} is no picture's name; end it in .png or .jpg.")
    if people < 1:
        raise InputError(f"--people {people}: it is 1 at least.")
    check_picture(seed, size, yaw)
    emotions = [_emotion(name) for name in emotion or SEVEN_EMOTIONS]
    studio = Studio(load_head(find_head(head)), seed, size, _device(device), yaw)
    sheet = contact_sheet(studio, emotions, people, labelled=labels)
    output.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(output)
    if shared.json:
        dump({"sheet": str(output), "width": sheet.shape[1], "height": sheet.shape[0]})
    else:
        say(f"Drawn: {output}")


def render(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the set: new, empty, or one to go on with.")],
    people: Annotated[int, typer.Option(metavar="N", help="How many persons.")] = 1000,
    frames: Annotated[int, typer.Option(metavar="K", help="Pictures of each.")] = 4,
    tracks: Annotated[
        bool, typer.Option("--tracks", help="A person's pictures share light, camera and backdrop, as frames of a video do.")
    ] = False,
    still: Annotated[
        bool, typer.Option("--still", help="As --tracks, and the head keeps its pose: only the face moves.")
    ] = False,
    seed: Seed = 0,
    size: Size = 112,
    yaw: Yaw = 60.0,
    format: Annotated[Literal["png", "jpg"], typer.Option(help="Of the picture files.")] = "png",
    shards: Annotated[
        Literal["webdataset"] | None, typer.Option(help="Pack the pictures in tar files.", show_default="a file each")
    ] = None,
    workers: Annotated[int, typer.Option(metavar="N", help="Processes that render; 0: this one.")] = 0,
    head: HeadFile = None,
    device: Device = "auto",
    *,
    shared: Shared,
) -> None:
    """Render a set of labelled faces; the reader `synthetic` reads it.

    The same command goes on with a set that was not finished. Another setting in the same folder is refused.

    \b
    Examples:
      facezoo synth render faces --people 5000 --frames 4 --workers 2
      facezoo synth render tracks --people 2000 --frames 6 --tracks
    """
    from facezoo.plugin import progress
    from facezoo_synthetic.head import digest, find_head
    from facezoo_synthetic.layout import Settings
    from facezoo_synthetic.rendering import Job, render_chunks
    from facezoo_synthetic.starting import check_room, open_set

    place = find_head(head)
    settings = Settings(
        seed=seed, size=size, people=people, frames=frames, tracks=tracks or still, yaw=yaw, format=format, head=digest(place),
        shards=shards, still=still,
    )  # fmt: skip
    if workers < 0:
        raise InputError(f"--workers {workers}: it is 0 at least.")
    job = Job(out, settings, place, _device(device))
    chunks = open_set(out, settings)
    left = sum(len(settings.numbers(chunk)) for chunk in chunks)
    if chunks:
        studio = job.studio()
        room = job.room(studio, chunks)
        check_room(out, room)
        note(f"{left:,} of {settings.pictures:,} pictures to render, about {room / 1e6:,.0f} MB in {out}.", shared)
        with progress("rendering", left) as done:
            if workers:
                render_chunks(job, chunks, workers, done)
            else:
                for chunk in chunks:
                    job.render(studio, chunk, done)
    if shared.json:
        dump({"set": str(out), "pictures": settings.pictures, "rendered": left})
    else:
        say(f"Rendered: {out} ({settings.pictures:,} pictures, {left:,} of them now)")
        note(f"Next: facezoo datasets synthetic --data {out}", shared)


def _device(name: str) -> str:
    """What to render on. Raises InputError or DeviceError."""
    from facezoo.plugin import resolve_device

    device = resolve_device(name)
    if device.type == "mps":  # torch has no scatter_reduce of int64 there
        if name != "auto":
            raise InputError(f"--device {name}: faces are rendered on cpu and cuda only.")
        return "cpu"
    return str(device)


def _emotion(name: str) -> str:
    """One of the seven. Raises InputError."""
    found = emotion_of(name)
    if found not in SEVEN_EMOTIONS:
        raise InputError(f"--emotion {name} is none of {', '.join(SEVEN_EMOTIONS)}.")
    return str(found)


for _function in (import_, preview, render):
    app.command(_function.__name__.rstrip("_"), cls=Command)(flat(_function))
