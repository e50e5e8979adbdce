"""The command ``facezoo``.

    app.py        all commands in one table, plugins' commands, one place where errors are told
    options.py    the options that commands share, in groups
    commands.py   from a function with such groups to a command
    screen.py     tables, notes and JSON on a terminal and in a pipe
    listing.py    list, info, pipelines, plugins; folders.py tells what a component directory holds
    steps.py      commands that take a model, as a next step
    doctor.py     doctor
    storage.py    download, cache, import, convert, verify, push
    tasks.py      run, detect, embed, compare, frontalize, transfer
    expressions.py emotion, similar
    manipulating.py manipulate, provenance
    task_options.py the options that only a task has
    walking.py    pictures, folders and videos through a pipeline
    delivering.py results of many pictures as a table, JSON or a file
    telling.py    the one result of a pair, a triplet or a search
    sketching.py  results as pictures and videos; drawing.py draws
    training.py   train; values.py reads a recipe's values from its options
    evaluation.py evaluate
    demo.py       demo; portrait.py draws its picture

Modules here import torch, numpy and Pillow inside functions: listings and --help stay quick.
"""

from __future__ import annotations


def main() -> None:
    """Runs the command line of this process."""
    import sys
    import warnings

    try:
        from facezoo.cli.app import app, short_warning

        warnings.showwarning = short_warning
        app(prog_name="facezoo")
    except KeyboardInterrupt:  # before the first command began
        sys.exit(130)
