"""``facezoo run | detect | embed | compare | frontalize | transfer``: pipelines on pictures and videos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facezoo.cli.delivering import Rows, Target, deliver, rows_of, target_of
from facezoo.cli.options import Compute, DetectorSlot, EncoderSlots, ManipulatorSlots, Picking, Shared, Slots, values
from facezoo.cli.task_options import split
from facezoo.cli.telling import check_target, tell, tell_each
from facezoo.cli.walking import check_inputs, number_of_inputs, takes, walk
from facezoo.errors import InputError
from facezoo.plugins import discover
from facezoo.specs import PipelineSpec

if TYPE_CHECKING:
    from facezoo.results import ImageResult

OWN = (
    "--model", "--detector", "--encoder", "--classifier", "--head", "--manipulator", "--slot", "--min-score", "--max-faces",
    "--largest", "--cropped", "--keep-going", "--device", "--dtype", "--compile", "--batch-size", "--output", "--no-mark",
    "--set",
)  # fmt: skip
"""Options of ``run`` itself."""

Pictures = Annotated[
    list[Path], typer.Argument(metavar="PICTURES", help="Pictures, videos and folders of pictures.", show_default=False)
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="PATH", show_default="the screen",
        help="By its ending: .json, .jsonl, .csv, .parquet, a picture, a video; without an ending a folder of pictures.",
    ),
]  # fmt: skip


NoMark = Annotated[
    bool, typer.Option("--no-mark", help="No visible mark on faces that a network made; the note in the file stays.")
]


def run(
    pipeline: Annotated[str, typer.Argument(metavar="TASK", help="A task of `facezoo pipelines`.")],
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUTS [--OPTION ...]",
            help="Pictures, videos, folders; what the task takes. And the task's own options, e.g. --layout face.",
            show_default=False,
        ),
    ],
    slots: Slots,
    picking: Picking,
    compute: Compute,
    shared: Shared,
    output: Output = None,
    no_mark: NoMark = False,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other option of the task; may be repeated.")
    ] = None,
) -> None:
    """Run any task on pictures, folders and videos.

    Of a video every frame is a picture. `facezoo pipelines` lists the tasks.

    \b
    Examples:
      facezoo run face-detection photos -o faces.csv
      facezoo run identity-embedding clip.mp4 -o clip.parquet --batch-size 64
      facezoo run face-verification one.jpg two.jpg
      facezoo run frontalization photo.jpg -o out --detector yunet-2023mar
      facezoo run expression-transfer me.jpg you.jpg --layout picture -o both.png
    """
    spec = discover().get(PipelineSpec, pipeline)
    inputs, own = split(spec, words, OWN)
    options = {**picking.calling, "batch_size": compute.batch_size, **values(setting or (), "--set"), **own}
    perform(pipeline, inputs, slots.chosen(spec.slots), options, compute, output, shared, mark=not no_mark)


run.open_ended = True  # type: ignore[attr-defined]  # options that only the task knows are left to this function


def detect(
    pictures: Pictures, slots: DetectorSlot, picking: Picking, compute: Compute, shared: Shared, output: Output = None
) -> None:
    """Find faces: a table of boxes, and with -o pictures.

    Boxes are in pixels, counted from the upper left corner.

    \b
    Examples:
      facezoo detect photo.jpg
      facezoo detect photos -o drawn
      facezoo detect clip.mp4 -o clip.csv --largest
    """
    options = {**picking.calling, "batch_size": compute.batch_size}
    perform("face-detection", pictures, slots.chosen({}), options, compute, output, shared)


def embed(
    pictures: Pictures,
    slots: EncoderSlots,
    picking: Picking,
    compute: Compute,
    shared: Shared,
    view: Annotated[str, typer.Option(metavar="NAME", help="What the vectors are about: identity or expression.")] = "identity",
    output: Output = None,
) -> None:
    """Turn every face into a vector: identity or expression.

    Vectors can be compared if they are of the same space; its id is beside each of them, and in the schema metadata of
    a Parquet file under facezoo.spaces.

    \b
    Examples:
      facezoo embed photos -o people.parquet
      facezoo embed clip.mp4 --view expression -o clip.parquet
    """
    if view not in ("identity", "expression"):
        raise InputError(f"--view is identity or expression, not {view!r}.")
    if output is not None and output.suffix:
        from facezoo.tables import FORMATS

        if output.suffix.lower() not in FORMATS:
            raise InputError(f"Vectors are written to a file ending in {', '.join(FORMATS)}, not to {output.name}.")
    options = {**picking.calling, "batch_size": compute.batch_size}
    perform(f"{view}-embedding", pictures, slots.chosen({}), options, compute, output, shared)


def compare(
    first: Annotated[Path, typer.Argument(metavar="ONE", help="A picture; its largest face counts.")],
    second: Annotated[Path, typer.Argument(metavar="TWO", help="Another picture.")],
    slots: EncoderSlots,
    compute: Compute,
    shared: Shared,
    cropped: Annotated[bool, typer.Option("--cropped", help="The pictures are faces already.")] = False,
    min_score: Annotated[float, typer.Option(metavar="0..1", help="Leave out detections below this score.")] = 0.5,
    output: Output = None,
) -> None:
    """How alike are two people's faces?

    Prints the similarity of their identity codes, and an answer where a threshold was measured. A similarity is no
    proof of identity. Where the law asks for consent to compare faces, ask for it.

    \b
    Example:
      facezoo compare one.jpg two.jpg
    """
    options = {"cropped": cropped, "min_score": min_score}
    perform("face-verification", [first, second], slots.chosen({}), options, compute, output, shared)


def frontalize(
    pictures: Pictures,
    slots: ManipulatorSlots,
    picking: Picking,
    compute: Compute,
    shared: Shared,
    output: Output = None,
    no_mark: NoMark = False,
) -> None:
    """Make everybody's neutral, frontal face.

    Where the model has identity networks, the mean face too. Writes into the folder of -o: NAME.png with all faces side
    by side, and each face at the model's own size.

    \b
    Example:
      facezoo frontalize photo.jpg -o fronts
    """
    if output is None:
        raise InputError("frontalize makes pictures: say where to, -o FOLDER.")
    options = {**picking.calling, "batch_size": compute.batch_size}
    perform("frontalization", pictures, slots.chosen({}), options, compute, output, shared, mark=not no_mark)


def transfer(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Picture of the person who is to be seen.")],
    driver: Annotated[Path, typer.Argument(metavar="DRIVER", help="Picture or video of the head pose and expression.")],
    slots: ManipulatorSlots,
    compute: Compute,
    shared: Shared,
    layout: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="side-by-side (source, driver, result), face (the result) or picture (put back into SOURCE)."
        ),
    ] = "side-by-side",
    output: Output = None,
    no_mark: NoMark = False,
) -> None:
    """Put one person's pose and expression on another's face.

    A driver video gives an mp4 and keeps its sound. Do not pass a result off as a recording; say that it was made.

    \b
    Examples:
      facezoo transfer me.jpg you.jpg -o both.png
      facezoo transfer me.jpg clip.mp4 -o both.mp4
    """
    if output is None:
        raise InputError("transfer makes a picture or a video: say where to, -o OUT.png or -o OUT.mp4.")
    options = {"layout": layout, "batch_size": compute.batch_size}
    perform("expression-transfer", [source, driver], slots.chosen({}), options, compute, output, shared, mark=not no_mark)


def perform(
    name: str,
    inputs: Sequence[Path],
    slots: Mapping[str, Any],
    options: Mapping[str, Any],
    compute: Compute,
    output: Path | None,
    shared: Shared,
    rows: Callable[[ImageResult], Rows] | None = None,
    *,
    mark: bool = True,
) -> None:
    """Runs a pipeline and delivers its results; ``rows`` and ``mark`` as for ``deliver``.

    Raises:
        InputError: inputs that are not there, too many or too few of them, or an output that nothing writes.
    """
    check_inputs(inputs)
    target = target_of(output, inputs)
    from facezoo.loader import pipeline

    pipe = pipeline(name, **compute.loading, **slots)
    fewest, most = number_of_inputs(pipe)
    if most is None:
        deliver(walk(pipe, inputs, options), target, shared, _shown(rows or rows_of, target), mark=mark)
        return
    if not fewest <= len(inputs) <= most:
        wanted = f"{most} inputs" if fewest == most else f"{fewest} or {most} inputs"
        raise InputError(f"{name} takes {wanted}, not {len(inputs)}; see `facezoo info {name}`.")
    writes, paints = takes(pipe, "output"), takes(pipe, "mark")
    if paints and target is None:
        raise InputError(f"{name} makes pictures or videos: say where to, for example -o out.png.")
    if not writes:
        check_target(pipe, target)
    elif target is not None:
        options = {**options, "output": target.path, **({"mark": mark} if paints else {})}
    if paints and target is not None and hasattr(pipe, "stream") and inputs[0].is_dir():
        tell_each(pipe.stream(*inputs, **options), target, shared)
    else:
        tell(pipe(*inputs, **options), target, shared, written=writes, mark=mark)


def _shown(rows: Callable[[ImageResult], Rows], target: Target | None) -> Callable[[ImageResult], Rows]:
    """What the screen shows: of a video that is written somewhere no row per frame."""
    return lambda result: [] if target is not None and result.frame is not None else rows(result)
