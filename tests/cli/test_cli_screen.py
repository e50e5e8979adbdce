"""What a person sees: tables on terminals without room, tables in pipes, and what is written on a picture."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable

import numpy as np
import pytest

from facezoo.cli import screen
from facezoo.cli.drawing import mark
from facezoo.results import Face, Pose, Quantity, Scores

NAMES = ["augmentation.colour_share", "seed", "polynomial_order"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Terminal]:
    """``shown(80)``: standard output is a terminal of so many columns from now on."""

    def of(columns: int) -> Terminal:
        terminal = Terminal()
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys, "stdout", terminal)
        return terminal

    return of


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("default", ["0", "[1.0, 1.0, 1.0, 1.0, 1.0, 1.0]"])
def test_names_are_whole_and_lines_fit(shown: Callable[[int], Terminal], columns: int, default: str) -> None:
    terminal = shown(columns)
    rows = [(name, default, "what it means, told in more words than a line has room for, so it goes on") for name in NAMES]
    screen.table(("value", "default", "meaning"), rows, wrap=("default", "meaning"))
    text = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    assert all(name in text for name in NAMES) and "…" not in text
    assert max(map(len, text.splitlines())) <= columns
    assert "".join(text.split()).count("means") == len(NAMES)


def test_a_pipe_gets_a_line_per_row(cli: Callable[..., object], capsys: pytest.CaptureFixture[str]) -> None:
    screen.table(("plugin", "offers"), [("one", "components: a\nrecipes: b"), ("two", "nothing")], wrap=("offers",))
    assert capsys.readouterr().out.splitlines() == ["plugin  offers", "one     components: a; recipes: b", "two     nothing"]


def drawn(width: int = 200, x0: float = 60.0, **found: object) -> np.ndarray:
    face = Face(box=np.array([x0, 90, x0 + 60, 150], np.float32), score=0.9, **found)  # pyright: ignore[reportArgumentType]
    return mark(np.zeros((200, width, 3), np.uint8), [face])


def test_what_a_head_says_is_written_beside_the_face() -> None:
    plain = drawn()
    said = {
        "pose": drawn(pose=Pose(10.0, -5.0, 0.0)),
        "scores": drawn(scores={"glasses": Scores({"with": 0.9, "without": 0.1})}),
        "values": drawn(values={"age": Quantity(31.0, "years")}),
        "emotions": drawn(emotions=Scores({"happiness": 0.9, "fear": 0.1})),
    }
    heights = {name: int(np.flatnonzero(picture.any(axis=(1, 2)))[0]) for name, picture in said.items()}
    assert all((picture != plain).any() for picture in said.values())
    assert heights["pose"] < heights["scores"]  # three lines stand higher than one
    assert (drawn(values={"age": Quantity(31.0, "years")}) != drawn(values={"age": Quantity(32.0, "years")})).any()


def test_a_wide_label_stays_inside_the_picture() -> None:
    picture = drawn(width=260, x0=190.0, scores={"remark": Scores({"a rather long name": 0.9, "no": 0.1})})
    row = np.flatnonzero(picture[86].any(axis=1))
    assert 0 < row[0] < 150 and row[-1] == 259  # moved to the left as far as it had to be
