"""The edits that are measured: which verb of a manipulator each is, and what it is shown."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facezoo.plugin import Encoder, IncompatibleError, InputError, Manipulator, describe, fits, load

EDITS = {"face-manipulation": "manipulate", "expression-transfer": "reenact", "frontalization": "neutralize"}
"""Pipelines, and the verb that each of them uses; those that take a target first."""
WITHOUT_TARGET = ("frontalization",)


def edits_of(manipulator: Manipulator) -> list[str]:
    """What a manipulator can do of ``EDITS``, in that order."""
    return [edit for edit, verb in EDITS.items() if verb in manipulator.verbs]


def chosen_edit(edit: str | None, manipulator: Manipulator, *, targets: bool) -> str:
    """Which edit is meant.

    Args:
        edit: a name of ``EDITS``; None: with targets the first that the manipulator can do and that takes one, else the last.
        manipulator: who does it.
        targets: some were given.

    Raises:
        InputError: no such edit, or targets for one that takes none.
        IncompatibleError: the manipulator cannot do it.
    """
    able, name = edits_of(manipulator), describe(manipulator)
    if edit is None:
        edit = next((each for each in able if each not in WITHOUT_TARGET), able[-1]) if targets else able[-1]
    if edit not in EDITS:
        close = get_close_matches(edit, EDITS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise InputError(f"edit is {', '.join(EDITS)}, not {edit!r}.{hint}")
    if edit not in able:
        raise IncompatibleError(
            f"{name} does not do {edit}: it has no verb {EDITS[edit]!r}, and does {', '.join(able)}. "
            f"Name one that does it (`facezoo list --task {edit}`): manipulator=…, on the command line --manipulator ID."
        )
    if targets and edit in WITHOUT_TARGET:
        raise InputError(f"{edit} takes no targets: every face is given the same, frontal, neutral expression.")
    return edit


def driver_of(manipulator: Manipulator, nearest: Encoder) -> Encoder:
    """The encoder whose embeddings a manipulator takes: the nearest one where it is that, else loaded by its name.

    Raises:
        IncompatibleError: the manipulator does not say, or the name gives another space today.
    """
    wanted = manipulator.requires
    if wanted is None:
        raise IncompatibleError(f"{describe(manipulator)} does not say which encoder's embeddings it takes.")
    view = nearest.views.get(wanted.view)
    if view is not None and view.space_id == wanted.space_id:
        return nearest
    found = load(wanted.encoder, device=manipulator.device)
    if not isinstance(found, Encoder):
        raise IncompatibleError(f"{describe(manipulator)} takes embeddings of {wanted.encoder}, which is no encoder.")
    fits(manipulator, found)
    return found


@torch.inference_mode()
def edited(manipulator: Any, edit: str, faces: Tensor, target: Tensor | np.ndarray | None) -> Tensor:
    """(B, 3, S, S) float32 RGB in [0, 1]: faces after an edit.

    Args:
        manipulator: has the edit's verb.
        edit: a name of ``EDITS``.
        faces: (B, 3, H, W) float RGB in [0, 1], as the manipulator's contract says.
        target: for "expression-transfer" as many faces, for "face-manipulation" (B, D) float32 embeddings.
    """
    verb = getattr(manipulator, EDITS[edit])
    if edit in WITHOUT_TARGET:
        return verb(faces)
    return verb(faces, torch.as_tensor(target, device=manipulator.device))
