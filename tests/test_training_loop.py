"""The training loop: exact resumption after a kill, whole checkpoints, what a run leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from facezoo.errors import DatasetError, DeviceError, InputError
from facezoo.training import Recipe, TrainingConfig, checkpoints, order, read_config, train
from facezoo.training.average import WeightAverage

RUN = """
import sys, torch
from facezoo.training import run
torch.set_num_threads(1)
run("cycle-face-expression", sys.argv[1], sys.argv[2], resume="--resume" in sys.argv, quiet=True, config={
    "sources": ["flip"], "perceptual": "off", "device": "cpu", "epochs": 9, "batch_size": 2, "checkpoint_every": 5,
    "pictures_every": 25, "ema": 0.9, "independent_flips": True, "augmentation": {"rotation": 10.0, "elastic": 0.01},
    "schedule": "cosine", "rate": 1e-3, "warm_up_steps": 4, "apart_steps": 8,
    "model": {"width": 0.05, "trunk": "trained", "stage": "expression"},
})
"""


def portraits(folder: Path, count: int = 12) -> Path:
    from PIL import Image

    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(count):
        coarse = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((80, 80), Image.Resampling.BICUBIC).save(folder / f"{i:02}.png")
    return folder


def start(data: Path, output: Path, *more: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", RUN, str(data), str(output), *more], env=environment)


def lines(output: Path) -> list[dict]:
    path = output / "losses.jsonl"
    text = path.read_text() if path.is_file() else ""
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


def test_a_killed_run_continues_with_the_losses_of_an_unbroken_one(tmp_path: Path):
    data = portraits(tmp_path / "faces")
    unbroken = start(data, tmp_path / "unbroken")
    broken = start(data, tmp_path / "broken")
    deadline = time.monotonic() + 200
    while len(lines(tmp_path / "broken")) < 21:  # an epoch has 6 steps: the kill falls into the fourth
        assert broken.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    broken.send_signal(signal.SIGKILL)
    broken.wait()
    at_kill = len(lines(tmp_path / "broken"))
    saved = checkpoints.found(tmp_path / "broken" / "checkpoints")
    assert at_kill < 54 and saved and int(saved[-1].name.removeprefix("step-")) % 6  # the checkpoint is in mid-epoch
    assert start(data, tmp_path / "broken", "--resume").wait() == 0
    assert unbroken.wait() == 0

    ours, theirs = lines(tmp_path / "broken"), lines(tmp_path / "unbroken")
    assert [line["step"] for line in ours] == list(range(54))
    first = int(saved[-1].name.removeprefix("step-"))
    assert len(ours[first:]) >= 20
    assert ours == theirs  # every loss, to the last bit
    weights = (tmp_path / name / "model" / "model.safetensors" for name in ("broken", "unbroken"))
    assert next(weights).read_bytes() == next(weights).read_bytes()
    assert list((tmp_path / "broken" / "tensorboard").iterdir())


class Line(Recipe):
    """Fits y = 2x with noise drawn from the step's generator."""

    def __init__(self, config: TrainingConfig, data: Path) -> None:
        super().__init__(config, data)
        self.layer = nn.Linear(1, 1)

    def dataset(self):
        return [{"x": torch.tensor([float(i)])} for i in range(int(self.data.name))]

    def modules(self):
        return {"layer": self.layer}

    def optimizers(self):
        return {"fit": torch.optim.SGD(self.layer.parameters(), lr=0.01)}

    def losses(self, batch, turn, moment):
        noise = torch.randn(batch["x"].shape, generator=moment.generator)
        return {"fit": (self.layer(batch["x"]) - 2 * batch["x"] + 0.01 * noise).square().mean()}

    def export(self, directory, record):
        directory.mkdir(exist_ok=True)
        (directory / "weight").write_text(f"{self.layer.weight.item()} {record.steps}")


def config(**values) -> TrainingConfig:
    return TrainingConfig(device="cpu", batch_size=2, **values)


def test_a_run_ends_after_its_epochs_and_exports(tmp_path: Path):
    model = train("line", Line, config(epochs=30), Path("7"), tmp_path / "run", quiet=True)
    weight, steps = (model / "weight").read_text().split()
    assert float(weight) == pytest.approx(2, abs=0.2) and steps == "90"  # three whole batches of seven examples
    assert len(lines(tmp_path / "run")) == 90


def test_stopping_and_resuming_changes_nothing(tmp_path: Path):
    train("line", Line, config(epochs=4), Path("8"), tmp_path / "whole", quiet=True)
    train("line", Line, config(epochs=4, max_steps=7, checkpoint_every=7), Path("8"), tmp_path / "parts", quiet=True)
    train("line", Line, config(epochs=4), Path("8"), tmp_path / "parts", resume=True, quiet=True)
    assert lines(tmp_path / "whole") == lines(tmp_path / "parts")


def test_the_exported_weights_are_the_average_when_one_is_kept(tmp_path: Path):
    kept = train("line", Line, config(epochs=1, ema=0.999), Path("8"), tmp_path / "ema", quiet=True)
    last = train("line", Line, config(epochs=1), Path("8"), tmp_path / "last", quiet=True)
    assert (kept / "weight").read_text() != (last / "weight").read_text()


def test_an_average_starts_by_forgetting_the_first_weights():
    layer = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(layer.weight)
    average = WeightAverage({"layer": layer}, 0.999)
    nn.init.ones_(layer.weight)
    for _ in range(30):
        average.update()
    assert average.weights()["layer"]["weight"].item() > 0.97
    assert layer.weight.item() == 1.0


@pytest.mark.parametrize(
    ("values", "data", "error", "words"),
    [
        ({"device": "tpu"}, "8", DeviceError, "tpu"),
        ({"device": "cpu"}, "1", DatasetError, "1 examples; one step takes 16"),
    ],
)
def test_what_cannot_run_says_why(tmp_path: Path, values, data, error, words):
    with pytest.raises(error, match=words):
        train("line", Line, TrainingConfig(**values), Path(data), tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()  # the next try needs no other folder


def test_a_run_is_neither_overwritten_nor_continued_with_other_values(tmp_path: Path):
    train("line", Line, config(), Path("8"), tmp_path / "run", quiet=True)
    with pytest.raises(InputError, match="--resume"):
        train("line", Line, config(), Path("8"), tmp_path / "run", quiet=True)
    with pytest.raises(InputError, match="seed was 0, now 1"):
        train("line", Line, config(seed=1), Path("8"), tmp_path / "run", resume=True, quiet=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    with pytest.raises(InputError, match="not empty"):
        train("line", Line, config(), Path("8"), tmp_path / "other", quiet=True)


def test_settings_reach_into_a_recipes_values_and_are_checked(tmp_path: Path):
    file = tmp_path / "values.yaml"
    file.write_text("seed: 3\nepochs: 2\n")
    values = read_config(TrainingConfig, file, ["epochs=5", "mixed_precision=bf16", "channels_last=true"])
    assert (values.seed, values.epochs, values.mixed_precision, values.channels_last) == (3, 5, "bf16", True)
    assert read_config(TrainingConfig, None, ["mixed_precision=no"]).mixed_precision == "no"  # a word, not false
    for wrong, words in (("epoch=5", "epoch"), ("epochs", "key=value"), ("epochs=0", "greater than or equal to 1")):
        with pytest.raises(InputError, match=words):
            read_config(TrainingConfig, None, [wrong])


def test_every_process_sees_its_share_of_one_order_and_can_enter_it_anywhere():
    shares = [list(order.ShuffledBatches(21, 2, seed=1, epoch=3, process=p, processes=2)) for p in range(2)]
    seen = [i for share in shares for batch in share for i in batch]
    assert len(seen) == 20 == len(set(seen))
    later = list(order.ShuffledBatches(21, 2, seed=1, epoch=3, start=2, process=1, processes=2))
    assert later == shares[1][2:]
    assert shares[0] != list(order.ShuffledBatches(21, 2, seed=1, epoch=4, process=0, processes=2))


def test_checkpoints_are_whole_and_keep_types(tmp_path: Path):
    state = {"a": {0: torch.arange(3.0), "lr": 1e-3}, "betas": (0.5, 0.9), "none": None}
    for step in (1, 2, 3):
        checkpoints.write(tmp_path, step, state, keep=2)
    assert [path.name for path in checkpoints.found(tmp_path)] == ["step-00000002", "step-00000003"]
    back = checkpoints.read(tmp_path / "step-00000003")
    assert torch.equal(back["a"][0], state["a"][0]) and back["a"]["lr"] == 1e-3 and back["betas"] == [0.5, 0.9]
    (tmp_path / "step-00000003" / "tensors.safetensors").write_bytes(b"cut short")
    with pytest.raises(InputError, match="not a whole checkpoint"):
        checkpoints.read(tmp_path / "step-00000003")


PARALLEL = """
import os, sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
from test_training_loop import Line, config
from facezoo.training import train
output = Path(sys.argv[2])
train("line", Line, config(epochs=6, seed=5), Path(sys.argv[1]), output, quiet=True)

class Judged(Line):
    best_by, calls = ("score", "max"), 0
    def validate(self):  # the second process sees no end of progress
        Judged.calls += 1
        return {"score": float(Judged.calls * int(os.environ["RANK"]))}

train("judged", Judged, config(epochs=6, patience=2), Path(sys.argv[1]), output.with_name("judged"), quiet=True)
"""


def test_two_processes_average_their_gradients(tmp_path: Path):
    """Two processes with batches of two follow one with the same four examples, but for the noise of each."""
    environment = os.environ | {
        "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()), "GLOO_SOCKET_IFNAME": "lo",
    }  # fmt: skip
    command = [sys.executable, "-c", PARALLEL, "8", str(tmp_path / "run"), str(Path(__file__).parent), *sys.path]
    ranks = [{"RANK": str(r), "LOCAL_RANK": str(r)} for r in range(2)]
    running = [subprocess.Popen(command, env=environment | rank) for rank in ranks]
    try:
        assert [process.wait(timeout=200) for process in running] == [0, 0]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert len(lines(tmp_path / "run")) == 12  # eight examples, four at a time, six times
    judged = (tmp_path / "judged" / "validation.jsonl").read_text().splitlines()
    assert [json.loads(line)["figures"]["score"] for line in judged] == [0, 0, 0]  # the first process says when to stop
    assert len(lines(tmp_path / "judged")) == 6
    torch.manual_seed(5)
    layer = nn.Linear(1, 1)
    for step in range(12):
        epoch, batch = divmod(step, 2)
        chosen = np.random.default_rng([5, epoch]).permutation(8)[4 * batch : 4 * batch + 4]
        x = torch.tensor(chosen, dtype=torch.float32)[:, None]
        loss = (layer(x) - 2 * x).square().mean()
        gradients = torch.autograd.grad(loss, list(layer.parameters()))
        with torch.no_grad():
            for weight, gradient in zip(layer.parameters(), gradients, strict=True):
                weight -= 0.01 * gradient
    weight = float((tmp_path / "run" / "model" / "weight").read_text().split()[0])
    assert weight == pytest.approx(layer.weight.item(), abs=0.02)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
