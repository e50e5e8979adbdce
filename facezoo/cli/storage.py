"""``facezoo download | cache | import | convert | verify | push``: weights on their way in, checked, and out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facezoo import catalogue, hub, store
from facezoo.cli import screen, steps
from facezoo.cli.commands import Command, flat
from facezoo.cli.options import Shared, values
from facezoo.errors import InputError, WeightsError
from facezoo.registry import load_registry

if TYPE_CHECKING:
    from facezoo.loader import Verified

PROVEN = "this machine computes what was computed where the weights were saved."
PROVEN_IMPORT = (
    "this machine still computes what that import computed. (That the import computed what its authors' code computes, "
    "this does not show.)"
)

cache = typer.Typer(help="What facezoo keeps on this disk, and how to remove it.", no_args_is_help=True)


def download(
    models: Annotated[list[str], typer.Argument(metavar="MODEL", help="Models of `facezoo list`.")], shared: Shared
) -> None:
    """Fetch weights now, for work without a network.

    Every file is checked against the hash that the registry pins.

    \b
    Example:
      facezoo download yunet-2023mar
    """
    places = catalogue.download(*models)
    if shared.json:
        screen.dump(places)
        return
    screen.table(("model", "is in"), list(places.items()), wrap=("is in",))
    screen.note("They load offline from now on. Another machine can have them by a copy of HF_HOME and FACEZOO_HOME.", shared)


@cache.command("list", cls=Command)
@flat
def cache_list(shared: Shared) -> None:
    """What is kept: imported and downloaded weights.

    \b
    Example:
      facezoo cache list
    """
    records = store.listing()
    if shared.json:
        screen.dump([{"model": r.key, "kind": r.kind, "bytes": r.size, "from": _origin(r), "when": r.when} for r in records])
        return
    if not records:
        screen.note(f"Nothing is kept in {store.home()}. (Bundled models are part of the package.)", shared)
        return
    screen.table(
        ("model", "kind", "size", "from"), [(r.key, r.kind, screen.size(r.size), _origin(r)) for r in records], wrap=("from",)
    )


def _origin(record: store.Record) -> str:
    return record.source if record.kind == "download" else str(record.origin.get("file", record.source))


@cache.command("remove", cls=Command, no_args_is_help=True)
@flat
def cache_remove(
    models: Annotated[list[str], typer.Argument(metavar="MODEL", help="Models of `facezoo cache list`.")],
    shared: Shared,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before an imported model goes.")] = False,
) -> None:
    """Remove kept weights.

    An imported model needs its authors' file again afterwards, so that is asked first.

    \b
    Example:
      facezoo cache remove cycle-face-vox12 --yes
    """
    keys = [_stored_key(name) for name in models]
    imported = [key for key in keys if (record := store.read_record(key)) and record.kind == "import"]
    if imported and not yes:
        question = f"Remove {', '.join(imported)}? Only the authors' file brings it back."
        if not sys.stdin.isatty():
            raise InputError(f"{', '.join(imported)} was imported from a file; say --yes to remove it.")
        if not typer.confirm(question, err=True):
            raise typer.Exit(1)
    freed = {key: hub.remove(key) for key in keys}
    if shared.json:
        screen.dump(freed)
    else:
        screen.say(f"Removed {', '.join(freed)}: {screen.size(sum(freed.values()))} are free again.")


def _stored_key(name: str) -> str:
    """The key under which a model is kept. Raises WeightsError where nothing is."""
    keys = [record.key for record in store.listing()]
    if name not in keys:
        raise WeightsError(f"No weights of {name!r} are kept; kept are {', '.join(keys) or 'none'}.")
    return name


def import_(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model whose weights `facezoo list` calls 'import'.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file that its authors publish.")],
    shared: Shared,
) -> None:
    """Take in weights that their authors publish as a file.

    Done once, the model loads offline for good. `facezoo info MODEL` says which file is meant, where it is, and under
    which licence.

    \b
    Example:
      facezoo import cycle-face-vox12 finalmodel.tar
    """
    from facezoo.loader import import_weights

    directory, report = import_weights(model, file)
    if shared.json:
        screen.dump({"model": model, "directory": str(directory), "report": list(report)})
        return
    screen.say(f"{model} is imported: {directory}")
    for line in report:
        screen.note(f"- {line}", shared)
    screen.note(f"Next: facezoo verify {model}", shared)


def convert(
    format: Annotated[str, typer.Argument(metavar="FORMAT", help="The file's format, e.g. facecycle or retinaface.")],
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="The file; no code in it is ever run.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="Folder to make.")],
    shared: Shared,
    config: Annotated[
        list[str] | None, typer.Option("--config", metavar="KEY=VALUE", help="A value of the architecture; may be repeated.")
    ] = None,
) -> None:
    """Turn a foreign checkpoint into a component directory.

    It holds config, safetensors, golden outputs and card, loads by its path (dir:OUTPUT_DIR) and can be pushed to the Hub.

    \b
    Examples:
      facezoo convert facecycle finalmodel.tar my-model
      facezoo convert facecycle exp128.tar my-model --config image_size=128
    """
    from facezoo.loader import convert as convert_checkpoint

    directory, report = convert_checkpoint(format, checkpoint, output, values(config or (), "--config"))
    if shared.json:
        screen.dump({"directory": str(directory), "report": list(report)})
        return
    screen.say(f"Converted: {directory}")
    for line in report:
        screen.note(f"- {line}", shared)
    if not shared.quiet:
        screen.note(f"Next: facezoo verify dir:{directory}, or {steps.next_command(f'dir:{directory}')}", shared)


def verify(
    models: Annotated[list[str] | None, typer.Argument(metavar="MODEL", help="Models, or dir:/path.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every model that is here.")] = False,
    device: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Check on this device only; may be repeated.", show_default="all")
    ] = None,
    dtype: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE", help="Check in this dtype only; may be repeated.", show_default="float32, bfloat16"),
    ] = None,
    *,
    shared: Shared,
) -> None:
    """Prove that this machine computes what it should.

    Hashes the files again, computes the stored golden outputs on every device and dtype, and says by how much they
    differ. Ends with code 1 if anything differs by more than its tolerance.

    \b
    Examples:
      facezoo verify cycle-face-nano
      facezoo verify --all --device cpu
    """
    if not models and not everything:
        raise InputError("Say which model to verify, or --all. `facezoo list --local` shows what is here.")
    names = [row.id for row in catalogue.list_models(local=True)] if everything else list(models or ())
    checked = {name: _verify_one(name, device, dtype) for name in names}
    if shared.json:
        screen.dump({name: [{**asdict(row), "passed": row.passed} for row in rows] for name, (rows, _) in checked.items()})
    else:
        for name, (rows, proven) in checked.items():
            _tell_verified(name, rows, proven)
    if not all(row.passed for rows, _ in checked.values() for row in rows):
        raise typer.Exit(1)


def _verify_one(name: str, devices: Sequence[str] | None, dtypes: Sequence[str] | None) -> tuple[list[Verified], str]:
    """The rows, and in words what they prove."""
    from facezoo import loader

    entry = None if hub.reference(name) else load_registry().model(name)
    located = hub.locate(entry) if entry else None
    if entry and located and located.kind == "builtin":
        return [], "its weights are inside a dependency, and nothing is stored that could be compared."
    if entry and located and located.kind == "file":
        hub.verify(entry.key)
        return [], "its file is byte for byte the one that the registry pins; no outputs are stored with it."
    rows = loader.verify(name, devices=devices, dtypes=dtypes)
    if not all(row.passed for row in rows):
        return rows, "NOT PROVEN: the outputs above that are marked differ by more than their tolerance."
    if located and located.source == "store":
        return rows, PROVEN_IMPORT
    return rows, PROVEN


def _tell_verified(name: str, rows: Sequence[Verified], proven: str) -> None:
    if rows:
        cells = [
            (r.output, r.device, r.dtype, f"{r.error:.1e}", f"{r.tolerance:.0e}", "yes" if r.passed else "NO") for r in rows
        ]
        screen.table(("output", "device", "dtype", "relative error", "tolerance", "passed"), cells)
    screen.say(f"{name}: {proven}")


def push(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A component directory: all four files.")],
    repo: Annotated[str, typer.Argument(metavar="REPO", help="org/name on the Hub; made if there is none.")],
    shared: Shared,
    private: Annotated[bool, typer.Option("--private", help="A repository that is made now is private.")] = False,
    message: Annotated[str, typer.Option(metavar="TEXT", help="Of the commit.")] = "Add weights with facezoo",
) -> None:
    """Publish a component directory on the Hugging Face Hub.

    Prints the lines that pin it in a registry. Needs HF_TOKEN, or `hf auth login` before. Publish only weights that you
    may publish.

    \b
    Example:
      facezoo push runs/mine/model my-name/my-model
    """
    from facezoo.publish import push as publish

    done: Any = publish(directory, repo, private=private, message=message)
    if shared.json:
        screen.dump({"repo": done.repo, "commit": done.commit, "url": done.url, "source": done.snippet})
        return
    screen.say(f"Pushed: {done.url}")
    screen.note("The entry in registry.yaml gets this source:", shared)
    screen.say(done.snippet.rstrip())
