"""What the manipulator and its discriminator minimise.

Source: the terms ``gan``, ``feature`` and ``perceptual`` and their weights are NVIDIA/pix2pixHD's (arXiv 1711.11585). All
others are ours and weigh nothing unless a recipe asks for them: without them an edit is learned only where somebody was
photographed with both expressions.

Pictures are (B, 3, S, S) RGB in [-1, 1].
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from facezoo.plugin import Encoder, IncompatibleError, InputContract, SquareCrop
from facezoo_pix2pixhd.discriminator import MultiscaleDiscriminator
from facezoo_pix2pixhd.losses import VGGDistance, feature_matching, least_squares
from facezoo_pix2pixhd.manipulator import ExpressionManipulator
from facezoo_pix2pixhd.pairs import OWN, PAIR, STRANGER


class EditWeights(BaseModel):
    """Weights of the terms. Each is a mean over the examples it concerns, 0 in a batch without any.

    Attributes:
        gan: of pairs: the discriminator takes the result for true.
        feature: of pairs: L1 between the discriminator's maps of result and target.
        perceptual: of pairs: L1 between VGG19's maps of result and target.
        pixel: of pairs: L1 between result and target.
        moving: how many times those pixels count in ``pixel`` in which source and target differ: they are few, and all of the
            expression.
        own: of own examples: L1 between result and source.
        expression: distance of the result's embedding to the one asked for.
        identity: of strangers' expressions: 1 - cosine of result and source, by the identity encoder.
        cycle: of strangers' expressions: L1 between the source and the result that got the source's expression back.
        mask: of pairs and own examples, with ``output: blend``: cross-entropy of the mask and where source and target differ.
        area: of strangers' expressions, likewise: mean of the mask.
        smooth: likewise, of all: mean difference of the mask's neighbouring pixels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gan: float = Field(default=1.0, ge=0)
    feature: float = Field(default=10.0, ge=0)
    perceptual: float = Field(default=10.0, ge=0)
    pixel: float = Field(default=0.0, ge=0)
    moving: float = Field(default=1.0, ge=0)
    own: float = Field(default=0.0, ge=0)
    expression: float = Field(default=0.0, ge=0)
    identity: float = Field(default=0.0, ge=0)
    cycle: float = Field(default=0.0, ge=0)
    mask: float = Field(default=0.0, ge=0)
    area: float = Field(default=0.0, ge=0)
    smooth: float = Field(default=0.0, ge=0)


MOVED = 0.1  # mean difference of a pixel's channels, in [-1, 1], from which source and target differ there
CHANGED = 0.2  # that from which a mask should be fully open there
LEAST = 1e-3  # of an opening, under a logarithm
AROUND = 48  # and around it: so many times the distance go into the side


@dataclass(frozen=True)
class Examples:
    """A batch: pictures in [-1, 1] and embeddings.

    Attributes:
        source: (B, 3, S, S).
        target: (B, 3, S, S), the true result of pairs and own examples; of strangers' the stranger.
        code: (B, dim), the expression asked for.
        own: (B, dim), the source's own expression.
        shown: (B, dim), the expression asked for as the discriminator sees it: ``code``, standardised.
        kind: (B,), PAIR, OWN or STRANGER.
    """

    source: Tensor
    target: Tensor
    code: Tensor
    own: Tensor
    shown: Tensor
    kind: Tensor

    def __getitem__(self, rows: Tensor) -> Examples:
        """Some of them, by their numbers."""
        return Examples(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


@dataclass(frozen=True)
class Edited:
    """What the manipulator made of a batch: (B, 3, S, S) results, and (B, 1, S, S) masks in [0, 1] or None."""

    result: Tensor
    mask: Tensor | None


@dataclass(frozen=True)
class Critic:
    """A discriminator that sees the source beside the picture, and the expression's embedding too if ``code``."""

    network: MultiscaleDiscriminator
    code: bool

    def __call__(self, examples: Examples, picture: Tensor) -> list[list[Tensor]]:
        seen = [examples.source, picture]
        if self.code:
            seen.insert(1, examples.shown[:, :, None, None].expand(-1, -1, *picture.shape[-2:]).to(picture.dtype))
        return self.network(torch.cat(seen, dim=1))


@dataclass(frozen=True)
class Sight:
    """An encoder that looks at faces cut out for the manipulator.

    Args:
        encoder: frozen.
        view: of it.
        contract: what the faces were cut out by.
        jitter: largest shift of what it sees, in sides of the crop, while it is a loss: a distance that holds only to the
            pixel would be made small by noise.
        coarsest: smallest share of the size at which it sees a batch then, drawn anew each time: what pleases it in texture
            alone is lost on the way, what moved is not.
    """

    encoder: Encoder
    view: str
    contract: InputContract
    jitter: float = 0.0
    coarsest: float = 1.0

    def __call__(self, pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B, 3, S, S) in [-1, 1] -> (B, dim) float32, with gradients; ``generator`` draws shifts and size, None: neither."""
        faces = ((pictures.float() + 1) / 2).clamp(0, 1)
        shift = torch.zeros(len(faces), 2, device=faces.device)
        if generator is not None and self.jitter:
            shift = (torch.rand(len(faces), 2, device=faces.device, generator=generator) * 2 - 1) * self.jitter
        if generator is not None and self.coarsest < 1:
            share = self.coarsest + (1 - self.coarsest) * float(torch.rand((), device=faces.device, generator=generator))
            faces = F.interpolate(faces, round(faces.shape[-1] * share), mode="bilinear", align_corners=False, antialias=True)
        return self.encoder.encode(recut(faces, self.contract, self.door, shift), self.view)

    @property
    def door(self) -> InputContract:
        """The encoder's own contract."""
        if self.encoder.contract is None:
            raise IncompatibleError(f"{type(self.encoder).__name__} takes embeddings, not faces.")
        return self.encoder.contract

    def own(self, faces: Tensor) -> Tensor:
        """(B, 3, E, E) float in [0, 1], cut out for the encoder itself -> (B, dim) float32, without gradients."""
        with torch.no_grad():
            return self.encoder.encode(faces, self.view)


def recut(faces: Tensor, given: InputContract, wanted: InputContract, shift: Tensor) -> Tensor:
    """Square crops as another contract's square crops of the same faces; beyond the edge the edge is repeated.

    Args:
        faces: (B, 3, S, S) float, cut out as ``given`` says.
        given: their contract.
        wanted: another. Crops that are no squares are left as they are.
        shift: (B, 2), right and down, in sides of the crop given.

    Returns:
        (B, 3, T, T) at about the same size per pixel.
    """
    old, new = given.crop, wanted.crop
    ratio, offset = 1.0, (0.0, 0.0)
    if isinstance(old, SquareCrop) and isinstance(new, SquareCrop):
        ratio = new.scale / old.scale
        offset = tuple(n * ratio - o for n, o in zip(new.shift, old.shift, strict=True))
    if ratio == 1.0 and offset == (0.0, 0.0) and not bool(shift.any()):
        return faces
    side = max(1, round(faces.shape[-1] * ratio))
    place = torch.zeros(len(faces), 2, 3, device=faces.device)
    place[:, 0, 0] = place[:, 1, 1] = ratio
    place[:, :, 2] = 2 * (shift + torch.tensor(offset, device=faces.device))
    grid = F.affine_grid(place, [len(faces), 3, side, side], align_corners=False)
    return F.grid_sample(faces, grid, mode="bilinear", padding_mode="border", align_corners=False)


@dataclass(frozen=True)
class Judges:
    """Everything that a result is judged by; None: that term is off."""

    critic: Critic | None
    expression: Sight
    identity: Sight | None = None
    perceptual: VGGDistance | None = None


def edit(
    component: ExpressionManipulator, examples: Examples, open_share: float = 0.0, generator: torch.Generator | None = None
) -> Edited:
    """Every source with the expression asked for.

    Args:
        component: the manipulator.
        examples: the batch.
        open_share: share of the results that are the new colours alone, as if the mask were fully open. Without any, the mask
            closes before the colours behind it have learned something.
        generator: draws which.
    """
    result, colour, mask = component.draw(examples.source, examples.code)
    if open_share and mask is not None:
        opened = torch.rand(len(result), 1, 1, 1, device=result.device, generator=generator) < open_share
        result = torch.where(opened, colour, result)
    return Edited(result.float(), None if mask is None else mask.float())


def generator_objective(
    component: ExpressionManipulator,
    examples: Examples,
    judges: Judges,
    weights: EditWeights,
    open_share: float = 0.0,
    generator: torch.Generator | None = None,
) -> tuple[dict[str, Tensor], Edited]:
    """The manipulator's terms.

    Args:
        component: the manipulator.
        examples: the batch.
        judges: discriminator (it must not gather gradients) and encoders.
        weights: of the terms.
        open_share: see ``edit``.
        generator: draws that, and what the encoders' sight is shifted by.

    Returns:
        The terms, weighted, to be summed, the same ones for every batch; and what was made.
    """
    made = edit(component, examples, open_share, generator)
    pairs, owns, strangers = (_where(examples.kind == kind) for kind in (PAIR, OWN, STRANGER))
    terms: dict[str, Tensor] = {}
    if len(pairs):
        terms |= _supervised(examples[pairs], made.result[pairs], judges, weights)
    if len(owns):
        terms["own"] = F.l1_loss(made.result[owns], examples.source[owns])
    if weights.expression:
        seen = judges.expression(made.result, generator)
        terms["expression"] = (seen - examples.code).norm(dim=1).mean()
    if len(strangers):
        terms |= _unsupervised(component, examples[strangers], made.result[strangers], judges, weights, generator)
    if made.mask is not None:
        terms |= _masked(examples, made.mask)
    nothing = made.result.sum() * 0
    return {name: getattr(weights, name) * terms.get(name, nothing) for name in active(weights, judges)}, made


def active(weights: EditWeights, judges: Judges) -> list[str]:
    """Names of the terms that weigh something and can be had."""
    chosen = [name for name in EditWeights.model_fields if name != "moving" and getattr(weights, name)]
    return [name for name in chosen if name != "perceptual" or judges.perceptual is not None]


def _supervised(pairs: Examples, result: Tensor, judges: Judges, weights: EditWeights) -> dict[str, Tensor]:
    """The terms of examples whose true result is known."""
    terms = {}
    if judges.critic is not None:
        fake = judges.critic(pairs, result)
        with torch.no_grad():
            real = judges.critic(pairs, pairs.target)
        terms["gan"] = least_squares(fake, True)
        terms["feature"] = feature_matching(fake, real)
    if weights.perceptual and judges.perceptual is not None:
        terms["perceptual"] = judges.perceptual(result, pairs.target)
    counted = 1 + (weights.moving - 1) * (difference(pairs) > MOVED)
    terms["pixel"] = ((result - pairs.target).abs() * counted).mean()
    return terms


def _masked(examples: Examples, mask: Tensor) -> dict[str, Tensor]:
    """The terms of (B, 1, S, S) masks."""
    known, strangers = _where(examples.kind != STRANGER), _where(examples.kind == STRANGER)
    terms = {"smooth": roughness(mask)}
    if len(known):
        near = 2 * round(mask.shape[-1] / AROUND) + 1
        changed = F.max_pool2d((difference(examples[known]) / CHANGED).clamp(max=1), near, 1, near // 2)
        terms["mask"] = agreement(mask[known], changed)
    if len(strangers):
        terms["area"] = mask[strangers].mean()
    return terms


def agreement(mask: Tensor, wanted: Tensor) -> Tensor:
    """(B, 1, S, S) twice, in [0, 1] -> (): binary cross-entropy, whose pull does not cease where a mask has closed."""
    opened, closed = wanted * torch.log(mask + LEAST), (1 - wanted) * torch.log(1 - mask + LEAST)
    return -(opened + closed).mean()


def difference(examples: Examples) -> Tensor:
    """-> (B, 1, S, S), from 0 to 2: how much source and target differ in each pixel, mean over the channels."""
    return (examples.source - examples.target).float().abs().mean(dim=1, keepdim=True)


def _unsupervised(
    component: ExpressionManipulator,
    strangers: Examples,
    result: Tensor,
    judges: Judges,
    weights: EditWeights,
    generator: torch.Generator | None,
) -> dict[str, Tensor]:
    """The terms of examples whose true result nobody knows."""
    terms = {}
    if weights.identity and judges.identity is not None:
        with torch.no_grad():
            known = judges.identity(strangers.source)
        alike = F.cosine_similarity(judges.identity(result, generator), known, dim=1)
        terms["identity"] = (1 - alike).mean()
    if weights.cycle:
        back = component.draw(result.to(strangers.source.dtype), strangers.own)[0]
        terms["cycle"] = F.l1_loss(back.float(), strangers.source)
    return terms


def discriminator_objective(critic: Critic, examples: Examples, result: Tensor) -> dict[str, Tensor]:
    """The discriminator's terms, of pairs: half of both errors, as released. ``result`` gets no gradient."""
    pairs = _where(examples.kind == PAIR)
    if not len(pairs):
        nothing = torch.stack([parameter.sum() for parameter in critic.network.parameters()]).sum() * 0
        return {"real": nothing, "fake": nothing}
    some = examples[pairs]
    real = least_squares(critic(some, some.target), True) / 2
    return {"real": real, "fake": least_squares(critic(some, result[pairs].detach()), False) / 2}


def roughness(mask: Tensor) -> Tensor:
    """(B, 1, S, S) -> (): mean absolute difference of neighbours, across plus down."""
    return (mask[..., 1:] - mask[..., :-1]).abs().mean() + (mask[..., 1:, :] - mask[..., :-1, :]).abs().mean()


def _where(chosen: Tensor) -> Tensor:
    return chosen.nonzero()[:, 0]
