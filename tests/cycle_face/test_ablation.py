"""``facezoo ablate cycle-face``: the grid, what each cell is trained with, resumption, and the paper's rows as the paper's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from facezoo.errors import InputError
from facezoo.evaluation import Measurement, Report, System
from facezoo_cycle_face import ablation
from facezoo_cycle_face.ablation import PAPER, Cell, Plan, ablate, as_markdown
from tests import madeup
from tests.cli.conftest import cli as cli  # a fixture is found by its name in here


class Work:
    """In place of training and measuring: remembers what was asked for. ``fails``: the cell whose training is killed."""

    def __init__(self) -> None:
        self.trained: list[tuple[str, str, dict[str, str]]] = []
        self.fails = ""

    def run(self, recipe: str, data: str, folder: Path, *, resume: bool, settings: list[str], quiet: bool) -> Path:
        assert recipe == "cycle-face-expression" and resume
        if folder.parent.name == self.fails:
            raise KeyboardInterrupt
        self.trained.append((folder.parent.name, data, dict(setting.split("=", 1) for setting in settings)))
        folder.mkdir(parents=True)
        return folder / "model"

    def evaluate(self, protocol: str, data: str, models: list[str], **chosen: Any) -> Report:
        accuracy = Measurement(name="accuracy", value=40.0 + len(self.trained), interval=(30.0, 60.0), count=21)
        other = Measurement(name="fear", value=5.0, group="accuracy by class", count=3)
        system = System(name=models[0], kind="model", measurements=(accuracy, other))
        return Report(protocol=protocol, task="", dataset="", summary="", splits=(), systems=(system,))


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    made = Work()
    monkeypatch.setattr(ablation, "run", made.run)
    monkeypatch.setattr(ablation, "evaluate", made.evaluate)
    return made


def plan(**values: Any) -> Plan:
    return Plan(**{"data": {"vox1": "A", "vox1+2": "B"}, "measured_on": "C", **values})


def test_every_cell_of_the_grid_is_trained_with_its_own_values_and_measured(work, tmp_path) -> None:
    told: list[str] = []
    rows = ablate(plan(settings=("epochs=3",)), tmp_path / "out", told=told.append)
    assert [name for name, *_ in work.trained] == [
        f"{data}-{size}-{transform}" for data in ("vox1", "vox1+2") for size in (64, 128) for transform in ("frames", "flip")
    ]
    for name, data, values in work.trained:
        assert data == ("B" if "+2" in name else "A") and values["epochs"] == "3" and values["model.stage"] == "expression"
        assert values["model.image_size"] == ("128" if "128" in name else "64")
        assert values["flip_share"] == ("1.0" if "flip" in name else "0.0")
    assert [row.found.value for row in rows] == [41.0 + i for i in range(8)]
    assert told[:2] == ["vox1-64-frames: training", "vox1-64-frames: measuring by rafdb-linear"]
    facts = json.loads((tmp_path / "out" / "ablation.json").read_text())
    assert facts["cells"][0]["paper"] == 66.63 and facts["cells"][0]["measured"]["value"] == 41.0
    assert (tmp_path / "out" / facts["cells"][7]["report"]).is_file()


def test_a_killed_ablation_goes_on_and_measured_cells_are_not_touched_again(work, tmp_path) -> None:
    work.fails = "vox1-128-frames"
    with pytest.raises(KeyboardInterrupt):
        ablate(plan(), tmp_path / "out")
    assert len(work.trained) == 2
    assert len(json.loads((tmp_path / "out" / "ablation.json").read_text())["cells"]) == 2
    work.fails = ""
    rows = ablate(plan(), tmp_path / "out")
    assert len(rows) == len(work.trained) == 8
    assert ablate(plan(), tmp_path / "out") == rows and len(work.trained) == 8


def test_another_plan_and_a_folder_of_something_else_are_refused(work, tmp_path) -> None:
    ablate(plan(sizes=(64,), transforms=("flip",)), tmp_path / "out")
    with pytest.raises(InputError, match=r"began with another plan: sizes was \[64\], now \[64, 128\]"):
        ablate(plan(transforms=("flip",)), tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(InputError, match="mine is not empty and holds no ablation"):
        ablate(plan(), tmp_path / "mine")
    (tmp_path / "out" / "ablation.json").write_text("{")
    with pytest.raises(InputError, match="ablation.json is damaged"):
        ablate(plan(), tmp_path / "out")


def test_another_figure_is_compared_if_it_is_asked_for(work, tmp_path) -> None:
    wanted = plan(sizes=(64,), transforms=("flip",), figure="accuracy by class, fear (%)")
    assert ablate(wanted, tmp_path / "out")[0].found.value == 5.0
    with pytest.raises(InputError, match=r"gives no figure 'yaw MAE'; it gives accuracy \(%\), accuracy by class, fear"):
        ablate(wanted.model_copy(update={"figure": "yaw MAE"}), tmp_path / "other")
    assert ablate(wanted, tmp_path / "other")[0].found.value == 5.0
    assert [name for name, *_ in work.trained] == ["vox1-64-flip", "vox1+2-64-flip"] * 2, "no cell is trained again for it"


def test_the_papers_numbers_stand_beside_and_below_as_the_papers(work, tmp_path) -> None:
    rows = ablate(plan(data={"mine": "A", "vox1": "B"}, sizes=(64,)), tmp_path / "out")
    lines = as_markdown(rows).splitlines()
    assert (tmp_path / "out" / "ablation.md").read_text().splitlines() == lines
    assert lines[0].endswith("| the paper's, on RAF-DB (%) |")
    assert lines[2] == "| mine | 64 | frames | 41.00 [30.00, 60.00] | 21 | – |"
    assert lines[4] == "| vox1 | 64 | frames | 43.00 [30.00, 60.00] | 21 | 66.63 |" and lines[5].endswith("| 63.52 |")
    assert lines[6:] == [
        "| vox1, the paper's | 128 | frames | – | – | 64.05 |",
        "| vox1+2, the paper's | 64 | frames | – | – | 71.01 |",
    ]
    assert sorted(PAPER.values()) == [63.52, 64.05, 66.63, 71.01] and Cell("vox1+2", 64, "frames").paper == 71.01


def test_the_command_trains_measures_and_prints_the_table(cli, tmp_path) -> None:
    frames = madeup.person_folders(tmp_path / "frames", ("train",), 2, 4, size=32)
    emotions = madeup.emotion_folders(tmp_path / "emotions", ("train", "test"), 2, size=32)
    small = ("epochs=1", "batch_size=2", "perceptual=off", "model.width=0.05", "model.trunk=trained")
    arguments = ["ablate", "cycle-face", "--data", f"tiny={frames}", "--size", 64, "--transform", "flip", "--device", "cpu"]
    arguments += [word for value in small for word in ("--set", value)]
    arguments += ["--protocol", "emotion-linear", "--value", "rounds=5", "--value", "penalty=1", "--measured-on", emotions]
    done = cli(*arguments, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert "| tiny | 64 | flip | " in done.stdout and "tiny-64-flip: training" in done.stderr
    assert "flip_share: 1.0" in (tmp_path / "out" / "tiny-64-flip" / "run" / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "vox1=."], "An ablation needs --data NAME=DIR, --measured-on DIR and -o DIR"),
        (["--data", "VoxCeleb1"], "--data takes NAME=DIR, each name once, such as vox1=VoxCeleb1; not 'VoxCeleb1'"),
        (["--data", "a=.", "--data", "a=."], "each name once"),
        (["--data", "a=gone"], "There is no folder gone; --data a=… names training data"),
        (["--data", "a=.", "--protocol", "rafdb-liner"], "Did you mean rafdb-linear"),
        (["--data", "a=."], "EmoLabel/list_patition_label.txt"),
        (["--data", "a=.", "--value", "penalti=1"], "close to it is penalty"),
        (["--data", "a=.", "--size", "100"], "--size 100: Input should be 64 or 128"),
        (["--data", "a=.", "--transform", "turn"], "--transform 'turn': Input should be 'frames', 'flip' or 'mixed'"),
    ],
)
def test_the_command_says_what_is_wrong(cli, tmp_path, monkeypatch, words, message) -> None:
    monkeypatch.chdir(tmp_path)
    rest = ["--measured-on", ".", "-o", "out"] if words != ["--data", "vox1=."] else []
    done = cli("ablate", "cycle-face", *words, *rest)
    assert done.exit_code == 1 and message in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()
