"""What the Deviation Learning Network promises, whatever its weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import facezoo
from facezoo.components import patterns
from facezoo.config import ComponentConfig
from facezoo.errors import IncompatibleError
from facezoo.testing import check_component, check_plugin
from facezoo.testing import component as checks
from facezoo_dln.config import DLNConfig
from facezoo_dln.model import DLN
from facezoo_dln.networks import Polynomial
from facezoo_facenet.model import Facenet, FacenetConfig
from tests.dln.untrained import SIDE, dln

FACES = patterns(4, SIDE, SIDE)
# of the full network the rest is the small ones', and would take ten seconds
CHEAP = {"wrong-spec", "bad-contract", "does-not-run", "wrong-normalisation", "fails-on-no-faces", "view-dimension",
         "view-not-normalised", "breaks-under-channels-last", "leaves-gradient-on"}  # fmt: skip


@pytest.fixture(scope="module")
def component():
    return dln()


def test_the_plugin_keeps_its_contract():
    check_plugin("dln")


@pytest.mark.parametrize("config", [{}, {"polynomial_order": 3, "embedding_dim": 8, "backbone": "timm:test_vit"}])
def test_the_component_keeps_its_contract(config):
    check_component(dln(**config))


def test_the_full_network_keeps_its_contract():
    everything = {*checks.RECORD, *checks.FACES, *checks.STATE}
    check_component(DLN(DLNConfig(image_size=75)).trainable_(False), leave_out=everything - CHEAP)


def test_views_and_their_short_forms(component):
    views = {name: (view.dim, view.role, view.normalised) for name, view in component.views.items()}
    assert views == {
        "embedding": (16, "expression", True),
        "deviation": (512, "expression", False),
        "identity": (512, "identity", False),
    }
    assert torch.equal(component(FACES), component.encode(FACES, "embedding"))
    assert torch.equal(component.deviation(FACES), component.encode(FACES, "deviation"))
    assert torch.equal(component.identity(FACES), component.encode(FACES, "identity"))


def test_people_are_not_told_apart_by_the_term_that_is_subtracted(component):
    with pytest.raises(IncompatibleError, match="identity of .* was not made to tell people apart.*cycle-face-nano"):
        facezoo.pipeline("face-verification", encoder=component, device="cpu")


def test_training_leaves_the_space_of_identities_and_no_other():
    before, after = dln(), dln()
    with torch.no_grad():
        after.face_branch.last_linear.bias.add_(1)
    spaces = []
    for network in (before, after):
        network.attach_spaces("dln", network.state_dict())
        spaces.append({name: view.space_id for name, view in network.views.items()})
    assert {name for name in spaces[0] if spaces[0][name] == spaces[1][name]} == {"identity"}


def test_the_deviation_is_the_difference_of_the_branches_codes(component):
    def code(branch):
        vector = branch(FACES).double()
        return 1 / (1 + torch.exp(-vector / vector.norm(dim=1, keepdim=True)))

    identity = code(component.identity_branch)
    torch.testing.assert_close(component.identity(FACES).double(), identity, rtol=0, atol=1e-6)
    torch.testing.assert_close(component.deviation(FACES).double(), code(component.face_branch) - identity, rtol=0, atol=1e-6)


def test_two_equal_branches_see_no_deviation(component):
    twin = dln()
    twin.face_branch.load_state_dict(twin.identity_branch.state_dict())
    assert float(twin.deviation(FACES).abs().max()) == 0
    # both branches follow the face: with one of them held, a manipulated face would get a gradient here
    faces = FACES.clone().requires_grad_(True)
    twin.deviation(faces)[:, ::2].sum().backward()
    assert faces.grad is not None and float(faces.grad.abs().max()) < 1e-6


def test_what_it_is_shown_is_the_release_s_and_its_crop_facenet_s():
    contract = DLN.default_contract(DLNConfig())
    assert (contract.size, contract.range, contract.mean, contract.std) == ((224, 224), (0, 1), (0, 0, 0), (1, 1, 1))
    assert contract.crop == Facenet.default_contract(FacenetConfig()).crop


def test_order_1_is_a_projection_without_bias(component):
    (weight,) = component.polynomial.parameters()
    expected = F.normalize(component.deviation(FACES) @ weight.T, dim=1)
    torch.testing.assert_close(component(FACES), expected, rtol=0, atol=1e-6)


def test_every_order_adds_a_normed_power(component):
    network = dln(polynomial_order=3)
    v = network.deviation(FACES).double()
    total = v @ network.polynomial.projections[0].weight.double().T
    for k, (projection, norm) in enumerate(zip(network.polynomial.projections[1:], network.polynomial.norms, strict=True), 2):
        power = ((32 * v) ** k - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
        total = total + power @ projection.weight.double().T
    torch.testing.assert_close(network(FACES).double(), total / total.norm(dim=1, keepdim=True), rtol=0, atol=1e-5)


@torch.no_grad()
def test_the_size_of_deviations_does_not_silence_the_powers():
    """A batch norm does not see a factor. Deviations are small, and without care its epsilon would eat their powers."""
    polynomial = Polynomial(embedding_dim=4, order=3).train()
    polynomial.projections[0].weight.zero_()
    v = 0.02 * torch.randn(64, 512, generator=torch.Generator().manual_seed(0))
    small, large = polynomial(v), polynomial(10 * v)
    assert float((small * large).sum(dim=1).min()) > 0.999


def test_the_identity_branch_is_never_trained():
    network = dln(polynomial_order=2).trainable_(True)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.train()
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.5)
    network(FACES)[:, 0].sum().backward()
    optimiser.step()
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert not any(name.startswith("identity_branch.") for name in changed)
    parts = {name.partition(".")[0] for name in changed}
    assert parts == {"face_branch", "polynomial"}
    assert any("running_mean" in name for name in changed if name.startswith("face_branch."))
    assert any("running_var" in name for name in changed if name.startswith("polynomial.norms."))


def test_in_training_the_identity_code_is_that_of_inference(component):
    network = dln().trainable_(True).train()
    assert torch.equal(network.identity(FACES), component.identity(FACES))
    assert network.embed(FACES, "deviation").requires_grad
    assert not network.identity(FACES).requires_grad


def test_autocast_leaves_the_codes_in_float32(component):
    with torch.autocast("cpu", torch.bfloat16):
        deviation = component.embed(FACES, "deviation")
    assert deviation.dtype == torch.float32
    assert len(deviation.unique()) > 1500  # of 2048; in bfloat16 there are some fifty values between the codes


@pytest.mark.parametrize("backbone", ["timm:mobilenetv3_small_050", "timm:test_convnext"])
def test_any_timm_backbone_at_its_own_size(backbone):
    network = dln(backbone=backbone, image_size=64)
    assert network.contract.size == (64, 64)
    assert network(patterns(2, 64, 64)).shape == (2, 16)
    assert network.deviation(patterns(2, 64, 64)).shape == (2, 512)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"backbone": "timm:mobilenetv3_smal_050"}, "mobilenetv3_small_050"),
        ({"backbone": "resnet18"}, "inception-resnet-v1"),
        ({"image_size": 74}, "at least 75 pixels, not 74"),
        ({"polynomial_order": 0}, "polynomial_order"),
        ({"polynomial_order": 7}, "polynomial_order"),
        ({"embedding_dim": 1}, "embedding_dim"),
        ({"order": 2}, "order"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(config, words):
    with pytest.raises(facezoo.WeightsError, match=words):
        DLNConfig.from_values(config, "a test")


def test_the_default_is_the_paper_s():
    config = DLNConfig()
    assert isinstance(config, ComponentConfig)
    values = (config.backbone, config.image_size, config.embedding_dim, config.polynomial_order)
    assert values == ("inception-resnet-v1", 224, 16, 1)


def test_what_nobody_released_says_how_to_come_by_one():
    with pytest.raises(facezoo.WeightsUnavailableError, match=r"not released.*facezoo train dln .*facezoo convert dln"):
        facezoo.load("dln-fec", device="cpu")
