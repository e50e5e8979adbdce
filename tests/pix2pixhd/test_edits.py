"""What the manipulator learns from: examples, the terms that judge them, and the figures of a validation."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import facezoo
from facezoo.contracts import BoxReference, InputContract, SquareCrop
from facezoo.plugin import FaceAugmentation, InputError, Sample, open_dataset
from facezoo_pix2pixhd.config import ExpressionManipulatorConfig
from facezoo_pix2pixhd.discriminator import MultiscaleDiscriminator
from facezoo_pix2pixhd.figures import crops, figures_of, psnr, sitting_of
from facezoo_pix2pixhd.manipulator import ExpressionManipulator
from facezoo_pix2pixhd.objectives import (
    Critic,
    EditWeights,
    Examples,
    Judges,
    Sight,
    agreement,
    discriminator_objective,
    edit,
    generator_objective,
    recut,
)
from facezoo_pix2pixhd.pairs import OWN, PAIR, STRANGER, EditDataset, Face, Mixture, shots_of
from facezoo_pix2pixhd.starting import enhanced, read_discriminator, write_discriminator
from tests import madeup

PAIRS_ONLY = Mixture(own=0, strangers=0, portraits=0, own_portraits=0, foreign=0)
SIDE = 64


def contract(scale: float = 2.5, shift: tuple[float, float] = (0.0, -0.02), side: int = SIDE) -> InputContract:
    return InputContract(crop=SquareCrop(scale=scale, shift=shift), size=(side, side), mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> list[Face]:
    reader = open_dataset("csv", madeup.shots(tmp_path_factory.mktemp("shots"), people=3, test=0))
    return [Face(sample, reader.box_reference) for sample in reader.samples("train")]


@pytest.fixture(scope="module")
def encoder() -> Any:
    return facezoo.load("dln-nano", device="cpu")


def edits(faces: list[Face], mixture: Mixture, portraits: int = 0, **options: Any) -> EditDataset:
    """The first ``portraits`` faces as portraits, all others in shots."""
    values = {"augmentation": FaceAugmentation(), "seed": 1, **options}
    return EditDataset(shots_of(faces[portraits:], ()), faces[:portraits], contract(), contract(side=80), mixture, **values)


class Copies(ExpressionManipulator):
    """Gives back what it gets, through a mask that is as open as the first number of the embedding."""

    def draw(self, prepared: Tensor, expression: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        mask = expression[:, :1, None, None].clamp(0, 1).expand(-1, 1, *prepared.shape[-2:])
        return prepared + 0 * mask, torch.ones_like(prepared), mask


class Mean(torch.nn.Module):
    """An encoder whose embedding is the mean of each colour: twice it for a face twice as bright."""

    contract = contract()

    def encode(self, faces: Tensor, view: str) -> Tensor:
        return faces.mean(dim=(2, 3))


def mean_sight(jitter: float = 0.0) -> Sight:
    return Sight(Mean(), "mean", contract(), jitter)  # pyright: ignore[reportArgumentType]


def copies() -> Copies:
    return Copies(ExpressionManipulatorConfig(image_size=SIDE, width=2, downs=1, blocks=1, expression_dim=3, output="blend"))


def examples(*kinds: int, moved: bool = True) -> Examples:
    """Grey sources; where ``moved``, the targets' upper left quarter is white; every code asks for an open mask."""
    count = len(kinds)
    source = torch.zeros(count, 3, SIDE, SIDE)
    target = source.clone()
    if moved:
        target[..., : SIDE // 2, : SIDE // 2] = 1
    code, own = torch.ones(count, 3), torch.full((count, 3), 0.5)
    return Examples(source, target, code, own, code * 7, torch.tensor(kinds))


def test_a_pair_is_two_expressions_of_one_person_in_one_place(faces):
    data = edits(faces, PAIRS_ONLY, augmentation=FaceAugmentation(flip=0.5, shift=0.1, brightness=0.3))
    for index in range(0, len(data), 3):
        source, target, kind = data._drawn(index, np.random.default_rng([1, 0, index]))
        assert kind == PAIR and source.sample.person == target.sample.person and source is not target
        item = data[index]
        corners = torch.cat([item[name][:, :4, :4].float().flatten(1) for name in ("source", "target")], dim=1)
        assert float(corners.std(dim=1).max()) < 2  # the backdrop is the person's: moved and recoloured alike
        assert item["source"].shape == (3, SIDE, SIDE) and item["target_face"].shape == (3, 80, 80)
        assert not torch.equal(item["source"], item["target"])


def test_an_item_follows_from_seed_epoch_and_number_and_faces_for_the_encoder_are_only_mirrored(faces):
    options = {"augmentation": FaceAugmentation(flip=0.5, shift=0.1, brightness=0.3)}
    one, two = edits(faces, PAIRS_ONLY, **options), edits(faces, PAIRS_ONLY, **options)
    plain = edits(faces, PAIRS_ONLY)
    changed = 0
    for index in range(6):
        first, again = one[index], two[index]
        assert all(torch.equal(first[name], again[name]) for name in first)
        still = plain[index]
        mirrored = not torch.equal(first["source_face"], still["source_face"])
        assert torch.equal(first["source_face"].flip(-1) if mirrored else first["source_face"], still["source_face"])
        assert not torch.equal(first["source"], still["source"])
        changed += mirrored
    assert 0 < changed < 6
    two.set_epoch(1)
    assert any(not torch.equal(one[i]["source"], two[i]["source"]) for i in range(3)) and one.digest == two.digest


def test_the_second_picture_is_cut_where_the_first_ones_face_is_or_where_its_own_is(faces):
    moved = [replace(f, sample=replace(f.sample, landmarks=f.sample.landmarks + 2 * (i % 7))) for i, f in enumerate(faces)]
    data, own = edits(moved, PAIRS_ONLY), edits(moved, PAIRS_ONLY, alignment="own")
    for index in range(4):
        source, target, _ = data._drawn(index, np.random.default_rng([1, 0, index]))
        for picked, where in ((data[index], source), (own[index], target)):
            expected = crops([target], contract(), [where])[0]
            assert torch.equal(picked["target"], (expected * 255).round().to(torch.uint8))


def test_the_mixture_says_how_often_each_kind_comes(faces):
    def kinds(mixture: Mixture, portraits: int = 0) -> Counter:
        data = edits(faces, mixture, portraits)
        drawn = [data._drawn(i % len(data), np.random.default_rng(i)) for i in range(400)]
        return Counter((kind, source in data.portraits, source.sample is target.sample) for source, target, kind in drawn)

    assert set(kinds(PAIRS_ONLY)) == {(PAIR, False, False)}
    some = kinds(Mixture(own=0.2, strangers=0.5, portraits=0, own_portraits=0, foreign=0))
    assert set(some) == {(PAIR, False, False), (PAIR, False, True), (STRANGER, False, False)}
    assert some[PAIR, False, True] == pytest.approx(80, abs=30) and some[STRANGER, False, False] == pytest.approx(160, abs=40)
    some = kinds(Mixture(own=0, strangers=0, portraits=0.5, own_portraits=0.25, foreign=1), portraits=7)
    assert set(some) == {(PAIR, False, False), (OWN, True, True), (STRANGER, True, False)}
    assert some[OWN, True, True] == pytest.approx(50, abs=25) and some[STRANGER, True, False] == pytest.approx(150, abs=40)


def test_portraits_take_expressions_of_portraits_or_of_the_faces_of_pairs(faces):
    for foreign in (0, 1):
        data = edits(faces, Mixture(own=0, strangers=0, portraits=1, own_portraits=0, foreign=foreign), portraits=7)
        drawn = [data._drawn(i, np.random.default_rng(i)) for i in range(10)]
        assert all((target in data.portraits) != bool(foreign) and source is not target for source, target, _ in drawn)


def test_shots_are_of_one_person_one_camera_and_one_gaze(tmp_path: Path):
    samples = open_dataset("rafd", madeup.rafd(tmp_path, models=(1, 2))).samples("train")
    placed = [Face(sample, BoxReference(length=0.4)) for sample in (*samples, Sample("nobody", tmp_path))]
    found = shots_of(placed, ("camera", "gaze"))
    assert len(found) == 2 * 2 * 2 and {len(shot) for shot in found} == {8}
    for shot in found:
        assert len({(f.sample.person, f.sample.values["camera"], f.sample.values["gaze"]) for f in shot}) == 1
    assert len(shots_of(placed, ())) == 2


def test_a_crop_recut_for_another_contract_is_that_contracts_crop(faces):
    given, wanted = contract(2.8, (0.02, -0.05), 128), contract(2.3, (0.1, 0.12), 96)
    once = recut(crops(faces[:3], given), given, wanted, torch.zeros(3, 2))
    direct = torch.nn.functional.interpolate(crops(faces[:3], wanted), once.shape[-2:], mode="bilinear", antialias=True)
    assert float((once - direct).abs().mean()) < 0.01 < float((crops(faces[:3], given)[..., :105, :105] - direct).abs().mean())
    same = crops(faces[:3], given)
    assert recut(same, given, given, torch.zeros(3, 2)) is same
    right = recut(same, given, given, torch.tensor([[0.25, 0.0]] * 3))
    assert torch.allclose(right[..., :-32], same[..., 32:], atol=1e-5)


def test_gradients_reach_a_picture_through_the_encoders_sight(encoder, faces):
    sight = Sight(encoder, "embedding", contract(), 0.05)
    picture = (crops(faces[:2], contract()) * 2 - 1).requires_grad_(True)
    sight(picture, torch.Generator().manual_seed(0)).sum().backward()
    assert float(picture.grad.abs().sum()) > 0
    assert torch.allclose(sight(picture), sight.own(crops(faces[:2], sight.door)), atol=0.15)


def test_encoders_as_losses_see_faces_smaller_by_chance_and_otherwise_as_they_are():
    seen = []

    class Sizes(Mean):
        def encode(self, faces: Tensor, view: str) -> Tensor:
            seen.append(faces.shape[-1])
            return super().encode(faces, view)

    sight = Sight(Sizes(), "mean", contract(), coarsest=0.5)  # pyright: ignore[reportArgumentType]
    for seed in range(8):
        sight(torch.zeros(1, 3, SIDE, SIDE), torch.Generator().manual_seed(seed))
    assert all(SIDE // 2 <= size <= SIDE for size in seen) and len(set(seen)) > 3
    sight(torch.zeros(1, 3, SIDE, SIDE))
    assert seen[-1] == SIDE


def test_terms_concern_the_examples_that_they_are_about():
    weights = EditWeights(gan=0, feature=0, perceptual=0, pixel=1, own=1, identity=1, cycle=1, mask=1, area=1, smooth=1)
    judges = Judges(None, mean_sight(), mean_sight())

    def terms(*kinds: int) -> dict[str, float]:
        found = generator_objective(copies(), examples(*kinds), judges, weights)[0]
        return {name: float(value) for name, value in found.items()}

    everything = {"pixel", "own", "identity", "cycle", "mask", "area", "smooth"}
    of = {kind: terms(kind) for kind in (PAIR, OWN, STRANGER)}
    assert all(set(found) == everything for found in of.values())
    assert of[PAIR]["pixel"] == pytest.approx(0.25) and of[OWN]["pixel"] == of[STRANGER]["pixel"] == 0
    assert of[STRANGER]["area"] == 1 and of[PAIR]["area"] == 0 and of[STRANGER]["mask"] == 0
    assert of[PAIR]["mask"] > 1  # the mask is open everywhere, and three quarters of it should be closed
    mixed = terms(PAIR, OWN, STRANGER)
    assert mixed["pixel"] == of[PAIR]["pixel"] and mixed["area"] == 1  # means over the examples concerned


def test_pixels_that_differ_between_source_and_target_count_more():
    judges = Judges(None, mean_sight())
    weights = EditWeights(gan=0, feature=0, perceptual=0, pixel=2, moving=10)
    [pixel] = generator_objective(copies(), examples(PAIR), judges, weights)[0].values()
    assert float(pixel) == pytest.approx(2 * 10 * 0.25)


def test_the_expression_term_is_the_distance_of_embeddings():
    weights = EditWeights(gan=0, feature=0, perceptual=0, expression=2)
    [distance] = generator_objective(copies(), examples(STRANGER, PAIR), Judges(None, mean_sight()), weights)[0].values()
    assert float(distance) == pytest.approx(2 * 0.5 * 3**0.5)  # grey is 0.5 in each colour, and 1 is asked for


def test_a_mask_agrees_best_where_it_is_open_where_something_changed():
    wanted = torch.zeros(1, 1, 8, 8)
    wanted[..., :4] = 1
    at = {name: float(agreement(mask, wanted)) for name, mask in (
        ("right", wanted), ("half", torch.full_like(wanted, 0.5)), ("wrong", 1 - wanted), ("shut", torch.zeros_like(wanted)),
    )}  # fmt: skip
    assert abs(at["right"]) < 2e-3 < at["half"] < at["shut"] < at["wrong"] < 7


def test_open_share_shows_the_new_colours_instead_of_the_blend():
    batch = examples(*[PAIR] * 40)
    assert torch.equal(edit(copies(), batch).result, batch.source)
    assert torch.equal(edit(copies(), batch, 1.0).result, torch.ones_like(batch.source))
    half = edit(copies(), batch, 0.5, torch.Generator().manual_seed(0)).result[:, 0, 0, 0]
    assert 8 < int(half.sum()) < 32 and set(half.tolist()) == {0.0, 1.0}


def test_the_discriminator_sees_source_code_and_picture_and_learns_from_pairs_only():
    torch.manual_seed(0)
    batch = examples(PAIR, STRANGER)
    for code, inputs in ((True, 9), (False, 6)):
        critic = Critic(MultiscaleDiscriminator(inputs, 4, 1, 2), code)
        maps = critic(batch, batch.target)
        other = critic(replace(batch, shown=batch.shown * 2), batch.target)
        assert torch.equal(maps[0][0], other[0][0]) != code
        assert not torch.equal(maps[0][0], critic(replace(batch, source=batch.source + 1), batch.target)[0][0])
    result = batch.target.clone().requires_grad_(True)
    alone, both = (
        discriminator_objective(critic, some, result[: len(some.kind)]) for some in (batch[torch.tensor([0])], batch)
    )
    assert all(torch.allclose(alone[name], both[name]) for name in ("real", "fake"))
    torch.stack(list(both.values())).sum().backward()
    assert result.grad is None
    nothing = discriminator_objective(critic, examples(STRANGER, OWN), result)
    torch.stack(list(nothing.values())).sum().backward()  # a batch without pairs is no error
    assert all(float(value.detach()) == 0 for value in nothing.values())


def test_figures_of_a_manipulator_that_changes_nothing_and_of_one_that_cheats(encoder, faces):
    sitting = sitting_of(shots_of(faces, ()))
    assert sitting is not None and len(sitting.faces) == 3 and sitting.truths is not None
    assert all(f.sample.person != d.sample.person for f, d in zip(sitting.faces, sitting.drivers, strict=True))
    sight = Sight(encoder, "embedding", contract())
    component = Copies(ExpressionManipulatorConfig(image_size=SIDE, width=2, downs=1, blocks=1, output="blend"))
    found = figures_of(component, sitting, sight, sight, batch_size=2)
    assert found["expression_ratio"] == pytest.approx(1) and found["halved"] == 0 and found["true_gain"] == pytest.approx(0)
    assert found["own_psnr"] == pytest.approx(106, abs=1) and found["identity"] == pytest.approx(1)
    assert found["identity_kept"] == 1
    one, two = figures_of(component, sitting, sight, None, 1), figures_of(component, sitting, sight, None, 3)
    assert one == pytest.approx(two, abs=1e-3) and "identity" not in one
    assert sitting_of(shots_of(faces[:7], ())) is None

    class Cheat(Copies):
        """Draws the face whose embedding is asked for."""

        def draw(self, prepared: Tensor, expression: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
            known = crops(faces, contract())
            nearest = torch.cdist(expression, sight.own(crops(faces, sight.door))).argmin(dim=1)
            return self.prepare(known[nearest]), prepared, None

    found = figures_of(Cheat(component.config), sitting, sight, None, batch_size=3)
    assert found["expression_ratio"] < 0.5 and found["halved"] == 1 and found["true_gain"] > 50


def test_psnr_is_of_pictures_from_minus_one_to_one():
    black = torch.full((1, 3, 4, 4), -1.0)
    assert float(psnr(black + 2, black)) == pytest.approx(0) and float(psnr(black + 0.2, black)) == pytest.approx(20)
    assert float(psnr(black - 5, black)) == pytest.approx(106, abs=1)  # beyond black is black


def test_enhancers_take_over_all_but_the_last_layer_and_refuse_what_does_not_fit():
    first = ExpressionManipulator(ExpressionManipulatorConfig(image_size=64, width=4, downs=1, blocks=1, condition="both"))
    first.expression_mean.fill_(0.25)
    second = enhanced(first, 2, 1)
    assert (second.config.image_size, second.config.width) == (256, 1) and float(second.expression_mean[0]) == 0.25
    with pytest.raises(InputError, match=r"3 enhancers halve the width 4 .*would be 0.5"):
        enhanced(first, 3, 1)


def test_a_discriminators_file_is_read_back_or_left_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    one, two = MultiscaleDiscriminator(6, 4, 1, 1), MultiscaleDiscriminator(6, 4, 1, 1)
    (tmp_path / "model").mkdir()
    assert "there is none beside the start" in read_discriminator(two, str(tmp_path))
    write_discriminator(one, tmp_path / "discriminator.safetensors")
    monkeypatch.chdir(tmp_path)
    assert "there is none beside the start" in read_discriminator(two, "some-id")
    for start in (str(tmp_path), f"dir:{tmp_path / 'model'}"):
        assert "goes on" in read_discriminator(two, start)
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    (tmp_path / "discriminator.safetensors").write_bytes(b"cut off")
    with pytest.raises(facezoo.plugin.WeightsError, match=r"discriminator\.safetensors is not a whole safetensors file"):
        read_discriminator(two, str(tmp_path))
