"""What recipes do before they learn: load their start, refuse values that would do nothing, divide their samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import BaseModel
from torch import nn

from facezoo.components import Detector, Encoder
from facezoo.datasets import Sample
from facezoo.errors import InputError, UnknownNameError
from facezoo.training import check_batch_size, held_out, origin_of, refuse_idle, start_from
from tests import untrained

PICTURE = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained.cycle_face_directory(tmp_path_factory.mktemp("start") / "model")


@pytest.mark.parametrize("form", ["{}", "dir:{}"])
def test_a_start_is_named_by_its_folder_with_and_without_dir(folder: Path, form: str) -> None:
    found = start_from(form.format(folder), Encoder, "an encoder")
    assert not found.training and not any(p.requires_grad for p in found.parameters())
    view = found.views["expression"]
    assert view.space_id and origin_of("mine", view) == f"mine (space {view.space_id})"


def test_a_start_is_named_by_its_id() -> None:
    assert isinstance(start_from("haar-frontal", Detector, "a detector"), Detector)
    with pytest.raises(InputError, match="haar-frontal is a .*; an encoder, to read from, is needed here"):
        start_from("haar-frontal", Encoder, "an encoder, to read from,")
    with pytest.raises(UnknownNameError, match="haar-frontal"):
        start_from("haar-fontal", Detector, "a detector")


class Values(BaseModel):
    solver: str = "steps"
    rate: float | None = None
    momentum: float = 0.9
    listed: tuple[str, ...] = ()


def test_values_that_would_do_nothing_are_named_with_the_reason() -> None:
    with pytest.raises(InputError, match="^rate, listed would do nothing, since nothing goes in steps. Leave them out"):
        refuse_idle(Values(rate=0.1, listed=("a",)), ("rate", "momentum", "listed"), "nothing goes in steps")


def test_the_values_of_a_run_can_be_given_again() -> None:
    every = Values(**Values().model_dump())
    assert every.model_fields_set == set(Values.model_fields)
    refuse_idle(every, ("rate", "momentum", "listed"), "nothing goes in steps")


def network(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 2, 3, 2), *layers)


def test_one_face_is_no_batch_for_norms_that_see_one_value_of_it() -> None:
    vectors = network(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(2))
    with pytest.raises(InputError, match="two faces at least in a batch; batch_size is 1"):
        check_batch_size(vectors, (9, 9), 1)
    check_batch_size(vectors, (9, 9), 2)
    with pytest.raises(InputError, match="two faces"):
        check_batch_size(network(nn.BatchNorm2d(2)), (3, 3), 1)  # a map of one pixel
    maps = network(nn.BatchNorm2d(2), nn.Dropout(0.5))
    before = {name: tensor.clone() for name, tensor in maps.state_dict().items()}
    maps.eval()
    state = torch.random.get_rng_state()
    check_batch_size(maps, (9, 9), 1)
    assert torch.equal(torch.random.get_rng_state(), state)  # and nothing else changed either
    assert not maps.training and all(torch.equal(tensor, before[name]) for name, tensor in maps.state_dict().items())
    with pytest.raises(RuntimeError, match="channels"):  # a fault of another kind stays what it is
        check_batch_size(network(nn.Conv2d(9, 2, 1)), (9, 9), 1)


def labelled(*labels: str | None) -> list[Sample]:
    return [Sample(f"{i}.jpg", PICTURE, label=label) for i, label in enumerate(labels)]


def test_held_out_samples_are_of_every_class_and_follow_from_the_seed():
    samples = labelled(*"aaaaaaaaaa", *"bbbbb", "c")
    train, test = held_out(samples, 0.2, seed=1)
    assert sorted(str(s.label) for s in test) == ["a", "a", "b"]
    assert {s.name for s in train} | {s.name for s in test} == {s.name for s in samples}
    names = [s.name for s in test]
    assert [s.name for s in held_out(samples, 0.2, seed=1)[1]] == names
    assert [s.name for s in held_out(samples, 0.2, seed=2)[1]] != names


def test_a_class_of_one_person_stays_with_those_that_are_fitted_on():
    samples = [Sample(str(i), PICTURE, label="rare" if i < 2 else "often", person=str(i // 2)) for i in range(40)]
    for seed in range(8):
        train, test = held_out(samples, 0.3, seed)
        assert len(test) == 12 and sum(s.label == "rare" for s in train) == 2
