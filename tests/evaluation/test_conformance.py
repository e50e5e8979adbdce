"""Every installed protocol says what it wants, and ``check_plugin`` tells what one forgot."""

from __future__ import annotations

from typing import ClassVar

import pytest

from facezoo.evaluation import Outcome, Protocol, ProtocolConfig, Subject
from facezoo.plugins import discover
from facezoo.specs import ProtocolSpec, resolve
from facezoo.testing.protocol import protocol_faults

SPECS = discover().all(ProtocolSpec)


@pytest.mark.parametrize("spec", SPECS, ids=[spec.name for spec in SPECS])
def test_installed_protocols_have_no_fault(spec: ProtocolSpec) -> None:
    assert list(protocol_faults(spec, resolve(spec.target, spec.name))) == []


class Whole(Protocol):
    task = "emotion-recognition"
    dataset = "made up"
    layout = "none"
    needs = ("classifier:emotion",)

    def prepare(self) -> None: ...

    def measure(self, subject: Subject) -> Outcome:
        return Outcome(())


class Needy(ProtocolConfig):
    epochs: int


class NeedyWhole(Whole):
    config_class = Needy


class Lost(Whole):
    needs = ("clasifier:emotion",)
    slots: ClassVar = {"judge": "judge:identity"}
    peers: ClassVar = {"gone": "tests.evaluation.known:Gone", "wrong": "tests.evaluation.known:flat"}


class Silent(Protocol):
    task = "emotion-recognition"

    def prepare(self) -> None: ...

    def measure(self, subject: Subject) -> Outcome:
        return Outcome(())


@pytest.mark.parametrize(
    ("target", "faults"),
    [
        (Whole, []),
        (dict, ["is no Protocol"]),
        (Silent, ["does not say its dataset, layout, needs"]),
        (NeedyWhole, ["epochs"]),
        (Lost, ["'clasifier:emotion'", "'judge:identity'", "has no 'Gone'", "which is no Peer"]),
    ],
)
def test_faults_are_told(target: type, faults: list[str]) -> None:
    found = list(protocol_faults(ProtocolSpec(name="made-up", target="here:it", summary="made up"), target))
    assert len(found) == len(faults) and all(part in text for part, text in zip(faults, found, strict=True)), found
