"""What to do next with a model: commands that take it, in the slot that it fits."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING

from facezoo.catalogue import PipelineRow, availability_of, list_pipelines
from facezoo.errors import FacezooError
from facezoo.registry import load_registry
from facezoo.specs import KINDS

if TYPE_CHECKING:
    from facezoo.components import Component

INPUTS = {
    "edit-and-measure": "PEOPLE [DRIVERS] -o OUT",
    "face-verification": "ONE.jpg TWO.jpg",
    "odd-one-out": "ONE.jpg TWO.jpg THREE.jpg",
    "expression-retrieval": "QUERY.jpg FOLDER",
    "face-manipulation": "PICTURE.jpg --emotion happiness -o OUT.png",
    "expression-transfer": "SOURCE.jpg DRIVER.mp4 -o OUT.mp4",
}
"""What goes into a task that does not take any number of pictures."""


def running(task: PipelineRow, **models: str) -> str:
    """The command that runs a task with these models in its slots."""
    options = [f"--{slot} {name}" if slot in KINDS else f"--slot {slot}={name}" for slot, name in models.items()]
    return " ".join([f"facezoo run {task.name} {INPUTS.get(task.name, 'PICTURE.jpg')}", *options])


def missing_models(task: PipelineRow) -> list[str]:
    """The slots for which the registry names no model, or one that nobody has released."""
    registry = load_registry()
    absent = {slot for slot, name in task.defaults.items() if availability_of(registry.model(name)) == "not released"}
    return [slot for slot in task.slots if slot not in task.defaults or slot in absent]


def slot_for(task: PipelineRow, kinds: Iterable[str]) -> str | None:
    """The slot of a task that takes one of these kinds."""
    return next((slot for slot, needed in task.slots.items() if needed.partition(":")[0] in kinds), None)


def next_command(name: str, component: Component | None = None) -> str:
    """A command that works with a component directory: the simplest task that takes it.

    Args:
        name: how the user would name it, ``dir:…`` or ``hub:…``.
        component: what the directory holds; None: it is loaded.
    """
    from facezoo.loader import fetch
    from facezoo.pipelines import tasks_for

    quoted = shlex.quote(name)
    try:
        found = component if component is not None else fetch(name)
    except FacezooError:  # whoever uses it is told why
        return f"facezoo verify {quoted}"
    rows = {row.name: row for row in list_pipelines()}
    return next((running(rows[task], **{slot: quoted}) for task, slot in tasks_for(found)), f"facezoo.load({name!r}) in Python")
