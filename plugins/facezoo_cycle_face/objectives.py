"""The two objectives: what each stage of cycle-face minimises, built from the terms in ``losses``.

Source: ``train_expression.py`` and ``train_id.py`` of JiaRenChang/FaceCycle @14509c9 for the terms and their weights.
Terms that are not the paper's have the weight 0 unless a recipe asks for them.

Every image is ImageNet-normalised RGB, (B, 3, S, S), float32; the images of a batch are the first pictures of all pairs
followed by the second ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from facezoo_cycle_face.losses import edges, landmark_term, margin, mouth, roughness, spread, ssim_loss, swap, symmetry
from facezoo_cycle_face.networks import CodeEncoder, ExpressionDecoder, FlowDecoder, IdentityDecoder, warp

Perceptual = Callable[[Tensor, Tensor], Tensor]


class Networks(Protocol):
    """What an objective needs of the component: its five networks by their roles."""

    expression_encoder: CodeEncoder
    flow_decoder: FlowDecoder
    expression_decoder: ExpressionDecoder
    identity_encoder: CodeEncoder
    identity_decoder: IdentityDecoder


class ExpressionWeights(BaseModel):
    """Stage 1. The defaults are the release's; everything from ``edges`` on is not in it.

    Attributes:
        direct: the pixel and SSIM terms of the image that was only warped, never painted.
        edges: see ``edges``; of the rebuilt and the copied face.
        neutral_fidelity: pixels, SSIM and edges of the painted neutral against the warped face. Without it a pale
            neutral costs less symmetry, and the decoder learns to take the contrast out and put it back.
        symmetry_of_warped: the share of ``symmetry`` that the warped face gets. Unlike the painted one, it cannot become
            symmetric by becoming pale.
        own_share: share of pairs whose faces are rebuilt from their own neutral instead of each other's, as at inference.
        mouth: L1 of the rebuilt and the warped face once more, where mouths lie: they are small, and most of an expression.
        landmarks: see ``landmark_term``. Where five landmarks are known they straighten turned heads.
        flow_mean: mean absolute value of the batch's average flow. The cycle is indifferent to a deformation that
            all neutrals share; this makes it none.
        flow_roughness: mean absolute difference of neighbouring flow vectors.
        ssim_of_pixels: SSIM in [0, 1] instead of on normalised images, where two means of opposite sign make an
            inverted picture a local optimum (a run was caught in it: its blue channel never learnt).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pixel: float = 1.0
    direct: float = 1.5
    perceptual: float = 0.01
    symmetry: float = 1.5
    symmetry_of_warped: float = 0.5
    ssim: float = 5.0
    edges: float = 0.0
    neutral_fidelity: float = 0.0
    own_share: float = 0.0
    mouth: float = 0.0
    landmarks: float = 0.0
    flow_mean: float = 0.0
    flow_roughness: float = 0.0
    ssim_of_pixels: bool = False


class IdentityWeights(BaseModel):
    """Stage 2. The defaults are the release's; everything from ``edges`` on is not in it.

    Attributes:
        rebuilt: factor on the terms of the face rebuilt from the restored neutral; 0 leaves them out and saves a third of
            the time: a restored neutral that is like the neutral is rebuilt like it.
        restored: SSIM (five times) and edges (twice) of the restored neutral against the neutral; the release has only L1.
        contrast: see ``contrast``.
        code_spread: see ``spread``.
        mean_agreement: L1 between each face's mean face and the one that all are rebuilt from. At inference there is
            no batch to average over, so each face's own mean face has to be that one.
        own_mean_share: share of the batch that is rebuilt from its own mean face (without gradient to it), as at inference.
        ssim_of_pixels: as in ``ExpressionWeights``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pixel: float = 1.0
    direct: float = 0.8
    perceptual: float = 0.01
    symmetry: float = 1.5
    ssim: float = 5.0
    margin: float = 1.0
    edges: float = 0.0
    rebuilt: float = 1.0
    restored: float = 0.0
    contrast: float = 0.0
    code_spread: float = 0.0
    mean_agreement: float = 0.0
    own_mean_share: float = 0.0
    ssim_of_pixels: bool = False


def expression_objective(
    nets: Networks,
    images: Tensor,
    weights: ExpressionWeights,
    perceptual: Perceptual | None = None,
    generator: torch.Generator | None = None,
    plain: int | None = None,
    points: Tensor | None = None,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The facial-motion cycle: face -> neutral -> the face of the other picture of the pair.

    Args:
        nets: the component.
        images: (2N, 3, S, S), the first pictures of N pairs, then the second ones.
        weights: of the terms.
        perceptual: a distance between two batches of images, or None: no such term.
        generator: draws the noise of the expression decoder; None leaves it out.
        plain: how many images also go through the decoder without flow; None: all, as released.
        points: (2N, 5, 2) landmarks of the images from -1 to 1, NaN where unknown; or None.

    Returns:
        The terms, weighted, to be summed; and the pictures made on the way, by name.
    """
    plain = len(images) if plain is None else plain
    flow, inverse_flow = nets.flow_decoder(nets.expression_encoder(images))
    neutral = nets.expression_decoder(images, flow, generator).float()
    kept = round(weights.own_share * len(images) / 2)
    rebuilt = nets.expression_decoder(swap(neutral, kept), inverse_flow, generator).float()
    copied = nets.expression_decoder(images[:plain]).float()
    warped = warp(images, flow, clamp=True)
    direct = warp(swap(warped), inverse_flow, clamp=True)
    moved = warp(swap(neutral), inverse_flow, clamp=True)

    def ssim(image: Tensor, target: Tensor) -> Tensor:
        return ssim_loss(image, target, weights.ssim_of_pixels)

    pixel = F.l1_loss(rebuilt, images) + F.l1_loss(copied, images[:plain]) + F.l1_loss(moved, images)
    structure = ssim(rebuilt, images) + ssim(copied, images[:plain]) + weights.direct * ssim(direct, images)
    terms = {
        "pixel": weights.pixel * (pixel + weights.direct * F.l1_loss(direct, images)),
        "symmetry": weights.symmetry * (symmetry(neutral) + weights.symmetry_of_warped * symmetry(warped)),
        "ssim": weights.ssim * structure,
    }
    if perceptual is not None and weights.perceptual:
        made = (neutral, moved, direct, rebuilt)
        terms["perceptual"] = weights.perceptual * sum(
            (perceptual(image, images) for image in made), start=images.new_zeros(())
        )
    if weights.edges:
        terms["edges"] = weights.edges * (edges(rebuilt, images) + edges(copied, images[:plain]))
    if weights.mouth:
        terms["mouth"] = weights.mouth * (F.l1_loss(mouth(rebuilt), mouth(images)) + F.l1_loss(mouth(direct), mouth(images)))
    if weights.neutral_fidelity:
        wanted = warped.detach()
        fidelity = F.l1_loss(neutral, wanted) + ssim(neutral, wanted) + 2 * edges(neutral, wanted)
        terms["neutral_fidelity"] = weights.neutral_fidelity * fidelity
    terms |= flow_terms(flow, weights, points)
    pictures = {"face": images, "neutral": neutral, "rebuilt": rebuilt, "copied": copied, "warped": warped, "direct": direct}
    return terms, pictures


def flow_terms(flow: Tensor, weights: ExpressionWeights, points: Tensor | None) -> dict[str, Tensor]:
    """What guides the flow itself; nothing with the release's weights."""
    terms = {}
    if weights.landmarks and points is not None:
        terms["landmarks"] = weights.landmarks * landmark_term(flow, points)
    if weights.flow_mean:
        terms["flow_mean"] = weights.flow_mean * flow.mean(0).abs().mean()
    if weights.flow_roughness:
        terms["flow_roughness"] = weights.flow_roughness * roughness(flow)
    return terms


def warm_up_objective(
    nets: Networks, images: Tensor, weights: ExpressionWeights, plain: int, points: Tensor | None = None
) -> dict[str, Tensor]:
    """The parts of stage 1 that cost little: the flow on bare images, the decoder as an auto-encoder.

    Not in the release. The flow needs no painted picture to learn from, and the decoder has to copy a
    face before it can paint a moved one: a start with both apart takes a third of the time per step.
    """
    flow, inverse_flow = nets.flow_decoder(nets.expression_encoder(images))
    warped = warp(images, flow, clamp=True)
    direct = warp(swap(warped), inverse_flow, clamp=True)
    copied = nets.expression_decoder(images[:plain]).float()
    pixel = weights.direct * F.l1_loss(direct, images) + F.l1_loss(copied, images[:plain])
    of_pixels = weights.ssim_of_pixels
    ssim = weights.direct * ssim_loss(direct, images, of_pixels) + ssim_loss(copied, images[:plain], of_pixels)
    terms = {
        "pixel": weights.pixel * pixel,
        "ssim": weights.ssim * ssim,
        "symmetry": weights.symmetry * weights.symmetry_of_warped * symmetry(warped),
    }
    terms |= flow_terms(flow, weights, points)
    if weights.edges:
        terms["edges"] = weights.edges * edges(copied, images[:plain])
    return terms


@torch.no_grad()
def expression_of(nets: Networks, images: Tensor) -> tuple[Tensor, Tensor]:
    """-> neutral faces (B, 3, S, S) and inverse flows (B, 2, 16, 16) of the frozen first stage."""
    flow, inverse_flow = nets.flow_decoder(nets.expression_encoder(images))
    return nets.expression_decoder(images, flow).float(), inverse_flow


def identity_objective(
    nets: Networks,
    images: Tensor,
    weights: IdentityWeights,
    perceptual: Perceptual | None = None,
    mean_face: Tensor | None = None,
    hinge: bool = False,
    generator: torch.Generator | None = None,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The identity cycle: neutral -> mean face -> neutral, and on to the face.

    Args:
        nets: the component; only its identity networks are to be optimised.
        images: (B, 3, S, S), of different people.
        weights: of the terms (``contrast`` is added by the recipe, which has the second pictures).
        perceptual: as in ``expression_objective``.
        mean_face: (1, 3, S, S) that every face is rebuilt from; None: the batch's mean, as released.
        hinge: see ``margin``.
        generator: as in ``expression_objective``.
    """
    neutral, inverse_flow = expression_of(nets, images)
    code = nets.identity_encoder(images).float()
    means = nets.identity_decoder(neutral, code, "remove").float()
    shared = (means.mean(0, keepdim=True) if mean_face is None else mean_face).expand_as(means)
    own = round(weights.own_mean_share * len(images))
    canvas = torch.cat((means[:own].detach(), shared[own:]))
    restored = nets.identity_decoder(canvas, code, "restore").float()
    terms = {
        "pixel": weights.pixel * F.l1_loss(restored, neutral),
        "symmetry": weights.symmetry * symmetry(restored),
        "margin": weights.margin * margin(shared if mean_face is None else means, neutral, hinge),
    }
    pictures = {"face": images, "neutral": neutral, "mean": means, "restored": restored, "code": code}
    if weights.rebuilt:
        pictures["rebuilt"] = nets.expression_decoder(restored, inverse_flow, generator).float()
        direct = warp(restored, inverse_flow, clamp=True)
        _add_rebuilt(terms, pictures["rebuilt"], direct, images, weights, perceptual)
    if weights.restored:
        structure = 5 * ssim_loss(restored, neutral, weights.ssim_of_pixels) + 2 * edges(restored, neutral)
        terms["restored"] = weights.restored * structure
    if weights.edges:
        terms["edges"] = terms.get("edges", 0.0) + weights.edges * edges(restored, neutral)
    if weights.code_spread:
        terms["code_spread"] = weights.code_spread * spread(code)
    if weights.mean_agreement:
        terms["mean_agreement"] = weights.mean_agreement * F.l1_loss(means, shared.detach())
    return terms, pictures


def _add_rebuilt(
    terms: dict[str, Tensor],
    rebuilt: Tensor,
    direct: Tensor,
    images: Tensor,
    weights: IdentityWeights,
    perceptual: Perceptual | None,
) -> None:
    """The terms of the face that was rebuilt from the restored neutral, painted and only warped."""
    pixel = F.l1_loss(rebuilt, images) + weights.direct * F.l1_loss(direct, images)
    terms["pixel"] = terms["pixel"] + weights.rebuilt * weights.pixel * pixel
    of_pixels = weights.ssim_of_pixels
    structure = ssim_loss(rebuilt, images, of_pixels) + weights.direct * ssim_loss(direct, images, of_pixels)
    terms["ssim"] = weights.rebuilt * weights.ssim * structure
    if perceptual is not None and weights.perceptual:
        distance = perceptual(direct, images) + perceptual(rebuilt, images)
        terms["perceptual"] = weights.rebuilt * weights.perceptual * distance
    if weights.edges:
        terms["edges"] = weights.rebuilt * weights.edges * edges(rebuilt, images)
