"""``facezoo emotion`` and ``facezoo similar``: what a face expresses, and which faces express the like."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facezoo.cli.delivering import Rows, rows_with, target_of
from facezoo.cli.options import ClassifierSlots, Compute, EncoderSlots, Picking, Shared
from facezoo.cli.tasks import Output, Pictures, perform
from facezoo.cli.telling import check_matches_target

if TYPE_CHECKING:
    from facezoo.results import Face, ImageResult

ROOM = 120  # columns of a terminal from which the emotions' names fit


def emotion(
    pictures: Pictures, slots: ClassifierSlots, picking: Picking, compute: Compute, shared: Shared, output: Output = None
) -> None:
    """What do the faces express? Probabilities of emotions.

    Per face the most probable of the model's classes, and the probability of each. With -o FOLDER the faces are drawn with
    their label. A label describes what a face looks like; it is not what somebody feels. Without a model that is here the
    command says how to come by one; RUN is the folder of a training.

    \b
    Examples:
      facezoo emotion photo.jpg --model dir:RUN/model
      facezoo emotion photos --model dir:RUN/model -o emotions.csv --keep-going
      facezoo emotion photo.jpg --model dir:RUN/model -o drawn
    """
    options = {**picking.calling, "batch_size": compute.batch_size}
    perform("emotion-recognition", pictures, slots.chosen({}), options, compute, output, shared, rows=_emotions)


def _emotions(result: ImageResult) -> Rows:
    return rows_with(result, _probabilities)


def _probabilities(face: Face) -> dict[str, str]:
    """A column per emotion; on a narrow terminal the names are cut to three letters."""
    if face.emotions is None:
        return {}
    letters = 3 if sys.stdout.isatty() and shutil.get_terminal_size().columns < ROOM else None
    return {"emotion": face.emotions.label} | {n[:letters]: f"{p:.2f}" for n, p in face.emotions.probabilities.items()}


def similar(
    query: Annotated[Path, typer.Argument(metavar="QUERY", help="A picture; its largest face counts.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to look; or an index (.parquet), as it is.")],
    slots: EncoderSlots,
    compute: Compute,
    shared: Shared,
    top: Annotated[int, typer.Option("--top", metavar="N", help="How many faces.", min=1)] = 20,
    index: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep the folder's vectors here (.parquet): next time only new and changed pictures are looked at.",
            show_default="none",
        ),
    ] = None,
    cropped: Annotated[bool, typer.Option("--cropped", help="The pictures are faces already.")] = False,
    min_score: Annotated[float, typer.Option(metavar="0..1", help="Leave out detections below this score.")] = 0.5,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            show_default="the screen",
            help="By its ending: .json, .jsonl, .csv, .parquet, or a picture: a sheet of the faces.",
        ),
    ] = None,
) -> None:
    """Find the faces of a folder whose expression is most like this one.

    Ranked by the cosine of expression vectors; head pose is part of what some models call expression. Only expressions:
    there is no such search for persons. An index is of one model: another one's vectors are refused.

    \b
    Examples:
      facezoo similar smile.jpg photos
      facezoo similar smile.jpg photos --index photos.parquet -o sheet.png
      facezoo similar smile.jpg photos.parquet -o ranking.csv
    """  # fmt: skip
    check_matches_target(target_of(output))
    options = {"top": top, "index": index, "cropped": cropped, "min_score": min_score, "batch_size": compute.batch_size}
    perform("expression-retrieval", [query, folder], slots.chosen({}), options, compute, output, shared)
