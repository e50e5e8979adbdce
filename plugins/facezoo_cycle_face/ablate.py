"""``facezoo ablate cycle-face``: the paper's ablation on one's own data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facezoo.plugin import Command, Group, InputError, Shared, dump, flat, lay_out, note, say

app = typer.Typer(cls=Group, no_args_is_help=True, add_completion=False, rich_markup_mode="rich")

Data = Annotated[
    list[str] | None,
    typer.Option("--data", metavar="NAME=DIR", help="Training data; may be repeated. The paper's are vox1 and vox1+2."),
]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="A folder per cell, the table and JSON.")]
MeasuredOn = Annotated[Path | None, typer.Option("--measured-on", metavar="DIR", help="Data of the protocol.")]
Sizes = Annotated[
    list[int] | None, typer.Option("--size", metavar="PX", help="64 or 128; may be repeated.", show_default="both")
]
Transforms = Annotated[
    list[str] | None,
    typer.Option(
        "--transform", metavar="NAME", help="frames, flip, or mixed as released; may be repeated.", show_default="frames, flip"
    ),
]
Protocol = Annotated[str, typer.Option(metavar="NAME", help="Of `facezoo evaluate`: rafdb-linear, emotion-linear, synthetic …")]
Values = Annotated[
    list[str] | None, typer.Option("--value", metavar="KEY=VALUE", help="One of the protocol's; may be repeated.")
]
Figure = Annotated[str, typer.Option(metavar="NAME", help="Of the report.", show_default="its first")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One of the recipe's values; may be repeated.")
]
Device = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")]


@app.callback()
def ablate() -> None:
    """What each part of a method is worth: the grid of a paper, trained and measured."""


def cycle_face(
    data: Data = None,
    output: Output = None,
    measured_on: MeasuredOn = None,
    size: Sizes = None,
    transform: Transforms = None,
    protocol: Protocol = "rafdb-linear",
    value: Values = None,
    figure: Figure = "",
    setting: Settings = None,
    device: Device = "auto",
    *,
    shared: Shared,
) -> None:
    """Train cycle-face for every training data x image size x transform, and measure each cell in the same way.

    Every cell is a run of the recipe cycle-face-expression with --set values passed through. A run that was killed goes on
    with the same command, and cells that are measured are not touched again. The paper's numbers stand beside.

    \b
    Examples:
      facezoo ablate cycle-face --data vox1=VoxCeleb1 --measured-on RAF-DB -o ablation
      facezoo ablate cycle-face --data mine=tracks --size 64 --protocol emotion-linear --measured-on pictures -o small
    """
    if not data or output is None or measured_on is None:
        raise InputError("An ablation needs --data NAME=DIR, --measured-on DIR and -o DIR; --help has an example.")
    from pydantic import ValidationError

    from facezoo_cycle_face.ablation import PLAN, TABLE, Plan, as_markdown
    from facezoo_cycle_face.ablation import ablate as work

    given = {
        "data": _named(data), "sizes": size, "transforms": transform, "settings": setting, "protocol": protocol,
        "measured_on": str(measured_on), "values": value, "figure": figure,
    }  # fmt: skip
    try:
        plan = Plan.model_validate({name: what for name, what in given.items() if what is not None})
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"--{str(first['loc'][0]).removesuffix('s')} {first.get('input')!r}: {first['msg']}.") from error
    lay_out(plan.protocol, plan.measured_on, settings=plan.values)  # a wrong word here is told before anything is trained
    rows = work(plan, output, device=device, quiet=shared.quiet, told=lambda text: note(text, shared))
    if shared.json:
        dump([{"cell": row.cell.name, "paper": row.cell.paper, **row.found.model_dump(mode="json")} for row in rows])
        return
    say(as_markdown(rows).rstrip())
    note(f"Written: {output / TABLE}, {output / PLAN}", shared)


def _named(given: list[str]) -> dict[str, str]:
    """{name: folder} of ``NAME=DIR``. Raises InputError for other words, a name twice, or a folder that is not there."""
    found: dict[str, str] = {}
    for word in given:
        name, equals, folder = word.partition("=")
        if not equals or not name or "/" in name or name in found:
            raise InputError(f"--data takes NAME=DIR, each name once, such as vox1=VoxCeleb1; not {word!r}.")
        if not Path(folder).exists():
            raise InputError(f"There is no folder {folder}; --data {name}=… names training data.")
        found[name] = folder
    return found


app.command("cycle-face", cls=Command)(flat(cycle_face))
