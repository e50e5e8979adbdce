"""The values of ``facezoo train expression-manipulator``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from facezoo.plugin import FaceAugmentation, InputError, TrainingConfig, refuse_idle
from facezoo_pix2pixhd.config import ExpressionManipulatorConfig
from facezoo_pix2pixhd.objectives import EditWeights
from facezoo_pix2pixhd.pairs import Alignment


class DiscriminatorConfig(BaseModel):
    """The discriminator's layers; the defaults are the release's.

    Attributes:
        width: channels of each one's first map (ndf).
        depth: layers that halve the size.
        scales: how many there are, each on half the size of the one before.
        code: it also sees the embedding asked for, as the release's sees all that the generator does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=64, ge=1)
    depth: int = Field(default=3, ge=1)
    scales: int = Field(default=2, ge=1)
    code: bool = True


class ManipulatorTraining(TrainingConfig):
    """Values of the recipe.

    Attributes:
        encoder: whose expression embedding drives the edits: an id, "dir:/path" or a folder. It stays as it is.
        view: of it; empty: its default.
        identity_encoder: for ``weights.identity`` and the figures of a validation; empty: none.
        stage: "global": one generator, or whatever ``model`` says; "local": around the global generator given as ``start``
            come enhancers, each of which doubles the size.
        start: a manipulator to go on from: a run's folder (then its discriminator goes on too), a model's, or an id.
        model: the component's configuration.
        enhancers: of the stage "local".
        local_blocks: of the stage "local", residual blocks of each enhancer.
        fix_global: epochs for which the stage "local" leaves the global generator as it is; the release: 10 of 100.
        discriminator: its layers.
        readers: of the pairs. One reader without ``portraits`` reads the data folder itself, several read the folders of their
            names in it.
        split: of the readers, to train on; "auto": "train" where it has one, else its first.
        alike: names of values in which two pictures must agree to be a pair, where a reader has them.
        alignment: "source": both pictures of a pair are cut where the source's face is, which suits heads that keep still;
            "own": each where its own face is.
        detector: finds the faces of samples that say neither landmarks nor a box.
        portraits: a reader of single faces without pairs; empty: none.
        portraits_share: share of examples that show one of them.
        own_portraits: share of those that keep their own expression.
        foreign_share: share of the others that take the expression of a face of the pairs instead of another portrait's.
        own_share: share of the other examples in which a face keeps its own expression.
        strangers_share: share of what then remains in which it takes another person's.
        augmentation: what happens to source and target alike.
        open_share: share of examples whose results are the new colours alone, as if the mask of ``output: blend`` were open.
        jitter: largest shift, in sides of the crop, of what the encoders see as losses.
        coarsest: smallest share of the size at which they see it, drawn for each batch; 1: always the whole size.
        weights: of the losses.
        rate: Adam's, of both networks.
        constant_share: share of the run at the full rate; then it falls to zero along a line.
        validation: split for the figures; "auto": "validation" or "test" where a reader has one; empty: no figures.
        validation_faces: how many faces are edited for them, of pairs and of portraits each.
        mean_intensity: least ``intensity`` of a face that counts for an emotion's mean embedding; neutral ones and those of
            readers without this value count always.
        stored_dtype: of the exported manipulator's weights.
    """

    epochs: int = Field(default=200, ge=1)
    batch_size: int = Field(default=1, ge=1)
    encoder: str = "dln-nano"
    view: str = ""
    identity_encoder: str = ""
    stage: Literal["global", "local"] = "global"
    start: str = ""
    model: ExpressionManipulatorConfig = ExpressionManipulatorConfig()
    enhancers: int = Field(default=1, ge=1, le=3)
    local_blocks: int = Field(default=3, ge=1, le=9)
    fix_global: int = Field(default=10, ge=0)
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    readers: tuple[str, ...] = Field(default=("rafd",), min_length=1)
    split: str = "auto"
    alike: tuple[str, ...] = ("camera", "gaze")
    alignment: Alignment = "source"
    detector: str = "haar-frontal"
    portraits: str = ""
    portraits_share: float = Field(default=0.25, ge=0, le=1)
    own_portraits: float = Field(default=0.4, ge=0, le=1)
    foreign_share: float = Field(default=1.0, ge=0, le=1)
    own_share: float = Field(default=0.0, ge=0, le=1)
    strangers_share: float = Field(default=0.0, ge=0, le=1)
    augmentation: FaceAugmentation = FaceAugmentation(flip=0.5)
    open_share: float = Field(default=0.0, ge=0, le=1)
    jitter: float = Field(default=0.02, ge=0, le=0.25)
    coarsest: float = Field(default=1.0, gt=0, le=1)
    weights: EditWeights = EditWeights()
    rate: float = Field(default=2e-4, gt=0)
    constant_share: float = Field(default=0.5, ge=0, le=1)
    validation: str = "auto"
    validation_faces: int = Field(default=64, ge=2)
    mean_intensity: float = Field(default=0.0, ge=0, le=1)
    stored_dtype: Literal["float32", "float16"] = "float32"

    def refuse_idle(self) -> None:
        """Raises InputError for values that were chosen and that another value switches off."""
        if self.start:
            refuse_idle(self, ("model",), "the manipulator given as start brings its configuration and weights")
        if self.stage == "global":
            refuse_idle(self, ("enhancers", "local_blocks", "fix_global"), "the stage is global")
        elif not self.start:
            raise InputError("The stage local puts enhancers around a trained global generator: name its run as start.")
        if not self.portraits:
            refuse_idle(self, ("portraits_share", "own_portraits", "foreign_share"), "there are no portraits")
        if not (self.weights.expression or self.weights.identity):
            refuse_idle(self, ("jitter", "coarsest"), "without weights.expression and weights.identity no encoder is a loss")
        if self.weights.identity and not self.identity_encoder:
            raise InputError("weights.identity compares identities: name an identity_encoder, such as facenet-nano.")
        if not (self.weights.gan or self.weights.feature):
            refuse_idle(self, ("discriminator",), "without weights.gan and weights.feature there is no discriminator")
