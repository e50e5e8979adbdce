"""What the expression manipulator promises at its door."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from facezoo import weights
from facezoo.components import Requirement, patterns
from facezoo.errors import IncompatibleError, InputError
from facezoo.testing import check_component
from facezoo_pix2pixhd.config import ExpressionManipulatorConfig
from facezoo_pix2pixhd.manipulator import ExpressionManipulator
from tests.untrained import spec

DIM = 5


def manipulator(**config: Any) -> ExpressionManipulator:
    """Random weights, loud enough that a code shows."""
    values = {"image_size": 64, "width": 4, "downs": 2, "blocks": 2, "expression_dim": DIM, **config}
    component = weights.create(spec("expression-manipulator"), ExpressionManipulatorConfig(**values))
    assert isinstance(component, ExpressionManipulator)
    generator = torch.Generator().manual_seed(3)
    for parameter in component.parameters():
        parameter.data.normal_(0.0, parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1, generator=generator)
    component.emotion_means.copy_(torch.randn(component.emotion_means.shape, generator=generator))
    component.requires = Requirement("some-encoder", "embedding", "0" * 12)
    return component.trainable_(False)


def codes(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, DIM, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def faces() -> torch.Tensor:
    return patterns(3, 64, 64)


@pytest.mark.parametrize("config", [{}, {"output": "blend", "condition": "modulated"}, {"condition": "both", "enhancers": 1}])
def test_keeps_the_contract(config):
    report = check_component(manipulator(**config))
    assert {"ignores-contract", "loses-state-on-save", "breaks-under-channels-last", "output-range"} <= set(report.passed)


@pytest.mark.parametrize("condition", ["tiled", "modulated", "both"])
def test_the_expression_decides_the_picture(condition, faces):
    component = manipulator(condition=condition)
    one, other = component.manipulate(faces, codes(3)), component.manipulate(faces, codes(3, seed=1))
    assert one.shape == faces.shape and (one - other).abs().mean() > 0.005
    assert torch.equal(one, component.manipulate(faces, codes(3)))


def test_codes_are_standardised_by_what_was_seen_in_training(faces):
    component = manipulator(condition="modulated")
    wanted = component.manipulate(faces, codes(3))
    component.expression_mean.copy_(torch.arange(DIM))
    component.expression_deviation.fill_(0.1)
    assert torch.allclose(component.manipulate(faces, codes(3) * 0.1 + torch.arange(DIM)), wanted, atol=1e-4)


def test_one_face_takes_many_expressions_and_one_expression_many_faces(faces):
    component = manipulator(output="blend")
    many = component.manipulate(faces[:1], codes(4))
    assert torch.allclose(many[2:3], component.manipulate(faces[:1], codes(4)[2:3]), atol=1e-5)
    same = component.manipulate(faces, codes(1))
    assert torch.allclose(same[1:2], component.manipulate(faces[1:2], codes(1)), atol=1e-5)
    assert component.manipulate(faces[:0], codes(1)).shape == (0, 3, 64, 64)
    with pytest.raises(InputError, match="3 faces take one expression or 3, not 2"):
        component.manipulate(faces, codes(2))


def test_a_blend_is_the_new_colours_where_its_mask_is_open(faces):
    component = manipulator(output="blend")
    edit = component.edit(faces, codes(3))
    assert edit.mask is not None and edit.mask.shape == (3, 1, 64, 64)
    inside = (edit.colour > 0) & (edit.colour < 1)  # beyond, colours are clamped after the blend
    blended = edit.mask * edit.colour + (1 - edit.mask) * faces
    assert torch.allclose(edit.faces[inside], blended[inside], atol=1e-5)
    component.network.get_parameter("head.1.bias")[3] = -100.0  # a closed mask
    closed = component.edit(faces, codes(3))
    assert torch.allclose(closed.faces, faces, atol=1e-5)
    assert manipulator().edit(faces, codes(3)).mask is None


def test_new_colours_have_the_tint_and_contrast_of_their_picture(faces):
    component = manipulator(output="blend")
    pale = faces * 0.2 + torch.tensor([0.5, 0.3, 0.1]).view(1, 3, 1, 1)
    full, faint = component.edit(faces, codes(3)).colour, component.edit(pale, codes(3)).colour
    assert faint.std(dim=(2, 3)).mean() < 0.5 * full.std(dim=(2, 3)).mean()
    assert (faint.mean((0, 2, 3)) - pale.mean((0, 2, 3))).abs().max() < 0.1


def test_initial_masks_are_open():
    component = manipulator(output="blend")
    component.initialise(torch.Generator().manual_seed(0))
    mask = component.edit(patterns(2, 64, 64), codes(2)).mask
    assert mask is not None and mask.mean() > 0.7


def test_an_emotion_is_a_line_from_the_mean_of_neutral_faces():
    component = manipulator()
    neutral, happiness = component.emotion_means[0], component.emotion_means[1]
    assert torch.allclose(component.expression_of("happiness"), happiness)
    assert torch.equal(component.expression_of("happiness", 0), neutral)
    assert torch.allclose(component.expression_of("happiness", 1.5), neutral + 1.5 * (happiness - neutral))
    with pytest.raises(InputError, match=r"no emotion 'hapiness'.*Did you mean happiness\?"):
        component.expression_of("hapiness")
    with pytest.raises(InputError, match="not nan"):
        component.expression_of("anger", float("nan"))
    component.emotion_means.zero_()
    with pytest.raises(IncompatibleError, match="carry no emotions"):
        component.expression_of("anger")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (torch.zeros(3, DIM + 1), r"tensor \(B, 5\), one embedding per face, not \(3, 6\)"),
        (torch.zeros(DIM), r"not \(5,\)"),
        (torch.zeros(3, DIM, dtype=torch.int64), "finite floating-point"),
        (torch.full((3, DIM), float("nan")), "finite floating-point"),
        ([0.0] * DIM, "not list"),
    ],
)
def test_what_is_no_expression_is_refused(given, complaint, faces):
    with pytest.raises(InputError, match=complaint):
        manipulator().manipulate(faces, given)


def test_what_it_needs_and_its_means_are_stored(tmp_path):
    component = manipulator(output="blend")
    again = weights.build(spec("expression-manipulator"), weights.read_directory(weights.save(component, tmp_path / "it")))
    assert again.requires == component.requires and again.labels == component.labels
    assert isinstance(again, ExpressionManipulator) and torch.equal(again.emotion_means, component.emotion_means)
