"""The terms of cycle-face's training, each against a plain computation, and what the objectives optimise."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from facezoo.plugin import create
from facezoo_cycle_face import facezoo_components, losses, objectives
from facezoo_cycle_face.config import CycleFaceConfig
from facezoo_cycle_face.networks import warp
from facezoo_cycle_face.objectives import ExpressionWeights, IdentityWeights


@pytest.fixture(scope="module")
def component():
    torch.manual_seed(0)
    component = create(facezoo_components()[0], CycleFaceConfig(width=0.05, trunk="trained"))
    component.initialise()
    return component


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_swap_puts_each_picture_in_its_partners_place():
    assert losses.swap(torch.arange(6)).tolist() == [3, 4, 5, 0, 1, 2]
    assert losses.swap(torch.arange(6), kept=1).tolist() == [0, 4, 5, 3, 1, 2]


def test_symmetry_is_nothing_for_a_mirrored_picture_and_only_then(images):
    assert losses.symmetry(images + images.flip(-1)).item() == pytest.approx(0, abs=1e-7)
    assert losses.symmetry(images).item() > 0.5


def test_blur_is_a_zero_padded_gaussian_convolution(images):
    x = torch.arange(11.0) - 5
    window = torch.exp(-(x**2) / 4.5)
    window = window / window.sum()
    kernel = (window[:, None] * window[None, :]).expand(3, 1, 11, 11)
    assert torch.allclose(losses.blur(images), F.conv2d(images, kernel, padding=5, groups=3), atol=1e-5)


def test_ssim_agrees_with_an_independent_implementation(images):
    from torchmetrics.functional.image import structural_similarity_index_measure

    a, b = losses.pixels(images).clamp(0, 1), losses.pixels(images + 0.3 * images.roll(1, 0)).clamp(0, 1)
    reference = structural_similarity_index_measure(
        a, b, gaussian_kernel=True, sigma=1.5, kernel_size=11, data_range=1.0, return_full_image=True
    )[1]
    inner = (slice(None), slice(None), slice(5, -5), slice(5, -5))  # the borders are padded differently
    ours = 1 - losses.ssim_loss(a[inner], b[inner])
    assert ours.item() == pytest.approx(reference[inner].mean().item(), abs=0.05)
    assert losses.ssim_loss(a, a).item() == pytest.approx(0, abs=1e-6)


def test_ssim_of_normalised_pictures_can_prefer_an_inverted_one_and_of_pixels_cannot():
    bright = 0.5 + 0.2 * torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    same, inverted = bright - 1.0, -bright
    normalised = losses.ssim_loss(same, bright), losses.ssim_loss(inverted, bright)
    assert normalised[1] < normalised[0]
    in_pixels = losses.ssim_loss(same, bright, of_pixels=True), losses.ssim_loss(inverted, bright, of_pixels=True)
    assert in_pixels[1] > in_pixels[0]


def test_edges_punish_blur_that_pixel_l1_forgives(images):
    target = images.sign()
    blurred = losses.blur(target)
    assert losses.edges(target, target).item() == 0
    assert losses.edges(blurred, target) > F.l1_loss(blurred, target)


def test_the_released_margin_has_the_gradient_of_l1_and_the_hinge_forgives_a_tenth():
    a, b = torch.tensor([0.05, 0.5], requires_grad=True), torch.zeros(2)
    assert losses.margin(a, b).item() == pytest.approx(0.175)
    assert torch.autograd.grad(losses.margin(a, b), a)[0].tolist() == [0.5, 0.5]
    assert torch.autograd.grad(losses.margin(a, b, hinge=True), a)[0].tolist() == [0.0, 0.5]


def test_gram_is_divided_by_positions_only():
    assert losses.gram(torch.ones(1, 2, 3, 3)).tolist() == [[[1.0, 1.0], [1.0, 1.0]]]


def test_contrast_is_small_when_people_are_told_apart_and_never_sets_a_person_against_himself():
    codes = torch.eye(4, 256)
    alone = torch.arange(4)
    assert losses.contrast(codes, codes, alone) < 0.01 < losses.contrast(codes, codes.roll(1, 0), alone)
    twins = torch.stack((codes[0], codes[0], codes[1], codes[2]))
    assert losses.contrast(twins, twins, torch.tensor([7, 7, 8, 9])) < 0.01 < losses.contrast(twins, twins, alone)


def test_stage_one_sums_the_released_terms_and_reaches_all_its_networks(component, images):
    component.trainable_(True)
    terms, pictures = objectives.expression_objective(component, images, ExpressionWeights())
    assert set(terms) == {"pixel", "symmetry", "ssim"}
    x, neutral, rebuilt, copied, direct = (pictures[n] for n in ("face", "neutral", "rebuilt", "copied", "direct"))
    _, inverse = component.flow_decoder(component.expression_encoder(images))
    moved = warp(losses.swap(neutral), inverse, clamp=True)
    pixel = sum(F.l1_loss(made, x) for made in (rebuilt, copied, moved)) + 1.5 * F.l1_loss(direct, x)
    assert terms["pixel"].item() == pytest.approx(pixel.item(), rel=1e-5)
    ssim = losses.ssim_loss(rebuilt, x) + losses.ssim_loss(copied, x) + 1.5 * losses.ssim_loss(direct, x)
    assert terms["ssim"].item() == pytest.approx(5 * ssim.item(), rel=1e-5)
    symmetry = losses.symmetry(neutral) + 0.5 * losses.symmetry(pictures["warped"])
    assert terms["symmetry"].item() == pytest.approx(1.5 * symmetry.item(), rel=1e-5)
    torch.stack(list(terms.values())).sum().backward()
    for network in (component.expression_encoder, component.flow_decoder, component.expression_decoder):
        assert all(p.grad is not None for p in network.parameters())
    component.zero_grad(set_to_none=True)


def test_the_mouth_lies_below_the_middle(images):
    assert losses.mouth(images).shape == (4, 3, 24, 32)


def test_options_add_their_terms_and_only_theirs(component, images):
    chosen = ExpressionWeights(edges=1, neutral_fidelity=1, flow_mean=1, flow_roughness=1, perceptual=1, landmarks=1, mouth=1)
    points = straight().expand(4, -1, -1)
    terms, _ = objectives.expression_objective(component, images, chosen, perceptual=F.mse_loss, plain=1, points=points)
    added = {"landmarks", "mouth", "edges", "neutral_fidelity", "flow_mean", "flow_roughness", "perceptual"}
    assert set(terms) == {"pixel", "symmetry", "ssim"} | added


def test_codes_of_earlier_batches_are_negatives_unless_they_are_of_the_same_person():
    codes = torch.eye(4, 256)
    alone = torch.arange(4)
    plain = losses.contrast(codes, codes, alone)
    crowded = losses.contrast(codes, codes, alone, others=codes, other_owners=alone + 10)
    assert losses.contrast(codes, codes, alone, others=codes, other_owners=alone) == pytest.approx(plain.item(), abs=1e-3)
    assert crowded > plain + 0.5
    recent = losses.Recent(6)
    assert recent.held() == (None, None)
    for first in (0, 4):
        recent.push(codes, alone + first)
    held = recent.held()[1]
    assert held is not None and sorted(held.tolist()) == [2, 3, 4, 5, 6, 7]  # the oldest two went


def straight() -> torch.Tensor:
    """An upright frontal face: (1, 5, 2) landmarks whose reference length is the crop's."""
    half = 2 / 2.6 / 1.11 / 2
    return torch.tensor([[[-half, -0.3], [half, -0.3], [0.0, 0.1], [-0.2, 0.42], [0.2, 0.42]]])


def test_a_frontal_face_is_its_own_frontal_face():
    assert torch.allclose(losses.frontal(straight()), straight(), atol=1e-6)


def test_a_tilted_moved_and_turned_face_becomes_frontal():
    angle = torch.tensor(0.3)
    turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    tilted = 0.8 * straight() @ turn.T + torch.tensor([0.1, -0.05])
    assert torch.allclose(losses.frontal(tilted), straight(), atol=1e-5)
    turned = straight()
    turned[:, 2, 0] += 0.15
    assert torch.allclose(losses.frontal(turned), straight(), atol=1e-6)


def test_the_landmark_term_is_nothing_for_the_flow_that_fetches_each_landmark_and_skips_unknown_faces():
    points = straight() + torch.tensor([0.1, -0.04])
    flow = torch.zeros(1, 2, 16, 16)
    flow[:, 0], flow[:, 1] = 0.1, -0.04
    assert losses.landmark_term(flow, points).item() == pytest.approx(0, abs=1e-6)
    assert losses.landmark_term(-flow, points).item() == pytest.approx(0.14, abs=1e-5)
    assert losses.landmark_term(flow, torch.full_like(points, float("nan"))).item() == 0


def test_stage_two_rebuilds_everybody_from_one_mean_face_and_trains_only_the_identity_networks(component, images):
    component.requires_grad_(False)
    for network in (component.identity_encoder, component.identity_decoder):
        network.requires_grad_(True)
    component.identity_decoder.trunk.requires_grad_(False)
    terms, pictures = objectives.identity_objective(component, images, IdentityWeights(mean_agreement=1))
    shared = pictures["mean"].mean(0, keepdim=True).expand_as(images)
    again = component.identity_decoder(shared, pictures["code"], "restore")
    assert torch.allclose(again, pictures["restored"], atol=1e-5)
    assert set(terms) == {"pixel", "symmetry", "ssim", "margin", "mean_agreement"}
    torch.stack(list(terms.values())).sum().backward()
    reached = {name.split(".")[0] for name, p in component.named_parameters() if p.grad is not None}
    assert reached == {"identity_encoder", "identity_decoder"}
    component.zero_grad(set_to_none=True)


def test_a_given_mean_face_replaces_the_batchs_and_a_share_keeps_its_own(component, images):
    component.requires_grad_(False)
    given = torch.zeros(1, 3, 64, 64)
    _, pictures = objectives.identity_objective(component, images, IdentityWeights(own_mean_share=0.5), mean_face=given)
    own = component.identity_decoder(pictures["mean"], pictures["code"], "restore")
    from_given = component.identity_decoder(given.expand_as(images), pictures["code"], "restore")
    assert torch.allclose(pictures["restored"], torch.cat((own[:2], from_given[2:])), atol=1e-5)


def test_stage_two_can_leave_the_rebuilt_face_out(component, images):
    component.requires_grad_(False)
    options = IdentityWeights(rebuilt=0, restored=1, code_spread=1, margin=0)
    terms, pictures = objectives.identity_objective(component, images, options)
    assert "rebuilt" not in pictures and set(terms) == {"pixel", "symmetry", "margin", "restored", "code_spread"}
    plain = F.l1_loss(pictures["restored"], pictures["neutral"])
    assert terms["pixel"].item() == pytest.approx(plain.item())


def test_spread_is_nothing_for_centred_codes_and_much_for_one_code_for_everybody():
    codes = torch.tensor([[0.8], [-0.8]]).expand(2, 256)
    assert losses.spread(codes).item() == pytest.approx(0, abs=1e-6)
    assert losses.spread(torch.ones(4, 256)).item() > 1.3


def test_the_running_mean_forgets_its_first_value():
    average = losses.Average(64, decay=0.9)
    average.update(torch.full((2, 3, 64, 64), 5.0))
    assert average.value.mean().item() == pytest.approx(5)
    for _ in range(100):
        average.update(torch.ones(2, 3, 64, 64))
    assert average.value.mean().item() == pytest.approx(1, abs=1e-3)
