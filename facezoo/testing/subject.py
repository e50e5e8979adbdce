"""A component on the bench: a copy of it, the questions it can be asked, and its answers."""

from __future__ import annotations

import copy
import inspect
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from facezoo import weights
from facezoo.components import Classifier, Component, Detections, Detector, Encoder, Head, Manipulator, patterns
from facezoo.specs import ComponentSpec
from facezoo.testing.findings import NotApplicable, told

ROWS = 4
TOLERANCE = 1e-4  # relative error between two ways to compute the same in float32
FACE_ARGUMENTS = ("faces", "driver")

Arguments = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Probe:
    """One thing that a component can be asked.

    Attributes:
        name: "view 'identity'", "neutralize()", "logits".
        arguments: what it is asked, ``ROWS`` rows each.
        call: component and arguments to the answer, (B, …) float32.
    """

    name: str
    arguments: Arguments
    call: Callable[..., Tensor]

    def ask(self, component: Component, arguments: Arguments | None = None) -> Tensor:
        """The answer as it comes, computed without gradients from copies of the arguments."""
        given = self.arguments if arguments is None else arguments
        with torch.no_grad():
            return self.call(component, **{n: x.clone() if isinstance(x, Tensor) else x for n, x in given.items()})

    def answer(self, component: Component, arguments: Arguments | None = None) -> Tensor:
        """The answer as float32 on the CPU. Raises TypeError where it is no tensor."""
        given = self.ask(component, arguments)
        if not isinstance(given, Tensor):
            raise TypeError(f"{self.name} gives {type(given).__name__}, not a tensor")
        return given.float().cpu()

    def with_(self, change: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
        """The arguments, changed."""
        return {name: change(tensor) for name, tensor in self.arguments.items()}

    @property
    def pictures(self) -> list[str]:
        """The arguments that are faces."""
        return [name for name in self.arguments if name in FACE_ARGUMENTS]


def probes_of(component: Component) -> list[Probe]:
    """Every view, verb and output of a component. A detector has none; it takes pictures, not faces."""
    probes: list[Probe] = []
    if component.contract is not None:
        faces = patterns(ROWS, *component.contract.size)
        if isinstance(component, Encoder):
            probes += [_view_probe(view, faces) for view in component.view_table()]
        if isinstance(component, Classifier):
            probes.append(Probe("logits", {"faces": faces}, lambda c, faces: c(faces)))
        if isinstance(component, Manipulator):
            probes += [_verb_probe(component, verb, faces) for verb in component.verbs]
    if isinstance(component, Head):
        embedding = patterns(ROWS, 1, component.input_dim)[:, 0, 0] * 2 - 1
        probes.append(Probe("forward()", {"embedding": embedding}, lambda c, embedding: c(embedding)))
    return probes


def _view_probe(view: str, faces: Tensor) -> Probe:
    return Probe(f"view {view!r}", {"faces": faces}, lambda c, faces: c.encode(faces, view))


def _verb_probe(component: Component, verb: str, faces: Tensor) -> Probe:
    parameters = list(inspect.signature(getattr(component, verb)).parameters.values())
    needed = [p.name for p in parameters[1:] if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    arguments = {"faces": faces}
    for name in needed:
        arguments[name] = faces.flip(0) if name in FACE_ARGUMENTS else _golden(component, name, verb)
    return Probe(f"{verb}()", arguments, lambda c, faces, **rest: getattr(c, verb)(faces, **rest))


def _golden(component: Component, name: str, verb: str) -> Tensor:
    inputs = component.golden_inputs()
    if name not in inputs:
        raise TypeError(f"{verb}() needs {name!r}, and golden_inputs() has only {', '.join(inputs)}")
    return inputs[name][torch.arange(ROWS) % len(inputs[name])]


class Subject:
    """What the checks of a component work on. The caller's instance is copied, never touched.

    Attributes:
        component: the copy, as the loader hands it out: eval mode, gradients off.
        original: the caller's instance, to read only.
        spec: its plugin's record, or one made up from its class.
        pictures: (H, W, 3) uint8 RGB, for detectors.
        with_faces: those of the pictures in which the caller knows a face.
    """

    def __init__(self, component: Component, spec: ComponentSpec, pictures: Sequence[np.ndarray] = ()) -> None:
        self.original = component
        self.spec = spec
        self.component = duplicate(component).trainable_(False)
        self._known: dict[str, Tensor] = {}
        self.with_faces = list(pictures)
        self.pictures = [*pictures, *plain_pictures()]

    @property
    def loaded(self) -> bool:
        """True if it has weights that the loader gave it."""
        return self.original.provenance is not None

    @cached_property
    def probes(self) -> list[Probe]:
        return probes_of(self.component)

    def answer(self, probe: Probe) -> Tensor:
        """The component's answer to a probe's own arguments, computed once."""
        if probe.name not in self._known:
            self._known[probe.name] = probe.answer(self.component)
        return self._known[probe.name]

    @cached_property
    def shown(self) -> dict[str, Tensor]:
        """{probe: the first picture (B, 3, h, w) that any network inside sees}; probes without one are left out."""
        seen = {probe.name: first_picture(self.component, probe) for probe in self.probes if probe.pictures}
        return {name: picture for name, picture in seen.items() if picture is not None}

    def asked(self) -> list[Probe]:
        """The probes. Raises NotApplicable for a detector."""
        if not self.probes:
            raise NotApplicable("it takes whole pictures")
        return self.probes

    def answers(self, component: Component) -> dict[str, Tensor]:
        """{what was asked: answer as float32 on the CPU}."""
        given = {probe.name: probe.answer(component) for probe in self.probes}
        if isinstance(component, Detector):
            for index, found in enumerate(component.detect(self.pictures)):
                given |= {f"{name} of picture {index}": value for name, value in table(found).items()}
        return given

    @cached_property
    def saved(self) -> Saved:
        """A copy with other weights, saved and read again."""
        return save_and_build(self.component, self.spec)

    def kept(self) -> Saved:
        """``saved``. Raises NotApplicable where that is another check's fault."""
        try:
            return self.saved
        except NotApplicable:
            raise
        except Exception as error:  # reported once, by cannot-be-saved
            raise NotApplicable(f"it cannot be saved: {told(error)}") from error


def first_picture(component: Component, probe: Probe) -> Tensor | None:
    """What the first submodule that is given a picture is given, float32 on the CPU; or None."""
    seen: list[Tensor] = []

    def look(module: nn.Module, arguments: tuple[object, ...]) -> None:
        first = arguments[0] if arguments else None
        if not seen and isinstance(first, Tensor) and first.ndim == 4 and first.shape[1] == 3 and first.is_floating_point():
            seen.append(first.detach().float().cpu().clone())

    hooks = [module.register_forward_pre_hook(look) for module in component.modules() if module is not component]
    try:
        probe.ask(component)
    finally:
        for hook in hooks:
            hook.remove()
    return seen[0] if seen else None


@dataclass(frozen=True, slots=True)
class Saved:
    """A component before it was saved, the files' names of tensors, and two components built from the files."""

    before: Component
    names: frozenset[str]
    after: Component
    again: Component


def save_and_build(component: Component, spec: ComponentSpec) -> Saved:
    """Saves a copy with changed weights and builds it twice. Raises NotApplicable for a component without weights."""
    before = duplicate(component)
    before.spec = spec
    if not tensors_to_keep(before) and not hasattr(before, "save_file"):
        raise NotApplicable("its weights are not its own; a dependency carries them")
    shake(before)
    with tempfile.TemporaryDirectory(prefix="facezoo-conformance-") as folder:
        directory = weights.save(before, Path(folder) / "component")
        stored = weights.read_directory(directory)
        after, again = weights.build(spec, stored), weights.build(spec, stored)
        return Saved(before, frozenset(stored.tensors), after.trainable_(False), again.trainable_(False))


def duplicate(component: Component) -> Component:
    """A copy that shares nothing. Where Python cannot copy (a lock, an open network), it is built and filled anew."""
    try:
        return copy.deepcopy(component)
    except Exception:  # copy runs the __reduce__ of anything
        twin = type(component)(component.config)
        twin.load_state_dict(component.state_dict())
        for name in ("contract", "labels", "units", "requires", "spec", "provenance"):
            setattr(twin, name, getattr(component, name))
        return twin


def shake(component: Component, only: Callable[[str], bool] = lambda name: True) -> None:
    """Moves every floating-point tensor that is to be kept, so that none has the value it was built with."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, tensor in tensors_to_keep(component).items():
            if tensor.is_floating_point() and only(name):
                noise = torch.rand(tensor.shape, generator=generator).to(tensor.device, tensor.dtype)
                tensor.mul_(1 + 0.05 * noise).add_(0.01 * noise)  # a variance stays positive


def tensors_to_keep(component: Component) -> dict[str, Tensor]:
    """Parameters and persistent buffers by name, read from the modules and not from ``state_dict``, which may lie."""
    kept: dict[str, Tensor] = dict(component.named_parameters())
    passing = {
        f"{prefix}.{name}" if prefix else name
        for prefix, module in component.named_modules()
        for name in module._non_persistent_buffers_set
    }
    return kept | {name: buffer for name, buffer in component.named_buffers() if name not in passing}


def distance(given: Tensor, wanted: Tensor) -> float:
    """Relative error ‖given - wanted‖ / ‖wanted‖; infinite for another shape or where only one is finite."""
    if given.shape != wanted.shape:
        return float("inf")
    error = float((given.double() - wanted.double()).norm()) / (float(wanted.double().norm()) or 1.0)
    return error if error == error else float("inf")


def table(found: Detections) -> dict[str, Tensor]:
    """Detections as tensors."""
    points = np.zeros((0, 5, 2)) if found.landmarks is None else np.nan_to_num(found.landmarks)
    arrays = {"boxes": found.boxes, "scores": found.scores, "landmarks": points}
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def plain_pictures() -> list[np.ndarray]:
    """Pictures of several sizes, odd ones too, (H, W, 3) uint8 RGB; no face in any."""
    sizes = ((96, 128), (128, 96), (61, 47), (160, 160))
    waves = [(patterns(1, height, width)[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8) for height, width in sizes]
    return [*waves, blank(), np.zeros((33, 57, 3), np.uint8)]


def blank() -> np.ndarray:
    """A grey picture, (120, 90, 3) uint8."""
    return np.full((120, 90, 3), 128, np.uint8)
