"""Training, shared by every recipe: ``facezoo train NAME``, or ``facezoo.training.run(...)``.

A recipe brings data, networks, optimisers, losses and an export (``Recipe``); accelerate's devices and mixed
precision, exact resumption, checkpoints, validation, TensorBoard and the progress bar are here, and what recipes
learn from: faces (``FaceDataset``) and triplets of them (``TripletDataset``). Needs ``facezoo[train]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facezoo.plugins import discover
from facezoo.specs import RecipeSpec, resolve
from facezoo.training.augmentation import FaceAugmentation
from facezoo.training.descent import Descent, descend, warm_cosine
from facezoo.training.faces import FaceDataset, class_weights, embed_samples, locate
from facezoo.training.joined import Joined, open_several
from facezoo.training.loop import parameters_of, train
from facezoo.training.recipe import Moment, Recipe, Record, TrainingConfig
from facezoo.training.settings import read_config
from facezoo.training.splits import chosen_by, held_out
from facezoo.training.starting import check_batch_size, origin_of, refuse_idle, start_from
from facezoo.training.triplets import (
    TripletDataset,
    accuracy_by_kind,
    annotators_of,
    arrange,
    double_triplet,
    embed_triplets,
    triplet_accuracy,
    triplet_figures,
)

__all__ = [
    "Descent", "FaceAugmentation", "FaceDataset", "Joined", "Moment", "Recipe", "Record", "TrainingConfig", "TripletDataset",
    "accuracy_by_kind", "annotators_of", "arrange", "check_batch_size", "chosen_by", "class_weights", "descend",
    "double_triplet", "embed_samples", "embed_triplets", "held_out", "locate", "open_several", "origin_of", "parameters_of",
    "read_config", "refuse_idle", "run", "start_from", "train", "triplet_accuracy", "triplet_figures", "warm_cosine",
]  # fmt: skip


def run(
    recipe: str | RecipeSpec,
    data: str | Path,
    output: str | Path,
    *,
    resume: bool = False,
    config: str | Path | Mapping[str, Any] | None = None,
    settings: Sequence[str] = (),
    quiet: bool = False,
) -> Path:
    """Trains and returns the folder of the exported component.

    Args:
        recipe: a name as in ``facezoo train NAME`` (or ``plugin:name``), or its spec.
        data: folder or file of the training data, laid out as the recipe says.
        output: folder for checkpoints, logs and the model.
        resume: continue the run in ``output``.
        config: values, or a YAML file of them.
        settings: more values as "key=value".
        quiet: no progress bar.

    Raises:
        UnknownNameError: no such recipe.
        InputError: values that do not fit, an output folder in use, no data folder.
        DatasetError: data laid out in another way.
    """
    spec = recipe if isinstance(recipe, RecipeSpec) else discover().get(RecipeSpec, recipe)
    kind: type[TrainingConfig] = resolve(spec.config, f"recipe {spec.name}")
    values = read_config(kind, config, settings)
    target: type[Recipe] = resolve(spec.target, f"recipe {spec.name}")
    return train(spec.name, target, values, Path(data), Path(output), resume=resume, quiet=quiet)
