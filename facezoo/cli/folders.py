"""``facezoo info dir:…``: what a component directory holds. Reads the weights, so torch is imported inside functions."""

from __future__ import annotations

from dataclasses import asdict
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from facezoo.cli import screen, steps
from facezoo.cli.options import Shared

if TYPE_CHECKING:
    from pathlib import Path

    from facezoo.components import Component
    from facezoo.contracts import InputContract

CARD_PARTS = 2  # paragraphs of the card that are shown


def tell_folder(name: str, shared: Shared) -> None:
    """Kind, architecture, contract, views, space, hash and the card's first lines of ``dir:…`` or ``hub:…@commit``.

    Raises:
        WeightsError: there is no such directory, or it is damaged.
    """
    from facezoo.loader import directory_of, fetch

    component, directory = fetch(name), directory_of(name)
    card = _card(directory)
    if shared.json:
        screen.dump({**_facts(name, component), "card": card})
        return
    facts = _facts(name, component)
    requires, config = facts["requires"], facts["config"]
    screen.facts({
        "model": name,
        "architecture": f"{facts['arch']} ({', '.join(facts['kinds'])})",
        "values": ", ".join(f"{key} {value}" for key, value in config.items() if key != "labels"),
        "faces": _contract(component.contract),
        "views": "\n".join(
            f"{view}: {known['dim']} values about {known['role']}, space {known['space_id'] or 'none'}"
            for view, known in facts["views"].items()
        ),
        "gives": ", ".join(facts["labels"] or ()) + (f" in {facts['units']}" if facts["units"] else ""),
        "reads": requires and f"view {requires['view']} of {requires['encoder']}, space {requires['space_id']}",
        "sha256": facts["sha256"],
        "next step": steps.next_command(name, component),
        "card": "\n".join([_unwrapped(part) for part in card.split("\n\n") if not part.startswith("#")][:CARD_PARTS]),
    })  # fmt: skip


def _unwrapped(paragraph: str) -> str:
    """A paragraph as one line; of a list a line per item."""
    lines: list[str] = []
    for line in paragraph.splitlines():
        if lines and not line.lstrip().startswith(("- ", "* ")):
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line.strip())
    return "\n".join(lines)


def _facts(name: str, component: Component) -> dict[str, Any]:
    from facezoo.components import Encoder

    spec, origin = component.spec, component.provenance
    return {
        "id": name,
        "arch": spec.arch if spec else None,
        "kinds": list(spec.kinds) if spec else [],
        "config": component.config.model_dump(mode="json"),
        "contract": component.contract.model_dump(mode="json") if component.contract else None,
        "views": {view: asdict(known) for view, known in component.views.items()} if isinstance(component, Encoder) else {},
        "labels": list(component.labels) if component.labels else None,
        "units": component.units,
        "requires": asdict(component.requires) if component.requires else None,
        "sha256": origin.sha256 if origin else None,
    }


def _contract(contract: InputContract | None) -> str:
    """How a face has to look at the component's door, in words."""
    if contract is None:
        return ""
    height, width = contract.size
    low, high = contract.range
    scaled = f"mean {_numbers(contract.mean)}, standard deviation {_numbers(contract.std)}"
    return f"{width} x {height} {contract.color.upper()}, {contract.crop.kind} crop, from {low:g} to {high:g}, {scaled}"


def _numbers(values: tuple[float, ...]) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else ", ".join(f"{value:g}" for value in values)


def _card(directory: Path | None) -> str:
    """The text of README.md without its heading and without a Hub's preamble between dashes; "" where there is none."""
    path = directory / "README.md" if directory else None
    if path is None or not path.is_file():
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if lines[:1] == ["---"]:
        lines = lines[len(list(takewhile(lambda line: line != "---", lines[1:]))) + 2 :]
    return "\n".join(line for line in lines if not line.startswith("# ")).strip()
