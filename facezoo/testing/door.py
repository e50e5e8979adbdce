"""Checks at a component's door: what it is shown is checked, normalised by its contract, and left as it was."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from facezoo.components import Classifier, Component, Encoder, Manipulator
from facezoo.contracts import InputContract
from facezoo.errors import FacezooError, IncompatibleError, InputError
from facezoo.testing.findings import NotApplicable, told
from facezoo.testing.subject import ROWS, TOLERANCE, Probe, Subject, distance, duplicate

MOVES = (0.03, 0.07, 0.11)  # of the contract's mean, in ranges; another for each channel


def bad_contract(subject: Subject) -> Iterator[str]:
    """A component that takes faces says how they are cut out and normalised, in one unit."""
    contract = subject.original.contract
    silent = isinstance(subject.original, Manipulator) and not subject.original.verbs
    if silent or not isinstance(subject.original, Encoder | Classifier | Manipulator):
        raise NotApplicable("it takes no faces")
    if not isinstance(contract, InputContract):
        yield f"contract is {contract!r}; default_contract(config) returns an InputContract."
        return
    low, high = contract.range
    if not all(low <= mean <= high for mean in contract.mean):
        yield f"the mean {contract.mean} is not within the range {contract.range}; both are in the same units."
    if max(contract.std) > high - low:
        yield f"the standard deviation {contract.std} is wider than the range {contract.range}; both are in the same units."
    if not subject.loaded and contract != type(subject.original).default_contract(subject.original.config):
        yield "a new instance has another contract than default_contract(config) says."


def normalised(faces: Tensor, contract: InputContract) -> Tensor:
    """(B, 3, H, W) in [0, 1] -> what the contract says a network sees; worked out here anew, in float64."""
    low, high = contract.range
    pixels = low + (high - low) * faces.double().numpy()
    mean, std = (np.array(values).reshape(1, 3, 1, 1) for values in (contract.mean, contract.std))
    return torch.from_numpy((pixels - mean) / std).float()


def _shown(subject: Subject) -> Iterator[tuple[Probe, Tensor, list[Tensor]]]:
    """Probes with what the first network saw, and what it should have seen of each picture among the arguments."""
    contract = subject.component.contract
    if not subject.shown or contract is None:
        raise NotApplicable("no network inside it is shown a picture; ignores-contract looks at the outputs")
    for probe in subject.probes:
        if probe.name in subject.shown:
            wanted = [normalised(probe.arguments[name], contract) for name in probe.pictures]
            yield probe, subject.shown[probe.name], wanted


def channels_swapped(subject: Subject) -> Iterator[str]:
    """The first network sees red, green and blue in this order."""
    for probe, seen, wanted in _shown(subject):
        if _nearest(seen, wanted) > TOLERANCE >= _nearest(seen, _turned(subject, probe, wanted)):
            yield (
                f"{probe.name}: the first network sees blue, green, red. Faces are RGB; for a network that was trained on BGR "
                "the converter turns round the input channels of its first layer."
            )


def _turned(subject: Subject, probe: Probe, wanted: list[Tensor]) -> list[Tensor]:
    """What a network sees whose colours were turned round after, or before, they were normalised."""
    contract = subject.component.contract
    before = [normalised(probe.arguments[name].flip(1), contract) for name in probe.pictures] if contract else []
    return [each.flip(1) for each in wanted] + before


def _nearest(seen: Tensor, candidates: list[Tensor]) -> float:
    """Relative error to the nearest candidate; a network may be shown some faces at a time, or faces and drivers at once."""
    return min(distance(seen[: len(each)], each[: len(seen)]) for each in candidates)


def wrong_normalisation(subject: Subject) -> Iterator[str]:
    """The first network sees (x - mean) / std of the contract."""
    for probe, seen, wanted in _shown(subject):
        error = _nearest(seen, wanted)
        if min(error, _nearest(seen, _turned(subject, probe, wanted))) <= TOLERANCE:
            continue
        raw = _nearest(seen, [probe.arguments[name] for name in probe.pictures]) <= TOLERANCE
        what = "faces as they came" if raw else f"values {_span([seen])}"
        yield (
            f"{probe.name}: the first network sees {what}; by the contract they are {_span(wanted)}, and the relative "
            f"difference is {error:.2g}. `self.prepare(faces)` normalises."
        )


def _span(values: list[Tensor]) -> str:
    return f"from {min(float(v.min()) for v in values):.3g} to {max(float(v.max()) for v in values):.3g}"


def ignores_contract(subject: Subject) -> Iterator[str]:
    """Pictures and the contract's mean moved by the same amount are the same to a network."""
    contract = subject.component.contract
    if contract is None:
        raise NotApplicable("it takes no faces")
    low, high = contract.range
    mean = tuple(m + (high - low) * move for m, move in zip(contract.mean, MOVES, strict=True))
    moved = duplicate(subject.component)
    moved.contract = contract.model_copy(update={"mean": mean})
    shift = torch.tensor(MOVES).view(1, 3, 1, 1)
    for probe in subject.asked():
        if not probe.pictures or probe.name.endswith("()"):  # a verb's pictures are in the units of the mean
            continue
        dim = {n: t * 0.8 if n in probe.pictures else t for n, t in probe.arguments.items()}
        light = {n: t + shift if n in probe.pictures else t for n, t in dim.items()}
        error = distance(probe.answer(moved, light), probe.answer(subject.component, dim))
        if not error <= 10 * TOLERANCE:
            yield (
                f"{probe.name} does not normalise by `self.contract`: picture and mean were moved by the same amount per "
                f"channel, and the answer changed by {error:.2g}. Weights bring a contract of their own; red is first."
            )


def does_not_resize(subject: Subject) -> Iterator[str]:
    """Faces of another size than the contract's give answers of the same shape."""
    for probe in subject.asked():
        if probe.pictures:
            faces = {name: probe.arguments[name] for name in probe.pictures}
            larger = {name: nn.functional.interpolate(x, scale_factor=1.5, mode="nearest") for name, x in faces.items()}
            shape, wanted = probe.ask(subject.component, {**probe.arguments, **larger}).shape, subject.answer(probe).shape
            if shape != wanted:
                yield f"{probe.name}: larger faces give {tuple(shape)}, not {tuple(wanted)}; `self.prepare` resizes."


def accepts_wrong_input(subject: Subject) -> Iterator[str]:
    """What cannot be RGB faces in [0, 1] (or embeddings of the right length) is refused with an InputError."""
    for probe in subject.asked():
        for name in probe.arguments:
            kinds = _wrong_faces(probe.arguments[name]) if name in probe.pictures else _wrong_embeddings(probe.arguments[name])
            for what, wrong in kinds.items():
                yield from _refused(subject.component, probe, name, what, wrong)


def _refused(component: Component, probe: Probe, name: str, what: str, wrong: object) -> Iterator[str]:
    try:
        probe.ask(component, {**probe.arguments, name: wrong})  # pyright: ignore[reportArgumentType]
    except (InputError, IncompatibleError):
        return
    except Exception as error:  # a stranger's code
        kind = "with" if isinstance(error, FacezooError) else "only by accident, with"
        yield f"{probe.name} refuses {what} as {name!r} {kind} {told(error)}; an InputError says what was expected."
    else:
        yield f"{probe.name} takes {what} as {name!r} without a word; an InputError belongs there."


def _wrong_faces(faces: Tensor) -> dict[str, object]:
    return {
        "uint8": (faces * 255).to(torch.uint8),
        "values of 0 to 255": faces * 255,
        "normalised values": faces * 4 - 2,
        "NaN": torch.full_like(faces, float("nan")),
        "one channel": faces[:, :1],
        "four channels": torch.cat([faces, faces[:, :1]], dim=1),
        "(B, H, W, 3)": faces.permute(0, 2, 3, 1),
        "one face without a batch": faces[0],
        "a numpy array": faces.numpy(),
    }


def _wrong_embeddings(values: Tensor) -> dict[str, object]:
    return {
        "one value too many": torch.cat([values, values[:, :1]], dim=1),
        "integers": values.to(torch.int64),
        "one embedding without a batch": values[0],
    }


def changes_its_input(subject: Subject) -> Iterator[str]:
    """The caller's tensors are read, never written."""
    for probe in subject.asked():
        given = probe.with_(torch.clone)
        with torch.no_grad():
            probe.call(subject.component, **given)
        for name, tensor in given.items():
            if not torch.equal(tensor, probe.arguments[name]):
                yield f"{probe.name} writes into {name!r}; use operations without a trailing underscore on what was given."


def fails_on_no_faces(subject: Subject) -> Iterator[str]:
    """No faces in, no answers out: a picture without a face is no error."""
    for probe in subject.asked():
        wanted = (0, *subject.answer(probe).shape[1:])
        try:
            shape = tuple(probe.ask(subject.component, probe.with_(lambda x: x[:0])).shape)
        except Exception as error:  # a stranger's code
            yield f"{probe.name} of (0, …) raises {told(error)}; it should be {wanted}."
        else:
            if shape != wanted:
                yield f"{probe.name} of (0, …) is {shape}, not {wanted}; the answer for {ROWS} rows is {(ROWS, *wanted[1:])}."
