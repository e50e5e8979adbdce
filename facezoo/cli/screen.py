"""What a person or a program reads: tables, notes and JSON.

Results go to standard output, everything else to standard error. A terminal gets tables that fit it; a pipe gets the
same rows as plain text, one line each and nothing cut off.
"""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
import traceback as tracebacks
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facezoo.cli.options import Shared

NONE = "–"
NARROWEST = 8  # columns that a cell which goes on below keeps on a terminal without room


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, wrap: Sequence[str] = ()) -> None:
    """Prints rows. On a terminal a last column that is too long ends in "…"; those in ``wrap`` go on below."""
    cells = [[NONE if value is None or value == "" else str(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        _plain(columns, cells)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    widths = _widths(columns, cells, wrap, console.width - 3 * (len(columns) - 1))
    for index, (column, width) in enumerate(zip(columns, widths, strict=True)):
        folds = column in wrap
        style = "" if index else "bold"
        kept = width if folds or index < len(columns) - 1 else None  # a name is never cut; a last column may be
        grid.add_column(
            column, overflow="fold" if folds else "ellipsis", no_wrap=not folds, width=width, min_width=kept, style=style
        )
    for row in cells:
        grid.add_row(*(Text(cell) for cell in row))
    console.print(grid)


def _widths(columns: Sequence[str], cells: Sequence[Sequence[str]], wrap: Sequence[str], room: int) -> list[int]:
    """Widths of columns: what their cells need; the flexible ones (``wrap``, else the last) share what is left.

    Of these the narrow ones get what they need first, so that only the widest give way.
    """
    lines = [list(columns), *cells]
    widths = [max(len(part) for line in lines for part in line[i].splitlines() or [""]) for i in range(len(columns))]
    flexible = [i for i, column in enumerate(columns) if column in wrap] or [len(columns) - 1]
    left = room - sum(width for i, width in enumerate(widths) if i not in flexible)
    for rank, i in enumerate(sorted(flexible, key=lambda i: widths[i])):
        widths[i] = min(widths[i], max(NARROWEST, left // (len(flexible) - rank)))
        left -= widths[i]
    return widths


def _plain(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [list(columns), *([cell.replace("\n", "; ") for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def facts(pairs: Mapping[str, Any]) -> None:
    """Prints names and values below each other; long values go on in their own column."""
    pairs = {name: value for name, value in pairs.items() if value not in (None, "", [], ())}
    width = max(map(len, pairs), default=0)
    for name, value in pairs.items():
        first, *rest = [line for part in str(value).splitlines() for line in _wrapped(part, width + 2)]
        say(f"{_bold(name.ljust(width), sys.stdout)}  {first}")
        for line in rest:
            say(" " * (width + 2) + line)


def _wrapped(text: str, indent: int) -> list[str]:
    """A text in lines of the terminal's width; whole in a pipe."""
    if not sys.stdout.isatty():
        return [text]
    room = max(30, shutil.get_terminal_size().columns - indent)
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def say(text: str = "") -> None:
    """One line of result."""
    sys.stdout.write(text + "\n")


def note(text: str, shared: Shared) -> None:
    """A remark on standard error, unless --quiet."""
    if not shared.quiet:
        _paragraph(text, sys.stderr)


def dump(value: Any) -> None:
    """A result as JSON."""
    say(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=str))


def fail(error: BaseException, *, traceback: bool) -> None:
    """An error as one paragraph on standard error, below its traceback if that is wanted."""
    if traceback:
        tracebacks.print_exception(error, file=sys.stderr)
    notes: list[str] = getattr(error, "__notes__", [])
    text = " ".join(" ".join([str(error), *notes]).split()) or type(error).__name__
    _paragraph(f"{_bold('Error:', sys.stderr, colour='31')} {text}", sys.stderr)


def stopped() -> None:
    """The one line after Ctrl-C."""
    start = "\n" if sys.stderr.isatty() else ""  # the terminal has shown ^C
    sys.stderr.write(f"{start}Stopped. Files that were finished are whole; the one in the making was not kept.\n")


def _paragraph(text: str, stream: Any) -> None:
    if stream.isatty():
        columns = shutil.get_terminal_size().columns
        text = "\n".join(
            textwrap.fill(line, columns, break_long_words=False, break_on_hyphens=False) for line in text.splitlines()
        )
    stream.write(text + "\n")


def _bold(text: str, stream: Any, colour: str = "") -> str:
    return f"\x1b[1{';' + colour if colour else ''}m{text}\x1b[0m" if stream.isatty() else text


def size(count: float) -> str:
    """Bytes as a person says them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError  # the loop ends in GB
