"""What a check finds: named faults, all of them and not only the first."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from facezoo.errors import FacezooError, InputError

T = TypeVar("T")
Check = Callable[[T], Iterator[str]]  # yields an explanation for everything that is wrong


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that breaks the contract.

    Attributes:
        name: kebab-case and stable, so that a test may ask for it ("depends-on-batch").
        explanation: what was seen, and what belongs there.
    """

    name: str
    explanation: str

    def __str__(self) -> str:
        return f"{self.name}: {self.explanation}"


@dataclass(frozen=True, slots=True)
class Conformance:
    """The report on something without a fault.

    Attributes:
        subject: what was checked.
        passed: names of the faults that it does not have.
        skipped: {name: why it could not be checked here}.
    """

    subject: str
    passed: tuple[str, ...]
    skipped: Mapping[str, str]

    def __str__(self) -> str:
        lines = [f"{self.subject}: {len(self.passed)} checks passed."]
        return "\n".join(lines + [f"  not checked: {name} ({reason})" for name, reason in self.skipped.items()])


class ConformanceError(FacezooError, AssertionError):
    """Lists every fault that was found.

    Attributes:
        subject: what was checked.
        faults: in the order of the checks; a name may be there several times.
    """

    def __init__(self, subject: str, faults: Collection[Fault]) -> None:
        self.subject = subject
        self.faults = tuple(faults)
        count = "one fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        super().__init__("\n".join([f"{subject} does not keep facezoo's contract, {count}:", *(f"  {f}" for f in self.faults)]))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the faults, each once."""
        return tuple(dict.fromkeys(fault.name for fault in self.faults))


class NotApplicable(Exception):  # noqa: N818 - no error: a check says that it has nothing to check
    """Raised by a check that does not concern its subject; the text says why."""


def examine(
    name: str, subject: T, checks: Mapping[str, Check[T]], *, decisive: Collection[str] = (), leave_out: Collection[str] = ()
) -> Conformance:
    """Runs every check. What a subject raises unexpectedly is a fault too.

    Args:
        name: of the subject, for messages.
        subject: what the checks are given.
        checks: {name of the fault: check}, in order.
        decisive: a fault of these names ends the examination; all others would only repeat it.
        leave_out: faults not to look for.

    Raises:
        ConformanceError: at least one fault.
        InputError: ``leave_out`` names no check.
    """
    if unknown := sorted(set(leave_out) - set(checks)):
        raise InputError(f"There is no check {', '.join(unknown)} for {name}; there are {', '.join(sorted(checks))}.")
    faults: list[Fault] = []
    passed: list[str] = []
    skipped: dict[str, str] = {}
    for fault, check in checks.items():
        if fault in leave_out:
            skipped[fault] = "left out by the caller"
            continue
        found: list[Fault] = []
        try:
            found.extend(Fault(fault, explanation) for explanation in check(subject))
        except NotApplicable as reason:
            skipped[fault] = str(reason)
            continue
        except Exception as error:  # whatever a stranger's code raises; what was found before it still counts
            found.append(Fault(fault, f"it raises {told(error)}."))
        faults += found
        if found and fault in decisive:
            break
        if not found:
            passed.append(fault)
    if faults:
        raise ConformanceError(name, faults)
    return Conformance(name, tuple(passed), skipped)


def told(error: BaseException) -> str:
    """An exception in one line, with the place where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    text = " ".join(str(error).split())[:240].rstrip(".")
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"
