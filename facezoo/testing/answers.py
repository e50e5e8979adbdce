"""Checks of what comes out: shapes, ranges and labels, and that it depends on the face alone."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from facezoo.components import Classifier, Encoder, Head, Manipulator
from facezoo.testing.findings import NotApplicable
from facezoo.testing.subject import ROWS, TOLERANCE, Subject, distance, duplicate, shake
from facezoo.weights import TOLERANCES

THREADS, ROUNDS = 2, 3


def does_not_run(subject: Subject) -> Iterator[str]:
    """Every view, verb and output answers, finite, one row per face."""
    for probe in subject.asked():
        answer = subject.answer(probe)
        if answer.ndim < 2 or len(answer) != ROWS:
            yield f"{probe.name} gives {tuple(answer.shape)} for {ROWS} rows; the first dimension is the batch."
        elif not bool(torch.isfinite(answer).all()):
            yield f"{probe.name} gives values that are not finite."


def output_not_float32(subject: Subject) -> Iterator[str]:
    """What comes out is float32, whatever the networks compute in and the faces came in."""
    half = duplicate(subject.component).to(torch.bfloat16)
    for probe in subject.asked():
        one = probe.with_(lambda x: x[:1])
        cases = {
            "float32 networks": (subject.component, one),
            "float64 faces": (subject.component, {name: tensor.double() for name, tensor in one.items()}),
            "bfloat16 networks": (half, one),
        }
        for case, (component, arguments) in cases.items():
            try:
                dtype = probe.ask(component, arguments).dtype
            except Exception:  # noqa: S112 - breaks-in-bfloat16 and does-not-run say so
                continue
            if dtype != torch.float32:
                yield f"{probe.name} gives {dtype} for {case}; end with .float()."


def view_dimension(subject: Subject) -> Iterator[str]:
    """A view gives vectors of the length that it declares."""
    for name, view in _encoder(subject).view_table().items():
        shape = tuple(_encoder(subject).encode(_faces(subject), name).shape)
        if shape != (ROWS, view.dim):
            yield f"view {name!r} declares {view.dim} values and gives {shape}."


def view_not_normalised(subject: Subject) -> Iterator[str]:
    """A view that declares unit length has it."""
    encoder = _encoder(subject)
    declared = [name for name, view in encoder.view_table().items() if view.normalised]
    if not declared:
        raise NotApplicable("no view is declared to be normalised")
    for name in declared:
        lengths = encoder.encode(_faces(subject), name).float().norm(dim=1)
        if not bool((lengths - 1).abs().max() <= 1e-3):
            given = f"{float(lengths.min()):.3g} to {float(lengths.max()):.3g}"
            yield f"view {name!r} declares vectors of length 1; theirs is {given}."


def output_range(subject: Subject) -> Iterator[str]:
    """A manipulator's faces are (B, 3, H, W) in [0, 1], for weights far from the trained ones too."""
    manipulator = subject.component
    if not isinstance(manipulator, Manipulator):
        raise NotApplicable("it makes no faces")
    loud = duplicate(manipulator)
    with torch.no_grad():
        for parameter in loud.parameters():
            parameter.mul_(2)
    for probe in subject.asked():
        if probe.name not in {f"{verb}()" for verb in manipulator.verbs}:
            continue
        answer = subject.answer(probe)
        if answer.ndim != 4 or answer.shape[1] != 3:
            yield f"{probe.name} gives {tuple(answer.shape)}; faces are (B, 3, H, W)."
        for values in (answer, probe.answer(loud)):
            low, high = float(values.nan_to_num(0.5).min()), float(values.nan_to_num(0.5).max())
            if low < 0 or high > 1:
                yield f"{probe.name} gives values from {low:.3g} to {high:.3g}; faces are in [0, 1] (`self.restore` clamps)."
                break


def label_count(subject: Subject) -> Iterator[str]:
    """One label per logit (or value), each once; values have units."""
    component = subject.component
    if not isinstance(component, Classifier | Head):
        raise NotApplicable("it gives no logits")
    name = "forward()" if isinstance(component, Head) else "logits"
    width = next(p for p in subject.asked() if p.name == name).ask(component).shape[1]
    labels = component.labels
    values = isinstance(component, Head) and component.output == "values"
    if labels is None and not (values and component.units):
        yield f"{name} are {width} numbers, and labels is None; nobody knows what they are."
    if labels is not None and len(labels) != width:
        yield f"{name} are {width} numbers, and there are {len(labels)} labels: {', '.join(map(str, labels))}."
    if labels is not None and len(set(labels)) != len(labels):
        yield f"a label is there twice: {', '.join(map(str, labels))}."
    if values and component.units is None:
        yield "its output is values, and units is None."


def depends_on_batch(subject: Subject) -> Iterator[str]:
    """A face alone and the same face among others get the same answer."""
    for probe in subject.asked():
        together = subject.answer(probe)
        for row in range(ROWS):
            alone = probe.answer(subject.component, {name: x[row : row + 1] for name, x in probe.arguments.items()})
            error = distance(alone[0], together[row])
            if not error <= TOLERANCE:
                yield f"{probe.name} of a face alone and among {ROWS} differ by {error:.2g}; no batch statistics may enter."
                break


def not_deterministic(subject: Subject) -> Iterator[str]:
    """Asked twice, it says the same, and leaves torch's random numbers alone."""
    for probe in subject.asked():
        state = torch.get_rng_state()
        error = distance(probe.answer(subject.component), subject.answer(probe))
        if not error <= 1e-6:
            yield f"{probe.name} differs by {error:.2g} when asked twice; noise is off unless a generator is given."
        elif not torch.equal(state, torch.get_rng_state()):
            yield f"{probe.name} seeds torch's global generator or draws from it; draw from a torch.Generator that is given."


def not_thread_safe(subject: Subject) -> Iterator[str]:
    """Several threads with different faces get what each would get alone."""
    for probe in subject.asked():
        own = [probe.with_(lambda x, n=number: x[n : n + 1]) for number in range(THREADS)]
        wanted = [probe.answer(subject.component, arguments) for arguments in own]
        given = _at_once([partial(probe.answer, subject.component, arguments) for arguments in own])
        errors = [distance(g, w) if isinstance(g, Tensor) else g for gs, w in zip(given, wanted, strict=True) for g in gs]
        raised = next((e for e in errors if isinstance(e, BaseException)), None)
        if raised is not None:
            yield f"{probe.name} raises {type(raised).__name__} when {THREADS} threads ask at once: {raised}."
        elif not max(e for e in errors if isinstance(e, float)) <= TOLERANCE:
            yield f"{probe.name} mixes up the faces of {THREADS} threads; nothing of a call may be kept on `self`."


def _at_once(tasks: list[Callable[[], Tensor]]) -> list[list[Tensor | BaseException]]:
    """Each task ``ROUNDS`` times in a thread of its own, all started together."""
    results: list[list[Tensor | BaseException]] = [[] for _ in tasks]
    gate = threading.Barrier(len(tasks))

    def work(number: int) -> None:
        gate.wait(timeout=30)
        for _ in range(ROUNDS):
            try:
                results[number].append(tasks[number]())
            except BaseException as error:  # handed to the main thread
                results[number].append(error)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(tasks))]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # change threads as often as Python allows
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    return results


def breaks_under_channels_last(subject: Subject) -> Iterator[str]:
    """The memory layout that convolutions like best changes nothing."""
    turned = duplicate(subject.component).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    for probe in subject.asked():
        arguments = probe.with_(lambda x: x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x)
        error = distance(probe.answer(turned, arguments), subject.answer(probe))
        if not error <= TOLERANCE:
            yield f"{probe.name} differs by {error:.2g} under channels_last; use flatten or reshape where maps become rows."


def breaks_in_bfloat16(subject: Subject) -> Iterator[str]:
    """Networks cast to bfloat16 answer, to within bfloat16's precision."""
    half = duplicate(subject.component).to(torch.bfloat16)
    for probe in subject.asked():
        answer = probe.answer(half)
        error = distance(answer, subject.answer(probe))
        if not bool(torch.isfinite(answer).all()):
            yield f"{probe.name} is not finite in bfloat16."
        elif subject.loaded and not error <= TOLERANCES["bfloat16"]:
            yield f"{probe.name} differs by {error:.2g} in bfloat16; keep grids, norms of small sums and losses in float32."


def space_incomplete(subject: Subject) -> Iterator[str]:
    """A view's parts name all the weights that it reads, or two different encoders would share a space."""
    encoder = _encoder(subject)
    faces = _faces(subject)
    for name, view in encoder.view_table().items():
        parts = view.parts

        def outside(tensor: str, parts: tuple[str, ...] = parts) -> bool:
            return not any(tensor == part or tensor.startswith(f"{part}.") for part in parts)

        tensors = list(encoder.state_dict())
        if lost := [part for part in parts if all(t != part and not t.startswith(f"{part}.") for t in tensors)]:
            yield f"view {name!r} reads the parts {', '.join(lost)}, and no tensor has such a name."
        other = duplicate(encoder)
        shake(other, outside)
        with torch.no_grad():
            error = distance(other.encode(faces, name), encoder.encode(faces, name))  # pyright: ignore[reportCallIssue]
        if not error <= 1e-6:
            yield f"view {name!r} changes with weights outside of its parts {parts}; its space would not tell them apart."


def _encoder(subject: Subject) -> Encoder:
    if not isinstance(subject.component, Encoder):
        raise NotApplicable("it is no encoder")
    return subject.component


def _faces(subject: Subject) -> Tensor:
    return subject.probes[0].arguments["faces"]
