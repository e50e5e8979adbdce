"""What the validations of a run gave so far: their figures, when to stop, and the weights of the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import nn

from facezoo.errors import PluginError
from facezoo.training.exchange import Weights, copied

BestBy = tuple[str, Literal["max", "min"]]


@dataclass(frozen=True)
class Validation:
    """One of them.

    Attributes:
        step: optimiser steps done before it.
        epoch: epochs done before it.
        figures: what ``Recipe.validate`` gave.
    """

    step: int
    epoch: int
    figures: Mapping[str, float]


class Validations:
    """All of a run. Best and patience follow from the figures, so a checkpoint holds nothing else of them.

    Args:
        modules: the run's; the weights of the best validation are kept beside theirs, on the CPU.
        best_by: the figure that decides and which end of it is better; None: nothing is best, no weights are kept.
        patience: validations without a better figure after which the run has had enough; None: it never has.
    """

    def __init__(self, modules: Mapping[str, nn.Module], best_by: BestBy | None, patience: int | None) -> None:
        self.modules, self.best_by, self.patience = modules, best_by, patience
        self._kept: tuple[tuple[Validation, ...], Weights] = ((), {})  # replaced as one: Ctrl-C finds both or neither

    @property
    def history(self) -> Sequence[Validation]:
        """Oldest first."""
        return self._kept[0]

    @property
    def best(self) -> Validation | None:
        """The best so far, the earlier of equals; a figure that is not a number is never best."""
        return _best(self.history, self.best_by)

    @property
    def exhausted(self) -> bool:
        """True when the last ``patience`` validations were none better than one before them."""
        if self.patience is None or not self.history:
            return False
        best = self.best
        since = len(self.history) - (self.history.index(best) + 1 if best else 0)
        return since >= self.patience

    def add(self, validation: Validation) -> None:
        """Notes one. Called while the modules hold the weights it was made with.

        Raises:
            PluginError: the figure that decides is not among its figures.
        """
        if self.best_by is not None and self.best_by[0] not in validation.figures:
            given = ", ".join(sorted(validation.figures))
            raise PluginError(f"The recipe's best_by names {self.best_by[0]!r}, and its validation gives {given}.")
        history = (*self.history, validation)
        better = _best(history, self.best_by) is validation
        self._kept = (history, copied(self.modules, torch.device("cpu")) if better else self._kept[1])

    @property
    def weights(self) -> Weights | None:
        """Those of the best validation, if there is one."""
        return self._kept[1] or None

    def state_dict(self) -> dict[str, Any]:
        return {"history": [asdict(validation) for validation in self.history], "weights": self._kept[1]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._kept = (tuple(Validation(**entry) for entry in state["history"]), state["weights"])


def _best(history: Sequence[Validation], best_by: BestBy | None) -> Validation | None:
    if best_by is None:
        return None
    name, sign = best_by[0], 1 if best_by[1] == "max" else -1
    numbers = [validation for validation in history if not math.isnan(validation.figures[name])]
    return max(numbers, key=lambda validation: sign * validation.figures[name], default=None)  # the first of equals
