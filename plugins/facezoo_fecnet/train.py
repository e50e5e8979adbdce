"""``facezoo train fecnet``: expression vectors, learned from which of three faces people find the odd one out.

Sources: Vemulapalli and Agarwala, CVPR 2019, arXiv 1811.11283, and the training code of AmirSh15/FECNet @f7cc3e1, whose
values are the defaults: squared distances, one margin of 0.2 for all triplets (the paper has 0.1 for those of one class),
the answer most annotators gave, the last hundredth of the training table for validation. Its scrambled images are not
repeated: faces are cut out and shown as everywhere in facezoo.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

import facezoo_fecnet
from facezoo.plugin import (
    AnnotatedTriplet,
    DatasetError,
    FaceAugmentation,
    InputError,
    Moment,
    Recipe,
    Record,
    TrainingConfig,
    TripletDataset,
    TripletReader,
    arrange,
    chosen_by,
    create,
    double_triplet,
    open_dataset,
    origin_of,
    parameters_of,
    refuse_idle,
    save,
    split_digest,
    start_from,
    triplet_figures,
)
from facezoo_facenet.model import INCEPTION, Facenet
from facezoo_fecnet.config import FecnetConfig
from facezoo_fecnet.model import Fecnet

OWN = ("image_size", "embedding_dim", "l2_normalize", "stem", "layers", "growth", "hidden")  # values of the component


class FecnetTraining(TrainingConfig):
    """Values of the recipe. The defaults are the release's.

    Attributes:
        trunk: the face recognition network whose layers are read and stay as they are: an id, "dir:/path" or a folder.
        image_size: height and width of the faces; None: 224 on Inception-ResNet v1, as released, else the trunk's own.
        embedding_dim: length of the expression vector.
        l2_normalize: unit vectors, as in the paper; the release has none.
        stem: channels of the 1x1 convolution after the trunk.
        layers: of the dense block.
        growth: channels that each of them adds.
        hidden: length of the vector before the expression vector.
        reader: of the triplets; any triplet reader.
        split: of the reader, to train on.
        validation: of the reader, for the figures; None (``validation=``): no figures.
        augmentation: what happens to a face; the release is not known to do anything.
        margin: of triplets with faces of two or three emotions.
        margin_one_class: of triplets with faces of one emotion; the paper has 0.1.
        squared: squared distances, as released and in the paper.
        rate: Adam's.
    """

    epochs: int = Field(default=200, ge=1)
    batch_size: int = Field(default=240, ge=1)
    patience: int | None = Field(default=50, ge=1)
    trunk: str = ""
    image_size: int | None = None
    embedding_dim: int = 16
    l2_normalize: bool = False
    stem: int = 512
    layers: int = 5
    growth: int = 64
    hidden: int = 512
    reader: str = "fec"
    split: str = "train"
    validation: str | None = "validation"
    augmentation: FaceAugmentation = FaceAugmentation()
    margin: float = Field(default=0.2, ge=0)
    margin_one_class: float = Field(default=0.2, ge=0)
    squared: bool = True
    rate: float = Field(default=5e-4, gt=0)


class FecnetRecipe(Recipe):
    """A dense block on a frozen trunk learns to set the odd one out apart."""

    config: FecnetTraining
    best_by = ("loss", "min")

    def __init__(self, config: FecnetTraining, data: Path) -> None:
        super().__init__(config, data)
        if not config.validate_every or not config.validation:
            refuse_idle(config, ("patience",), "nothing is validated with validate_every=0 or without a split for validation")
        trunk = trunk_model(config.trunk)
        own = {name: getattr(config, name) for name in OWN if getattr(config, name) is not None}
        self.component = fecnet_on(trunk, own)
        self.component.trainable_(True)
        self.remarks = [f"The frozen trunk is that of {origin_of(config.trunk, trunk.views['identity'])}."]
        reader = open_dataset(config.reader, data)
        if not isinstance(reader, TripletReader):
            raise InputError(f"The reader {config.reader!r} has no triplets; fecnet learns from triplets, such as fec's.")
        self.reader = reader
        self.triplets = self._judged(config.split)
        self.held_out: list[AnnotatedTriplet] = []
        if config.validation and config.validate_every:
            self.held_out = self._judged(config.validation)
            self.remarks.append(chosen_by("loss", f"the split {config.validation}"))
        else:
            why = "no split for it is named" if config.validate_every else "validate_every=0"
            self.remarks.append(f"Nothing is validated ({why}), so nobody knows how well this network does on new faces.")
        self.remarks += reader.notes()

    def _judged(self, split: str) -> list[AnnotatedTriplet]:
        """A split's triplets with a majority; ties are counted."""
        given = self.reader.triplets(split)
        judged = [triplet for triplet in given if triplet.odd is not None]
        kinds = Counter(triplet.kind for triplet in judged)
        self.remarks.append(
            f"{len(judged)} triplets of {self.config.reader}, split {split} (digest {split_digest(judged)}): "
            + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
            + f"; {len(given) - len(judged)} left out because their votes are tied."
        )
        if not judged:
            raise DatasetError(f"All {len(given)} triplets of the split {split!r} of {self.data} are tied; name another split.")
        return judged

    def dataset(self) -> TripletDataset:
        config, reference = self.config, self.reader.box_reference
        return TripletDataset(
            self.triplets, self.component.contract, augmentation=config.augmentation, box_reference=reference, seed=config.seed
        )

    def modules(self) -> dict[str, nn.Module]:
        return {"component": self.component}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"fecnet": torch.optim.Adam(parameters_of(self.component), lr=self.config.rate)}

    def losses(self, batch: Mapping[str, Tensor], turn: str, moment: Moment) -> dict[str, Tensor]:
        faces = torch.cat([batch[name] for name in ("first", "second", "third")]).float() / 255
        embeddings = self.component.encode(faces).view(3, len(batch["odd"]), -1).transpose(0, 1)
        return {"triplet": self.loss_of(*arrange(embeddings, batch["odd"]), batch["kind"]).mean()}

    def loss_of(self, anchor: Tensor, positive: Tensor, negative: Tensor, kind: Tensor) -> Tensor:
        """(B,) float32; ``kind`` (B,) is 0 for triplets of one emotion."""
        config = self.config
        margin = torch.where(kind == 0, config.margin_one_class, config.margin)
        return double_triplet(anchor, positive, negative, margin, squared=config.squared)

    def validate(self) -> dict[str, float]:
        """Loss on triplets that are not trained on, and the share of them that the network sees as most people do."""
        config, reference = self.config, self.reader.box_reference
        return triplet_figures(
            self.component, self.held_out, config.batch_size, "embedding", reference, config.workers, loss=self.loss_of
        )

    def pictures(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: batch[name].float() / 255 for name in ("first", "second", "third")}

    def notes(self) -> Sequence[str]:
        return self.remarks

    def export(self, directory: Path, record: Record) -> None:
        text = (
            f"# {record.recipe}\n\nA FECNet, trained by facezoo on properly shown faces (the release's scrambled images are "
            "not repeated). View `embedding`: the nearer two vectors, the more alike the expressions.\n\n"
            f"{record.as_markdown()}"
        )
        save(self.component, directory, card=text)


def trunk_model(name: str) -> Facenet:
    """The face recognition network that the trunk is taken from.

    Raises:
        InputError: none is named, or it is something else.
        UnknownNameError: nothing has the name.
        WeightsUnavailableError: the weights are not here; says how to get them.
    """
    if not name:
        raise InputError(
            "FECNet reads a face recognition network, never one with random weights. Name one: --set trunk=facenet-vggface2 "
            "as released, or --set trunk=RUN/model of a run of `facezoo train facenet`."
        )
    return start_from(name, Facenet, "a facenet")


def fecnet_on(trunk: Facenet, values: Mapping[str, Any]) -> Fecnet:
    """A FECNet whose trunk has a facenet's weights; only the dense part is random.

    Args:
        trunk: gives backbone, weights, and what its faces look like.
        values: of ``FecnetConfig``; without ``image_size`` the released 224 on the released trunk, else the trunk's own.

    Raises:
        InputError: the facenet has no contract.
        WeightsError: values that do not fit.
    """
    if trunk.contract is None:
        raise InputError("This facenet has no input contract, so nobody knows what it was trained on; load it by its name.")
    backbone, own = trunk.config.backbone, {} if trunk.config.backbone == INCEPTION else {"image_size": trunk.contract.size[0]}
    values = {**own, **values, "backbone": backbone, "identity_dim": trunk.config.embedding_dim}
    made = create(facezoo_fecnet.facezoo_components()[0], FecnetConfig.from_values(values, "the recipe's values"))
    if not isinstance(made, Fecnet):
        raise InputError(f"fecnet is built as {type(made).__name__}, which this recipe does not know.")
    made.trunk.load_state_dict(trunk.trunk.state_dict())
    made.contract = trunk.contract.model_copy(update={"size": (made.config.image_size, made.config.image_size)})
    return made
