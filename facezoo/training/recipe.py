"""What a recipe brings: data, networks, optimisers, losses, pictures and an export. The loop brings the rest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import Dataset

from facezoo.training.validation import BestBy


class TrainingConfig(BaseModel):
    """Values every recipe has; a recipe's own class adds its own. Unknown keys are refused.

    Attributes:
        seed: of the initial weights, the order, every augmentation and every noise.
        epochs: passes over the data.
        max_steps: an earlier end, or None. A schedule over the whole run ends there too: resumed with another value it differs.
        batch_size: examples per step and process.
        workers: processes that load data; the result does not depend on their number.
        mixed_precision: "no" is float32; "fp16" scales its losses.
        device: "auto" is the first of cuda, mps, cpu that is there.
        channels_last: memory format of the networks and images; usually faster.
        clip_norm: largest gradient norm, or None: not clipped.
        ema: decay of the running average of all weights that is exported instead of the last ones; 0 turns it off.
        validate_every: epochs between validations, for recipes that have one; the last epoch is always validated. 0: never.
        patience: validations without a better figure after which the run stops, or None: it does not. Where nothing is
            validated nothing is counted.
        checkpoint_every: steps between checkpoints.
        keep_checkpoints: how many of the newest stay.
        pictures_every: steps between image grids.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    epochs: int = Field(default=1, ge=1)
    max_steps: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=16, ge=1)
    workers: int = Field(default=0, ge=0)
    mixed_precision: Literal["no", "bf16", "fp16"] = "no"
    device: str = "auto"
    channels_last: bool = False
    clip_norm: float | None = Field(default=None, gt=0)
    ema: float = Field(default=0.0, ge=0.0, lt=1.0)
    validate_every: int = Field(default=1, ge=0)
    patience: int | None = Field(default=None, ge=1)
    checkpoint_every: int = Field(default=1000, ge=1)
    keep_checkpoints: int = Field(default=2, ge=1)
    pictures_every: int = Field(default=1000, ge=1)


@dataclass(frozen=True)
class Moment:
    """Where a run is. Everything a step does follows from the weights, the batch and this.

    Attributes:
        step: steps done before this one.
        epoch: epochs done before this one.
        batch: steps done in this epoch.
        steps_per_epoch: steps in an epoch.
        steps: steps in the whole run.
        generator: for noise; seeded by (seed, step, process), so nothing of it needs to be stored.
    """

    step: int
    epoch: int
    batch: int
    steps_per_epoch: int
    steps: int
    generator: torch.Generator

    @property
    def progress(self) -> float:
        """Share of the run that is done, in [0, 1)."""
        return self.step / max(1, self.steps)


@dataclass(frozen=True)
class Record:
    """What a card can say about a finished run.

    Attributes:
        recipe: its name.
        config: every value it ran with.
        data: the folder's or file's name (not its path).
        steps: optimiser steps done; 0 for a recipe that is solved in one go.
        seconds: time spent training, all runs of it together.
        device: what it ran on.
        losses: means over the last hundred steps.
        notes: the recipe's remarks.
        exported_step: the steps that the exported weights have had; fewer than ``steps`` where an earlier validation was
            best. None: ``steps``.
        figures: of the validation of the exported weights, or of the solution; empty where there was none.
    """

    recipe: str
    config: Mapping[str, Any]
    data: str
    steps: int
    seconds: float
    device: str
    losses: Mapping[str, float]
    notes: Sequence[str] = field(default_factory=tuple)
    exported_step: int | None = None
    figures: Mapping[str, float] = field(default_factory=dict)

    def as_markdown(self) -> str:
        """A section for README.md."""
        changed = "\n".join(f"- {name}: {value}" for name, value in self.config.items())
        remarks = "".join(f"\n- {note}" for note in self.notes)
        figures = f" Validation of these weights: {said(self.figures)}." if self.figures else ""
        if not self.steps:
            done = f"solved in one go in {self.seconds:.1f} seconds on {self.device}."
            figures = f" Figures: {said(self.figures)}." if self.figures else ""
        else:
            done = f"{self.steps} steps in {self.seconds / 3600:.2f} hours on {self.device}."
            done += f" Losses over the last steps: {said(self.losses)}."
            if self.exported_step is not None and self.exported_step < self.steps:
                done += f" The weights are those after step {self.exported_step}, the best in validation."
        return f"## Training\n\nRecipe `{self.recipe}` on `{self.data}`: {done}{figures}\n{remarks}\n\nValues:\n\n{changed}\n"


def said(figures: Mapping[str, float]) -> str:
    """Names and values in one line: ``accuracy 0.8125, loss 0.3``."""
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


class Recipe(ABC):
    """One way to train something. Subclasses are named by a ``RecipeSpec`` and built as ``cls(config, data)``.

    The loop seeds torch, then builds the recipe and asks for its data set, modules and optimisers once. A
    recipe that keeps no state outside its modules and optimisers resumes exactly.

    Attributes:
        best_by: the figure of ``validate`` by which the exported weights are chosen and ``patience`` counts, and whether
            the largest or the smallest is best. None: the last weights (or their average) are exported.
    """

    best_by: BestBy | None = None

    def __init__(self, config: TrainingConfig, data: Path) -> None:
        self.config = config
        self.data = data

    @abstractmethod
    def dataset(self) -> Dataset[Any]:
        """Examples by index, each a dict of tensors.

        What is random about an example must follow from (seed, epoch, index). If the data set has ``set_epoch``, that is
        called before every epoch. If it has ``digest``, a string, a run is not resumed on data with another one.

        Raises:
            DatasetError: says which file was expected where.
        """

    @abstractmethod
    def modules(self) -> Mapping[str, nn.Module]:
        """Everything with weights or buffers that a checkpoint must hold."""

    @abstractmethod
    def optimizers(self) -> Mapping[str, Optimizer]:
        """In the order of their turns within a step."""

    @abstractmethod
    def losses(self, batch: Mapping[str, Tensor], turn: str, moment: Moment) -> dict[str, Tensor]:
        """Named terms, already weighted; their sum is minimised by the optimiser ``turn``."""

    @abstractmethod
    def export(self, directory: Path, record: Record) -> None:
        """Writes what was trained as a component directory."""

    def learning_rate(self, turn: str, moment: Moment) -> float | None:
        """For this step; None keeps what the optimiser has. A group of parameters with a ``share`` gets that much of it."""
        return None

    def after_step(self, moment: Moment) -> None:
        """Called when all optimisers have had their turn."""
        return

    def pictures(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Rows of a grid, each (B, 3, H, W) in [0, 1]; called in eval mode without gradients."""
        return {}

    def validate(self) -> Mapping[str, float]:
        """Figures on data that are not trained on; called every ``validate_every`` epochs, empty: there are none.

        Called in eval mode, without gradients, with the weights that would be exported now. Every process calls it, and the
        first one's figures count. Whatever draws from torch's generator follows from (seed, step).
        """
        return {}

    def solve(self) -> Mapping[str, float] | None:
        """Figures of a recipe that is solved in one go, without steps; None: it is trained in steps.

        Asked first and by one process only, after ``solved_on``. After figures only ``notes`` and ``export`` are called.
        ``--resume`` solves again.
        """
        return None

    def solved_on(self) -> Mapping[str, Any] | None:
        """What a recipe that is solved in one go learns from: ``{"examples": number, "digest": text}``.

        Asked before ``solve``. ``--resume`` refuses other data than the run in the folder was solved on; None: any will do.
        """
        return None

    def notes(self) -> Sequence[str]:
        """What a reader of the log and the card must know (a substitute, a term that is off)."""
        return ()
