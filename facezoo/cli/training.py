"""``facezoo train``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from facezoo.cli import screen
from facezoo.cli.options import COMPUTE, Shared
from facezoo.errors import InputError
from facezoo.plugins import discover
from facezoo.specs import RecipeSpec, resolve


def train(
    recipe: Annotated[
        str | None, typer.Argument(metavar="RECIPE", help="How to train. Without one: the list of recipes.")
    ] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the training data.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Folder for checkpoints, curves and the model.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the output folder.")] = False,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="YAML file of the recipe's values.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One of the recipe's values; may be repeated.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--values", help="Show the recipe's values and their defaults, and do not train.")
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.", show_default="the recipe's", rich_help_panel=COMPUTE),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size", "-b", metavar="N", help="Examples per step.", show_default="the recipe's", rich_help_panel=COMPUTE
        ),
    ] = None,
    *,
    shared: Shared,
) -> None:
    """Train a model by a recipe.

    Ctrl-C writes a checkpoint; the same command with --resume goes on from there.

    \b
    Examples:
      facezoo train
      facezoo train cycle-face-expression --values
      facezoo train cycle-face-expression --data faces -o run --set epochs=20
      facezoo train cycle-face-expression --data faces -o run --resume
    """
    if recipe is None:
        _list(shared)
        return
    spec = discover().get(RecipeSpec, recipe)
    if show:
        _show_values(spec, shared)
        return
    if data is None or output is None:
        raise InputError(
            f"Training needs --data DIR and --output DIR. `facezoo train {recipe} --values` shows what can be set."
        )
    if not data.is_dir():
        raise InputError(f"There is no folder {data}; --data names the folder of the training data.")
    from facezoo.training import run

    chosen = {"device": device, "batch_size": batch_size}
    more = [f"{key}={json.dumps(value)}" for key, value in chosen.items() if value is not None]
    try:
        model = run(spec, data, output, resume=resume, config=config, settings=[*(setting or ()), *more], quiet=shared.quiet)
    except KeyboardInterrupt:
        screen.note(f"\nA checkpoint is in {output}; go on with the same command and --resume.", shared)
        raise
    if shared.json:
        screen.dump({"model": str(model)})
    else:
        screen.say(f"Trained: {model}")
        screen.note(f"Next: any command with --model dir:{model}, or facezoo push {model} ORG/NAME", shared)


def _list(shared: Shared) -> None:
    specs = discover().all(RecipeSpec)
    if shared.json:
        screen.dump([{"recipe": spec.name, "plugin": spec.plugin, "summary": spec.summary} for spec in specs])
        return
    screen.table(
        ("recipe", "what it trains", "plugin"), [(s.name, s.summary, s.plugin) for s in specs], wrap=("what it trains",)
    )
    screen.note("`facezoo train RECIPE --values` shows what can be set; `facezoo train --help` an example.", shared)


def _show_values(spec: RecipeSpec, shared: Shared) -> None:
    kind: Any = resolve(spec.config, f"recipe {spec.name}")
    defaults = {name: field.get_default(call_default_factory=True) for name, field in kind.model_fields.items()}
    plain = {name: value.model_dump(mode="json") if hasattr(value, "model_dump") else value for name, value in defaults.items()}
    if shared.json:
        screen.dump(plain)
        return
    screen.table(
        ("value", "default"), [(name, json.dumps(value, default=str)) for name, value in plain.items()], wrap=("default",)
    )
