"""``facezoo datasets``: the readers, the layout that one expects, and what it finds in a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facezoo.cli import screen
from facezoo.cli.delivering import many
from facezoo.cli.options import Shared
from facezoo.errors import DatasetError, InputError
from facezoo.plugins import discover
from facezoo.specs import DatasetSpec

if TYPE_CHECKING:
    from facezoo.datasets import Reader


def datasets(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A reader; without it all are listed.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Where the data set lies: count what is found there.", show_default=False),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Open every picture too; ends with 1 if one cannot be read.")] = False,
    *,
    shared: Shared,
) -> None:
    """The data sets that can be read, and what is found of one.

    With a name: the layout on disk that is expected. With --data too: samples per split and class, and what was left out.
    With --check pictures that would stop a training are named beforehand.

    \b
    Examples:
      facezoo datasets
      facezoo datasets fec
      facezoo datasets folder --data pictures --check
    """
    if check and data is None:
        raise InputError("--check opens the pictures of --data DIR; name that too.")
    if name is None:
        if data is not None:
            raise InputError(f"--data {data} needs a name that says how it is laid out: facezoo datasets NAME --data {data}")
        _list(shared)
    elif data is None:
        _tell_layout(name, shared)
    else:
        _count(name, data, check, shared)


def _list(shared: Shared) -> None:
    specs = discover().all(DatasetSpec)
    if shared.json:
        screen.dump([asdict(spec) for spec in specs])
        return
    screen.table(("data set", "what it is", "plugin"), [(s.name, s.summary, s.plugin) for s in specs], wrap=("what it is",))
    screen.note("`facezoo datasets NAME` shows the layout that is expected; with `--data DIR` it counts.", shared)


def _tell_layout(name: str, shared: Shared) -> None:
    from facezoo.datasets import reader_of

    spec = discover().get(DatasetSpec, name)
    reader = reader_of(name)
    if shared.json:
        screen.dump({**asdict(spec), "layout": reader.layout})
        return
    screen.say(f"{spec.name}: {spec.summary}\n\n{reader.layout.strip()}")


def _count(name: str, data: Path, check: bool, shared: Shared) -> None:
    from facezoo.datasets import open_dataset, unreadable

    reader = open_dataset(name, data)
    found: dict[str, dict[str, Any]] = {}
    problems: list[DatasetError] = []
    for split in reader.splits:
        try:
            found[split] = counts(reader, split)
        except DatasetError as error:
            problems.append(error)
    if not found:
        raise problems[0]
    samples = (sample for split in found for sample in reader.samples(split)) if check else ()
    broken = {sample.name: reason for sample, reason in unreadable(samples)}
    if shared.json:
        facts = {"data_set": name, "root": str(data), "splits": found, "notes": list(reader.notes())}
        screen.dump({**facts, "problems": [str(error) for error in problems], **({"unreadable": broken} if check else {})})
    else:
        _show(found, reader.labels)
        for text in [*reader.notes(), *map(str, problems), *broken.values()]:
            screen.note(text, shared)
    if broken:
        raise DatasetError(f"{many(len(broken), 'picture')} cannot be read; a training would stop there. Replace them.")
    if check:
        screen.note("Every picture can be read.", shared)


def counts(reader: Reader, split: str) -> dict[str, Any]:
    """What a split has: samples, the digest, and where there are some classes, persons, values, pairs, triplets, ties."""
    from facezoo.datasets import PairReader, TripletReader, split_digest

    samples = reader.samples(split)
    labels = Counter(sample.label for sample in samples)
    facts: dict[str, Any] = {"samples": len(samples)}
    if isinstance(reader, TripletReader):
        triplets = reader.triplets(split)
        kinds = Counter(triplet.kind for triplet in triplets)
        facts |= {"triplets": len(triplets), "kinds": dict(kinds), "ties": sum(t.odd is None for t in triplets)}
        facts["digest"] = split_digest(triplets)
    elif isinstance(reader, PairReader):
        pairs = reader.pairs(split)
        same = sum(pair.same for pair in pairs)
        facts |= {"pairs": len(pairs), "same": same, "folds": len({pair.fold for pair in pairs})}
        facts["digest"] = split_digest(pairs)
    else:
        facts["digest"] = split_digest(samples)
    if reader.labels:
        facts["classes"] = {label: labels[label] for label in reader.labels}
        facts["without_class"] = labels[None]
    if persons := {sample.person for sample in samples} - {None}:
        facts["persons"] = len(persons)
    if values := Counter(name for sample in samples for name in sample.values):
        facts["values"] = dict(values)
    return facts


def _show(found: Mapping[str, Mapping[str, Any]], labels: tuple[str, ...] | None) -> None:
    """A column per split, a row per fact; a class or value is a fact of its own."""
    rows: dict[str, dict[str, Any]] = {}
    for split, facts in found.items():
        for fact, value in facts.items():
            inner = value if isinstance(value, dict) else {fact.replace("_", " "): value}
            for name, number in inner.items():
                rows.setdefault(name, {})[split] = f"{number:,}" if isinstance(number, int) else number
    if rows.get("without class") and not any(value != "0" for value in rows["without class"].values()):
        del rows["without class"]
    screen.table(("", *found), [(name, *(cells.get(split, 0) for split in found)) for name, cells in rows.items()])
