"""Pipelines: pictures in, results out. Detection once, one crop per geometry, networks in micro-batches.

``Pipeline`` owns the slots. ``FacePipeline`` adds the walk from pictures to faces; a task only says what to compute
for a batch of faces (``annotate``), so several tasks can share one detection (``Together``).
"""

from __future__ import annotations

import dataclasses
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from facezoo import video
from facezoo.batches import (
    Cut,
    FaceBatch,
    Options,
    Shot,
    count_of,
    gather,
    in_portions,
    is_single,
    make_options,
    own_detections,
    progress,
    select,
    shots_of,
    whole_face,
)
from facezoo.components import Component, Detections, Detector, Encoder, Manipulator, describe
from facezoo.contracts import BoxReference
from facezoo.disclosure import Synthesis
from facezoo.errors import IncompatibleError, PluginError
from facezoo.plugins import discover
from facezoo.results import Face, ImageResult, PlainRecord
from facezoo.specs import PipelineSpec, resolve


@dataclass(frozen=True, slots=True)
class Report(PlainRecord):
    """One row per slot of a pipeline: {slot, model, device, dtype, source, license, space}."""

    rows: tuple[Mapping[str, Any], ...]

    def __str__(self) -> str:
        from rich.console import Console
        from rich.table import Table

        grid = Table(box=None, pad_edge=False)
        keys = list(self.rows[0]) if self.rows else []
        for key in keys:
            grid.add_column(key, overflow="fold")
        for row in self.rows:
            grid.add_row(*(str(row[key] if row[key] is not None else "–") for key in keys))
        console = Console(width=140, file=io.StringIO(), color_system=None)
        console.print(grid)
        return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


class Pipeline:
    """A task with its components in named slots.

    Attributes:
        spec: name, slots and requirements.
        slots: {slot: component}; also reached as attributes (``pipe.encoder``).
    """

    def __init__(self, spec: PipelineSpec, slots: Mapping[str, Component]) -> None:
        self.spec = spec
        self.slots = dict(slots)
        for slot, requirement in spec.slots.items():
            if slot not in self.slots:
                raise IncompatibleError(f"{spec.name} needs a component for its slot {slot!r} ({requirement}).")
            self.check_slot(spec, slot, self.slots[slot])
        self.prepare()

    @classmethod
    def check_slot(cls, spec: PipelineSpec, slot: str, component: Component) -> None:
        """Raises IncompatibleError for a component that the task does not take, whatever is in the other slots.

        For subclasses to extend. A component is offered for the tasks that do not refuse it here.
        """
        require(component, spec.slots[slot], f"slot {slot!r} of {spec.name}")

    def prepare(self) -> None:
        """For subclasses: look at the slots once, and refuse what does not fit together."""

    def __getattr__(self, name: str) -> Any:
        slots = self.__dict__.get("slots", {})
        if name in slots:
            return slots[name]
        raise AttributeError(f"{type(self).__name__} has no {name!r}; its slots are {', '.join(slots) or 'none'}")

    def synthesis(self, component: Component, *, composite: bool = True) -> Synthesis:
        """What pictures that a component made here say about themselves.

        A local folder's name stays at home: of weights from ``dir:`` the architecture is named.

        Args:
            component: what drew the faces.
            composite: parts of a photograph are left in them.
        """
        origin = component.provenance
        local = origin is not None and origin.id.startswith("dir:")
        model = component.spec.arch if local and component.spec else describe(component)
        return Synthesis(self.spec.name, model, origin.sha256 if origin else None, composite)

    def report(self) -> Report:
        """Model, device, dtype, source, licence of the weights and spaces of every slot."""
        return Report(tuple({"slot": slot, **facts(component)} for slot, component in self.slots.items()))


def facts(component: Component) -> dict[str, Any]:
    """A component's row in a report."""
    origin = component.provenance
    spaces = {n: v.space_id for n, v in component.views.items()} if isinstance(component, Encoder) else {}
    return {
        "model": describe(component),
        "device": str(component.device),
        "dtype": str(component.dtype).removeprefix("torch."),
        "weights": origin.source if origin else "untrained",
        "license": origin.license.get("weights", "unknown") if origin else None,
        "spaces": ", ".join(f"{name} {space}" for name, space in spaces.items()) or None,
    }


def require(component: Component, requirement: str, place: str) -> None:
    """Raises IncompatibleError if a component does not do what a slot needs."""
    kind, _, detail = requirement.partition(":")
    kinds = component.spec.kinds if component.spec else ()
    name = describe(component)
    if kind not in kinds:
        raise IncompatibleError(
            f"{name} does not fit {place}: it is {' and '.join(kinds) or 'nothing'}, needed is {requirement}."
            + _taken_by(component)
        )
    if kind == "encoder" and detail and isinstance(component, Encoder):
        view_of(component, detail, place)
    if kind == "manipulator" and detail and (not isinstance(component, Manipulator) or detail not in component.verbs):
        raise IncompatibleError(f"{name} does not fit {place}: it has no verb {detail!r}.")
    if kind in ("classifier", "head") and not (component.labels or component.units):
        raise IncompatibleError(f"{name} does not fit {place}: it does not say what its outputs are.")


def tasks_for(component: Component) -> list[tuple[str, str]]:
    """The tasks that take a component, and in which slot: those with the fewest slots, made for its like, first."""
    kinds = component.spec.kinds if component.spec else ()
    found = []
    for spec in discover().all(PipelineSpec):
        for slot, needed in spec.slots.items():
            kind, _, detail = needed.partition(":")
            if kind not in kinds or (kind == "detector" and len(spec.slots) > 1):
                continue
            if _takes(spec, slot, component):
                found.append((len(spec.slots), not detail, detail, spec.name, slot))
    return [(task, slot) for *_, task, slot in sorted(found)]


def _taken_by(component: Component) -> str:
    found = tasks_for(component)
    if not found:
        return ""
    task, slot = found[0]
    tasks, name = ", ".join(each for each, _ in found), describe(component)
    return (
        f" It can be used for {tasks}: pipeline({task!r}, {slot}={name!r}), "
        f"or on the command line `facezoo run {task} … --{slot} {name}`."
    )


def _takes(spec: PipelineSpec, slot: str, component: Component) -> bool:
    """True if a task does not refuse a component, nor would use a view of it that was not made for being compared."""
    kind, _, detail = spec.slots[slot].partition(":")
    try:
        task = resolve(spec.target, f"pipeline {spec.name}")
        getattr(task, "check_slot", Pipeline.check_slot)(spec, slot, component)
    except (IncompatibleError, PluginError):
        return False
    if kind != "encoder" or not detail or not isinstance(component, Encoder):
        return True
    return component.view_table()[view_of(component, detail, spec.name)].comparable


def view_of(encoder: Encoder, role: str, place: str) -> str:
    """The first view of a role, or the view of that name. Raises IncompatibleError."""
    for name, view in encoder.view_table().items():
        if role in (name, view.role):
            return name
    views = ", ".join(f"{n} ({v.role})" for n, v in encoder.view_table().items())
    raise IncompatibleError(f"{describe(encoder)} does not fit {place}: no view is about {role}; it has {views}.")


class DetectingPipeline(Pipeline):
    """A pipeline with a slot ``detector``."""

    if TYPE_CHECKING:
        detector: Detector

    def detect(self, shots: Sequence[Shot], options: Options) -> list[Shot]:
        """The shots with the detections that the options leave, best first."""
        todo = [shot for shot in shots if shot.image is not None and shot.detections is None]
        pictures = [shot.image for shot in todo if shot.image is not None]
        found = iter(self.detector.detect(pictures, options.min_score) if pictures else [])
        waiting = {id(shot) for shot in todo}
        filled = [dataclasses.replace(shot, detections=next(found)) if id(shot) in waiting else shot for shot in shots]
        return [
            dataclasses.replace(s, detections=select(s.detections, options)) if s.detections is not None else s for s in filled
        ]

    def cut_faces(self, shots: Sequence[Shot], options: Options, component: Component) -> list[Cut | None]:
        """For every picture its best (or largest) face as the component's contract says, or None where there is none."""
        found = self.cut_all_faces(shots, dataclasses.replace(options, max_faces=1), component)
        return [cuts[0] if cuts else None for cuts in found]

    def cut_all_faces(self, shots: Sequence[Shot], options: Options, component: Component) -> list[list[Cut]]:
        """For every picture the faces that the options leave, best first, as the component's contract says."""
        if options.cropped:
            size = component.contract.size if component.contract else (1, 1)
            return [[Cut(s.image, whole_face(s.image, size).to(component.device))] for s in shots if s.image is not None]
        found = self.detect(shots, options)
        batch = FaceBatch([s for s in found if s.detections], self.detector.box_reference)
        if not batch.count:
            return [[] for _ in found]
        pairs = iter(zip(batch.faces_for(component), batch.matrices_for(component), strict=True))
        return [[Cut(s.image, *next(pairs)) for _ in range(len(s.detections or ())) if s.image is not None] for s in found]


class FacePipeline(DetectingPipeline):
    """A pipeline whose result is one ``ImageResult`` per picture."""

    def annotate(self, batch: FaceBatch) -> list[dict[str, Any]]:
        """For every face of the batch, fields of ``facezoo.results.Face``. Runs without gradients."""
        raise NotImplementedError

    def __call__(self, x: Any, *, boxes: Any = None, landmarks: Any = None, **options: Any) -> Any:
        """Results for pictures.

        Args:
            x: one picture: path, bytes, ``PIL.Image``, (H, W, 3) uint8 array or (3, H, W) tensor; or a folder, a list
                or an iterable of pictures.
            boxes: own boxes instead of the detector's, (N, 4) xyxy pixels for one picture, a list of them for several;
                drawn as the pipeline's detector draws them.
            landmarks: (N, 5, 2) pixels, to go with ``boxes``.
            **options: as ``Options``: batch_size, max_faces, min_score, largest, on_error, cropped.

        Returns:
            ``ImageResult`` for one picture, else a list of them in order.

        Raises:
            InputError: a picture that cannot be used (unless ``on_error="record"``), or an unknown option.
            IncompatibleError: a crop that needs landmarks which the detector does not give.
        """
        chosen = make_options(options)
        single = is_single(x)
        pictures = [x] if single else gather(x)
        given = own_detections(boxes, landmarks, single)
        results = list(self._walk(shots_of(pictures, chosen, given), chosen, total=count_of(pictures)))
        return results[0] if single else results

    def stream(self, pictures: Iterable[Any], **options: Any) -> Iterator[ImageResult]:
        """Like a call with an iterable, in constant memory: one result at a time, in order."""
        chosen = make_options(options)
        some = gather(pictures)
        return self._walk(shots_of(some, chosen, None), chosen, total=count_of(some))

    def video(self, path: str | Path, **options: Any) -> Iterator[ImageResult]:
        """One result per frame, with ``frame`` and ``time``, in constant memory. Raises InputError."""
        chosen = make_options(options)
        name = str(path)
        shots = (Shot(name, frame.image, frame=frame.index, time=frame.time) for frame in video.frames(path))
        return self._walk(shots, chosen, total=video.probe(path).frames)

    def _walk(self, shots: Iterable[Shot], options: Options, total: int | None = None) -> Iterator[ImageResult]:
        iterator = iter(shots)
        with progress(self.spec.name, total) as advance:
            while chunk := list(itertools.islice(iterator, options.batch_size)):
                yield from self._chunk(chunk, options)
                advance(len(chunk))

    @torch.inference_mode()
    def _chunk(self, shots: list[Shot], options: Options) -> list[ImageResult]:
        if options.cropped:
            return self._cropped(shots, options)
        shots = self.detect(shots, options)
        found = [shot for shot in shots if shot.detections is not None and len(shot.detections)]
        faces = iter(self._faces(found, options))
        results = []
        for shot in shots:
            own = tuple(itertools.islice(faces, len(shot.detections or ())))
            size = (shot.image.shape[1], shot.image.shape[0]) if shot.image is not None else None
            results.append(ImageResult(shot.source, own, size, shot.frame, shot.time, shot.error))
        return results

    def _faces(self, shots: list[Shot], options: Options) -> list[Face]:
        """Faces of all shots in order; the networks see at most ``batch_size`` at once."""
        reference = self.detector.box_reference
        faces: list[Face] = []
        for part in in_portions(shots, options.batch_size):
            batch = FaceBatch(part, reference)
            fields = self.annotate(batch)
            rows = [(shot.detections, i) for shot in part if shot.detections for i in range(len(shot.detections))]
            for (detections, index), extra, crop in zip(rows, fields, batch.shown(), strict=True):
                faces.append(_face(detections, index, crop, extra))  # noqa: PERF401
        return faces

    def _cropped(self, shots: list[Shot], options: Options) -> list[ImageResult]:
        pictures = {i: s.image for i, s in enumerate(shots) if s.image is not None}
        faces: dict[int, Face] = {}
        if pictures:
            contract = next((c.contract for c in self.slots.values() if c.contract is not None), None)
            if contract is None:
                raise IncompatibleError(f"{self.spec.name} looks for faces; already cropped ones have nothing to find.")
            stack = torch.stack([whole_face(image, contract.size) for image in pictures.values()])
            batch = FaceBatch([], BoxReference(length=1.0), stack)
            for index, extra, crop in zip(pictures, self.annotate(batch), batch.shown(), strict=True):
                faces[index] = Face(None, None, None, **{"crop": crop, **extra})
        return [
            ImageResult(
                s.source,
                (faces[i],) if i in faces else (),
                s.image.shape[1::-1] if s.image is not None else None,
                s.frame,
                s.time,
                s.error,
            )
            for i, s in enumerate(shots)
        ]


def _face(detections: Detections, index: int, crop: np.ndarray | None, extra: Mapping[str, Any]) -> Face:
    points = detections.landmarks[index] if detections.landmarks is not None else None
    return Face(detections.boxes[index], float(detections.scores[index]), points, **{"crop": crop, **extra})


class Together(FacePipeline):
    """Several tasks over one detection: each face carries what every one of them found."""

    def __init__(self, parts: Sequence[FacePipeline]) -> None:
        self.parts = tuple(parts)
        slots = {f"{part.spec.name}.{slot}": c for part in parts for slot, c in part.slots.items() if slot != "detector"}
        slots["detector"] = parts[0].slots["detector"]
        spec = PipelineSpec(
            name="+".join(part.spec.name for part in parts), target="", slots={"detector": "detector"}, summary="several tasks"
        )
        super().__init__(spec, slots)

    def annotate(self, batch: FaceBatch) -> list[dict[str, Any]]:
        merged: list[dict[str, Any]] = [{} for _ in range(batch.count)]
        for part in self.parts:
            for fields, extra in zip(merged, part.annotate(batch), strict=True):
                for key, value in extra.items():
                    both = isinstance(value, Mapping) and isinstance(fields.get(key), Mapping)
                    fields[key] = {**fields[key], **value} if both else value
        return merged
