"""What holds for the values of every registered recipe: bounds, defaults that fit, a meaning for each."""

from __future__ import annotations

from typing import Any

import pytest

from facezoo.catalogue import training
from facezoo.cli.values import meanings
from facezoo.errors import InputError
from facezoo.plugins import discover
from facezoo.specs import RecipeSpec, resolve
from facezoo.training import TrainingConfig, read_config

SPECS = discover().all(RecipeSpec)
WRONG = {
    "epochs": 0, "max_steps": 0, "batch_size": 0, "workers": -1, "mixed_precision": "fp8", "clip_norm": 0, "ema": 1,
    "validate_every": -1, "patience": 0, "checkpoint_every": 0, "keep_checkpoints": 0, "pictures_every": 0,
}  # fmt: skip


def values_of(spec: RecipeSpec) -> type[TrainingConfig]:
    return resolve(spec.config, spec.name)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
@pytest.mark.parametrize(("name", "value"), WRONG.items(), ids=list(WRONG))
def test_the_loops_own_values_keep_their_bounds(spec: RecipeSpec, name: str, value: Any):
    kind = values_of(spec)
    assert issubclass(kind, TrainingConfig)
    with pytest.raises(InputError, match=rf"do not fit: {name}: "):
        read_config(kind, {name: value})


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_defaults_fit_their_own_bounds_and_every_value_has_a_meaning(spec: RecipeSpec):
    kind = values_of(spec)
    assert read_config(kind, kind().model_dump()) == kind()
    assert set(kind.model_fields) - set(meanings(kind)) == set()


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_what_a_recipe_needs_are_values_of_it_and_part_of_its_command(spec: RecipeSpec):
    for need in spec.needs:
        option, value = need.split(" ")
        assert option.startswith("--") and option[2:] in values_of(spec).model_fields and value
    assert training(spec.name).split(" --data ")[0] == " ".join(["facezoo train", spec.name, *spec.needs])


def test_the_recipes_that_start_from_a_model_say_so():
    assert {spec.name: spec.needs[0].split()[0] for spec in SPECS if spec.needs} == {
        "cycle-face-identity": "--start", "dln": "--identity", "dln-emotion": "--identity", "fecnet": "--trunk",
        "linear-probe": "--encoder",
    }  # fmt: skip
