"""A task's own options on the command line: ``facezoo run TASK INPUTS --emotion happiness --intensity 0.8``.

``run`` knows the options only when it knows the task: they are the keywords of the task's call. What ``run`` itself does not
take is read here.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from facezoo.cli.commands import ALIKE
from facezoo.cli.options import values
from facezoo.cli.values import NUMBER, WrongUsage
from facezoo.specs import PipelineSpec, resolve

KNOWN_TO_RUN = ("output", "mark")  # -o and --no-mark say these


def split(spec: PipelineSpec, words: Sequence[str], own: Sequence[str] = ()) -> tuple[list[Path], dict[str, Any]]:
    """What a task is given: inputs, and {option: value} with the values read as YAML, flags as True and False.

    Args:
        spec: the task.
        words: what stands on the command line beside run's own options.
        own: run's own options, for close matches.

    Raises:
        WrongUsage: an option that the task does not have, with close matches, or one without a value.
    """
    if not any(word.startswith("-") and word != "-" for word in words):
        return [Path(word) for word in words], {}
    known = keywords(resolve(spec.target, f"pipeline {spec.name}"))
    inputs, options, left = [], {}, list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("-") or NUMBER.match(word):
            inputs.append(Path(word))
            continue
        name, equals, text = word.removeprefix("--").partition("=")
        key = name.replace("-", "_")
        if key.startswith("no_") and isinstance(known.get(key[3:]), bool) and not equals:
            options[key[3:]] = False
        elif key not in known or not word.startswith("--"):
            raise WrongUsage(_unknown(word.partition("=")[0], spec.name, known, own))
        elif isinstance(known[key], bool) and not equals:
            options[key] = True
        else:
            if not equals and (not left or (left[0].startswith("--"))):
                raise WrongUsage(f"--{name} wants a value: --{name} VALUE.")
            options |= values([f"{key}={text if equals else left.pop(0)}"], f"--{name}")
    return inputs, options


def keywords(task: Any) -> dict[str, Any]:
    """{name: default} of the options that a task's call has of its own."""
    parameters = inspect.signature(task.__call__).parameters.values()
    own = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY or p.default is None}
    return {name: default for name, default in own.items() if name not in KNOWN_TO_RUN}


def _unknown(given: str, task: str, known: Mapping[str, Any], own: Sequence[str]) -> str:
    named = [f"--{name.replace('_', '-')}" for name in known]
    close = get_close_matches(given, [*named, *own], n=2, cutoff=ALIKE)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    has = f"; its own options are {', '.join(named)}" if named else ""
    return f"{task} has no option {given}{has}.{hint}"
