"""``facezoo train linear-probe``: an own head on an encoder's view.

The encoder stays as it is, so every face is encoded once and the rest works on vectors: scikit-learn solves in one go,
``solver=sgd`` goes in steps. Both are exact: the same data and values give the same probe, also after a kill.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

import facezoo_probes
from facezoo.plugin import (
    Encoder,
    Fit,
    InputError,
    Layer,
    Moment,
    Recipe,
    Record,
    Requirement,
    Scaling,
    WeightsError,
    chosen_by,
    class_weights,
    create,
    fit_classes,
    fit_values,
    parameters_of,
    refuse_idle,
    save,
    start_from,
)
from facezoo_probes.card import card_of
from facezoo_probes.config import LinearProbeConfig
from facezoo_probes.figures import figures
from facezoo_probes.material import Material, read_material
from facezoo_probes.model import LinearProbe
from facezoo_probes.settings import LinearProbeTraining
from facezoo_probes.targets import subject

RATES = {"logits": 3.0, "values": 0.05}  # sgd's first, where none is given: a squared error has no bound on its gradient


class Rows(Dataset[dict[str, Tensor]]):
    """Item ``i``: ``embedding`` (D,) float32, scaled, and ``target``, a class number or (K,) float32 scaled values.

    ``digest`` says which samples these are.
    """

    def __init__(self, embeddings: Tensor, targets: Tensor, digest: str) -> None:
        self.rows, self.digest = TensorDataset(embeddings, targets), digest

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return dict(zip(("embedding", "target"), self.rows[index], strict=True))


class LinearProbeRecipe(Recipe):
    """One linear layer, fitted to the embeddings of a frozen encoder."""

    config: LinearProbeTraining

    def __init__(self, config: LinearProbeTraining, data: Path) -> None:
        super().__init__(config, data)
        config.refuse_idle()
        self.encoder = _encoder(config)
        self.view = self.encoder.resolve_view(config.view or None)
        self.fit: Fit | None = None
        if config.patience and config.solver == "sgd":  # then, and only then, the figures choose the weights
            self.best_by = ("accuracy", "max") if config.of_classes else ("relative_mae", "min")

    @cached_property
    def material(self) -> Material:
        """Read, found and encoded once, when it is first wanted."""
        found = read_material(self.config, self.data, self.encoder, self.view)
        if found.test is None:
            refuse_idle(self.config, ("patience",), "no sample is held out to validate on")
        return found

    @cached_property
    def scaling(self) -> Scaling:
        return Scaling.of(self.material.train.embeddings, self.config.standardise)

    @cached_property
    def value_scaling(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the values that are learnt, (K,) each."""
        numbers = self.material.train.numbers
        return numbers.mean(axis=0), numbers.std(axis=0)

    # scikit-learn: in one go

    def solved_on(self) -> Mapping[str, Any] | None:
        """The samples that are fitted and measured."""
        if self.config.solver == "sgd":
            return None
        parts = [part for part in (self.material.train, self.material.test) if part]
        return {"examples": sum(len(part.samples) for part in parts), "digest": " ".join(part.digest for part in parts)}

    def solve(self) -> Mapping[str, float] | None:
        if self.config.solver == "sgd":
            return None
        config, train, target = self.config, self.material.train, self.material.target
        if target.is_classes:
            self.fit = fit_classes(
                train.embeddings, train.numbers, len(target.names),
                penalty=config.penalty, weights=self._class_weights(), people=train.people,
                standardise=config.standardise, folds=config.folds, seed=config.seed,
            )  # fmt: skip
        else:
            self.fit = fit_values(
                train.embeddings, train.numbers,
                penalty=config.penalty, people=train.people,
                standardise=config.standardise, folds=config.folds, seed=config.seed,
            )  # fmt: skip
        return {"penalty": self.fit.penalty, **self.measured(self.fit.layer)}

    def _class_weights(self) -> np.ndarray | None:
        """(K,), of mean 1 over the training samples: a penalty means the same with and without."""
        if self.config.class_weights == "none":
            return None
        numbers = self.material.train.numbers
        weights = class_weights(numbers.tolist(), len(self.material.target.names)).double().numpy()
        return weights / weights[numbers].mean()

    # sgd: in steps

    def dataset(self) -> Rows:
        train = self.material.train
        numbers = train.numbers
        if not self.material.target.is_classes:
            mean, spread = self.value_scaling
            numbers = ((numbers - mean) / spread).astype(np.float32)
        embeddings = self.scaling(train.embeddings).astype(np.float32)
        return Rows(torch.from_numpy(embeddings), torch.from_numpy(numbers), train.digest)

    def modules(self) -> dict[str, nn.Module]:
        names, dim = self.material.target.names, self.material.train.embeddings.shape[1]
        self.linear = nn.Linear(dim, len(names))
        nn.init.kaiming_uniform_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        weights = self._class_weights()
        self.weights = None if weights is None else torch.from_numpy(weights).float()
        return {"linear": self.linear}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        c = self.config
        weights = parameters_of(self.linear)
        return {"probe": torch.optim.SGD(weights, lr=self.first_rate, momentum=c.momentum, weight_decay=c.weight_decay)}

    @property
    def first_rate(self) -> float:
        return self.config.rate or RATES[self.material.target.output]

    def learning_rate(self, turn: str, moment: Moment) -> float:
        return self.first_rate * self.config.rate_drop ** (moment.epoch // self.config.drop_every)

    def losses(self, batch: Mapping[str, Tensor], turn: str, moment: Moment) -> dict[str, Tensor]:
        given, wanted = self.linear(batch["embedding"]), batch["target"]
        if not self.material.target.is_classes:
            return {"squared_error": 0.5 * F.mse_loss(given.float(), wanted)}
        weights = None if self.weights is None else self.weights.to(given.device)
        # divided by the batch's size, not by its weights: a batch of a rare class alone counts as what it is
        entropy = F.cross_entropy(given.float(), wanted, weights, reduction="sum") / len(wanted)
        return {"cross_entropy": entropy}

    def validate(self) -> dict[str, float]:
        return self.measured(self._layer())

    # both

    def _layer(self) -> Layer:
        """The layer as it stands, for raw embeddings and in the values' own units."""
        if self.fit is not None:
            return self.fit.layer
        weight, bias = (p.detach().cpu().double().numpy() for p in (self.linear.weight, self.linear.bias))
        if not self.material.target.is_classes:
            mean, spread = self.value_scaling
            weight, bias = weight * spread[:, None], bias * spread + mean
        return self.scaling.folded(weight, bias)

    def measured(self, layer: Layer) -> dict[str, float]:
        """Figures on the samples that were not fitted on; empty where there are none."""
        test = self.material.test
        if test is None:
            return {}
        return figures(self.material.target, layer(test.embeddings), test.numbers, self.material.train.numbers)

    def notes(self) -> Sequence[str]:
        return [*self._told(), *self._remarks()]

    def _told(self) -> list[str]:
        """What is fitted and measured on what; a card says it with more."""
        train, test = self.material.train, self.material.test
        return [train.told("Fitted on"), *([test.told("Measured on")] if test else [])]

    def _remarks(self) -> list[str]:
        parts = (self.material.train, self.material.test)
        found = [*self.material.notes, *(self.fit.remarks if self.fit else ())]
        found += [
            f"{part.name}: left out, since no face was found in them: {part.not_found:,} of {part.asked:,} pictures."
            for part in parts
            if part and part.not_found
        ]
        if self.material.test is None:
            found.append("Nothing was held out, so nobody knows how well this probe does on new faces.")
        elif self.best_by is not None:
            found.append(chosen_by(self.best_by[0], self.material.test.name))
        if self.requirement().encoder.startswith("dir:"):
            found.append("Its encoder is a folder of one machine: push that first to share the probe.")
        return found

    def requirement(self) -> Requirement:
        """The one space that the probe may be used on."""
        origin, space = self.encoder.provenance, self.encoder.views[self.view].space_id
        if origin is None or space is None:
            raise WeightsError("The encoder was not loaded, so its space has no name; name it by an id or dir:FOLDER.")
        folder = origin.id.removeprefix("dir:")
        return Requirement(f"dir:{Path(folder).resolve()}" if folder != origin.id else origin.id, self.view, space)

    def export(self, directory: Path, record: Record) -> None:
        target, layer = self.material.target, self._layer()
        count, dim = layer.weight.shape
        name = self.config.name or subject(target)
        config = LinearProbeConfig(input_dim=dim, outputs=count, output=target.output, name=name)  # pyright: ignore[reportArgumentType]
        probe = create(facezoo_probes.facezoo_components()[0], config)
        if not isinstance(probe, LinearProbe):
            raise WeightsError(f"linear-probe is built as {type(probe).__name__}, which this recipe does not know.")
        probe.labels, probe.units, probe.requires = target.names, target.units, self.requirement()
        probe.set_layer(torch.from_numpy(layer.weight), torch.from_numpy(layer.bias))
        record = dataclasses.replace(record, notes=[note for note in record.notes if note not in self._told()])
        save(probe.trainable_(False), directory, card=card_of(probe, self.material, layer, self.fit, record))


def _encoder(config: LinearProbeTraining) -> Encoder:
    if not config.encoder:
        raise InputError("A probe needs an encoder: --encoder ID (`facezoo list` shows all), or dir:FOLDER.")
    return start_from(config.encoder, Encoder, "an encoder, whose view a probe reads,", device=config.device)
