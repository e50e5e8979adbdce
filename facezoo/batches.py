"""From what a user gives to batches of faces: options, pictures one by one, faces cut out once per geometry."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from facezoo import crops, images
from facezoo.components import Component, Detections, describe
from facezoo.contracts import BoxReference
from facezoo.errors import FacezooError, IncompatibleError, InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a call may choose.

    Attributes:
        batch_size: pictures read and faces computed at once.
        max_faces: of every picture, the best so many.
        min_score: detections below are left out.
        largest: of every picture, only the largest face.
        on_error: "raise" at a picture that cannot be used, or "record" it in its result and go on.
        cropped: the pictures are faces already, cut out as the contract says.
    """

    batch_size: int = 32
    max_faces: int | None = None
    min_score: float = 0.5
    largest: bool = False
    on_error: Literal["raise", "record"] = "raise"
    cropped: bool = False

    def __post_init__(self) -> None:
        if self.batch_size < 1 or (self.max_faces is not None and self.max_faces < 1):
            raise InputError(f"batch_size and max_faces start at 1, not {self.batch_size} and {self.max_faces}.")
        if not 0.0 <= self.min_score <= 1.0:
            raise InputError(f"min_score is a probability, not {self.min_score}.")
        if self.on_error not in ("raise", "record"):
            raise InputError(f"on_error is 'raise' or 'record', not {self.on_error!r}.")


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture on its way through a pipeline."""

    source: str
    image: np.ndarray | None
    detections: Detections | None = None
    frame: int | None = None
    time: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """A face cut out of its picture.

    Attributes:
        image: the picture, (H, W, 3) uint8 RGB.
        face: (3, h, w) float32 RGB in [0, 1].
        matrix: (2, 3), crop coordinates in [0, 1] to pixels of the picture; None for a face that came already cropped.
    """

    image: np.ndarray
    face: Tensor
    matrix: np.ndarray | None = None


class FaceBatch:
    """Faces of some pictures. Cut out once for every crop geometry that a component asks for.

    Attributes:
        count: number of faces, N.
    """

    def __init__(self, shots: Sequence[Shot], box_reference: BoxReference, faces: Tensor | None = None) -> None:
        self._shots = shots
        self._reference = box_reference
        self._faces = faces  # already cropped ones
        self._owners = [i for i, shot in enumerate(shots) for _ in range(len(shot.detections or ()))]
        self._cuts: dict[tuple[str, tuple[int, int]], Tensor] = {}
        self._matrices: dict[str, np.ndarray] = {}
        self.count = len(faces) if faces is not None else len(self._owners)

    def faces_for(self, component: Component) -> Tensor:
        """(N, 3, H, W) float32 RGB in [0, 1] on the component's device, as its contract says."""
        contract = component.contract
        if contract is None:
            raise IncompatibleError(f"{describe(component)} takes embeddings; no crop fits it.")
        if self._faces is not None:
            return self._faces
        key = (contract.crop.model_dump_json(), contract.size)
        if key not in self._cuts:
            pictures = [shot.image for shot in self._shots if shot.image is not None]
            matrices = self.matrices_for(component)
            self._cuts[key] = crops.cut(pictures, self._owners, matrices, contract.size, component.device)
        return self._cuts[key].to(component.device)

    def matrices_for(self, component: Component) -> np.ndarray:
        """(N, 2, 3) float64: crop coordinates in [0, 1] to pixels of each face's picture."""
        if component.contract is None or self._faces is not None:
            raise IncompatibleError("Faces that came already cropped have no place in a picture.")
        key = f"{component.contract.crop.model_dump_json()} {component.contract.size}"
        if key not in self._matrices:
            crop, size = component.contract.crop, component.contract.size
            parts = [crops.matrices(crop, s.detections, self._reference, size) for s in self._shots if s.detections]
            self._matrices[key] = np.concatenate(parts) if parts else np.zeros((0, 2, 3))
        return self._matrices[key]

    def shown(self) -> list[np.ndarray | None]:
        """Per face the crop of the first geometry asked for, (H, W, 3) uint8 RGB."""
        tensor = self._faces if self._faces is not None else next(iter(self._cuts.values()), None)
        return [None] * self.count if tensor is None else list(to_uint8(tensor))


def to_uint8(faces: Tensor) -> np.ndarray:
    """(N, 3, H, W) in [0, 1] -> (N, H, W, 3) uint8 RGB."""
    return (faces.detach().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def make_options(options: dict[str, Any]) -> Options:
    """Options from keywords. Raises InputError for one that does not exist."""
    known = [f.name for f in dataclasses.fields(Options)]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise InputError(f"There is no option {', '.join(unknown)}; there are {', '.join(known)}.")
    return Options(**options)


def is_single(x: Any) -> bool:
    """True for one picture, False for several (list, folder, iterable, a stack of four dimensions)."""
    if isinstance(x, np.ndarray | Tensor):
        return x.ndim < 4
    if isinstance(x, str | os.PathLike):
        return not Path(x).is_dir()
    return isinstance(x, bytes | Image.Image)


def gather(x: Any) -> Iterable[Any]:
    """The pictures of a folder (sorted), list, stack or iterable. Raises InputError."""
    if isinstance(x, str | os.PathLike):
        return images.pictures_in(Path(x))
    if isinstance(x, np.ndarray | Tensor) or hasattr(x, "__iter__"):
        return x
    raise InputError(f"Cannot look for faces in {type(x).__name__}; give a path, picture, array, tensor or a list of them.")


def count_of(pictures: Iterable[Any]) -> int | None:
    """How many pictures there are, if that is known."""
    return len(pictures) if hasattr(pictures, "__len__") else None  # pyright: ignore[reportArgumentType]


def shots_of(pictures: Iterable[Any], options: Options, given: Sequence[Detections] | None) -> Iterator[Shot]:
    """Reads pictures one by one. A bad one raises, or becomes a shot with an error, as the options say."""
    iterator = iter(pictures)
    for index, picture in enumerate(iterator):
        name = images.name_of(picture)
        try:
            image = images.read(picture)
        except FacezooError as error:
            if options.on_error == "raise":
                raise
            yield Shot(name, None, error=str(error))
            continue
        if given is not None and index >= len(given):
            raise InputError(f"boxes were given for {len(given)} pictures, and there are more.")
        yield Shot(name, image, given[index] if given is not None else None)


def own_detections(boxes: Any, landmarks: Any, single: bool) -> list[Detections] | None:
    """Detections from a user's boxes and landmarks. Raises InputError for other shapes."""
    if boxes is None:
        if landmarks is not None:
            raise InputError("landmarks go with boxes; give both.")
        return None
    all_boxes = [boxes] if single else list(boxes)
    all_points = [landmarks] * len(all_boxes) if landmarks is None else [landmarks] if single else list(landmarks)
    if len(all_points) != len(all_boxes):
        raise InputError(f"boxes are given for {len(all_boxes)} pictures, landmarks for {len(all_points)}.")
    result = []
    for box, points in zip(all_boxes, all_points, strict=True):
        array = np.asarray(box, dtype=np.float32).reshape(-1, 4) if np.size(box) % 4 == 0 else None
        if array is None or not np.isfinite(array).all() or bool((array[:, 2:] <= array[:, :2]).any()):
            raise InputError("boxes are (N, 4): x0 y0 x1 y1 in pixels with x0 < x1 and y0 < y1.")
        five = None if points is None else np.asarray(points, dtype=np.float32)
        if five is not None and five.shape != (len(array), 5, 2):
            raise InputError(f"landmarks are (N, 5, 2) in pixels, here ({len(array)}, 5, 2), not {five.shape}.")
        result.append(Detections(array, np.ones(len(array), np.float32), five))
    return result


def select(detections: Detections, options: Options) -> Detections:
    """The detections that the options leave, best (or largest) first."""
    keep = np.flatnonzero(detections.scores >= options.min_score)
    order = keep[np.argsort(-detections.scores[keep], kind="stable")]
    if options.largest and len(order):
        sides = detections.boxes[order, 2:] - detections.boxes[order, :2]
        order = order[[int(np.argmax(sides.prod(axis=1)))]]
    return part_of(detections, order[: options.max_faces])


def part_of(detections: Detections, rows: Any) -> Detections:
    """Some rows of the detections of one picture."""
    points = detections.landmarks[rows] if detections.landmarks is not None else None
    return Detections(detections.boxes[rows], detections.scores[rows], points)


def in_portions(shots: Iterable[Shot], size: int) -> Iterator[list[Shot]]:
    """The same faces in the same order, at most ``size`` of them at once; a crowd is split over several portions."""
    portion: list[Shot] = []
    room = size
    for shot in shots:
        start, total = 0, len(shot.detections or ())
        while start < total:
            take = min(room, total - start)
            portion.append(dataclasses.replace(shot, detections=part_of(shot.detections, slice(start, start + take))))  # pyright: ignore[reportArgumentType]
            start, room = start + take, room - take
            if room == 0:
                yield portion
                portion, room = [], size
    if portion:
        yield portion


def whole_face(image: np.ndarray, size: tuple[int, int]) -> Tensor:
    """(H, W, 3) uint8 RGB, already cut out -> (3, *size) float32 in [0, 1]."""
    tensor = torch.tensor(image).permute(2, 0, 1)[None].float() / 255
    if tuple(tensor.shape[-2:]) != tuple(size):
        tensor = F.interpolate(tensor, size, mode="bilinear", align_corners=False, antialias=True)
    return tensor[0]


@contextlib.contextmanager
def progress(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal's standard error for more than a handful of pictures; nothing in a pipe."""
    silent = os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS", "") not in ("", "0")  # one switch for these and the Hub's
    if silent or not sys.stderr.isatty() or (total is not None and total < 8):
        yield lambda count: None
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda count: bar.advance(task, count)
