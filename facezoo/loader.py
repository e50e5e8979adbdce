"""Where it all meets: names to components, names to pipelines, checkpoints to component directories."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from facezoo import hub, publish, weights
from facezoo.catalogue import ways_to
from facezoo.components import Component, Provenance
from facezoo.config import explain
from facezoo.devices import compile_networks, resolve_device, resolve_dtype
from facezoo.errors import IncompatibleError, InputError, UnknownNameError, WeightsError
from facezoo.pipelines import FacePipeline, Together
from facezoo.plugins import discover
from facezoo.registry import ModelEntry, load_registry
from facezoo.results import Comparison, Embedding
from facezoo.sources import AuthorSource, DirReference, HubReference
from facezoo.specs import KINDS, ComponentSpec, PipelineSpec, resolve
from facezoo.tasks import FaceVerification, cosine

push = publish.push
save = weights.save


def load(
    name: str,
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "float32",
    compile: bool = False,
    trainable: bool = False,
) -> Component:
    """A component with the right weights, in eval mode.

    Args:
        name: an id of ``facezoo list``, ``plugin:id``, ``hub:org/name@<commit>`` or ``dir:/path``.
        device: "auto" (cuda, mps, cpu), "cpu", "cuda", "cuda:1", "mps".
        dtype: what the networks compute in: "float32", "bfloat16", "float16". In and out it is always float32.
        compile: compile the networks when they first run.
        trainable: gradients on and train mode, except for frozen parts.

    Raises:
        UnknownNameError: nothing has the name.
        WeightsUnavailableError: the weights are not here; says how to get them.
        WeightsError: the weights are damaged or do not fit.
        DeviceError: the device or a compiler is not there.
    """
    target, kind = resolve_device(device), resolve_dtype(dtype)
    if trainable and (compile or kind != torch.float32):
        raise InputError("trainable=True loads float32 and not compiled; cast with autocast, compile in the training loop.")
    component = fetch(name)
    component.to(target, kind)
    component.trainable_(trainable)
    if compile:
        compile_networks(component, target)
    return component


def fetch(name: str) -> Component:
    """The component of a name on CPU, in float32."""
    reference = hub.reference(name)
    if isinstance(reference, DirReference):
        return _built(reference.path, name, f"dir:{reference.path}", {})
    if isinstance(reference, HubReference):
        return _built(hub.fetch_directory(reference, reference.label), name, reference.label, {})
    entry = load_registry().model(name)
    located = hub.locate(entry)
    license = entry.license.model_dump()
    spec = spec_of(entry)
    if located.path is None:  # weights inside a dependency
        component = weights.create(spec, resolve(spec.config, f"component {spec.arch}")())
    elif located.path.is_file():  # a foreign file that the component reads itself
        component = weights.create(spec, resolve(spec.config, f"component {spec.arch}")())
        component.load_file(located.path)  # pyright: ignore[reportCallIssue]
    else:
        return _built(located.path, entry.id, located.source, license, spec)
    component.provenance = Provenance(entry.id, located.source, license)
    return component.eval()


def spec_of(entry: ModelEntry) -> ComponentSpec:
    """The architecture of a registry entry. Raises UnknownNameError if no plugin offers it."""
    plugins = discover()
    own = [s for s in plugins.all(ComponentSpec) if s.arch == entry.arch and s.plugin == entry.plugin]
    try:
        return own[0] if own else plugins.get(ComponentSpec, entry.arch)
    except UnknownNameError as error:
        raise UnknownNameError(f"{entry.id} needs the architecture {entry.arch!r}. {error}") from error


def _built(path: Path, name: str, source: str, license: Mapping[str, str], spec: ComponentSpec | None = None) -> Component:
    stored = weights.read_directory(path)
    component = weights.build(spec or discover().get(ComponentSpec, stored.manifest.arch), stored)
    component.provenance = Provenance(name, source, license, stored.sha256)
    return component


def pipeline(
    name: str | Sequence[str],
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "float32",
    compile: bool = False,
    **slots: str | Component,
) -> Any:
    """A task with its components; a list of names runs several tasks over one detection.

    Args:
        name: one of ``list_pipelines()``, or several.
        device: as ``load``.
        dtype: as ``load``.
        compile: as ``load``.
        **slots: a component or its id, in place of the registry's default for that slot. A head, or a manipulator that takes
            embeddings, brings the encoder that it was trained on, where none is named.

    Raises:
        UnknownNameError: no such pipeline, slot or model.
        IncompatibleError: a component that does not do what its slot needs.
    """
    names = [name] if isinstance(name, str) else list(name)
    if not names:
        raise InputError("pipeline() needs the name of at least one task.")
    specs = [discover().get(PipelineSpec, each) for each in names]
    known = {slot for spec in specs for slot in spec.slots}
    if odd := sorted(set(slots) - known):
        raise UnknownNameError(f"{' + '.join(names)} has no slot {', '.join(odd)}; its slots are {', '.join(sorted(known))}.")
    loaded: dict[str, Component] = {}

    def component(value: str | Component) -> Component:
        if isinstance(value, Component):
            return value
        if value not in loaded:
            loaded[value] = load(value, device=device, dtype=dtype, compile=compile)
        return loaded[value]

    parts: list[Any] = []
    for spec in specs:
        chosen = {slot: slots[slot] for slot in spec.slots if slot in slots}
        bound = next((slot for slot in ("head", "manipulator") if slot in spec.slots), None)
        if bound and "encoder" in spec.slots and "encoder" not in slots:
            chosen[bound] = other = component(chosen.get(bound) or default_for(spec, bound))
            if other.requires:  # it fits one encoder only, whatever the registry's default is
                chosen["encoder"] = other.requires.encoder
        chosen |= {slot: default_for(spec, slot) for slot in spec.slots if slot not in chosen}
        parts.append(resolve(spec.target, f"pipeline {spec.name}")(spec, {s: component(v) for s, v in chosen.items()}))
    if isinstance(name, str):
        return parts[0]
    alone = [part.spec.name for part in parts if not isinstance(part, FacePipeline) or isinstance(part, FaceVerification)]
    if alone:
        raise IncompatibleError(f"{', '.join(alone)} takes more than one picture at a time, so it runs on its own.")
    return Together(parts)


def default_for(spec: PipelineSpec, slot: str) -> str:
    """The registry's component for a slot. Raises UnknownNameError where it names none."""
    entries = [entry for entry in load_registry().pipelines if entry.name == spec.name]
    for entry in sorted(entries, key=lambda e: e.plugin != spec.plugin):
        if slot in entry.slots:
            return entry.slots[slot]
    option = f"--{slot} ID" if slot in KINDS else f"--slot {slot}=ID"
    raise UnknownNameError(
        f"No model is registered for the slot {slot!r} ({spec.slots[slot]}) of {spec.name}: "
        f"name one, pipeline({spec.name!r}, {slot}=…) or {option}. {ways_to(spec, slot)}"
    )


def compare(a: Embedding, b: Embedding) -> Comparison:
    """How similar two embeddings are.

    Raises:
        IncompatibleError: they are of different spaces, or of none.
    """
    for one in (a, b):
        if not isinstance(one, Embedding):
            raise InputError(f"compare() takes embeddings of a result (face.embeddings[view]), not {type(one).__name__}.")
    if a.space_id is None or a.space_id != b.space_id:
        raise IncompatibleError(
            f"These embeddings cannot be compared: one is of {a.model}, view {a.view} (space {a.space_id}), the other of "
            f"{b.model}, view {b.view} (space {b.space_id}). Compute both with {a.model}, view {a.view}."
        )
    return Comparison(cosine(a.values, b.values), float(np.linalg.norm(a.values - b.values)), a.space_id)


def convert(
    format: str, checkpoint: str | Path, output: str | Path, config: Mapping[str, Any] | None = None
) -> tuple[Path, tuple[str, ...]]:
    """Turns a foreign checkpoint into a component directory: whole, or nothing is written.

    Returns:
        The directory, and what a user should know of the conversion, line by line.

    Raises:
        UnknownNameError: no plugin converts that format.
        WeightsError: the file is damaged, wants to run code, or is of another method; or the directory holds a component that
            is not an earlier conversion of this format.
    """
    spec = converter_spec(format)
    made_so = f"Converted by facezoo from a `{format}` file."
    if (Path(output) / weights.CONFIG).is_file() and made_so not in _card_of(Path(output)):
        raise WeightsError(
            f"{output} holds a component already, and not one converted from {format}; it would be lost. "
            "Name another directory."
        )
    component, report = _converted(spec, format, Path(checkpoint), config or {})
    card = f"# {spec.arch}\n\n{made_so}\n\n" + "\n".join(f"- {line}" for line in report) + "\n"
    return weights.save(component, output, card=card), report


def _card_of(directory: Path) -> str:
    path = directory / weights.CARD
    return path.read_text(errors="replace") if path.is_file() else ""


def converter_spec(format: str) -> ComponentSpec:
    """The architecture that a foreign format belongs to. Raises UnknownNameError."""
    table = {name: spec for spec in discover().all(ComponentSpec) for name in spec.converters}
    if format not in table:
        raise UnknownNameError(
            f"No plugin converts the format {format!r}; there are {', '.join(sorted(table))}.{discover().hint(format, table)}"
        )
    return table[format]


def _converted(spec: ComponentSpec, format: str, path: Path, config: Mapping[str, Any]) -> tuple[Component, tuple[str, ...]]:
    """By the format's converter; a format without one is a file that the component reads itself."""
    if format not in spec.converters:
        config_class = resolve(spec.config, f"component {spec.arch}")
        component = weights.create(spec, config_class.from_values(config, f"the source of {path}"))
        if not hasattr(component, "load_file"):
            raise UnknownNameError(f"{spec.arch} neither converts nor reads the format {format!r}.")
        component.load_file(path)  # pyright: ignore[reportCallIssue]
        return component.eval(), (f"{path.name}, kept as it is",)
    try:
        made: weights.Converted = resolve(spec.converters[format], f"converter {format}")(path, config)
    except WeightsError as error:
        if isinstance(error.__cause__, ValidationError) and _is_about(error.__cause__, config):
            what = explain(error.__cause__, resolve(spec.config, f"component {spec.arch}"))
            raise WeightsError(f"The values given for {format} (config, --config KEY=VALUE) do not fit: {what}.") from error
        raise
    component = weights.create(spec, made.config)
    weights.fill(component, made.tensors, str(path))
    return component.eval(), made.report


def _is_about(error: ValidationError, config: Mapping[str, Any]) -> bool:
    """True if something that the caller gave was refused, not something read from a file."""
    return any(item["loc"] and item["loc"][0] in config for item in error.errors())


def import_weights(name: str, file: str | Path) -> tuple[Path, tuple[str, ...]]:
    """Makes an authors' file usable under its id, offline, for good: ``facezoo import ID FILE``.

    Returns:
        The directory in the local store, and the converter's report.

    Raises:
        UnknownNameError: no such id, or one that is not imported by hand.
        WeightsError: the file is not what it should be; nothing is stored.
    """
    entry = load_registry().model(name)
    source = next((s for s in entry.sources if isinstance(s, AuthorSource)), None)
    if source is None:
        raise UnknownNameError(f"{entry.id} is not imported from a file: {(entry.note or 'load it by its name').rstrip('.')}.")
    spec = spec_of(entry)
    component, report = _converted(spec, source.format, Path(file), source.config)
    card = (
        f"# {entry.id}\n\n{entry.summary}\n\nImported from `{Path(file).name}` "
        f"(sha256 {weights.sha256_of(Path(file))}), published by its authors: {source.url}\n\n{source.note}\n\n"
        f"Licence of the weights: {entry.license.weights}.\n\n" + "\n".join(f"- {line}" for line in report) + "\n"
    )
    with tempfile.TemporaryDirectory(prefix="facezoo-import-") as scratch:
        directory = weights.save(component, Path(scratch) / "component", card=card)
        origin = {"file": Path(file).name, "sha256": weights.sha256_of(Path(file)), "url": source.url, "format": source.format}
        return hub.install(entry.key, directory, origin), report


@dataclass(frozen=True, slots=True)
class Verified:
    """How far one output is from the stored one on this machine.

    Attributes:
        device: where it was computed.
        dtype: of the networks.
        output: method or view.
        error: relative error, ‖a-b‖ / ‖b‖.
        tolerance: largest error that passes.
    """

    device: str
    dtype: str
    output: str
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return self.error <= self.tolerance


def verify(name: str, *, devices: Sequence[str] | None = None, dtypes: Sequence[str] | None = None) -> list[Verified]:
    """Checks the stored hashes, then recomputes the golden outputs on this machine's devices and dtypes.

    Raises:
        WeightsError: a file is not what was stored, or there are no golden outputs.
    """
    devices = list(devices or (["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]))
    dtypes = list(dtypes or ("float32", "bfloat16"))
    directory = directory_of(name)
    if directory is None:
        raise WeightsError(
            f"{name} has no golden outputs: its weights are a foreign file or inside a dependency. "
            "A downloaded file's sha256 was checked when it came."
        )
    reference = hub.reference(name)
    if not isinstance(reference, DirReference):
        hub.verify(reference.label if reference else load_registry().model(name).key)
    inputs, expected, tolerances = weights.read_golden(directory)
    rows = []
    for device in devices:
        for dtype in dtypes:
            component = load(name, device=device, dtype=dtype)
            with torch.inference_mode():
                outputs = component.golden_outputs({k: v.to(resolve_device(device)) for k, v in inputs.items()})
            for output, wanted in expected.items():
                error = relative_error(outputs[output].cpu().float(), wanted)
                rows.append(Verified(device, dtype, output, error, tolerances[dtype]))
    return rows


def relative_error(given: torch.Tensor, wanted: torch.Tensor) -> float:
    """‖given - wanted‖ / ‖wanted‖; infinite for other shapes, the plain norm where ``wanted`` is zero."""
    if given.shape != wanted.shape:
        return float("inf")
    scale = float(wanted.norm())
    return float((given - wanted).norm()) / (scale or 1.0)


def directory_of(name: str) -> Path | None:
    """The component directory behind a name, or None where it is one foreign file or inside a dependency."""
    reference = hub.reference(name)
    if isinstance(reference, DirReference):
        return reference.path
    if isinstance(reference, HubReference):
        return hub.fetch_directory(reference, reference.label)
    path = hub.locate(load_registry().model(name)).path
    return path if path is not None and path.is_dir() else None
