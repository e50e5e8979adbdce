"""Who is measured: a model or a peer, and what it makes of the faces of a part."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from facezoo.components import Classifier, Component, Encoder, Head, describe
from facezoo.contracts import InputContract
from facezoo.errors import IncompatibleError
from facezoo.evaluation.bench import Bench, Part
from facezoo.evaluation.placing import Placed
from facezoo.evaluation.report import Weights
from facezoo.loader import load
from facezoo.pipelines import require, view_of
from facezoo.tasks import fits
from facezoo.training import embed_samples
from facezoo.training.faces import cut_face


class Subject:
    """A component on the bench.

    Rows of what it gives belong to a part's samples, in order; a row of NaN: no face was found there.

    Args:
        name: what reports call it.
        component: in eval mode.
        bench: the data.
        kind: a peer was not made for the task; whatever a protocol asks of an encoder, its only view answers.
        view: of an encoder, in place of the one that the protocol would choose.

    Attributes:
        encoder: the component, or for a head the encoder that it reads; None for others.
        used: {part's name: how its faces were taken}, of the parts that were asked for.
        shown: the contract that the faces were cut by; a protocol may set another size.
        answered_by: the view that was read last.
    """

    def __init__(
        self, name: str, component: Component, bench: Bench, kind: Literal["model", "peer"] = "model", view: str | None = None
    ) -> None:
        self.name, self.component, self.bench, self.kind, self._view = name, component, bench, kind, view
        self.encoder = component if isinstance(component, Encoder) else None
        if isinstance(component, Head):
            self.encoder = encoder_of(component, bench.conditions.device)
        if view is not None and self.encoder is not None:
            self.encoder.resolve_view(view)
        self.shown = (self.encoder or component).contract
        self.used: dict[str, Placed] = {}
        self.answered_by: str | None = None

    def view(self, role: str | None = None) -> str:
        """The view that a protocol asks by its role ("identity", "expression", "features"): the caller's where one was named.

        Raises:
            IncompatibleError: no encoder, or none of its views is about that.
        """
        if self.encoder is None:
            raise IncompatibleError(f"{self.name} is no encoder, so it has no view to read.")
        if self._view is not None:
            return self._view
        if self.kind == "peer" or role is None:
            return self.encoder.resolve_view(None)
        return view_of(self.encoder, role, "this protocol")

    def placed(self, part: Part) -> Placed:
        """The part's samples with the place of their faces, as this component's contract needs it."""
        found = self.bench.place(part, self.shown)
        self.used[part.name] = found
        return found

    def found(self, part: Part) -> np.ndarray:
        """(N,) bool: in which of the part's pictures a face was found."""
        return self.placed(part).found

    def embed(self, part: Part, view: str | None = None) -> np.ndarray:
        """(N, D) float32: one view of the encoder; None is the one that was named, else its first.

        Raises:
            IncompatibleError: no encoder, or no such view.
            InputError: a picture that cannot be read.
        """
        if self.encoder is None:
            raise IncompatibleError(f"{self.name} is no encoder, so it gives no vectors.")
        self.answered_by = self.encoder.resolve_view(view or self._view)
        return self._rows(part, self.encoder, self.answered_by)

    def answers(self, part: Part) -> np.ndarray:
        """(N, K) float32: a classifier's logits of ``component.labels``, or what a head says of its encoder's view.

        Raises:
            IncompatibleError: neither.
            InputError: a picture that cannot be read.
        """
        component = self.component
        if isinstance(component, Classifier):
            return self._rows(part, component, None)
        if not isinstance(component, Head) or component.requires is None:
            raise IncompatibleError(f"{self.name} gives vectors, no answers; a classifier or a head is needed.")
        codes = torch.from_numpy(self.embed(part, component.requires.view))
        with torch.inference_mode():  # NaN in, NaN out: rows do not touch each other
            return torch.cat([component(some).float().cpu() for some in codes.split(4096)]).numpy()

    def faces(self, part: Part) -> Iterator[tuple[np.ndarray, Tensor]]:
        """The part's faces as the component is shown them, in batches, for what neither embeds nor answers.

        Yields:
            (B,) int64 rows of the part's samples, and (B, 3, H, W) float32 RGB in [0, 1] on the component's device.

        Raises:
            IncompatibleError: the component is shown no faces.
            InputError: a picture that cannot be read.
        """
        if self.shown is None:
            raise IncompatibleError(f"{self.name} takes no faces.")
        placed, size = self.placed(part), self.bench.conditions.batch_size
        rows = np.flatnonzero(placed.found)
        for start in range(0, len(rows), size):
            some = placed.samples[start : start + size]
            faces = torch.stack([cut_face(sample, self.shown, part.reference) for sample in some])
            yield rows[start : start + size], faces.to(self.component.device)

    def show(self, contract: InputContract) -> None:
        """From now on faces are cut by another contract: a size that a paper used and the weights were not made for.

        The networks are the same, the space is not, so it has no name any more.

        Raises:
            IncompatibleError: no encoder.
        """
        if self.encoder is None:
            raise IncompatibleError(f"{self.name} is no encoder, so it is shown what its contract says.")
        shown = copy.copy(self.encoder)  # shares the networks
        shown.contract = self.shown = contract
        shown.__dict__.pop("_spaces", None)
        self.component = shown if self.component is self.encoder else self.component
        self.encoder = shown

    def _rows(self, part: Part, component: Component, view: str | None) -> np.ndarray:
        placed, chosen = self.placed(part), self.bench.conditions
        made = embed_samples(component, placed.samples, chosen.batch_size, view, part.reference, chosen.workers)
        rows = np.full((len(placed.found), made.shape[1]), np.nan, np.float32)
        rows[placed.found] = made
        return rows

    @property
    def weights(self) -> Weights | None:
        """Which weights these are; None for what has none."""
        origin = self.component.provenance
        if origin is None:
            return None
        views = self.encoder.views if self.encoder is not None else {}
        space = views[self.answered_by].space_id if self.answered_by in views else None
        return Weights(sha256=origin.sha256, source=origin.source.partition(":/")[0], space=space)


def load_subject(name: str | Component, bench: Bench, needs: tuple[str, ...], place: str, view: str | None = None) -> Subject:
    """A model by its name, refused where it does not do what a protocol needs.

    Args:
        name: an id, ``hub:…``, ``dir:…``, a folder, or a component.
        bench: the data.
        needs: requirements, of which one has to be met: "classifier:emotion".
        place: what it is needed for, for messages.
        view: see ``Subject``.

    Raises:
        UnknownNameError: nothing has the name.
        IncompatibleError: it does something else; says what would do.
        WeightsUnavailableError: the weights are not here.
    """
    if isinstance(name, Component):
        component = name
    else:
        component = load(f"dir:{name}" if Path(name).is_dir() else name, device=bench.conditions.device)
    check(component, needs, place)
    return Subject(named(component), component, bench, view=view)


def named(component: Component) -> str:
    """What a report calls a model: its id; of a folder the last two parts, for the rest is one machine's."""
    name = describe(component)
    folder = name.removeprefix("dir:")
    return "dir:" + "/".join(Path(folder).parts[-2:]) if folder != name else name


def check(component: Component, needs: tuple[str, ...], place: str) -> None:
    """Raises IncompatibleError unless one of the requirements is met."""
    refusals: list[IncompatibleError] = []
    for requirement in needs:
        try:
            require(component, requirement, place)
        except IncompatibleError as error:
            refusals.append(error)
        else:
            return
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        raise IncompatibleError(f"{describe(component)} does not fit {place}, which needs {' or '.join(needs)}.") from refusals[
            -1
        ]


def encoder_of(head: Head, device: str = "auto") -> Encoder:
    """The encoder that a head was fitted on, loaded by the name that the head says.

    Raises:
        IncompatibleError: the head does not say, or the name gives another space today.
    """
    if head.requires is None:
        raise IncompatibleError(f"{describe(head)} does not say on which encoder it was trained.")
    encoder = load(head.requires.encoder, device=device)
    if not isinstance(encoder, Encoder):
        raise IncompatibleError(f"{describe(head)} reads {head.requires.encoder}, which is no encoder.")
    fits(head, encoder)
    return encoder
