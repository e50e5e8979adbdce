"""Where a recipe starts: a trained network by its name, and values that can do what they say."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import BaseModel
from torch import nn

from facezoo.components import Component, View
from facezoo.errors import InputError
from facezoo.loader import load

C = TypeVar("C", bound=Component)


def start_from(name: str, kind: type[C], wanted: str, *, device: str = "cpu") -> C:
    """A component that a recipe starts from or works on: in eval mode, gradients off.

    Args:
        name: an id, "hub:…", "dir:/path", or a folder.
        kind: what it has to be.
        wanted: what to call that in a message, with what it is for ("an encoder, whose view a probe reads,").
        device: as for ``load``.

    Raises:
        InputError: it is something else.
        UnknownNameError: nothing has the name.
        WeightsUnavailableError: the weights are not here; says how to get them.
    """
    found = load(f"dir:{name}" if Path(name).is_dir() else name, device=device)
    if not isinstance(found, kind):
        raise InputError(f"{name} is a {type(found).__name__}; {wanted} is needed here.")
    return found


def origin_of(name: str, view: View) -> str:
    """What a start is called in a card: its name, and the space, which says which weights those were."""
    return f"{name} (space {view.space_id})"


def refuse_idle(config: BaseModel, names: Iterable[str], why: str) -> None:
    """Refuses values that were chosen and that nothing would read.

    A value that is its default passes, so that the config.yaml of a run can be given again.

    Args:
        config: the recipe's values.
        names: those that have no effect.
        why: "with solver=sgd nothing is solved in one go".

    Raises:
        InputError: names those that were chosen.
    """
    fields = type(config).model_fields
    chosen = [n for n in names if getattr(config, n) != fields[n].get_default(call_default_factory=True)]  # pyright: ignore[reportCallIssue]
    if chosen:
        raise InputError(
            f"{', '.join(chosen)} would do nothing, since {why}. Leave {'it' if len(chosen) == 1 else 'them'} out."
        )


def check_batch_size(network: nn.Module, size: tuple[int, int], batch_size: int) -> None:
    """Refuses batches of one face where the network has batch norms that then see one value per channel.

    Args:
        network: on the CPU; takes (B, 3, *size) float. It is not changed.
        size: height and width.
        batch_size: faces in a batch of the run. The loop gives whole batches only.

    Raises:
        InputError: a batch of one cannot be trained on.
    """
    if batch_size > 1:
        return
    tried = copy.deepcopy(network).train()  # whether a map is one pixel large is known only behind the layers before it
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            tried(torch.zeros(1, 3, *size))
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise InputError(
            f"The batch norms of {type(network).__name__} need two faces at least in a batch; batch_size is {batch_size}."
        ) from error
