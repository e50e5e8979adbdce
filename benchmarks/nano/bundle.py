"""Puts a trained model into the package: float16, with its card and golden outputs.

    python benchmarks/nano/bundle.py runs/dln/model plugins/facezoo_dln/weights/dln-nano [--encoder cycle-face-nano]
    python benchmarks/nano/bundle.py --cards

The card is ``benchmarks/nano/cards/<name>.md``. A line ``[[FILE.json]]`` in it becomes the table of what the report
``docs/reports/FILE.json`` says of the model, beside peers and baselines: nobody writes numbers by hand. A line ``[[FILE.md]]``
becomes that file. ``--cards`` writes the cards of all bundled models anew, after an evaluation. ``--encoder`` names the encoder
of a head by its id, where the head was fitted on that very encoder's folder.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path

from facezoo.components import Encoder, Head
from facezoo.errors import IncompatibleError
from facezoo.evaluation import Report, read_report
from facezoo.loader import load
from facezoo.weights import save

ROOT = Path(__file__).resolve().parents[2]
CARDS = Path(__file__).with_name("cards")
INSERTED = re.compile(r"^\[\[(.+\.(?:json|md))\]\]$", re.MULTILINE)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("model", type=Path, nargs="?")
    arguments.add_argument("target", type=Path, nargs="?")
    arguments.add_argument("--encoder")
    arguments.add_argument("--cards", action="store_true")
    given = arguments.parse_args()
    if given.cards:
        for text in sorted(CARDS.glob("*.md")):
            for folder in ROOT.glob(f"plugins/*/weights/{text.stem}"):
                (folder / "README.md").write_text(card(text.stem), encoding="utf-8")
        return
    component = load(f"dir:{given.model}", device="cpu")
    if given.encoder:
        _name_encoder(component, given.encoder)
    save(component, given.target, dtype="float16", card=card(given.target.name))
    weights = given.target / "model.safetensors"
    print(f"{given.target}: {weights.stat().st_size / 1e6:.2f} MB")


def card(model: str) -> str:
    """The card of a bundled model, with the tables of its reports."""
    text = (CARDS / f"{model}.md").read_text(encoding="utf-8")
    return INSERTED.sub(lambda found: inserted(ROOT / "docs" / "reports" / found[1], model), text)


def inserted(file: Path, model: str) -> str:
    """A report's table, or a file of Markdown as it is."""
    return table(read_report(file), model) if file.suffix == ".json" else file.read_text(encoding="utf-8").strip()


def table(report: Report, model: str) -> str:
    """What a report says of a model: a row per measurement, a column per peer and baseline."""
    systems = [report.system(model), *(system for system in report.systems if system.kind != "model")]
    others = [{(m.group, m.name): m for m in system.measurements} for system in systems[1:]]
    names = [system.name for system in systems[1:]]
    head = ["measure", model, "95 % interval", "n", *names]
    rows = [head, ["---"] * len(head)]
    for m in systems[0].measurements:
        beside = [found.get((m.group, m.name)) for found in others]
        interval = "" if m.interval is None else f"{m.interval[0]:g} … {m.interval[1]:g}"
        label = (f"{m.group}: {m.name}" if m.group else m.name).replace("|", "\\|")
        unit = f" ({m.unit})" if m.unit else ""
        rows.append([f"{label}{unit}", f"{m.value:g}", interval, str(m.count), *(f"{b.value:g}" if b else "–" for b in beside)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _name_encoder(head: object, name: str) -> None:
    """Names a head's encoder by its id, after comparing the spaces."""
    encoder = load(name, device="cpu")
    if not isinstance(head, Head) or head.requires is None or not isinstance(encoder, Encoder):
        raise IncompatibleError("--encoder is for a head and names an encoder.")
    if encoder.views[head.requires.view].space_id != head.requires.space_id:
        raise IncompatibleError(f"The head was fitted in the space {head.requires.space_id}, which is not {name}'s.")
    head.requires = replace(head.requires, encoder=name)


if __name__ == "__main__":
    main()
