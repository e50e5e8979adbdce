"""What is said to come next works: after a training, of a folder, of a task whose model has yet to be trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from facezoo import catalogue, loader, plugins, weights
from facezoo.cli.steps import missing_models, next_command
from facezoo.components import Requirement
from facezoo.plugins import Plugin, Plugins
from facezoo_probes.config import LinearProbeConfig
from tests.colours import ColourClassifier, ColourEncoder, PersonEncoder, loaded, saved, spec_of, write
from tests.untrained import spec

POSE = ("yaw", "pitch", "roll")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Component directories: encoders and a classifier of colours, and heads on the encoder."""
    root = tmp_path_factory.mktemp("models")
    classes = {"encoder": ColourEncoder, "person": PersonEncoder, "classifier": ColourClassifier}
    made = {name: saved(cls, root / name) for name, cls in classes.items()}
    space = loaded(ColourEncoder, root / "again").views["embedding"].space_id
    for name, labels, units in (("pose", POSE, "degrees"), ("age", ("age",), "years")):
        config = LinearProbeConfig(input_dim=3, outputs=len(labels), output="values", name=name)
        head = weights.create(spec("linear-probe"), config)
        head.labels, head.units = labels, units
        head.requires = Requirement(f"dir:{made['encoder']}", "embedding", space or "")
        with torch.no_grad():
            for tensor in head.state_dict().values():
                tensor.fill_(7.0)
        made[name] = weights.save(head.eval(), root / name, card=f"# {name}\n\nWhat a head of {name} says.\n\n## More\n")
    return made


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The architectures of ``models``, as if a plugin had brought them."""
    specs = tuple(replace(spec_of(cls), plugin="colours") for cls in (ColourEncoder, PersonEncoder, ColourClassifier))
    every = Plugins((*plugins.discover().found, Plugin("colours", "tests.colours", "colours", "1", specs)))
    monkeypatch.setattr(loader, "discover", lambda: every)


@pytest.mark.parametrize(
    ("model", "command"),
    [
        ("encoder", "facezoo run expression-embedding PICTURE.jpg --encoder dir:{}"),
        ("person", "facezoo run face-verification ONE.jpg TWO.jpg --encoder dir:{}"),
        ("classifier", "facezoo run emotion-recognition PICTURE.jpg --classifier dir:{}"),
        ("pose", "facezoo run head-pose PICTURE.jpg --head dir:{}"),
        ("age", "facezoo run linear-probe PICTURE.jpg --head dir:{}"),
    ],
)
def test_the_next_command_works_for_every_kind(
    cli: Callable[..., Any], models: dict[str, Path], tmp_path: Path, model: str, command: str
) -> None:
    told = next_command(f"dir:{models[model]}")
    assert told == command.format(models[model])
    pictures = {f"{name}.jpg": str(tmp_path / f"{name}.png") for name in ("ONE", "TWO", "PICTURE")}
    write(tmp_path, ONE=(200, 20, 20), TWO=(20, 20, 200), PICTURE=(90, 200, 90))
    result = cli(*(pictures.get(word, word) for word in told.split()[1:]), "--cropped", "--device", "cpu")
    assert result.exit_code == 0, result.stderr


def test_a_folder_that_is_none_is_left_to_verify(tmp_path: Path) -> None:
    assert next_command(f"dir:{tmp_path / 'a b'}") == f"facezoo verify 'dir:{tmp_path / 'a b'}'"


def test_a_training_ends_with_a_command_for_what_was_trained(
    cli: Callable[..., Any], models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facezoo.training.run", lambda *_, **__: models["pose"])
    words = ["train", "linear-probe", "--encoder", "x", "--data", tmp_path, "-o", tmp_path / "run"]
    told = cli(*words).stderr
    assert f"Next: facezoo run head-pose PICTURE.jpg --head dir:{models['pose']}" in told and "--model" not in told
    assert "There is no run" not in told
    assert f"There is no run in {tmp_path / 'run'} to go on with" in cli(*words, "--resume").stderr
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").touch()
    assert "There is no run" not in cli(*words, "--resume").stderr


def test_info_of_a_folder_says_what_it_holds(cli: Callable[..., Any], models: dict[str, Path]) -> None:
    text = cli("info", f"dir:{models['encoder']}").stdout
    facts = json.loads(cli("info", f"dir:{models['encoder']}", "--json").stdout)
    assert "colours (encoder)" in text and "8 x 8 RGB, square crop" in text and facts["sha256"] in text
    assert f"embedding: 3 values about expression, space {facts['views']['embedding']['space_id']}" in text
    assert len(facts["views"]["embedding"]["space_id"]) == 12 and facts["contract"]["size"] == [8, 8]
    head = cli("info", f"dir:{models['pose']}").stdout
    assert "yaw, pitch, roll in degrees" in head and f"view embedding of dir:{models['encoder']}" in head
    assert "What a head of pose says." in head and "## More" not in head
    assert f"facezoo run head-pose PICTURE.jpg --head dir:{models['pose']}" in head


def test_info_of_no_folder_says_what_is_wrong(cli: Callable[..., Any], models: dict[str, Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert f"The folder {run} does not exist" in cli("info", f"dir:{run}").stderr
    saved(ColourEncoder, run / "model")
    assert f"{run / 'model'} has one" in cli("info", f"dir:{run}").stderr
    assert f"dir:{run}" in cli("info", run).stderr  # a folder without "dir:"
    assert "no registry names a paper" in cli("info", f"dir:{models['pose']}", "--bibtex").stderr


def test_info_of_a_task_without_a_model_names_the_slot_and_how_to_fill_it(cli: Callable[..., Any]) -> None:
    text = cli("info", "linear-probe").stdout
    assert "facezoo run linear-probe PICTURE.jpg --head dir:RUN/model" in text and "facezoo train linear-probe" in text


def test_tasks_that_have_their_models_ask_for_none() -> None:
    rows = {row.name: row for row in catalogue.list_pipelines()}
    assert missing_models(rows["head-pose"]) == [] and missing_models(rows["linear-probe"]) == ["head"]
    assert [name for name, row in rows.items() if missing_models(row)] == ["linear-probe"]  # every other task works at once


def test_info_of_an_unreleased_model_names_the_recipe_that_trains_one(cli: Callable[..., Any]) -> None:
    assert "facezoo train dln --identity facenet-vggface2 --data DIR -o RUN (" in cli("info", "dln-fec").stdout
    told = cli("info", "dln-emotion-affectnet-rafdb").stdout
    assert "facezoo train dln-emotion --identity facenet-vggface2 --data" in told
    assert "facezoo run face-detection PICTURE.jpg --detector haar-frontal" in cli("info", "haar-frontal").stdout


def test_a_model_in_the_wrong_slot_is_told_the_right_one(
    cli: Callable[..., Any], models: dict[str, Path], tmp_path: Path
) -> None:
    write(tmp_path, face=(200, 20, 20))
    told = cli("emotion", tmp_path / "face.png", "--model", f"dir:{models['pose']}").stderr
    assert f"facezoo run head-pose … --head dir:{models['pose']}" in told
    told = cli("emotion", tmp_path / "face.png", "--model", f"dir:{models['person']}").stderr
    assert "face-verification" in told and "expression" not in told  # it has no view about expressions
