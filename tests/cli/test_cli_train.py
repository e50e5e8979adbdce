"""``facezoo train``: every value of a recipe is an option, wrong ones are wrong usage, and data may be a file."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict

from facezoo.cli.values import WrongUsage, meanings, rows, settings_of
from facezoo.errors import InputError
from facezoo.plugins import Plugin, Plugins
from facezoo.specs import RecipeSpec, resolve
from facezoo.training import TrainingConfig, read_config
from tests.conftest import ROOT


class Inner(BaseModel):
    """Nested values.

    Attributes:
        strength: how much, in a line
            that goes on.
    """

    model_config = ConfigDict(extra="forbid")

    strength: float = 1.0
    silent: bool = False


class Values(TrainingConfig):
    """Values of every sort.

    Attributes:
        encoder: an id,
            or a folder.
        rate: of learning.
    """

    encoder: str
    view: str | None = None
    rate: float = 0.1
    hinge: bool = False
    noise: bool = True
    regression: Literal["ridge", "no"] = "ridge"
    columns: tuple[str, ...] = ()
    range: tuple[float, float] = (0.0, 1.0)
    rates: dict[int, float] = {}
    folder: Path | None = None
    inner: Inner = Inner()


def read(*words: str) -> dict[str, Any]:
    """What a recipe gets to see of words on the command line, other than its defaults."""
    return read_config(Values, {"encoder": "x"}, settings_of(Values, words, "made-up")).model_dump(exclude_defaults=True)


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["--encoder", "cycle-face-nano", "--view", "features"], {"encoder": "cycle-face-nano", "view": "features"}),
        (["--encoder=dir:/a=b", "--rate=-0.5"], {"encoder": "dir:/a=b", "rate": -0.5}),
        (["--rate", "-0.5"], {"rate": -0.5}),
        (["--rate", "-.5e-3"], {"rate": -0.0005}),
        (["--rate", "1e-3"], {"rate": 0.001}),
        (["--hinge"], {"hinge": True}),
        (["--hinge", "--rate", "2"], {"hinge": True, "rate": 2.0}),
        (["--no-noise", "--hinge", "true"], {"noise": False, "hinge": True}),
        (["--noise=false"], {"noise": False}),
        (["--batch-size", "4", "--max_steps", "9"], {"batch_size": 4, "max_steps": 9}),
        (["--encoder", "007", "--view", "2026-01-02"], {"encoder": "007", "view": "2026-01-02"}),
        (["--view", "none"], {}),
        (["--regression", "no"], {"regression": "no"}),
        (["--columns", "yaw"], {"columns": ("yaw",)}),
        (["--columns", "yaw", "--columns=1", "--rate", "1", "--rate", "3"], {"columns": ("yaw", "1"), "rate": 3.0}),
        (["--columns", "[yaw, pitch]", "--range", "-1", "--range", "0.5"], {"columns": ("yaw", "pitch"), "range": (-1, 0.5)}),
        (["--rates", "{0: 0.1, 5: 0.01}"], {"rates": {0: 0.1, 5: 0.01}}),
        (["--rates.7", "0.5"], {"rates": {7: 0.5}}),
        (["--folder", "a b/c: d"], {"folder": Path("a b/c: d")}),
        (["--inner.strength", "3", "--inner.silent"], {"inner": {"strength": 3.0, "silent": True}}),
        (["--encoder", "ünï"], {"encoder": "ünï"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_any_value_may_be_given_as_an_option(words: list[str], values: dict[str, Any]) -> None:
    assert {name: value for name, value in read(*words).items() if (name, value) != ("encoder", "x")} == values


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--encodr", "x"], "made-up has no value --encodr. Did you mean --encoder?"),
        (["--inner.strenght", "x"], "Did you mean --inner.strength"),
        (["--ouput", "x"], "Did you mean --output?"),
        (["--rate"], "--rate wants a value"),
        (["--rate", "--hinge"], "--rate wants a value"),
        (["--no-rate"], "no value --no-rate"),
        (["--hinge", "maybe"], "'maybe' belongs to no option"),
        (["-x"], "There is no option -x"),
        (["--"], "There is no option --"),
        (["--encoder.size", "3"], "no value --encoder.size"),
    ],
)
def test_what_the_recipe_does_not_have_is_wrong_usage(words: list[str], told: str) -> None:
    with pytest.raises(WrongUsage) as error:
        settings_of(Values, words, "made-up", ("--output", "--data"))
    assert told in error.value.message


def test_values_are_explained_by_the_docstrings() -> None:
    told = {name: (default, meaning) for name, default, meaning in rows(Values)}
    assert told["encoder"] == ("required", "an id, or a folder.") and told["rate"] == ("0.1", "of learning.")
    assert told["inner.strength"] == ("1.0", "how much, in a line that goes on.") and told["hinge"] == ("false", "")
    assert told["seed"][1] == meanings(TrainingConfig)["seed"] != ""
    assert set(TrainingConfig.model_fields) <= set(meanings(TrainingConfig))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A recipe ``made-up`` with ``Values``; what it would have been started with."""
    seen: dict[str, Any] = {}

    def run(spec: Any, data: Path, output: Path, **options: Any) -> Path:
        seen.update(options, data=data, output=output)
        return output / "model"

    monkeypatch.setitem(sys.modules, "made_up_recipe", sys.modules[__name__])
    spec = RecipeSpec(name="made-up", target="made_up_recipe:Recipe", config="made_up_recipe:Values", summary="", plugin="p")
    monkeypatch.setattr("facezoo.cli.training.discover", lambda: Plugins((Plugin("p", "made_up_recipe", "p", "1", (spec,)),)))
    monkeypatch.setattr("facezoo.training.run", run)
    return seen


def test_the_recipes_options_go_among_those_of_the_command(
    cli: Callable[..., Any], started: dict[str, Any], tmp_path: Path
) -> None:
    table = tmp_path / "faces.csv"
    table.touch()
    words = [
        "made-up",
        "--encoder",
        "x",
        "--data",
        table,
        "--hinge",
        "-o",
        tmp_path / "run",
        "--set",
        "epochs=2",
        "--rate",
        "-1",
    ]
    result = cli("train", *words, "--seed=4", "--device", "cpu", "-q")
    assert result.exit_code == 0, result.stderr
    assert started["data"] == table and started["output"] == tmp_path / "run" and started["quiet"]
    config = read_config(Values, None, started["settings"])
    assert (config.encoder, config.hinge, config.rate, config.seed) == ("x", True, -1.0, 4)
    assert (config.epochs, config.device) == (2, "cpu")


def test_wrong_values_exit_with_2_before_anything_is_trained(
    cli: Callable[..., Any], started: dict[str, Any], tmp_path: Path
) -> None:
    result = cli("train", "made-up", "--encodr", "x", "--data", tmp_path, "-o", tmp_path / "run")
    assert result.exit_code == 2 and "--encoder" in result.stderr and not started
    assert cli("train", "--encoder", "x", "made-up").exit_code == 2
    missing = cli("train", "made-up", "--encoder", "x", "--data", tmp_path / "none.csv", "-o", tmp_path / "run")
    assert missing.exit_code == 1 and "none.csv" in missing.stderr and not started


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("encodr=x", "no value encodr; close to it is encoder"),
        ("inner.strenght=1", "no value inner.strenght; close to it is inner.strength"),
        ("inner.zzz=1", "no value inner.zzz; in inner there are silent, strength."),
        ("zzz=1", "no value zzz; there are batch_size, "),
    ],
)
def test_unknown_names_of_set_are_told_with_close_ones(setting: str, told: str) -> None:
    with pytest.raises(InputError) as error:
        read_config(Values, {"encoder": "x"}, [setting])
    assert told in str(error.value) and "Extra inputs" not in str(error.value)


@pytest.mark.parametrize(("error", "code"), [(InputError("0005.jpg is damaged."), 1), (KeyboardInterrupt(), 130)])
def test_a_run_that_breaks_off_tells_of_its_checkpoint_if_it_wrote_one(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    step = tmp_path / "run" / "checkpoints" / "step-00000007"

    def broken(*_: Any, **options: Any) -> None:
        if not options["resume"]:
            step.mkdir(parents=True)
            for name in ("state.json", "tensors.safetensors"):
                (step / name).touch()
        raise error

    monkeypatch.setattr("facezoo.training.run", broken)
    words = ("train", "cycle-face-expression", "--data", str(tmp_path), "--output", str(tmp_path / "run"))
    first, second = cli(*words), cli(*words, "--resume")
    assert first.exit_code == second.exit_code == code
    assert "A checkpoint is in" in first.stderr and "--resume" in first.stderr and str(error) in first.stderr
    assert "A checkpoint is in" not in second.stderr


def test_values_are_listed_with_their_meanings(cli: Callable[..., Any], started: dict[str, Any]) -> None:
    listed = cli("train", "made-up", "--values").stdout
    assert "of learning." in listed and "inner.strength" in listed and "required" in listed
    values = json.loads(cli("train", "made-up", "--values", "--json").stdout)
    assert values["encoder"] is None and values["rate"] == 0.1 and values["inner"] == {"strength": 1.0, "silent": False}


LINES = [
    line
    for page in sorted((*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")))
    for block in re.findall(r"```(?:console|bash|sh)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for line in re.findall(r"^\$?\s*(?:\.venv/bin/)?facezoo train ([a-z][^\n]*)$", block, re.MULTILINE)
]


@pytest.mark.parametrize("line", LINES)
def test_documented_values_exist(cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """Every value in a line of the documents is one of its recipe's, and fits."""

    def run(spec: RecipeSpec, data: Path, output: Path, **options: Any) -> Path:
        config = resolve(spec.config, "test")
        read_config(config, options["config"], options["settings"])
        return output

    monkeypatch.setattr("facezoo.training.run", run)
    monkeypatch.setattr(Path, "exists", lambda path: True)
    result = cli("train", *shlex.split(line, comments=True))
    assert result.exit_code == 0, result.stderr
