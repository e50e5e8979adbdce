"""What is left when a run is broken off, and what it goes on with later: whole steps, its own weights, the same data."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from facezoo.errors import InputError
from facezoo.training import checkpoints, exchange, train
from tests.test_training_validation import Fit, config, exported, fit, left


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    Fit.calls, Fit.stop_at = 0, ()
    yield
    Fit.calls, Fit.stop_at = 0, ()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("runs") / "whole"
    fit(output)
    return output


def saved(output: Path) -> list[str]:
    return [path.name for path in checkpoints.found(output / "checkpoints")]


@pytest.mark.parametrize("at", range(1, 5))
def test_ctrl_c_while_weights_are_exchanged_for_averages(
    at: int, tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into the first validation, back out of it, into and out of the second: half the weights are copied then."""
    copy, calls = exchange.fill, 0

    def interrupted(modules: Any, weights: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            copy(modules, {"layer": {name: tensor for name, tensor in weights["layer"].items() if name.startswith("0.")}})
            os.kill(os.getpid(), signal.SIGINT)
        copy(modules, weights)

    with monkeypatch.context() as patched:
        patched.setattr(exchange, "fill", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path / "run", checkpoint_every=1000)
    assert saved(tmp_path / "run") == [f"step-{4 if at < 3 else 8:08d}"]
    fit(tmp_path / "run", resume=True, checkpoint_every=1000)
    assert left(tmp_path / "run") == left(whole)


def test_ctrl_c_during_a_validation_or_the_export(tmp_path: Path, whole: Path) -> None:
    class Watched(Fit):
        def validate(self) -> dict[str, float]:
            if self.calls == 4:
                os.kill(os.getpid(), signal.SIGINT)
            return super().validate()

        def export(self, directory: Path, record: Any) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "run", Watched, checkpoint_every=1000)
    assert saved(tmp_path / "run") == ["step-00000004"]
    Fit.calls = Watched.calls = 5
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "run", Watched, resume=True, checkpoint_every=1000)
    assert saved(tmp_path / "run") == ["step-00000004", "step-00000024"]
    fit(tmp_path / "run", resume=True, checkpoint_every=1000)
    assert left(tmp_path / "run") == left(whole)


class Broken(Dataset[dict[str, torch.Tensor]]):
    """One of its examples cannot be read until somebody mends it."""

    mended = False

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Any:
        if index == 5 and not self.mended:
            raise InputError("0005.jpg is damaged.")
        return {"x": torch.tensor([float(index)])}


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_picture_costs_no_step(workers: int, tmp_path: Path, whole: Path) -> None:
    class Damaged(Fit):
        def dataset(self) -> Any:
            return Broken()

    Broken.mended = False
    with pytest.raises(InputError, match="0005.jpg"):
        fit(tmp_path / "run", Damaged, seed=4, workers=workers, checkpoint_every=1000)
    done = len((tmp_path / "run" / "losses.jsonl").read_text().splitlines())
    assert done and saved(tmp_path / "run") == [f"step-{done:08d}"]
    Broken.mended = True
    fit(tmp_path / "run", Damaged, resume=True, seed=4, checkpoint_every=1000)
    fit(tmp_path / "whole", seed=4)
    assert left(tmp_path / "run") == left(tmp_path / "whole")


def test_half_a_step_is_not_kept(tmp_path: Path) -> None:
    class TwoTurns(Fit):
        def optimizers(self) -> dict[str, torch.optim.Optimizer]:
            first, second = self.layer[0].parameters(), self.layer[3].parameters()
            return {"one": torch.optim.SGD(first, lr=0.01), "two": torch.optim.SGD(second, lr=0.01)}

        def losses(self, batch: Any, turn: str, moment: Any) -> dict[str, torch.Tensor]:
            losses = super().losses(batch, turn, moment)
            return {turn: losses["fit"] * (float("nan") if turn == "two" and moment.step == 5 else 1.0)}

    with pytest.raises(Exception, match="losses of step 5 are not finite"):
        fit(tmp_path / "run", TwoTurns, checkpoint_every=3)
    assert saved(tmp_path / "run") == ["step-00000003"]


def test_other_data_than_a_run_began_with_are_refused(tmp_path: Path) -> None:
    class Named(list[Any]):
        digest = "one"

    class Elsewhere(Fit):
        data_set: Any = Named(Fit.dataset(None))  # type: ignore[arg-type]

        def dataset(self) -> Any:
            return self.data_set

    fit(tmp_path / "run", Elsewhere, max_steps=5)
    Elsewhere.data_set = Named(Elsewhere.data_set[:6])
    with pytest.raises(InputError, match="it had 8 examples .digest one., here are 6"):
        fit(tmp_path / "run", Elsewhere, resume=True)
    Elsewhere.data_set = Named(Fit.dataset(None))  # type: ignore[arg-type]
    Elsewhere.data_set.digest = "two"
    with pytest.raises(InputError, match="digest one.*here are 8 .two"):
        fit(tmp_path / "run", Elsewhere, resume=True)
    Elsewhere.data_set.digest = "one"
    fit(tmp_path / "run", Elsewhere, resume=True)


def test_a_run_says_from_where_it_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(resume: bool, **values: Any) -> str:
        train("fit", Fit, config(**values), Path("data"), tmp_path / "run", resume=resume)
        return capsys.readouterr().err

    assert "Goes on" not in said(False, max_steps=5, checkpoint_every=5)
    assert "Goes on after step 5 of 24, in epoch 2." in said(True)
    assert "No step is left; 24 are done." in said(True)
    for checkpoint in checkpoints.found(tmp_path / "run" / "checkpoints"):
        shutil.rmtree(checkpoint)
    assert "Of the run so far no step was kept, so it begins with its first." in said(True, max_steps=1)


def test_a_longer_run_is_told_how_to_come_by(tmp_path: Path) -> None:
    fit(tmp_path / "run", max_steps=5)
    with pytest.raises(InputError, match="epochs was 6, now 7. Give those again.*end it by max_steps"):
        fit(tmp_path / "run", resume=True, epochs=7)
    with pytest.raises(InputError) as caught:
        fit(tmp_path / "run", resume=True, seed=7)
    assert "max_steps" not in str(caught.value)


def test_the_steps_before_a_broken_picture_make_a_model(tmp_path: Path) -> None:
    """It is written without another step when max_steps is what was done."""

    class Damaged(Fit):
        def dataset(self) -> Any:
            return Broken()

    Broken.mended = False
    with pytest.raises(InputError, match="0005.jpg"):
        fit(tmp_path / "run", Damaged, seed=4, checkpoint_every=1000)
    done = int(saved(tmp_path / "run")[0].removeprefix("step-"))
    fit(tmp_path / "run", Damaged, resume=True, seed=4, max_steps=done)
    assert exported(tmp_path / "run")[1]["steps"] == done


def test_other_data_leave_the_folder_as_it_was(tmp_path: Path) -> None:
    class Named(list[Any]):
        digest = "one"

    class Elsewhere(Fit):
        def dataset(self) -> Any:
            return Named(super().dataset())

    fit(tmp_path / "run", Elsewhere, max_steps=5)
    before = (tmp_path / "run" / "config.yaml").read_text()
    Named.digest = "two"
    with pytest.raises(InputError, match="digest one.*a picture that cannot be read is replaced by another under its name"):
        fit(tmp_path / "run", Elsewhere, resume=True, max_steps=9)
    assert (tmp_path / "run" / "config.yaml").read_text() == before


def test_patience_is_neither_begun_nor_given_up_in_the_middle(tmp_path: Path) -> None:
    class Choosing(Fit):
        def __init__(self, config: Any, data: Path) -> None:
            super().__init__(config, data)
            self.best_by = ("closeness", "max") if config.patience else None

    fit(tmp_path / "none", Choosing, max_steps=9)
    with pytest.raises(InputError, match="patience was None, now 3"):
        fit(tmp_path / "none", Choosing, resume=True, patience=3)
    fit(tmp_path / "some", Choosing, max_steps=9, patience=2)
    with pytest.raises(InputError, match="patience was 2, now None"):
        fit(tmp_path / "some", Choosing, resume=True)
    fit(tmp_path / "some", Choosing, resume=True, patience=9)
    assert exported(tmp_path / "some")[1]["exported"] < 24


def test_a_second_precision_in_one_process_is_refused(tmp_path: Path) -> None:
    fit(tmp_path / "one", max_steps=1)
    with pytest.raises(InputError, match="mixed_precision=bf16.*another process"):
        fit(tmp_path / "two", max_steps=1, mixed_precision="bf16")


def test_exchanged_weights_come_back_whatever_happens_inside() -> None:
    layer = nn.BatchNorm1d(1)
    swap = exchange.Exchange({"layer": layer})
    before = exchange.copied({"layer": layer})
    with pytest.raises(ZeroDivisionError), swap.holding({"layer": {"weight": torch.tensor([3.0])}}):
        layer.running_mean += 1  # type: ignore[operator]
        assert layer.weight.item() == 3
        raise ZeroDivisionError
    after = layer.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before["layer"].items())
