"""``facezoo train``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from facezoo.cli import screen, steps, values
from facezoo.cli.options import COMPUTE, Shared
from facezoo.errors import FacezooError, InputError
from facezoo.plugins import discover
from facezoo.specs import RecipeSpec, resolve

OWN = ("--data", "--output", "--resume", "--config", "--set", "--values", "--device", "--batch-size")


Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="RECIPE [--VALUE ...]", help="How to train, and any of the recipe's values as an option."),
]
Data = Annotated[Path | None, typer.Option(metavar="PATH", help="Folder or file of the training data.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="DIR", help="Folder for checkpoints, curves and the model.")
]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="YAML file of the recipe's values.")]
Setting = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One of the recipe's values; may be repeated.")
]
Show = Annotated[
    bool, typer.Option("--values", help="Show the recipe's values, their defaults and meanings, and do not train.")
]
Device = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.", show_default="the recipe's", rich_help_panel=COMPUTE),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size", "-b", metavar="N", help="Examples per step.", show_default="the recipe's", rich_help_panel=COMPUTE
    ),
]


def train(
    words: Words = None,
    data: Data = None,
    output: Output = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the output folder.")] = False,
    config: Config = None,
    setting: Setting = None,
    show: Show = False,
    device: Device = None,
    batch_size: BatchSize = None,
    *,
    shared: Shared,
) -> None:
    """Train a model by a recipe. Without one: the list of recipes.

    Every value of the recipe is an option too: --epochs 20, --rate=1e-3, --hinge for true, --no-noise for false,
    --weights.edges 1.0 for one inside another, and again for one more entry of a list.

    Ctrl-C writes a checkpoint; the same command with --resume goes on from there.

    \b
    Examples:
      facezoo train
      facezoo train cycle-face-expression --values
      facezoo train cycle-face-expression --data faces -o run --epochs 20
      facezoo train cycle-face-expression --data faces -o run --resume
    """
    if not words:
        _list(shared)
        return
    recipe, *rest = words
    if recipe.startswith("-"):
        raise values.WrongUsage(f"The recipe comes before its values: facezoo train RECIPE {recipe} …")
    spec = discover().get(RecipeSpec, recipe)
    more = values.settings_of(resolve(spec.config, f"recipe {spec.name}"), rest, spec.name, OWN) if rest else []
    if show:
        _show_values(spec, shared)
        return
    if data is None or output is None:
        raise InputError(
            f"Training needs --data PATH and --output DIR. `facezoo train {recipe} --values` shows what can be set."
        )
    if not data.exists():
        raise InputError(f"There is no folder or file {data}; --data names the training data.")
    chosen = {"device": device, "batch_size": batch_size}
    more += [f"{key}={json.dumps(value)}" for key, value in chosen.items() if value is not None]
    _train(spec, data, output, shared, resume=resume, config=config, settings=[*(setting or ()), *more])


train.open_ended = True  # type: ignore[attr-defined]  # options that only the recipe knows are left to this function


def _train(spec: RecipeSpec, data: Path, output: Path, shared: Shared, **options: Any) -> None:
    from facezoo.training import run
    from facezoo.training.checkpoints import found

    if options["resume"] and not (output / "config.yaml").is_file():
        screen.note(f"There is no run in {output} to go on with, so it begins here.", shared)
    before = found(output / "checkpoints")
    try:
        model = run(spec, data, output, quiet=shared.quiet, **options)
    except (KeyboardInterrupt, FacezooError):
        if found(output / "checkpoints") != before:
            screen.note(f"\nA checkpoint is in {output}; go on with the same command and --resume.", shared)
        raise
    if shared.json:
        screen.dump({"model": str(model)})
    else:
        screen.say(f"Trained: {model}")
        if not shared.quiet:
            screen.note(f"Next: {steps.next_command(f'dir:{model}')}, or facezoo push {model} ORG/NAME", shared)


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
    if shared.json:
        screen.dump(values.defaults(kind))
        return
    screen.table(("value", "default", "meaning"), values.rows(kind), wrap=("default", "meaning"))
