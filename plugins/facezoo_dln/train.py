"""``facezoo train dln``: the face branch and the polynomial, by which of three faces is the odd one out.

Sources: the double triplet loss and its margins of 0.1 and 0.2 are FECNet's (arXiv 1811.11283) and occur in later code by
the authors of the DLN. The DLN paper's own optimiser, rates, batch and epochs are unknown; the defaults are those of the
successor's training code for the same task (FuxiVirtualHuman/free_avatar @6f2eb6f, exp_emb_code; no licence file).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from facezoo.plugin import (
    AnnotatedTriplet,
    DatasetError,
    FaceAugmentation,
    InputError,
    Moment,
    Recipe,
    Record,
    TripletDataset,
    TripletReader,
    annotators_of,
    arrange,
    chosen_by,
    double_triplet,
    open_dataset,
    origin_of,
    parameters_of,
    refuse_idle,
    save,
    split_digest,
    triplet_figures,
    warm_cosine,
)
from facezoo_dln.auxiliary import Auxiliary, Descending, known_values
from facezoo_dln.config import HIGHEST_ORDER
from facezoo_dln.crowd import CrowdLayer, Placement, Variant, crowd_loss
from facezoo_dln.hierarchy import further_orders, margins, order_loss
from facezoo_dln.initial import Seen, dln_on, identity_model

PLACES = ("first", "second", "third")  # of a triplet's pictures


class DLNTraining(Descending):
    """Values of the recipe.

    Attributes:
        identity: the face recognition network that both branches start from: an id, "dir:/path" or a folder. Needed.
        seen: what the branches are shown: "released" (224 pixels in [0, 1], no mean and standard deviation), "identity"
            (what the identity network was trained on), or "auto": released for the paper's backbone, else identity.
        polynomial_order: K; 1 is the released code.
        embedding_dim: length of the embedding.
        dropout: before the face branch's last layer; not 0, for a copy of a network without batch norms would never differ
            from the original, and its deviation would have no direction to start in.
        reader: of the triplets; any triplet reader.
        split: of the reader, to train on.
        validation: another of its splits, for the figures. FEC's reader has test, and validation: the train file's last 1 %.
        best: the weights of the best validation are exported instead of the last, as with ``patience``; then take
            validation=validation, or the test split chooses the model.
        augmentation: what happens to a picture.
        margin_one_class: for triplets of one emotion class.
        margin: for the others.
        crowd: the crowd layer's form; "off": the majority's answer is learned.
        crowd_placement: before or after the L2 normalisation.
        crowd_rate: the layer's learning rate as a multiple of ``rate``. Its transforms do not decay.
        hierarchy: "votes": votes give further, smaller orders; "none": they do not.
        order_margin: of those. Later code by the paper's authors lists 0.05 beside 0.1 and 0.2, without saying what for.
        order_weight: of their loss.
        order_gap: votes apart that count as an order.
        triplet_weight: of the triplets' loss.
        rate: of the optimiser; the highest, with ``schedule=cosine``.
        momentum: of "sgd".
        weight_decay: of the optimiser.
    """

    epochs: int = Field(default=100, ge=1)
    batch_size: int = Field(default=64, ge=1)
    identity: str = ""
    seen: Seen = "auto"
    polynomial_order: int = Field(default=1, ge=1, le=HIGHEST_ORDER)
    embedding_dim: int = Field(default=16, ge=2)
    dropout: float = Field(default=0.6, gt=0, lt=1)
    reader: str = "fec"
    split: str = "train"
    validation: str = "test"
    best: bool = False
    augmentation: FaceAugmentation = FaceAugmentation(flip=0.5)
    margin_one_class: float = Field(default=0.1, ge=0)
    margin: float = Field(default=0.2, ge=0)
    crowd: Literal["off"] | Variant = "matrix"
    crowd_placement: Placement = "before"
    crowd_rate: float = Field(default=1.0, ge=0)
    hierarchy: Literal["none", "votes"] = "votes"
    order_margin: float = Field(default=0.05, ge=0)
    order_weight: float = Field(default=1.0, ge=0)
    order_gap: int = Field(default=2, ge=1)
    triplet_weight: float = Field(default=1.0, gt=0)
    rate: float = Field(default=0.002, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-5, ge=0)


class DLNRecipe(Recipe):
    """A pseudo-siamese network learns from annotators' answers; its identity branch stays as it is."""

    config: DLNTraining

    def __init__(self, config: DLNTraining, data: Path) -> None:
        super().__init__(config, data)
        _refuse_idle(config)
        self.best_by = ("accuracy", "max") if config.best or config.patience else None
        identity = identity_model(config.identity)
        layers = {name: getattr(config, name) for name in ("embedding_dim", "polynomial_order", "dropout")}
        self.component = dln_on(identity, config.seen, layers).trainable_(True)
        source = origin_of(config.identity, identity.views["identity"])
        self.remarks = [f"Both branches start as copies of {source}; the identity branch stays that."]
        self.reader = self._open()
        self.triplets = self._usable(self.reader.triplets(config.split))
        self.unseen = self._with_majority() if config.validate_every else []
        if not self.unseen:
            why = "Nothing is validated (validate_every=0)"
            self.remarks.append(f"{why}, so nobody knows how well this network does on new faces.")
        self.crowd = self._crowd()
        self.auxiliary = self._auxiliary()
        self.remarks += self.reader.notes()

    def _open(self) -> TripletReader:
        reader = open_dataset(self.config.reader, self.data)
        if not isinstance(reader, TripletReader):
            raise InputError(f"The reader {self.config.reader!r} has no triplets; dln learns from triplets, such as fec's.")
        return reader

    def _usable(self, triplets: Sequence[AnnotatedTriplet]) -> list[AnnotatedTriplet]:
        """Those that say something under these values; the others are counted."""
        config = self.config
        crowd, votes = config.crowd != "off", torch.tensor([triplet.votes for triplet in triplets]).view(-1, 3)
        ordered = further_orders(votes, config.order_gap).any(1) & (config.hierarchy == "votes")
        kept = [
            triplet
            for triplet, order in zip(triplets, ordered.tolist(), strict=True)
            if order or (crowd and triplet.answers) or triplet.odd is not None
        ]
        if not kept:
            raise DatasetError(f"All {len(triplets)} triplets of {self.data} are tied, so there is nothing to learn from.")
        kinds = Counter(triplet.kind for triplet in kept)
        self.remarks.append(
            f"{len(kept)} triplets of {config.reader}, split {config.split} (digest {split_digest(kept)}): "
            + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
            + f"; {len(triplets) - len(kept)} left out because their votes are tied."
        )
        if config.hierarchy == "votes":
            self.remarks.append(f"The votes of {int(ordered.sum())} of them order pairs beyond the majority's answer.")
        return kept

    def _with_majority(self) -> list[AnnotatedTriplet]:
        """What the figures are measured on."""
        split = self.config.validation
        given = self.reader.triplets(split)
        unseen = [triplet for triplet in given if triplet.odd is not None]
        if not unseen:
            raise DatasetError(f"None of the {len(given)} triplets of the split {split} has a majority; set validate_every=0.")
        self.remarks.append(
            f"Validation: {len(unseen)} triplets with a majority, split {split} (digest {split_digest(unseen)})."
        )
        if self.best_by:
            self.remarks.append(chosen_by(self.best_by[0], f"the split {split}"))
        return unseen

    def _crowd(self) -> CrowdLayer | None:
        config = self.config
        if config.crowd == "off":
            return None
        annotators = annotators_of(self.triplets)
        self.remarks.append(f"Crowd layer: {config.crowd}, {len(annotators)} annotators; the exported model is without it.")
        return CrowdLayer(tuple(annotators), config.embedding_dim, config.crowd, config.crowd_placement)

    def _auxiliary(self) -> Auxiliary | None:
        names = self.config.auxiliary
        if not names:
            return None
        faces = list(dict.fromkeys(sample for triplet in self.triplets for sample in triplet.images))
        self.remarks.append(self.config.remark)
        return Auxiliary(names, known_values(faces, names))

    def dataset(self) -> TripletDataset:
        numbers = {who: number for number, who in enumerate(self.crowd.annotators)} if self.crowd else {}
        return TripletDataset(
            self.triplets, self.component.contract, numbers, self.config.augmentation,
            box_reference=self.reader.box_reference, seed=self.config.seed, keep_ties=True, values=self.config.auxiliary,
        )  # fmt: skip

    def modules(self) -> dict[str, nn.Module]:
        crowd: dict[str, nn.Module] = {"crowd": self.crowd} if self.crowd else {}
        auxiliary: dict[str, nn.Module] = {"auxiliary": self.auxiliary} if self.auxiliary else {}
        return {"component": self.component, **crowd, **auxiliary}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        config = self.config
        learned = [module for module in (self.component, self.auxiliary) if module is not None]
        groups: list[dict[str, Any]] = [{"params": parameters_of(*learned), "weight_decay": config.weight_decay}]
        if self.crowd is not None:
            share = config.crowd_rate
            groups.append({"params": parameters_of(self.crowd), "lr": config.rate * share, "share": share, "weight_decay": 0.0})
        if config.optimizer == "adamw":
            return {"dln": torch.optim.AdamW(groups, lr=config.rate)}
        return {"dln": torch.optim.SGD(groups, lr=config.rate, momentum=config.momentum)}

    def learning_rate(self, turn: str, moment: Moment) -> float | None:
        return warm_cosine(self.config.rate, self.config.warm_up, moment) if self.config.schedule == "cosine" else None

    def deviations(self, batch: Mapping[str, Tensor]) -> Tensor:
        """A batch's pictures -> (3 · B, 512) float32: all first ones, all second, all third."""
        return self.component.encode(torch.cat([batch[name] for name in PLACES]).float() / 255, "deviation")

    def embeddings(self, deviations: Tensor) -> Tensor:
        """Of ``deviations`` -> (B, 3, D) float32 of length 1."""
        flat = self.component.polynomial(deviations)
        return flat.view(3, -1, flat.shape[1]).transpose(0, 1)

    def losses(self, batch: Mapping[str, Tensor], turn: str, moment: Moment) -> dict[str, Tensor]:
        config, deviations = self.config, self.deviations(batch)
        embeddings = self.embeddings(deviations)
        margin = self.margins(batch["kind"])
        if self.crowd is not None:
            seen = self.crowd(embeddings, batch["annotators"])
            terms = {"triplet": config.triplet_weight * crowd_loss(seen, batch["answers"], margin).mean()}
        else:
            agreed = batch["odd"] >= 0
            loss = double_triplet(*arrange(embeddings[agreed], batch["odd"][agreed]), margin[agreed])
            terms = {"triplet": config.triplet_weight * loss.sum() / len(agreed)}  # a tie counts as an example without loss
        if config.hierarchy == "votes":
            orders = further_orders(batch["votes"], config.order_gap)
            terms["order"] = config.order_weight * order_loss(embeddings, orders, config.order_margin).mean()
        if self.auxiliary is not None:
            values = batch["values"].transpose(0, 1).flatten(0, 1)  # B 3 K -> 3B K, in the order of the deviations
            terms["auxiliary"] = config.auxiliary_weight * self.auxiliary.loss(deviations, values)
        return terms

    def validate(self) -> dict[str, float]:
        """Share of held-out triplets whose majority's pair is nearer than both others, in all and per kind; and the loss."""
        config, reference = self.config, self.reader.box_reference
        return triplet_figures(
            self.component, self.unseen, config.batch_size, "embedding", reference, config.workers,
            loss=lambda anchor, positive, negative, kind: double_triplet(anchor, positive, negative, self.margins(kind)),
        )  # fmt: skip

    def margins(self, kind: Tensor) -> Tensor:
        """(B,) long kinds -> (B,) float32."""
        return margins(kind, self.config.margin_one_class, self.config.margin)

    def pictures(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: batch[name].float() / 255 for name in PLACES}

    def notes(self) -> Sequence[str]:
        return self.remarks

    def export(self, directory: Path, record: Record) -> None:
        text = (
            f"# {record.recipe}\n\nA Deviation Learning Network, trained by facezoo. View `embedding`: the nearer two "
            f"expressions, the more similar.\n\n{record.as_markdown()}"
        )
        save(self.component, directory, card=text)


def _refuse_idle(config: DLNTraining) -> None:
    """Raises InputError for values that were chosen and that another value switches off."""
    if not config.validate_every:
        refuse_idle(config, ("best", "patience"), "nothing is validated with validate_every=0")
    if config.crowd == "off":
        refuse_idle(config, ("crowd_placement", "crowd_rate"), "there is no crowd layer with crowd=off")
    if config.hierarchy == "none":
        refuse_idle(config, ("order_margin", "order_weight", "order_gap"), "votes order nothing with hierarchy=none")
    config.refuse_idle()
