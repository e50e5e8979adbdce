"""``facezoo train cycle-face-expression`` and ``cycle-face-identity``: the two stages.

Source: ``train_expression.py``, ``train_id.py`` and their data loaders (JiaRenChang/FaceCycle @14509c9).
The defaults are the release's sampling, losses, weights and rates. Its defects that stop or bend a run are
not repeated: the data path counts, no checkpoint has to be given, the second track of stage 2 is another
one, and the last frame of a track can be drawn. The margin without its hinge is kept, with a switch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

import facezoo_cycle_face
from facezoo.plugin import (
    ComponentSpec,
    DatasetError,
    Detector,
    InputError,
    Moment,
    Recipe,
    Record,
    SquareCrop,
    TrainingConfig,
    WeightsError,
    create,
    load,
    open_dataset,
    origin_of,
    parameters_of,
    refuse_idle,
    save,
    start_from,
)
from facezoo_cycle_face.augment import Augmentation
from facezoo_cycle_face.config import CycleFaceConfig
from facezoo_cycle_face.initial import copy_vgg19, draw_he
from facezoo_cycle_face.losses import Average, Recent, contrast
from facezoo_cycle_face.model import CycleFace
from facezoo_cycle_face.objectives import (
    ExpressionWeights,
    IdentityWeights,
    expression_objective,
    identity_objective,
    warm_up_objective,
)
from facezoo_cycle_face.pairs import PairDataset, Track, faces_of_clips, persons_of, single_portraits, voxceleb_frames
from facezoo_cycle_face.perceptual import GramDistance

Source = Literal["frames", "flip", "clips", "reader"]


class CycleFaceTraining(TrainingConfig):
    """Values of both stages.

    Attributes:
        sources: where pairs come from: "frames" (VoxCeleb's folders), "flip" (single portraits), "clips" (videos), "reader"
            (any data set that knows persons and landmarks). One reads the data folder itself, several read the folders of
            their names in it.
        flip_share: share of pairs that are a picture and its mirror image, for all but "flip".
        augmentation: what happens to a picture; the defaults are the release's.
        perceptual: "vgg19" is the release's Gram distance on ImageNet's VGG19, from timm; where its weights cannot be had
            the term is off, and log and card say so. "off" turns it off.
        schedule: "released": steps of ``rates``; "cosine": ``warm_up_steps`` up to ``rate``, then down to a 25th of it.
        rates: {first epoch: rate}.
        rate: the cosine's highest.
        warm_up_steps: of the cosine.
        detector: finds the faces of "clips".
        clip_copies: how many times an epoch has each clip.
        reader: of the source "reader".
        reader_split: of it, to train on.
        reader_copies: how many times an epoch has each of its persons.
        noise: the expression decoder's noise during training, as released. Without it training and inference agree.
        stored_dtype: of the exported weights.
    """

    batch_size: int = Field(default=16, ge=1)
    sources: tuple[Source, ...] = Field(default=("frames",), min_length=1)
    flip_share: float = Field(default=0.5, ge=0, le=1)
    augmentation: Augmentation = Augmentation()
    perceptual: Literal["vgg19", "off"] = "vgg19"
    schedule: Literal["released", "cosine"] = "released"
    rates: dict[int, float] = {}
    rate: float = 5e-4
    warm_up_steps: int = 150
    detector: str = "haar-frontal"
    clip_copies: int = Field(default=1, ge=1)
    reader: str = "synthetic"
    reader_split: str = "train"
    reader_copies: int = Field(default=1, ge=1)
    noise: bool = True
    stored_dtype: Literal["float32", "float16"] = "float32"


class ExpressionTraining(CycleFaceTraining):
    """Stage 1.

    Attributes:
        start: a cycle-face to go on from, an id, "dir:/path" or a folder; its configuration counts then. What it has of the
            second stage stays as it is. Empty: initial weights.
        model: the component's configuration; its trunk decides whether ImageNet weights are needed.
        initial: "released", or "he" (also in the decoders, residual branches scaled by 0.2): a faster start.
        independent_flips: the mirror image is cut and bent anew, with the same colours, so that pose in the plane differs.
        apart_steps: first steps in which flow and decoder learn apart, see ``warm_up_objective``.
        plain_share: share of images that also go through the decoder without flow.
        weights: of the losses.
    """

    epochs: int = Field(default=40, ge=1)
    start: str = ""
    model: CycleFaceConfig = CycleFaceConfig(stage="expression")
    initial: Literal["released", "he"] = "released"
    independent_flips: bool = False
    apart_steps: int = Field(default=0, ge=0)
    plain_share: float = Field(default=1.0, gt=0, le=1)
    weights: ExpressionWeights = ExpressionWeights()
    rates: dict[int, float] = {0: 1e-5, 1: 5e-5, 20: 1e-5, 40: 5e-6}


class IdentityTraining(CycleFaceTraining):
    """Stage 2.

    Attributes:
        start: the stage-1 model: a folder or an id. Where it has networks of the second stage, these go on from theirs.
        mean_face: what all faces are rebuilt from: the mean of the batch's mean faces, as released; a running mean of them;
            or a running mean of the neutral faces.
        hinge: see ``losses.margin``.
        group: "person": all pictures with one ``person`` in ``faces.csv`` are one track (for the contrast term).
        temperature: of the contrast term.
        negatives: codes of earlier batches that the contrast term also compares with.
        weights: of the losses.
    """

    epochs: int = Field(default=20, ge=1)
    start: str = ""
    mean_face: Literal["batch", "running", "neutrals"] = "batch"
    hinge: bool = False
    group: Literal["picture", "person"] = "picture"
    temperature: float = Field(default=0.1, gt=0)
    negatives: int = Field(default=1024, ge=1)
    weights: IdentityWeights = IdentityWeights()
    rates: dict[int, float] = {0: 5e-5, 1: 1e-4, 10: 1e-5}


class _CycleFaceRecipe(Recipe):
    """What both stages share: pairs, rates, the perceptual term, the export."""

    config: CycleFaceTraining
    component: CycleFace

    def __init__(self, config: CycleFaceTraining, data: Path) -> None:
        super().__init__(config, data)
        self.remarks: list[str] = []
        self.perceptual: GramDistance | None = None
        if config.perceptual == "vgg19" and self.perceptual_weight:
            self.perceptual = GramDistance.from_timm()
            if self.perceptual is None:
                self.remarks.append("The perceptual term is off: timm could not get VGG19's ImageNet weights.")

    @property
    def perceptual_weight(self) -> float:
        raise NotImplementedError

    def tracks(self, group: Literal["picture", "person"] = "picture") -> list[Track]:
        contract = self.component.contract
        crop = contract.crop if contract else None
        if not isinstance(crop, SquareCrop):
            raise InputError(f"cycle-face trains on square crops; this model's contract has {crop!r}.")
        several = len(self.config.sources) > 1
        folders = {source: self.data / source if several else self.data for source in self.config.sources}
        return [track for source, folder in folders.items() for track in self.tracks_of(source, folder, crop, group)]

    def tracks_of(self, source: Source, folder: Path, crop: SquareCrop, group: Literal["picture", "person"]) -> list[Track]:
        if not folder.exists():
            raise DatasetError(f"There is no {folder}; pairs of the source {source!r} are looked for there.")
        if source == "frames":
            return voxceleb_frames(folder, self.config.flip_share)
        if source == "flip":
            return single_portraits(folder, crop, group)
        if source == "reader":
            c = self.config
            return persons_of(open_dataset(c.reader, folder), c.reader_split, crop, c.flip_share, c.reader_copies)
        detector = load(self.config.detector, device="cpu")
        if not isinstance(detector, Detector):
            raise InputError(f"{self.config.detector} is a {type(detector).__name__}, no detector; set detector=haar-frontal.")
        return faces_of_clips(folder, crop, detector, self.config.flip_share, self.config.clip_copies)

    def learning_rate(self, turn: str, moment: Moment) -> float:
        config = self.config
        if config.schedule == "cosine":
            rise = min(1.0, (moment.step + 1) / max(1, config.warm_up_steps))
            return config.rate * rise * (0.04 + 0.96 * (1 + math.cos(math.pi * moment.progress)) / 2)
        return config.rates[max((first for first in config.rates if first <= moment.epoch), default=min(config.rates))]

    def images(self, batch: Mapping[str, Tensor], *names: str) -> Tensor:
        """uint8 pictures (B, 3, S, S) -> one batch of normalised ones."""
        return self.component.prepare(torch.cat([batch[name] for name in names or ("first", "second")]).float() / 255)

    def noise_of(self, moment: Moment) -> torch.Generator | None:
        return moment.generator if self.config.noise else None

    def notes(self) -> Sequence[str]:
        return self.remarks

    def export(self, directory: Path, record: Record) -> None:
        text = f"# {record.recipe}\n\ncycle-face, trained by facezoo.\n\n{record.as_markdown()}"
        save(self.component, directory, dtype=self.config.stored_dtype, card=text)

    def shown(self, pictures: Mapping[str, Tensor], names: Sequence[str]) -> dict[str, Tensor]:
        return {name: self.component.restore(pictures[name]) for name in names}


class ExpressionRecipe(_CycleFaceRecipe):
    """Stage 1: expression encoder, flow decoder and expression decoder, by the facial-motion cycle."""

    config: ExpressionTraining

    def __init__(self, config: ExpressionTraining, data: Path) -> None:
        super().__init__(config, data)
        self.component = self._go_on() if config.start else self._begin()

    def _begin(self) -> CycleFace:
        config = self.config
        if config.model.stage != "expression":
            raise InputError("cycle-face-expression trains a model of stage 'expression'; set model.stage=expression.")
        component = _create(config.model)
        component.initialise()
        if config.initial == "he":
            draw_he(component)
        if config.model.trunk == "vgg19-frozen":
            copy_vgg19(component)
        component.trainable_(True)
        return component

    def _go_on(self) -> CycleFace:
        refuse_idle(self.config, ("model", "initial"), "the network given as start brings its configuration and weights")
        component = start_from(self.config.start, CycleFace, "a cycle-face, to go on from,")
        self.remarks.append(f"It goes on from {origin_of(self.config.start, component.views['expression'])}.")
        component.trainable_(True)
        if component.config.stage == "identity":
            own = {
                id(p) for p in parameters_of(component.expression_encoder, component.flow_decoder, component.expression_decoder)
            }
            for parameter in component.parameters():
                parameter.requires_grad_(id(parameter) in own)
        return component

    @property
    def perceptual_weight(self) -> float:
        return self.config.weights.perceptual

    def dataset(self) -> PairDataset:
        c = self.config
        size = self.component.config.image_size
        return PairDataset(self.tracks(), size, c.augmentation, independent=c.independent_flips, seed=c.seed)

    def modules(self) -> dict[str, nn.Module]:
        return {"component": self.component}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"expression": torch.optim.Adam(parameters_of(self.component), lr=0.0, betas=(0.5, 0.999))}

    def losses(self, batch: Mapping[str, Tensor], turn: str, moment: Moment) -> dict[str, Tensor]:
        images, config = self.images(batch), self.config
        plain = max(1, round(config.plain_share * len(images)))
        points = torch.cat((batch["first_points"], batch["second_points"]))
        if moment.step < config.apart_steps:
            return warm_up_objective(self.component, images, config.weights, plain, points)
        noise = self.noise_of(moment)
        return expression_objective(self.component, images, config.weights, self.perceptual, noise, plain, points)[0]

    def pictures(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        _, made = expression_objective(self.component, self.images(batch), self.config.weights)
        return self.shown(made, ("face", "warped", "neutral", "rebuilt", "copied"))


class IdentityRecipe(_CycleFaceRecipe):
    """Stage 2: identity encoder and identity decoder, by the identity cycle; the networks of stage 1 stay as they are."""

    config: IdentityTraining

    def __init__(self, config: IdentityTraining, data: Path) -> None:
        super().__init__(config, data)
        self.component = _second_stage(config.start)
        self.average = Average(self.component.config.image_size)
        self.recent = Recent(config.negatives)
        trained = (self.component.identity_encoder, self.component.identity_decoder)
        self.component.requires_grad_(False).eval()
        for network in trained:
            network.requires_grad_(True).train()
        self.component.identity_decoder.trunk.requires_grad_(False).eval()  # frozen, or the first stage's

    @property
    def perceptual_weight(self) -> float:
        return self.config.weights.perceptual

    def dataset(self) -> PairDataset:
        c = self.config
        again = c.weights.contrast > 0
        size = self.component.config.image_size
        return PairDataset(self.tracks(c.group), size, c.augmentation, partner="other", again=again, seed=c.seed)

    def modules(self) -> dict[str, nn.Module]:
        return {"component": self.component, "average": self.average, "recent": self.recent}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"identity": torch.optim.Adam(parameters_of(self.component), lr=0.0, betas=(0.5, 0.9))}

    def losses(self, batch: Mapping[str, Tensor], turn: str, moment: Moment) -> dict[str, Tensor]:
        config, images = self.config, self.images(batch)
        running = config.mean_face != "batch" and int(self.average.count) > 0
        terms, made = identity_objective(
            self.component, images, config.weights, self.perceptual,
            self.average.value.clone() if running else None, config.hinge, self.noise_of(moment),
        )  # fmt: skip
        self.average.update(made["neutral" if config.mean_face == "neutrals" else "mean"])
        if config.weights.contrast:
            again = self.component.identity_encoder(self.images(batch, "first_again", "second_again")).float()
            owners = torch.cat((batch["owner"], batch["other"]))
            distance = contrast(made["code"], again, owners, config.temperature, *self.recent.held())
            terms["contrast"] = config.weights.contrast * distance
            self.recent.push(again, owners)
        return terms

    def pictures(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        weights = self.config.weights.model_copy(update={"rebuilt": 1.0})
        _, made = identity_objective(self.component, self.images(batch), weights)
        return self.shown(made, ("face", "neutral", "mean", "restored", "rebuilt"))


def _spec() -> ComponentSpec:
    return facezoo_cycle_face.facezoo_components()[0]


def _create(config: CycleFaceConfig) -> CycleFace:
    component = create(_spec(), config)
    if not isinstance(component, CycleFace):
        raise WeightsError(f"cycle-face is built as {type(component).__name__}, which this recipe does not know.")
    return component


def _second_stage(start: str) -> CycleFace:
    """A component of both stages with the first one's weights."""
    if not start:
        raise InputError("cycle-face-identity starts from a model of stage 1: --set start=FOLDER, the `model` of its output.")
    first = start_from(start, CycleFace, "a cycle-face of stage 1, from which cycle-face-identity starts,")
    component = _create(first.config.model_copy(update={"stage": "identity"}))
    component.contract = first.contract
    component.initialise()
    component.load_state_dict(first.state_dict(), strict=False)
    if component.config.trunk == "vgg19-frozen":
        component.identity_decoder.trunk.load_state_dict(first.expression_decoder.trunk.state_dict())
    return component
