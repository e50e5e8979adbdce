"""``facezoo evaluate``: the protocols, what one of them wants, and its report on models and peers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facezoo.cli import screen, values
from facezoo.cli.options import COMPUTE, FACES, Shared, settings
from facezoo.errors import InputError
from facezoo.plugins import discover
from facezoo.specs import ProtocolSpec

if TYPE_CHECKING:
    from facezoo.evaluation import Conditions, Report

SYSTEMS = "What is measured"

Name = Annotated[
    str | None, typer.Argument(metavar="PROTOCOL", help="What to measure; without it all are listed.", show_default=False)
]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Where the data lie; without it: what the protocol wants.", show_default=False),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="DIR", help="Folder for report.json, report.md and figure.png.")
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", metavar="ID", help="What is measured; may be repeated.", rich_help_panel=SYSTEMS),
]
View = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Of encoders.", show_default="the protocol's", rich_help_panel=SYSTEMS),
]
Slot = Annotated[
    list[str] | None,
    typer.Option("--slot", metavar="SLOT=ID", help="A further model that the protocol works with.", rich_help_panel=SYSTEMS),
]
Peers = Annotated[
    list[str] | None,
    typer.Option(
        "--peer", metavar="NAME,…", help="Beside them on the same lists: raw-pixels, hog, sface=FILE …", rich_help_panel=SYSTEMS
    ),
]
Detector = Annotated[
    str, typer.Option(metavar="ID", help="Finds faces where the data do not say where they are.", rich_help_panel=FACES)
]
Detect = Annotated[bool, typer.Option("--detect", help="Look for every face, whatever the data say.", rich_help_panel=FACES)]
Cropped = Annotated[
    bool,
    typer.Option("--cropped", help="The pictures are faces already, cut out as the model wants.", rich_help_panel=FACES),
]
Limit = Annotated[
    int | None,
    typer.Option(metavar="N", help="A trial on so many of every split; its report is no result.", show_default="all"),
]
Setting = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One of the protocol's values; may be repeated.")
]
Device = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=COMPUTE)]
BatchSize = Annotated[int, typer.Option("--batch-size", "-b", metavar="N", help="Faces at once.", rich_help_panel=COMPUTE)]
Workers = Annotated[int, typer.Option(metavar="N", help="Processes that read and cut.", rich_help_panel=COMPUTE)]
AsMetric = Annotated[
    Path | None,
    typer.Option("--as-metric", metavar="REPORT", help="Print a report's numbers as metrics for registry.yaml, and stop."),
]


def evaluate(
    protocol: Name = None,
    data: Data = None,
    output: Output = None,
    model: Models = None,
    peer: Peers = None,
    slot: Slot = None,
    view: View = None,
    limit: Limit = None,
    setting: Setting = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a report that is in the folder.")] = False,
    as_metric: AsMetric = None,
    detector: Detector = "haar-frontal",
    detect: Detect = False,
    cropped: Cropped = False,
    device: Device = "auto",
    batch_size: BatchSize = 64,
    workers: Workers = 0,
    *,
    shared: Shared,
) -> None:
    """Measure models by a published protocol. Without one: the list of protocols.

    Writes every number with its 95 % interval, the digests of the lists, the hash of the weights, the crop, the detector, and
    in how many pictures no face was found; these count as wrong answers.

    \b
    Examples:
      facezoo evaluate
      facezoo evaluate rafdb-linear
      facezoo evaluate rafdb-linear --data RAF-DB -m cycle-face-nano -o report
      facezoo evaluate fec-triplets --data FEC --peer raw-pixels,hog -o peers
      facezoo evaluate --as-metric report/report.json
    """
    if as_metric is not None:
        _as_metric(as_metric, shared)
        return
    if protocol is None:
        if data is not None or model:
            raise InputError("Say by which protocol: facezoo evaluate PROTOCOL --data DIR --model ID -o DIR.")
        _list(shared)
        return
    spec = discover().get(ProtocolSpec, protocol)
    if data is None:
        if model or peer or output:
            raise InputError(f"Say where the data lie: facezoo evaluate {protocol} --data DIR … -o DIR.")
        _about(spec, shared)
        return
    if output is None:
        raise InputError(f"A report goes to a folder: facezoo evaluate {protocol} --data {data} … -o DIR.")
    if detect and cropped:
        raise InputError("--detect looks for faces in the pictures, --cropped says that they are faces; say one of the two.")
    from facezoo.evaluation import Conditions

    conditions = Conditions(
        faces="cropped" if cropped else "detect" if detect else "auto", detector=detector, limit=limit, device=device,
        batch_size=batch_size, workers=workers,
    )  # fmt: skip
    peers = [name for names in peer or () for name in names.split(",") if name]
    helpers = dict(settings(slot or (), "--slot"))
    chosen = {"peers": peers, "helpers": helpers, "view": view, "settings": setting or ()}
    _measure(spec, data, output, model or (), conditions, shared, overwrite=overwrite, chosen=chosen)


def _measure(
    spec: ProtocolSpec,
    data: Path,
    output: Path,
    models: Sequence[str],
    conditions: Conditions,
    shared: Shared,
    *,
    overwrite: bool,
    chosen: dict[str, Any],
) -> None:
    from facezoo import evaluation
    from facezoo.evaluation import writing

    if not data.exists():
        raise InputError(f"There is no folder or file {data}; --data names the data of {spec.name}.")
    writing.check_free(output, overwrite=overwrite)
    report = evaluation.evaluate(spec, data, models, conditions=conditions, **chosen)
    folder = writing.write(report, output, overwrite=overwrite)
    if shared.json:
        screen.say(report.model_dump_json(indent=2))
    else:
        _show(report)
    screen.note(f"Written: {', '.join(str(folder / name) for name in writing.FILES)}", shared)
    if report.limit is not None:
        screen.note(f"A trial on at most {report.limit} of every split: no result.", shared)


def _show(report: Report) -> None:
    """The protocol's own figures, then those by group."""
    from facezoo.evaluation import tables

    groups = dict.fromkeys(["", *(group for group, _ in tables.groups_of(report))])
    for number, group in enumerate(groups):
        if number:
            screen.say()
        columns, rows = tables.table_of(report, group)
        screen.table((group or report.protocol, *columns[1:]), rows)


def _list(shared: Shared) -> None:
    specs = discover().all(ProtocolSpec)
    if shared.json:
        screen.dump([{"protocol": spec.name, "plugin": spec.plugin, "summary": spec.summary} for spec in specs])
        return
    columns = ("protocol", "what it measures", "plugin")
    screen.table(columns, [(s.name, s.summary, s.plugin) for s in specs], wrap=("what it measures",))
    screen.note("`facezoo evaluate PROTOCOL` says what one wants; `facezoo evaluate --help` has an example.", shared)


def _about(spec: ProtocolSpec, shared: Shared) -> None:
    """What a protocol wants: data, model, values; what the paper states and what it leaves open."""
    from facezoo.evaluation.running import protocol_of

    kind = protocol_of(spec)
    slots = dict(kind.slots)
    if shared.json:
        facts: dict[str, Any] = {"protocol": spec.name, "plugin": spec.plugin, "summary": spec.summary, "data": kind.layout}
        facts |= {"needs": kind.needs, "slots": slots, "peers": list(kind.peers), "notes": kind.notes}
        facts |= {"values": values.defaults(kind.config_class), "published": [p.model_dump() for p in kind.published]}
        screen.dump(facts)
        return
    screen.say(f"{spec.name}: {spec.summary}\n")
    whose = "{0.name}: {0.measurement} {0.value:g} {0.unit} (the {0.stated_by}'s number: {0.source})"
    stated = [whose.format(published) for published in kind.published]
    screen.facts(
        {
            "data": kind.layout, "model": " or ".join(kind.needs), "slots": ", ".join(f"{s}: {n}" for s, n in slots.items()),
            "peers": ", ".join(kind.peers), "published": "\n".join(stated), "notes": "\n".join(kind.notes),
        }
    )  # fmt: skip
    screen.say()
    screen.table(("value", "default", "meaning"), values.rows(kind.config_class), wrap=("default", "meaning"))


def _as_metric(path: Path, shared: Shared) -> None:
    from facezoo.evaluation import metrics, read_report

    report = read_report(path)
    found = {name: metrics.metrics_of(report, name) for name in metrics.models_of(report)}
    if shared.json:
        screen.dump({name: [m.model_dump(exclude_none=True) for m in own] for name, own in found.items()})
        return
    for name, own in found.items():
        screen.say(f"# {name}\n{metrics.as_yaml(own)}")
