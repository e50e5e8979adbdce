"""``evaluate``: a protocol by its name, its data, models and peers, to a report."""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch

from facezoo import __version__
from facezoo.components import Component
from facezoo.contracts import InputContract
from facezoo.devices import resolve_device
from facezoo.errors import InputError, PluginError, UnknownNameError
from facezoo.evaluation.bench import Bench, Conditions
from facezoo.evaluation.protocol import Outcome, Peer, Protocol
from facezoo.evaluation.report import Kind, Report, System
from facezoo.evaluation.subjects import Subject, check, load_subject
from facezoo.loader import load
from facezoo.plugins import discover
from facezoo.specs import ProtocolSpec, resolve
from facezoo.training import read_config


def protocol_of(spec: ProtocolSpec) -> type[Protocol]:
    """A protocol's class, for what it says of itself. Raises PluginError if the record points to something else."""
    found = resolve(spec.target, f"protocol {spec.name}")
    if not (isinstance(found, type) and issubclass(found, Protocol)):
        raise PluginError(f"protocol {spec.name} points to {spec.target}, which is no facezoo.evaluation.Protocol.")
    return found


def evaluate(
    protocol: str | ProtocolSpec,
    data: str | Path,
    models: Sequence[str | Component] = (),
    *,
    peers: Sequence[str] = (),
    helpers: Mapping[str, str | Component] | None = None,
    view: str | None = None,
    values: Mapping[str, Any] | None = None,
    settings: Sequence[str] = (),
    conditions: Conditions | None = None,
) -> Report:
    """Measures models and peers on the same lists.

    Args:
        protocol: of ``facezoo evaluate``, or ``plugin:name``, or its record.
        data: folder or file, laid out as the protocol says.
        models: ids, ``hub:…``, ``dir:…``, folders, or components; a report's rows in this order.
        peers: names of the protocol's peers, "sface=FILE" where one reads a file.
        helpers: {slot: id or component} for the protocol's further slots.
        view: of encoders, in place of the one that the protocol would choose.
        values: of the protocol.
        settings: more of them as "key=value".
        conditions: how faces are found, the limit of a trial, device, batch size.

    Raises:
        UnknownNameError: no such protocol, model, peer or slot.
        InputError: nothing to measure, or values that do not fit.
        DatasetError: data laid out in another way.
        IncompatibleError: a model that cannot answer.
    """
    spec = protocol if isinstance(protocol, ProtocolSpec) else discover().get(ProtocolSpec, protocol)
    kind, chosen = protocol_of(spec), conditions or Conditions()
    if not models and not peers:
        peer = next(iter(kind.peers), "NAME")
        raise InputError(f"{spec.name} measures models or peers; name one: --model ID, or --peer {peer}.")
    beside = [_peer(kind, spec, name) for name in peers]
    made = lay_out(spec, data, helpers=helpers, values=values, settings=settings, conditions=chosen)
    rows, like = [], None
    for model in models:
        subject = load_subject(model, made.bench, kind.needs, f"the protocol {spec.name}", view)
        subject.name = _unlike(subject.name, [row.name for row in rows])
        like = like or subject.shown
        rows.append(_row(subject, made.measure(subject), "model"))
    for name, peer, file in beside:
        subject = peer.subject(name, like, file, made.bench)
        rows.append(_row(subject, made.measure(subject), "peer"))
    rows += [_baseline(name, outcome) for name, outcome in made.baselines().items()]
    return Report(
        protocol=spec.name, task=kind.task, dataset=kind.dataset, summary=spec.summary, limit=chosen.limit,
        detector=chosen.detector if chosen.faces != "cropped" else None, splits=tuple(part.split for part in made.bench.parts),
        systems=tuple(rows), published=kind.published, choices=json.loads(made.config.model_dump_json()),
        notes=(*kind.notes, *made.remarks()), made_with=made_with(chosen),
    )  # fmt: skip


def lay_out(
    protocol: str | ProtocolSpec,
    data: str | Path,
    *,
    helpers: Mapping[str, str | Component] | None = None,
    values: Mapping[str, Any] | None = None,
    settings: Sequence[str] = (),
    conditions: Conditions | None = None,
) -> Protocol:
    """A protocol with its data laid out: tells, before hours of work, whether there is something to measure on.

    Arguments and errors as of ``evaluate``, but for models and peers.
    """
    spec = protocol if isinstance(protocol, ProtocolSpec) else discover().get(ProtocolSpec, protocol)
    kind, chosen = protocol_of(spec), conditions or Conditions()
    config = read_config(kind.config_class, values, settings)
    bench = Bench(Path(data), chosen, config.seed)
    return kind(config, bench, _helpers(kind, spec, helpers or {}, chosen.device))


def _peer(kind: type[Protocol], spec: ProtocolSpec, given: str) -> tuple[str, Peer, str | None]:
    name, _, file = given.partition("=")
    if name not in kind.peers:
        close = get_close_matches(name, kind.peers, n=1, cutoff=0.4)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UnknownNameError(f"{spec.name} has no peer {name!r}; it has {', '.join(kind.peers) or 'none'}.{hint}")
    found = resolve(kind.peers[name], f"peer {name}")
    if not isinstance(found, Peer):
        raise PluginError(f"peer {name} of {spec.name} points to {kind.peers[name]}, which is no facezoo.evaluation.Peer.")
    return name, found, file or None


def _helpers(
    kind: type[Protocol], spec: ProtocolSpec, given: Mapping[str, str | Component], device: str
) -> dict[str, Component]:
    """The protocol's further components, each checked against what its slot needs."""
    if odd := sorted(set(given) - set(kind.slots)):
        raise UnknownNameError(f"{spec.name} has no slot {', '.join(odd)}; it has {', '.join(kind.slots) or 'none'}.")
    found = {slot: load(name, device=device) if isinstance(name, str) else name for slot, name in given.items()}
    for slot, component in found.items():
        check(component, (kind.slots[slot],), f"slot {slot!r} of {spec.name}")
    return found


def _unlike(name: str, others: Sequence[str]) -> str:
    """A name that no other row has: two folders may end alike."""
    count = sum(other.partition(" #")[0] == name for other in others)
    return f"{name} #{count + 1}" if count else name


def _row(subject: Subject, outcome: Outcome, kind: Kind) -> System:
    return System(
        name=subject.name, kind=kind, weights=subject.weights, view=subject.answered_by, crop=crop_of(subject.shown),
        faces={name: placed.told for name, placed in subject.used.items()},
        not_found={name: placed.not_found for name, placed in subject.used.items()},
        measurements=outcome.measurements, confusion=outcome.confusion, left_out=outcome.left_out, remarks=outcome.remarks,
    )  # fmt: skip


def _baseline(name: str, outcome: Outcome) -> System:
    return System(name=name, kind="baseline", measurements=outcome.measurements, remarks=outcome.remarks)


def crop_of(contract: InputContract | None) -> str | None:
    """A contract's crop in words: "square, scale 2.6, shift (0.0, -0.03), 64 x 64"."""
    if contract is None:
        return None
    crop, (height, width) = contract.crop, contract.size
    how = f"square, scale {crop.scale:g}, shift {crop.shift}" if crop.kind == "square" else "five points onto a template"
    return f"{how}, {height} x {width}"


def made_with(chosen: Conditions) -> dict[str, str]:
    """What a reader needs to repeat it."""
    device = resolve_device(chosen.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {
        "facezoo": __version__, "torch": str(torch.__version__), "python": platform.python_version(),
        "device": name, "date": today,
    }  # fmt: skip
