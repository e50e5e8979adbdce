"""Every `facezoo …` line of the documents is understood: commands, options and numbers of arguments exist."""

from __future__ import annotations

import re
import shlex

import pytest
import typer

from facezoo.cli.app import app
from tests.conftest import ROOT

LINES = [
    (page.name, line)
    for page in sorted((*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")))
    for block in re.findall(r"```(?:console|bash|sh)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for line in re.findall(r"^\$?\s*(?:\.venv/bin/)?facezoo ([^\n]*)$", block, re.MULTILINE)
]


@pytest.mark.parametrize(("page", "line"), LINES, ids=[f"{page}: {line}" for page, line in LINES])
def test_documented_commands_parse(page: str, line: str) -> None:
    command = typer.main.get_command(app)
    arguments = shlex.split(line, comments=True)
    context = command.make_context("facezoo", [])
    while arguments and hasattr(command, "commands"):
        # raises a usage error for a name that is not there; plugins' commands are found like the core's
        _, command, arguments = command.resolve_command(context, arguments)  # pyright: ignore[reportAttributeAccessIssue]
    command.make_context(command.name, arguments, parent=context)  # raises a usage error


def test_there_are_documents_to_check() -> None:
    assert len(LINES) > 20
