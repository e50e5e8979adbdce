"""What a run leaves for its readers: ``losses.jsonl``, TensorBoard scalars and image grids, a progress bar.

losses.jsonl       one line per step: {"step", "epoch", "total", "losses", "lr"}; exact (floats in full)
validation.jsonl   one line per validation: {"step", "epoch", "figures"}; steps and epochs done before it
tensorboard/       the same as curves, and grids of pictures
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from facezoo.errors import FacezooError
from facezoo.training.recipe import said
from facezoo.training.validation import Validation


class Journal:
    """Open while a run lasts. Only the first of several processes writes.

    Args:
        output: the run's folder.
        step: steps done already; what a killed run wrote beyond them is cut off.
        steps: in the whole run, for the bar.
        active: False makes every method do nothing.
        validated: validations made already.
        quiet: no bar (there is none outside a terminal either).
    """

    def __init__(
        self, output: Path, step: int, steps: int, validated: Sequence[Validation] = (), *,
        active: bool = True, quiet: bool = False,
    ) -> None:  # fmt: skip
        self.output, self.start, self.steps, self.active, self.quiet = output, step, steps, active, quiet
        self.validated = validated
        self.recent: list[Mapping[str, float]] = []
        self.bar: Any = None

    def __enter__(self) -> Self:
        if not self.active:
            return self
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise FacezooError("Training writes TensorBoard files; install them with: pip install 'facezoo[train]'") from error
        path = self.output / "losses.jsonl"
        kept = _lines_before(path, self.start)
        path.write_text("".join(kept))
        self.recent = [json.loads(line)["losses"] for line in kept[-100:]]
        self.lines = path.open("a", buffering=1)
        self.board = SummaryWriter(str(self.output / "tensorboard"), purge_step=self.start)
        (self.output / "validation.jsonl").unlink(missing_ok=True)
        for validation in self.validated:
            self._validation(validation)
        self.bar, self.task = self._bar()
        return self

    def _bar(self) -> tuple[Any, Any]:
        if self.quiet or not sys.stderr.isatty():
            return None, None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        bar = Progress(*columns, console=Console(stderr=True))
        bar.start()
        return bar, bar.add_task("", total=self.steps, completed=self.start)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside, the bar is not drawn: a validation may have its own."""
        if self.bar is None:
            yield
            return
        self.bar.stop()
        try:
            yield
        finally:
            self.bar.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self.active:
            return
        if self.bar is not None:
            self.bar.stop()
        self.lines.close()
        self.board.close()

    def losses(self, step: int, epoch: int, losses: Mapping[str, float], rates: Mapping[str, float]) -> None:
        """Notes the losses of step number ``step`` (the first is 0)."""
        if not self.active:
            return
        total = sum(losses.values())
        line = {"step": step, "epoch": epoch, "total": total, "losses": dict(losses), "lr": dict(rates)}
        self.lines.write(json.dumps(line) + "\n")
        self.recent = [*self.recent[-99:], losses]
        for name, value in losses.items():
            self.board.add_scalar(f"loss/{name}", value, step)
        self.board.add_scalar("loss/total", total, step)
        for name, value in rates.items():
            self.board.add_scalar(f"lr/{name}", value, step)
        if self.bar is not None:
            self.bar.update(self.task, completed=step + 1, description=f"loss {total:.4f}")

    def validation(self, validation: Validation) -> None:
        """Notes what a validation gave, and says it on the terminal."""
        if not self.active:
            return
        self._validation(validation)
        if not self.quiet:
            when = f"Epoch {validation.epoch}" if validation.step else "Solved"
            print(f"{when}: {said(validation.figures)}", file=sys.stderr)

    def _validation(self, validation: Validation) -> None:
        figures = {name: value if math.isfinite(value) else None for name, value in validation.figures.items()}
        with (self.output / "validation.jsonl").open("a") as lines:
            lines.write(json.dumps({"step": validation.step, "epoch": validation.epoch, "figures": figures}) + "\n")
        for name, value in validation.figures.items():
            self.board.add_scalar(f"validation/{name}", value, validation.step)

    def pictures(self, step: int, rows: Mapping[str, Tensor], columns: int = 8) -> None:
        """One grid, a row per name: each (B, 3, H, W) in [0, 1]."""
        if self.active and rows:
            self.board.add_image(" · ".join(rows), grid(list(rows.values()), columns), step)

    def note(self, text: str) -> None:
        """A remark for the terminal and TensorBoard."""
        if self.active:
            self.board.add_text("notes", text, self.start)
            if not self.quiet:
                print(text, file=sys.stderr)

    def averages(self) -> dict[str, float]:
        """Means of every loss over the last hundred steps."""
        names = {name for losses in self.recent for name in losses}
        return {name: sum(losses.get(name, 0.0) for losses in self.recent) / len(self.recent) for name in sorted(names)}


def grid(rows: list[Tensor], columns: int) -> Tensor:
    """Rows of (B, 3, H, W) in [0, 1] -> one picture (3, rows·H, columns·W)."""
    shown = min(columns, *(len(row) for row in rows))
    lines = [torch.cat(list(row[:shown].detach().float().cpu().clamp(0, 1)), dim=2) for row in rows]
    return torch.cat(lines, dim=1)


def _lines_before(path: Path, step: int) -> list[str]:
    """The lines of earlier steps; a last line cut short by a kill is dropped."""
    kept = []
    for line in path.read_text().splitlines(keepends=True) if path.is_file() else ():
        try:
            if json.loads(line)["step"] < step:
                kept.append(line)
        except ValueError:
            break
    return kept
