"""``facezoo demo``: one portrait, taken apart and put together again, as one picture that explains itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facezoo.cli import screen
from facezoo.cli.options import Compute, PortraitSlots, Shared
from facezoo.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from facezoo.cli.investigation import Findings

NAME = "facezoo-demo.png"


def demo(
    slots: PortraitSlots,
    compute: Compute,
    shared: Shared,
    picture: Annotated[
        Path | None, typer.Argument(metavar="PICTURE", help="A photograph of your own.", show_default="a portrait by NASA")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the picture.")] = Path(
        "facezoo-demo"
    ),
) -> None:
    """Take one portrait apart: neutral face, head pose, emotion, and more.

    Finds the face, makes its neutral and its mean face, puts it together again, tells its head pose and the probabilities
    of seven emotions, moves it like the mirrored portrait and like a rendered person, and compares identity codes. Writes
    one picture with captions and prints the numbers and which models made it. Needs no network.

    \b
    Examples:
      facezoo demo
      facezoo demo me.jpg -o my-demo
    """
    from facezoo.cli.investigation import investigate

    portrait, credit = _own(picture) if picture else _astronaut()
    findings = investigate(portrait, credit, slots.chosen({}), compute)
    from facezoo.cli.portrait import draw
    from facezoo.images import write

    made = next((picture.made for picture in findings.face.pictures.values()), None)
    made = dataclasses.replace(made, composite=True) if made is not None else None  # the portrait is a photograph
    path = write(draw(findings), output / NAME, made=made, mark=False)  # its captions say what a network made
    if shared.json:
        screen.dump({"picture": str(path), "seconds": findings.seconds, **_numbers(findings), **findings.report.to_dict()})
        return
    screen.table(("about", "what", "value"), _lines(findings))
    screen.say()
    rows = [(row["slot"], row["model"], f"{row['device']} {row['dtype']}", row["license"]) for row in findings.report.rows]
    screen.table(("slot", "model", "runs in", "licence of the weights"), rows, wrap=("licence of the weights",))
    screen.say(f"\nThe picture is {path.resolve()}")
    screen.note(f"It took {findings.seconds:.0f} s. Next: facezoo frontalize YOUR.jpg -o fronts, or facezoo list.", shared)


def _astronaut() -> tuple[np.ndarray, str]:
    try:
        from skimage import data
    except ImportError as error:
        raise InputError(
            "The demonstration's portrait is in the wheel of scikit-image: pip install 'facezoo[demo]'. "
            "Or show a photograph of your own: facezoo demo PICTURE."
        ) from error
    return data.astronaut(), "Photograph: NASA, Eileen Collins, public domain (from scikit-image)"


def _own(picture: Path) -> tuple[np.ndarray, str]:
    from facezoo.images import read

    return read(picture), f"Photograph: {picture.name}"


def _numbers(findings: Findings) -> dict[str, Any]:
    """What was found as plain values: probabilities in [0, 1], degrees, cosines."""
    similar = {s.label: {"lowest": min(s.values), "highest": max(s.values)} for s in findings.similarities}
    return {
        "emotions": dict(findings.emotions.probabilities),
        "pose": findings.pose.to_dict(),
        "reenacted": [made.caption for made in findings.reenactments],
        "similarities": similar,
    }


def _lines(findings: Findings) -> list[tuple[str, str, str]]:
    """The same for a person: about what, what, and the number with its unit."""
    found = _numbers(findings)
    lines = [("probability of", emotion, f"{p:.2f}") for emotion, p in found["emotions"].items()]
    lines += [("head pose", angle, f"{degrees:+.1f}°") for angle, degrees in found["pose"].items()]
    for label, value in found["similarities"].items():
        ends = dict.fromkeys(f"{value[end]:.2f}" for end in ("lowest", "highest"))
        lines.append(("identity's cosine", label, " to ".join(ends)))
    return lines
