"""All commands of ``facezoo`` in one table, the plugins' commands, and the one place where errors are told."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections import Counter
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from facezoo import __version__
from facezoo.cli import (
    datasets,
    demo,
    doctor,
    evaluation,
    expressions,
    listing,
    manipulating,
    screen,
    storage,
    tasks,
    training,
)
from facezoo.cli.commands import Command, Group, flat
from facezoo.cli.options import Shared
from facezoo.errors import FacezooError, PluginError
from facezoo.plugins import discover
from facezoo.specs import CommandSpec, resolve

COMMANDS = {
    "Start here": (demo.demo, doctor.doctor),
    "Look around": (listing.list_, listing.info, listing.pipelines, listing.plugins, datasets.datasets),
    "Work on faces": (
        tasks.detect, tasks.embed, tasks.compare, expressions.emotion, expressions.similar, tasks.frontalize, tasks.transfer,
        manipulating.manipulate, tasks.run, manipulating.provenance,
    ),
    "Weights": (storage.download, storage.import_, storage.convert, storage.verify, storage.push),
    "Training and measuring": (training.train, evaluation.evaluate),
}  # fmt: skip
PLUGINS = "From plugins"


class Zoo(Group):
    """The group behind ``facezoo``. A plugin's command is imported when it is called, not when it is listed.

    A name that is taken already, here or by another plugin, is reached as ``plugin:name``.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        own = super().list_commands(ctx)
        try:
            specs = discover().all(CommandSpec)
        except PluginError:  # FACEZOO_PLUGINS names one that is not there; help still helps, the command will tell
            return own
        taken = Counter([*own, *(spec.name for spec in specs)])
        return own + [spec.name if taken[spec.name] == 1 else f"{spec.plugin}:{spec.name}" for spec in specs]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command; for a plugin's one its line in the help."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in self.list_commands(ctx):
            return own
        spec = discover().get(CommandSpec, cmd_name)
        return TyperCommand(cmd_name, help=spec.summary, rich_help_panel=f"{PLUGINS}: {spec.plugin}")

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and command is not self.commands.get(name or ""):
            command = _plugin_command(discover().get(CommandSpec, name or ""))
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except FacezooError as error:
            screen.fail(error, traceback=ctx.obj is not None and ctx.obj.traceback)
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            screen.stopped()
            raise typer.Exit(130) from error


def _plugin_command(spec: CommandSpec) -> Any:
    """The typer command of a plugin: an app of several commands as it is, a function made into one."""
    target = resolve(spec.target, f"command {spec.name}")
    if isinstance(target, typer.Typer):
        return typer.main.get_command(target)
    own = typer.Typer(add_completion=False, rich_markup_mode="rich")
    own.command(spec.name, help=None if target.__doc__ else spec.summary)(target)
    return typer.main.get_command(own)


app = typer.Typer(
    cls=Zoo,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        screen.say(f"facezoo {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def facezoo(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="No request to any network.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Results and errors only.")] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where an error came from.")] = False,
) -> None:
    """A model zoo for faces: find them, encode them, turn them, move them.

    \b
    First steps:
      facezoo demo                      takes a portrait apart, in one picture
      facezoo list                      the models, and which of them are here
      facezoo detect photo.jpg -o out   the faces of a photograph, drawn
      facezoo COMMAND --help            every command has an example
    """
    ctx.obj = Shared(offline=offline, quiet=quiet, traceback=traceback)
    ctx.obj.apply()
    if ctx.invoked_subcommand is None:
        screen.say(ctx.get_help())


def short_warning(message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
    """facezoo's own warnings as one line for users; those of other libraries as Python prints them."""
    if "facezoo" in filename and issubclass(category, FutureWarning | UserWarning):
        sys.stderr.write(f"Note: {message}\n")
    else:
        (file or sys.stderr).write(warnings.formatwarning(message, category, filename, lineno, line))


def _add(function: Any, panel: str) -> None:
    command = flat(function)
    required = [p for p in inspect.signature(command).parameters.values() if p.name != "ctx" and p.default is p.empty]
    settings = {"ignore_unknown_options": getattr(function, "open_ended", False)}
    name = function.__name__.rstrip("_")
    app.command(name, rich_help_panel=panel, cls=Command, no_args_is_help=bool(required), context_settings=settings)(command)


for _panel, _functions in COMMANDS.items():
    for _function in _functions:
        _add(_function, _panel)
app.add_typer(storage.cache, name="cache", cls=Group, rich_help_panel="Weights")
