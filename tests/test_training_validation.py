"""Validations of a run: when they come, what they decide, and that a kill anywhere changes none of it; closed forms."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from facezoo.errors import InputError, PluginError
from facezoo.training import Recipe, TrainingConfig, checkpoints, train
from facezoo.training.validation import Validation, Validations


class Stopped(Exception):
    """Stands for a kill: nothing of the process is left but what is on the disk."""


class Fit(Recipe):
    """Fits y = 2x, with noise, dropout and a batch norm; validates by a figure that is best in the middle of a run."""

    best_by = ("closeness", "max")
    goal, stop_at, calls = 1.0, (), 0

    def __init__(self, config: TrainingConfig, data: Path) -> None:
        super().__init__(config, data)
        self.layer = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1), nn.Dropout(0.1), nn.Linear(1, 1))

    def dataset(self) -> Any:
        return [{"x": torch.tensor([float(i)])} for i in range(8)]

    def modules(self) -> dict[str, nn.Module]:
        return {"layer": self.layer}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"fit": torch.optim.Adam(self.layer.parameters(), lr=0.05)}

    def losses(self, batch: Any, turn: str, moment: Any) -> dict[str, torch.Tensor]:
        self.halt()
        noise = torch.randn(batch["x"].shape, generator=moment.generator)
        return {"fit": (self.layer(batch["x"]) - 2 * batch["x"] + 0.1 * noise).square().mean()}

    def validate(self) -> dict[str, float]:
        self.halt()
        assert not self.layer.training and not torch.is_grad_enabled()
        value = float(self.layer(torch.tensor([[3.0]]))) + 1e-3 * float(torch.rand(()))
        return {"closeness": -abs(value - self.goal), "value": value}

    def halt(self) -> None:
        type(self).calls += 1
        if self.calls in self.stop_at:
            raise Stopped

    def export(self, directory: Path, record: Any) -> None:
        directory.mkdir(exist_ok=True)
        weights = {name: tensor.tolist() for name, tensor in self.layer.state_dict().items()}
        facts = {"steps": record.steps, "exported": record.exported_step, "figures": record.figures}
        (directory / "model.json").write_text(json.dumps([weights, facts]))
        (directory / "README.md").write_text(record.as_markdown())


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    Fit.calls, Fit.stop_at = 0, ()
    yield
    Fit.calls, Fit.stop_at = 0, ()


def config(**values: Any) -> TrainingConfig:
    return TrainingConfig(**{"device": "cpu", "batch_size": 2, "epochs": 6, "ema": 0.9, "checkpoint_every": 3, **values})


def fit(output: Path, recipe: type[Recipe] = Fit, resume: bool = False, **values: Any) -> Path:
    return train("fit", recipe, config(**values), Path("data"), output, resume=resume, quiet=True)


def lines(output: Path, name: str = "validation.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / name).read_text().splitlines()]


def left(output: Path) -> tuple[str, str, str]:
    """All that must not depend on whether a run was killed."""
    return tuple((output / name).read_text() for name in ("losses.jsonl", "validation.jsonl", "model/model.json"))  # type: ignore[return-value]


def exported(output: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    return tuple(json.loads((output / "model" / "model.json").read_text()))  # type: ignore[return-value]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("runs") / "whole"
    fit(output)
    return output


def test_every_so_many_epochs_and_after_the_last(tmp_path: Path, whole: Path) -> None:
    assert [(v["step"], v["epoch"]) for v in lines(whole)] == [(4 * e, e) for e in range(1, 7)]
    fit(tmp_path / "some", validate_every=4)
    assert [v["epoch"] for v in lines(tmp_path / "some")] == [4, 6]
    fit(tmp_path / "none", validate_every=0)
    assert not (tmp_path / "none" / "validation.jsonl").exists()
    losses = [lines(output, "losses.jsonl") for output in (whole, tmp_path / "some", tmp_path / "none")]
    assert losses[0] == losses[1] == losses[2]  # looking changes nothing


def test_the_weights_of_the_best_validation_are_exported_and_the_card_says_so(whole: Path, tmp_path: Path) -> None:
    weights, facts = exported(whole)
    best = max(lines(whole), key=lambda v: v["figures"]["closeness"])
    assert facts == {"steps": 24, "exported": best["step"], "figures": best["figures"]}
    assert best["step"] < 24, "the example is to be best before its end"
    fit(tmp_path / "shorter", max_steps=best["step"])
    assert exported(tmp_path / "shorter")[0] == weights
    card = (whole / "model" / "README.md").read_text()
    assert f"after step {best['step']}, the best in validation" in card
    assert f"closeness {best['figures']['closeness']:.4g}" in card


def test_without_a_deciding_figure_the_last_weights_are_exported(tmp_path: Path) -> None:
    class Last(Fit):
        best_by = None

    fit(tmp_path / "run", Last)
    assert exported(tmp_path / "run")[1]["exported"] == 24
    assert exported(tmp_path / "run")[1]["figures"] == lines(tmp_path / "run")[-1]["figures"]


@pytest.mark.parametrize("best_by", ["max", "min"])
def test_patience_ends_a_run_and_the_end_is_the_same_after_a_resumption(tmp_path: Path, best_by: Any) -> None:
    class Patient(Fit):
        def validate(self) -> dict[str, float]:
            return {name: value if best_by == "max" else -value for name, value in super().validate().items()}

    Patient.best_by = ("closeness", best_by)
    fit(tmp_path / "run", Patient, epochs=40, patience=2)
    made = lines(tmp_path / "run")
    sign = 1 if best_by == "max" else -1
    best = max(range(len(made)), key=lambda i: sign * made[i]["figures"]["closeness"])
    assert len(made) == best + 3 < 40
    assert exported(tmp_path / "run")[1] == {
        "steps": 4 * len(made), "exported": made[best]["step"], "figures": made[best]["figures"]
    }  # fmt: skip
    before = left(tmp_path / "run")
    fit(tmp_path / "run", Patient, resume=True, epochs=40, patience=2)
    assert left(tmp_path / "run") == before


@pytest.mark.parametrize(
    ("stop", "every"),
    [(1, 3), (5, 3), (5, 4), (6, 4), (14, 3), (15, 2), (16, 4), (25, 5), (29, 4), (30, 4)],
)
def test_a_run_killed_anywhere_ends_like_an_unbroken_one(tmp_path: Path, whole: Path, stop: int, every: int) -> None:
    """24 steps and 6 validations, the 5th, 10th … of 30 calls; checkpoints on the ends of epochs, and not."""
    Fit.stop_at = (stop,)
    with pytest.raises(Stopped):
        fit(tmp_path / "run", checkpoint_every=every)
    fit(tmp_path / "run", resume=True, checkpoint_every=every)
    assert left(tmp_path / "run") == left(whole)


class Hesitant(torch.optim.Adam):
    """Ctrl-C comes when the weights have had their seventh step and nobody has counted it yet."""

    def step(self, closure: Any = None) -> Any:
        done = super().step(closure)
        if self.state[self.param_groups[0]["params"][0]]["step"] == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return done


def test_ctrl_c_waits_for_the_end_of_a_step(tmp_path: Path, whole: Path) -> None:
    class Interrupted(Fit):
        def optimizers(self) -> dict[str, torch.optim.Optimizer]:
            return {"fit": Hesitant(self.layer.parameters(), lr=0.05)}

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "run", Interrupted)
    assert checkpoints.found(tmp_path / "run" / "checkpoints")[-1].name == "step-00000007"
    fit(tmp_path / "run", resume=True)
    assert left(tmp_path / "run") == left(whole)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


KILLED = """
import os, signal, sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from tests.test_training_validation import Fit, fit
class Killed(Fit):
    def halt(self):
        type(self).calls += 1
        if type(self).calls == 25:  # the fifth validation: the epoch is over and its checkpoint written
            os.kill(os.getpid(), signal.SIGKILL)
fit(Path(sys.argv[1]), Killed, checkpoint_every=4)
"""


def test_a_kill_between_an_epochs_end_and_its_validation(tmp_path: Path, whole: Path) -> None:
    root = str(Path(__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "run"), root], env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == -signal.SIGKILL
    assert checkpoints.found(tmp_path / "run" / "checkpoints")[-1].name == "step-00000020"
    assert len(lines(tmp_path / "run")) == 4
    fit(tmp_path / "run", resume=True, checkpoint_every=4)
    assert left(tmp_path / "run") == left(whole)


def test_a_run_that_stopped_within_an_epoch_has_no_validation_there(tmp_path: Path, whole: Path) -> None:
    fit(tmp_path / "run", max_steps=10)
    assert [v["step"] for v in lines(tmp_path / "run")] == [4, 8]
    fit(tmp_path / "run", resume=True)
    assert left(tmp_path / "run") == left(whole)


def test_a_finished_run_that_is_resumed_is_left_as_it_is(tmp_path: Path) -> None:
    fit(tmp_path / "run", checkpoint_every=1000)  # the only checkpoint is made at the end, after the last validation
    before = left(tmp_path / "run")
    fit(tmp_path / "run", resume=True, checkpoint_every=1000)
    assert left(tmp_path / "run") == before


def test_a_tie_keeps_the_earlier_and_what_is_no_number_is_never_best() -> None:
    layer = nn.Linear(1, 1, bias=False)
    seen = Validations({"layer": layer}, ("score", "max"), patience=3)
    with torch.no_grad():
        for step, score in enumerate((math.nan, 1.0, 2.0, 2.0, math.nan, 1.5)):
            layer.weight.fill_(step)
            assert not seen.exhausted
            seen.add(Validation(step, step, {"score": score}))
    assert seen.best is seen.history[2] and seen.exhausted
    assert seen.weights is not None and seen.weights["layer"]["weight"].item() == 2
    assert layer.weight.item() == 5
    again = Validations({"layer": layer}, ("score", "max"), patience=3)
    again.load_state_dict(seen.state_dict())
    assert again.exhausted and again.best is not None and again.best.step == 2


def test_what_cannot_be_decided_says_why(tmp_path: Path) -> None:
    class Nameless(Fit):
        best_by = None

    class Misnamed(Fit):
        best_by = ("accuracy", "max")

    with pytest.raises(InputError, match="fit does not say which figure"):
        fit(tmp_path / "nameless", Nameless, patience=2)
    with pytest.raises(PluginError, match="'accuracy'.*closeness, value"):
        fit(tmp_path / "misnamed", Misnamed)


def test_where_nothing_is_validated_nothing_is_counted(tmp_path: Path) -> None:
    class Blind(Fit):
        def validate(self) -> dict[str, float]:
            return {}

    for name, recipe, every in (("blind", Blind, 1), ("never", Fit, 0)):
        fit(tmp_path / name, recipe, patience=1, validate_every=every)
        assert exported(tmp_path / name)[1] == {"steps": 24, "exported": 24, "figures": {}}
        assert not (tmp_path / name / "validation.jsonl").exists()


def test_a_run_of_before_there_were_validations_goes_on(tmp_path: Path) -> None:
    output = tmp_path / "run"
    fit(output, max_steps=6)
    values = (output / "config.yaml").read_text().splitlines()
    (output / "config.yaml").write_text("\n".join(v for v in values if not v.startswith(("patience", "validate_every"))))
    for state in output.glob("checkpoints/*/state.json"):
        kept = json.loads(state.read_text())
        kept["items"] = [item for item in kept["items"] if item[0] != "validations"]
        state.write_text(json.dumps(kept))
    fit(output, resume=True)
    assert [v["epoch"] for v in lines(output)] == [2, 3, 4, 5, 6]


class Mean(Fit):
    """The mean of a file of numbers; of what takes steps nothing is asked."""

    def dataset(self) -> Any:
        raise AssertionError("solved in one go")

    def solve(self) -> dict[str, float]:
        self.mean = sum(map(float, self.data.read_text().split())) / 3 + float(torch.rand(()))
        return {"mean": self.mean}

    def notes(self) -> tuple[str, ...]:
        return ("a mean",)

    def export(self, directory: Path, record: Any) -> None:
        directory.mkdir(exist_ok=True)
        (directory / "README.md").write_text(f"{record.as_markdown()}\n{self.mean!r}")


def test_a_closed_form_is_solved_exported_and_solved_again(tmp_path: Path) -> None:
    data = tmp_path / "numbers.txt"
    data.write_text("1 2 6")
    model = train("mean", Mean, config(), data, tmp_path / "run", quiet=True)
    card = (model / "README.md").read_text()
    mean = float(card.splitlines()[-1])
    assert 3 <= mean < 4 and "solved in one go" in card and f"mean {mean:.4g}" in card and "`numbers.txt`" in card
    assert lines(tmp_path / "run") == [{"step": 0, "epoch": 0, "figures": {"mean": mean}}]
    with pytest.raises(InputError, match="--resume"):
        train("mean", Mean, config(), data, tmp_path / "run", quiet=True)
    train("mean", Mean, config(), data, tmp_path / "run", resume=True, quiet=True)
    assert float((model / "README.md").read_text().splitlines()[-1]) == mean
    assert len(lines(tmp_path / "run")) == 1


def test_a_closed_form_is_not_solved_again_on_other_data(tmp_path: Path) -> None:
    class Told(Mean):
        def solved_on(self) -> dict[str, Any]:
            text = self.data.read_text()
            return {"examples": len(text.split()), "digest": text}

    one, other = tmp_path / "one.txt", tmp_path / "other.txt"
    one.write_text("1 2 6")
    other.write_text("1 2 6 7")
    model = train("mean", Told, config(), one, tmp_path / "run", quiet=True)
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="other.txt is not what the run .* began with: it had 3 examples .*, here are 4"):
        train("mean", Told, config(), other, tmp_path / "run", resume=True, quiet=True)
    assert before == {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert train("mean", Told, config(), one, tmp_path / "run", resume=True, quiet=True) == model
    (tmp_path / "run" / "data.json").write_text("{")
    with pytest.raises(InputError, match="data.json is damaged"):
        train("mean", Told, config(), one, tmp_path / "run", resume=True, quiet=True)


def test_a_run_that_ends_before_its_first_validation_says_so(tmp_path: Path, whole: Path) -> None:
    fit(tmp_path / "run", max_steps=3)
    said = "No validation was made before the run ended: these are its last weights."
    assert said in (tmp_path / "run" / "model" / "README.md").read_text()
    assert said not in (whole / "model" / "README.md").read_text()
