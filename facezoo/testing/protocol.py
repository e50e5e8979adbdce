"""What ``check_plugin`` asks of a protocol: that it says what it wants, and that its peers are there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from facezoo.config import explain
from facezoo.errors import PluginError
from facezoo.evaluation import Peer, Protocol, ProtocolConfig
from facezoo.specs import KINDS, ProtocolSpec, resolve

SAID = ("task", "dataset", "layout", "needs")


def protocol_faults(spec: ProtocolSpec, target: Any) -> Iterator[str]:
    """What is wrong with the class that a record points to, sentence by sentence."""
    if not (isinstance(target, type) and issubclass(target, Protocol)):
        yield f"{spec.target} of {spec.name} is no Protocol."
        return
    if absent := [name for name in SAID if not hasattr(target, name)]:
        yield f"{spec.name} does not say its {', '.join(absent)}."
        return
    for requirement in (*target.needs, *target.slots.values()):
        if requirement.partition(":")[0] not in KINDS:
            yield f"{spec.name} requires {requirement!r}; kinds are {', '.join(KINDS)}."
    for name, peer in target.peers.items():
        try:
            found = resolve(peer, f"the peer {name} of {spec.name}")
        except PluginError as error:
            yield str(error)
            continue
        if not isinstance(found, Peer):
            yield f"the peer {name} of {spec.name} points to {peer}, which is no Peer."
    yield from _config_faults(spec, target.config_class)


def _config_faults(spec: ProtocolSpec, config: Any) -> Iterator[str]:
    if not (isinstance(config, type) and issubclass(config, ProtocolConfig)):
        yield f"config_class of {spec.name} is no ProtocolConfig."
        return
    try:
        config()
    except ValidationError as error:
        yield f"{spec.name} has values without a default that fits: {explain(error, config)}."
