"""The paper's ablation, on any data: training data x image size x where a pair's second picture comes from.

Every cell of the grid is a run of ``cycle-face-expression`` and one figure of a protocol. A run that was killed goes on, a
cell that is measured is not touched again.

Source: supplement of Chang, Chen, Chiu, ICCV 2021: accuracy on RAF-DB by the linear protocol.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from facezoo.plugin import Conditions, InputError, Measurement, Report, evaluate, read_report, run

Transform = Literal["frames", "flip", "mixed"]
FLIP_SHARE: dict[Transform, float] = {"frames": 0.0, "flip": 1.0, "mixed": 0.5}
"""A pair is two frames of a track, or a picture and its mirror image; the release mixes them."""
PAPER = {
    ("vox1", 64, "frames"): 66.63,
    ("vox1", 64, "flip"): 63.52,
    ("vox1", 128, "frames"): 64.05,
    ("vox1+2", 64, "frames"): 71.01,
}
"""Per cent of RAF-DB's test split; the paper's numbers, on its own data and schedule."""
PLAN, TABLE, REPORT = "ablation.json", "ablation.md", "report.json"


@dataclass(frozen=True, slots=True)
class Cell:
    """One run: the name of its training data, the side of its pictures in pixels, and its pairs."""

    data: str
    size: int
    transform: Transform

    @property
    def name(self) -> str:
        return f"{self.data}-{self.size}-{self.transform}"

    @property
    def paper(self) -> float | None:
        """What the paper states for the same cell, if it has one."""
        return PAPER.get((self.data, self.size, self.transform))


class Plan(BaseModel):
    """What an ablation is made of. One that was begun goes on with the same plan only, but for the figure.

    Attributes:
        data: {name: folder} of training data.
        sizes: sides of the pictures in pixels.
        transforms: where a pair's second picture comes from.
        settings: further values of the recipe, "key=value", for every cell.
        protocol: of ``facezoo evaluate``, that measures the trained models.
        measured_on: its data.
        values: of the protocol, "key=value".
        figure: of its report, as the registry would call it ("accuracy (%)"); empty: its first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: dict[str, str] = Field(min_length=1)
    sizes: tuple[Literal[64, 128], ...] = Field(default=(64, 128), min_length=1)
    transforms: tuple[Transform, ...] = Field(default=("frames", "flip"), min_length=1)
    settings: tuple[str, ...] = ()
    protocol: str = "rafdb-linear"
    measured_on: str
    values: tuple[str, ...] = ()
    figure: str = ""

    @property
    def cells(self) -> list[Cell]:
        """The grid, row by row."""
        return [Cell(*cell) for cell in product(self.data, self.sizes, self.transforms)]


@dataclass(frozen=True, slots=True)
class Row:
    """A cell and what was measured of it."""

    cell: Cell
    found: Measurement


def ablate(
    plan: Plan,
    output: Path,
    *,
    device: str = "auto",
    quiet: bool = False,
    told: Callable[[str], None] = lambda text: None,
) -> list[Row]:
    """Trains and measures every cell that is not measured yet; writes ``ablation.json`` and ``ablation.md`` after each.

    Args:
        plan: the grid.
        output: a folder per cell, with its ``run`` and its ``report.json``.
        device: of training and measuring.
        quiet: no progress bars.
        told: hears what is done next.

    Raises:
        InputError: the folder holds another plan, or something else; the protocol has no such figure.
        DatasetError: data laid out another way.
    """
    _begin(plan, output)
    rows: list[Row] = []
    for cell in plan.cells:
        folder = output / cell.name
        if not (folder / REPORT).is_file():
            told(f"{cell.name}: training")
            model = train(plan, cell, folder / "run", device, quiet)
            told(f"{cell.name}: measuring by {plan.protocol}")
            report = evaluate(
                plan.protocol, plan.measured_on, [f"dir:{model}"], settings=plan.values, conditions=Conditions(device=device)
            )
            _write(folder / REPORT, report.model_dump_json(indent=2) + "\n")
        rows.append(Row(cell, figure_of(read_report(folder / REPORT), plan)))
        _write(output / TABLE, as_markdown(rows))
        _write(output / PLAN, json.dumps(_facts(plan, rows), indent=2) + "\n")
    return rows


def train(plan: Plan, cell: Cell, folder: Path, device: str, quiet: bool) -> Path:
    """The folder of the cell's trained model."""
    own = (
        "model.stage=expression",
        f"model.image_size={cell.size}",
        f"flip_share={FLIP_SHARE[cell.transform]}",
        f"device={device}",
    )
    settings = [*plan.settings, *own]
    return run("cycle-face-expression", plan.data[cell.data], folder, resume=True, settings=settings, quiet=quiet)


def figure_of(report: Report, plan: Plan) -> Measurement:
    """The figure that is compared.

    Raises:
        InputError: the report has no such figure; names those it has.
    """
    measured = report.systems[0].measurements
    wanted = plan.figure or measured[0].metric
    for found in measured:
        if found.metric == wanted:
            return found
    raise InputError(f"{plan.protocol} gives no figure {wanted!r}; it gives {', '.join(found.metric for found in measured)}.")


def as_markdown(rows: Sequence[Row]) -> str:
    """The table, with the paper's rows beside the cells of the same name and the others below."""
    figure = rows[0].found.metric if rows else "figure"
    lines = [
        f"| data | size | transform | {figure} | n | the paper's, on RAF-DB (%) |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cell = row.cell
        stated = f"{cell.paper:.2f}" if cell.paper is not None else "–"
        lines.append(f"| {cell.data} | {cell.size} | {cell.transform} | {row.found} | {row.found.count:,} | {stated} |")
    shown = {(row.cell.data, row.cell.size, row.cell.transform) for row in rows}
    for (data, size, transform), value in PAPER.items():
        if (data, size, transform) not in shown:
            lines.append(f"| {data}, the paper's | {size} | {transform} | – | – | {value:.2f} |")
    return "\n".join(lines) + "\n"


def _facts(plan: Plan, rows: Sequence[Row]) -> dict[str, Any]:
    """What ``ablation.json`` holds."""
    cells = [
        {
            "data": row.cell.data, "size": row.cell.size, "transform": row.cell.transform, "paper": row.cell.paper,
            "measured": row.found.model_dump(mode="json"), "report": f"{row.cell.name}/{REPORT}",
        }
        for row in rows
    ]  # fmt: skip
    return {"facezoo_ablation": 1, "plan": plan.model_dump(mode="json"), "cells": cells}


def _begin(plan: Plan, output: Path) -> None:
    """Makes the folder and writes the plan, or finds the same one there."""
    path = output / PLAN
    if not path.is_file():
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise InputError(f"{output} is not empty and holds no ablation; name a new folder.")
        output.mkdir(parents=True, exist_ok=True)
        _write(path, json.dumps(_facts(plan, ()), indent=2) + "\n")
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))["plan"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error!r}), so nobody knows what was begun; name a new folder.") from error
    now = plan.model_dump(mode="json")
    # another figure can be read off the reports that are there
    if changed := [name for name in now if name != "figure" and before.get(name) != now[name]]:
        was = "; ".join(f"{name} was {before.get(name)!r}, now {now[name]!r}" for name in changed)
        raise InputError(f"The ablation in {output} began with another plan: {was}. Give that again, or name a new folder.")


def _write(path: Path, text: str) -> None:
    """The whole file or none."""
    unfinished = path.with_name(f".unfinished-{path.name}")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
