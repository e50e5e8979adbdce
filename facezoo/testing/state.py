"""Checks of what a component is and keeps: its record, its weights on disk, its frozen part, its gradients."""

from __future__ import annotations

import builtins
import io
import socket
from collections.abc import Iterator
from typing import Any
from unittest import mock

import torch

from facezoo.components import Classifier, Component, Detector, Encoder, Head, Manipulator, View
from facezoo.config import ComponentConfig
from facezoo.specs import ComponentSpec, resolve
from facezoo.testing.findings import NotApplicable, told
from facezoo.testing.subject import TOLERANCE, Subject, distance, duplicate, tensors_to_keep

CLASSES = {"encoder": Encoder, "head": Head, "classifier": Classifier, "manipulator": Manipulator, "detector": Detector}


def kinds_of(component: Component | type[Component]) -> tuple[str, ...]:
    """The kinds that a component's bases make it."""
    cls = component if isinstance(component, type) else type(component)
    return tuple(kind for kind, base in CLASSES.items() if issubclass(cls, base))


def wrong_spec(subject: Subject) -> Iterator[str]:
    """The plugin's record points to this class and its configuration, and its kinds are those of the bases."""
    component, spec = subject.original, subject.spec
    yield from spec_faults(spec)
    if resolve(spec.target, spec.arch) is not type(component):
        yield f"the target {spec.target} is not {type(component).__module__}:{type(component).__qualname__}."
    if resolve(spec.config, spec.arch) is not type(component.config):
        yield f"the config {spec.config} is not {type(component.config).__module__}:{type(component.config).__qualname__}."


def spec_faults(spec: ComponentSpec) -> Iterator[str]:
    """What is wrong with a component's record. Imports its class."""
    cls = resolve(spec.target, spec.arch)
    if not (isinstance(cls, type) and issubclass(cls, Component)):
        yield f"{spec.target} is no Component."
        return
    if set(spec.kinds) != set(kinds_of(cls)):
        yield f"{spec.arch} is offered as {', '.join(spec.kinds)}; its bases make it {', '.join(kinds_of(cls)) or 'nothing'}."


def bad_config(subject: Subject) -> Iterator[str]:
    """The configuration is frozen, refuses what it does not know, and comes back from JSON as it was."""
    yield from config_faults(type(subject.original.config), subject.original.config)


def config_faults(cls: Any, config: ComponentConfig | None = None) -> Iterator[str]:
    """What is wrong with a configuration class; ``config`` is an instance, else one is made of the defaults."""
    if not (isinstance(cls, type) and issubclass(cls, ComponentConfig)):
        yield f"{getattr(cls, '__name__', cls)} is no ComponentConfig."
        return
    if not cls.model_config.get("frozen") or cls.model_config.get("extra") != "forbid":
        yield f'{cls.__name__} does not keep frozen=True and extra="forbid" of ComponentConfig.'
    if needed := [name for name, field in cls.model_fields.items() if field.is_required()]:
        yield f"{cls.__name__} has no default for {', '.join(needed)}."
        if config is None:
            return
    config = config or cls()
    if cls.from_values(config.model_dump(mode="json"), "JSON") != config:
        yield f"{cls.__name__} is another after it was written as JSON and read again."


def does_io_when_built(subject: Subject) -> Iterator[str]:
    """``cls(config)`` opens no file and no connection: weights are the loader's business."""
    original = subject.original
    type(original)(original.config)  # what is imported on first use may read its own source
    touched: list[str] = []

    def caught(what: str) -> Any:
        def refuse(*arguments: Any, **_: Any) -> Any:
            place = next((a for a in arguments if not isinstance(a, socket.socket)), "")
            touched.append(f"{what} {place}")
            raise OSError("a component is built without files and without a network")

        return refuse

    state = torch.get_rng_state()
    with (
        mock.patch.object(builtins, "open", caught("open")),
        mock.patch.object(io, "open", caught("open")),
        mock.patch.object(socket.socket, "connect", caught("connect to")),
        mock.patch.object(socket, "getaddrinfo", caught("look up")),
    ):
        try:
            type(original)(original.config)
        except Exception as error:
            if not touched:
                yield f"it cannot be built a second time: {told(error)}."
    torch.set_rng_state(state)
    if touched:
        wants = ", ".join(dict.fromkeys(touched))
        yield f"building it wants to {wants}; `cls(config)` gives random weights, and the loader fills them."


def cannot_be_saved(subject: Subject) -> Iterator[str]:
    """It is written as a component directory, with golden outputs, and built from it again."""
    before, after = subject.saved.before, subject.saved.after
    for name in ("config", "contract", "labels", "units", "requires"):
        if getattr(before, name) != getattr(after, name):
            yield f"{name} was {getattr(before, name)!r} and is {getattr(after, name)!r} after saving and loading."


def loses_state_on_save(subject: Subject) -> Iterator[str]:
    """All that decides its answers is in the files."""
    saved = subject.kept()
    kept = tensors_to_keep(saved.before)
    if kept and (lost := sorted(set(kept) - saved.names)):
        yield f"these parameters and buffers are not in the files: {', '.join(lost)}."
    before, after = dict(saved.before.named_buffers()), dict(saved.after.named_buffers())
    changed = [name for name in sorted(set(before) - set(kept)) if not _same(before[name], after.get(name))]
    if changed:
        yield f"these buffers are not persistent, and the loaded component has others: {', '.join(changed)}."
    wanted, given = subject.answers(saved.before), subject.answers(saved.after)
    for name in wanted:
        error = distance(given[name], wanted[name])
        if not error <= TOLERANCE:
            yield f"{name} differs by {error:.2g} after saving and loading; something that decides it is not in the files."


def _same(a: torch.Tensor, b: torch.Tensor | None) -> bool:
    return b is not None and a.shape == b.shape and torch.equal(a, b)


def space_unstable(subject: Subject) -> Iterator[str]:
    """Loaded twice, every view has one space, and no two views share it."""
    if not isinstance(subject.original, Encoder):
        raise NotApplicable("it is no encoder")
    if subject.loaded and (nameless := [n for n, view in subject.original.views.items() if view.space_id is None]):
        yield f"the views {', '.join(nameless)} have no space although weights are loaded."
    saved = subject.kept()
    first, second = _views(saved.after), _views(saved.again)
    for name, view in first.items():
        if view.space_id is None:
            yield f"view {name!r} has no space after loading; Encoder.attach_spaces gives it."
        elif view.space_id != second[name].space_id:
            yield f"view {name!r} has the space {view.space_id} and, loaded again, {second[name].space_id}."
    spaces = [view.space_id for view in first.values() if view.space_id]
    if len(set(spaces)) < len(spaces):
        yield "two views share a space; then their vectors could be compared."


def _views(component: Component) -> dict[str, View]:
    return component.views if isinstance(component, Encoder) else {}


def trains_frozen_part(subject: Subject) -> Iterator[str]:
    """What is declared frozen gets no gradient and stays in eval mode, whatever is switched on."""
    component = duplicate(subject.component)
    if not component.frozen:
        raise NotApplicable("nothing is declared frozen")
    known = dict(component.named_modules())
    if unknown := [name for name in component.frozen if name not in known]:
        yield f"frozen names {', '.join(unknown)}, which is no submodule."
        return
    before = {name: {k: v.clone() for k, v in known[name].state_dict().items()} for name in component.frozen}
    component.trainable_(True)
    yield from _thawed(component, "trainable_(True)")
    component.train()
    yield from _thawed(component, "train()")
    for probe in subject.probes:
        probe.call(component, **probe.arguments)
    for name, tensors in before.items():
        moved = [k for k, v in known[name].state_dict().items() if not torch.equal(v, tensors[k])]
        if moved:
            yield f"a forward pass in training changes {name}.{moved[0]}; the norms of a frozen part keep their statistics."


def _thawed(component: Component, after: str) -> Iterator[str]:
    for name in component.frozen:
        part = component.get_submodule(name)
        if any(p.requires_grad for p in part.parameters()):
            yield f"after {after} the frozen {name} has gradients switched on."
        if any(module.training for module in part.modules()):
            yield f"after {after} the frozen {name} is in train mode."


def cannot_be_trained(subject: Subject) -> Iterator[str]:
    """With gradients on, the answers reach the weights."""
    component = duplicate(subject.component).trainable_(True)
    if not subject.probes or not any(p.requires_grad for p in component.parameters()):
        raise NotApplicable("it has nothing to train through its answers")
    frozen = _frozen_views(component)
    for probe in subject.probes:
        if probe.name not in frozen and not probe.call(component, **probe.with_(lambda x: x[:2])).requires_grad:
            yield f"{probe.name} is cut off from the weights (no_grad, detach or numpy inside); nothing can be trained by it."


def _frozen_views(component: Component) -> set[str]:
    """Names of the probes of views that only frozen submodules answer: they say themselves that they are never trained."""
    if not isinstance(component, Encoder):
        return set()
    within = tuple(f"{name}." for name in component.frozen)
    table = component.view_table().items()
    return {f"view {name!r}" for name, view in table if view.parts and all(f"{p}.".startswith(within) for p in view.parts)}


def leaves_gradient_on(subject: Subject) -> Iterator[str]:
    """As loaded: eval mode, no parameter with a gradient, answers outside of any graph."""
    original = subject.original
    if subject.loaded and not original.training and any(p.requires_grad for p in original.parameters()):
        yield "a loaded component has gradients switched on; `load` leaves them off."
    component = subject.component
    if live := [name for name, p in component.named_parameters() if p.requires_grad]:
        yield f"after trainable_(False) gradients are on for {', '.join(live[:4])}."
    if awake := [name or type(component).__name__ for name, module in component.named_modules() if module.training]:
        yield f"after trainable_(False) in train mode: {', '.join(awake[:4])}."
    for probe in subject.probes:
        if probe.call(component, **probe.with_(lambda x: x[:1])).requires_grad:
            yield f"{probe.name} belongs to a graph although all gradients are off; something inside switches them on."


def requires_nothing(subject: Subject) -> Iterator[str]:
    """A loaded head says on whose space it was trained."""
    if not isinstance(subject.original, Head):
        raise NotApplicable("it is no head")
    if not subject.loaded:
        raise NotApplicable("an untrained head belongs to no space yet")
    if subject.original.requires is None:
        yield "a loaded head has no `requires`; without encoder, view and space it would be run on strangers' vectors."
