"""``facezoo train expression-manipulator``: the same person with another expression, from pairs of one person's pictures.

The supplement of Zhang et al. (CVPR 2021) says: pix2pixHD, Adam with 2e-4 for both networks, pairs of RaFD. Where it is
silent the defaults are the release's of pix2pixHD (NVIDIA/pix2pixHD @14b3b3c): betas, losses and their weights, 100 epochs at
the full rate and 100 on the way to zero, one picture at a time, a second stage with the global part fixed at first. How the
embedding enters, and everything that makes use of faces without a true result, is ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from facezoo.plugin import (
    Encoder,
    InputError,
    Moment,
    Recipe,
    Record,
    Requirement,
    WeightsError,
    origin_of,
    parameters_of,
    refuse_idle,
    save,
    start_from,
)
from facezoo_pix2pixhd.discriminator import MultiscaleDiscriminator
from facezoo_pix2pixhd.figures import figures_of, sitting_of
from facezoo_pix2pixhd.generator import initialise
from facezoo_pix2pixhd.losses import VGGDistance
from facezoo_pix2pixhd.manipulator import ExpressionManipulator
from facezoo_pix2pixhd.material import Material
from facezoo_pix2pixhd.objectives import (
    Critic,
    Edited,
    Examples,
    Judges,
    Sight,
    active,
    discriminator_objective,
    edit,
    generator_objective,
)
from facezoo_pix2pixhd.pairs import EditDataset, Mixture
from facezoo_pix2pixhd.settings import ManipulatorTraining
from facezoo_pix2pixhd.starting import (
    DISCRIMINATOR,
    enhanced,
    global_part,
    model_of,
    new_manipulator,
    read_discriminator,
    write_discriminator,
)


class ManipulatorRecipe(Recipe):
    """Two turns per step: the manipulator, then its discriminator on what was just made."""

    config: ManipulatorTraining

    def __init__(self, config: ManipulatorTraining, data: Path) -> None:
        super().__init__(config, data)
        config.refuse_idle()
        self.remarks: list[str] = []
        self.encoder = start_from(config.encoder, Encoder, "an encoder of expressions")
        self.view = self.encoder.resolve_view(config.view or None)
        self.remarks.append(f"Expressions are those of {origin_of(config.encoder, self.encoder.views[self.view])}.")
        self.identity = start_from(config.identity_encoder, Encoder, "an encoder") if config.identity_encoder else None
        self.material = Material(config, data)
        self.component = self._manipulator()
        self.discriminator = self._discriminator()
        self.judges = self._judges()
        self._check_weights()
        self.remarks += self.material.remarks
        if absent := self.material.unseen_emotions(self.component.config.emotions):
            self.remarks.append(f"No emotion gets a mean embedding, since no training face shows {' or '.join(absent)}.")
        self.made: tuple[int, Examples, Edited] | None = None  # by a step's first turn, for its second

    def _manipulator(self) -> ExpressionManipulator:
        config, dim = self.config, self.encoder.views[self.view].dim
        if config.start:
            component = start_from(model_of(config.start), ExpressionManipulator, "an expression-manipulator, to go on from,")
            self._check_space(component)
            self.remarks.append(f"It goes on from {config.start}.")
            if config.stage == "local" and not component.config.enhancers:
                component = enhanced(component, config.enhancers, config.local_blocks)
        else:
            component = new_manipulator(config.model.model_copy(update={"expression_dim": dim}))
            self.material.standardise(component, self.encoder, self.view)
        component.requires = self._requirement()
        component.trainable_(True)
        return component

    def _requirement(self) -> Requirement:
        """The one space whose embeddings the manipulator takes."""
        origin, space = self.encoder.provenance, self.encoder.views[self.view].space_id
        if origin is None or space is None:
            raise WeightsError("The encoder was not loaded, so its space has no name; name it by an id or dir:FOLDER.")
        folder = origin.id.removeprefix("dir:")
        return Requirement(f"dir:{Path(folder).resolve()}" if folder != origin.id else origin.id, self.view, space)

    def _check_space(self, component: ExpressionManipulator) -> None:
        needed, view = component.requires, self.encoder.views[self.view]
        if needed is not None and needed.space_id != view.space_id:
            raise InputError(
                f"{self.config.start} was trained with embeddings of {needed.encoder} (space {needed.space_id}), not with "
                f"those of {self.config.encoder} (space {view.space_id}); name that encoder."
            )

    def _discriminator(self) -> MultiscaleDiscriminator | None:
        config, weights = self.config.discriminator, self.config.weights
        if not (weights.gan or weights.feature):
            return None
        inputs = 6 + (self.component.config.expression_dim if config.code else 0)
        network = MultiscaleDiscriminator(inputs, config.width, config.depth, config.scales)
        initialise(network)
        if self.config.start:
            self.remarks.append(read_discriminator(network, self.config.start))
        return network

    def _judges(self) -> Judges:
        config, contract = self.config, self.component.contract
        if contract is None:
            raise InputError(f"{config.start} does not say how faces are cut out for it, so nothing can be cut out.")
        perceptual = VGGDistance.from_timm() if config.weights.perceptual else None
        if config.weights.perceptual and perceptual is None:
            self.remarks.append("The perceptual term is off: timm could not get VGG19's ImageNet weights.")
        identity = self.identity
        return Judges(
            Critic(self.discriminator, config.discriminator.code) if self.discriminator is not None else None,
            Sight(self.encoder, self.view, contract, config.jitter, config.coarsest),
            Sight(identity, identity.resolve_view(None), contract, config.jitter, config.coarsest)
            if identity is not None
            else None,
            perceptual,
        )

    def _check_weights(self) -> None:
        if self.component.config.output == "image":
            why = "the manipulator draws whole pictures (output: image) and has no mask"
            refuse_idle(self.config, ("open_share",), why)
            refuse_idle(self.config.weights, ("mask", "area", "smooth"), why)
        if not active(self.config.weights, self.judges):
            raise InputError("Nothing would be learned: every term of weights is 0 or off.")

    def dataset(self) -> EditDataset:
        c, material, sight = self.config, self.material, self.judges.expression
        share = c.portraits_share if c.portraits else 0.0
        mixture = Mixture(c.own_share, c.strangers_share, share, c.own_portraits, c.foreign_share)
        return EditDataset(
            material.shots, material.portraits, sight.contract, sight.door, mixture, c.augmentation, c.alignment, c.seed,
        )  # fmt: skip

    def modules(self) -> dict[str, nn.Module]:
        critic: dict[str, nn.Module] = {"discriminator": self.discriminator} if self.discriminator is not None else {}
        return {"component": self.component, **critic}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        found: dict[str, torch.optim.Optimizer] = {"generator": _adam(self.component, self.config.rate)}
        if self.discriminator is not None:
            found["discriminator"] = _adam(self.discriminator, self.config.rate)
        return found

    def learning_rate(self, turn: str, moment: Moment) -> float:
        falling = 1 - self.config.constant_share
        return self.config.rate * (min(1.0, (1 - moment.progress) / falling) if falling else 1.0)

    def examples(self, batch: Mapping[str, Tensor]) -> Examples:
        """A batch of the data set, with embeddings."""
        self.encoder.to(batch["source"].device)
        if self.identity is not None:
            self.identity.to(batch["source"].device)
        source, target = (self.component.prepare(batch[name].float() / 255) for name in ("source", "target"))
        own, code = (self.judges.expression.own(batch[name].float() / 255) for name in ("source_face", "target_face"))
        mean, deviation = self.component.expression_mean.float(), self.component.expression_deviation.float()
        return Examples(source, target, code, own, (code - mean) / deviation, batch["kind"])

    def losses(self, batch: Mapping[str, Tensor], turn: str, moment: Moment) -> dict[str, Tensor]:
        if turn == "discriminator":
            assert self.judges.critic is not None and self.made is not None and self.made[0] == moment.step
            self.judges.critic.network.requires_grad_(True)
            return discriminator_objective(self.judges.critic, self.made[1], self.made[2].result)
        if self.discriminator is not None:
            self.discriminator.requires_grad_(False)
        if self.config.stage == "local":
            global_part(self.component).requires_grad_(moment.epoch >= self.config.fix_global)
        examples, c = self.examples(batch), self.config
        terms, made = generator_objective(self.component, examples, self.judges, c.weights, c.open_share, moment.generator)
        self.made = (moment.step, examples, made)
        return terms

    def validate(self) -> dict[str, float]:
        """See ``figures_of``: of held-out people's shots, and as ``portraits_…`` of held-out portraits."""
        config, judges, material = self.config, self.judges, self.material
        sittings = {"": sitting_of(material.unseen)}
        sittings["portraits_"] = sitting_of([[face] for face in material.unseen_portraits], portraits=True)
        found = {}
        for prefix, sitting in sittings.items():
            if sitting is not None:
                figures = figures_of(self.component, sitting, judges.expression, judges.identity, config.batch_size)
                found |= {f"{prefix}{name}": value for name, value in figures.items()}
        return found

    def pictures(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        examples = self.examples(batch)
        made, restore = edit(self.component, examples), self.component.restore
        own = self.component.draw(examples.source, examples.own)[0]
        rows = {name: restore(x) for name, x in (("source", examples.source), ("target", examples.target))}
        rows |= {"result": restore(made.result), "own": restore(own)}
        return rows if made.mask is None else {**rows, "mask": made.mask.expand(-1, 3, -1, -1)}

    def notes(self) -> Sequence[str]:
        return self.remarks

    def export(self, directory: Path, record: Record) -> None:
        emotions = self.component.config.emotions
        self.component.emotion_means.copy_(self.material.emotion_means(self.encoder, self.view, emotions))
        text = (
            f"# {record.recipe}\n\nThe same person with another expression, by pix2pixHD's generator and the view "
            f"`{self.view}` of `{self.config.encoder}`; trained by facezoo.\n\n{record.as_markdown()}"
        )
        save(self.component, directory, dtype=self.config.stored_dtype, card=text)
        if self.discriminator is not None:
            write_discriminator(self.discriminator, directory.parent / DISCRIMINATOR)


def _adam(network: nn.Module, rate: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters_of(network), lr=rate, betas=(0.5, 0.999))
