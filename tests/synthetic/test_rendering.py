"""What is rendered: signs of the labels, independence of the batch, light, hair and glasses; and the real head's pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from facezoo_synthetic import glasses, hair
from facezoo_synthetic.expressions import Expression
from facezoo_synthetic.head import EYE_LEFT, GLASSES, LOCKS, Head, load_head
from facezoo_synthetic.light import shadow
from facezoo_synthetic.noise import Noise
from facezoo_synthetic.people import BALD, LONG
from facezoo_synthetic.points import Points
from facezoo_synthetic.projection import direction, rotation
from facezoo_synthetic.shape import vertices
from facezoo_synthetic.stacks import Stack
from facezoo_synthetic.studio import Plan, Studio

AT_REST = Expression({}, "neutral", 0.0, (0.0, 0.0))


def posed(studio: Studio, **changes) -> Plan:
    """A face at rest, straight ahead before a plain camera, but for some values of its shot."""
    plan = studio.plan(0, 0)
    plain = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0, "shift": np.zeros(2), "blur": 0.0, "noise": 0.0, "jpeg": 0}
    return replace(plan, expression=AT_REST, shot=replace(plan.shot, **{**plain, **changes}))


def taken(studio: Studio, *plans: Plan) -> tuple[np.ndarray, np.ndarray]:
    """(B, S, S, 3) pictures and (B, 5, 2) landmarks."""
    pictures, labels = studio.take(plans)
    return pictures.permute(0, 2, 3, 1).numpy(), np.stack([known.five for known in labels])


def test_a_picture_does_not_depend_on_what_else_is_rendered(studio):
    plans = [studio.plan(number, number // 2) for number in range(11)]
    together, labels = studio.take(plans)
    for index in (0, 3, 10):
        alone, [known] = studio.take(plans[index : index + 1])
        assert torch.equal(alone[0], together[index])
        assert np.array_equal(known.landmarks, labels[index].landmarks)


def test_labels_have_the_signs_that_are_promised(studio):
    _, five = taken(studio, posed(studio), *(posed(studio, **{name: 30.0}) for name in ("yaw", "pitch", "roll")))
    eyes = five[:, :2].mean(1)
    nose = five[:, 2] - eyes
    assert nose[1, 0] > nose[0, 0] + 2, "yaw: the nose goes to the picture's right"
    assert nose[2, 1] < nose[0, 1] - 2, "pitch: the nose goes up"
    across = five[:, 1] - five[:, 0]
    assert across[0, 0] > 0, "the image's left eye comes first"
    assert across[3, 1] > 2 > abs(across[0, 1]), "roll: the eye on the picture's right goes down, the head's top to the right"


def test_eyes_look_where_the_gaze_says():
    turn = rotation(*torch.zeros(3, 1))
    looks = torch.cat([direction(turn, torch.tensor([gaze])) for gaze in ((20.0, 0.0), (0.0, 20.0), (0.0, 0.0))])
    assert looks[0, 0] > 0.3 and looks[1, 1] > 0.3
    assert looks[2].tolist() == [0, 0, 1]
    aside = direction(rotation(torch.tensor([40.0]), *torch.zeros(2, 1)), torch.zeros(1, 2))
    assert aside[0, 0] > 0.6, "relative to the head"


def test_a_pupil_is_painted_where_the_eye_looks(head):
    studio = Studio(head, seed=5, size=64)
    far = replace(AT_REST, gaze=(28.0, 0.0)), replace(AT_REST, gaze=(-28.0, 0.0))
    person = replace(studio.plan(0, 0).person, glasses=0.0, iris=np.full(3, 0.01))
    right, left = (replace(posed(studio), expression=expression, person=person) for expression in far)
    pictures, five = taken(studio, right, left)
    x, y = five[0, 0].astype(int)
    eyes = pictures[:, y - 4 : y + 5, x - 4 : x + 5].astype(float).mean(-1)
    dark = [(255 - eye) / (255 - eye).sum() for eye in eyes]
    columns = np.arange(9)
    assert (dark[0].sum(0) * columns).sum() > (dark[1].sum(0) * columns).sum() + 0.1


def test_an_expression_moves_what_it_names(studio):
    plan = posed(studio)
    opened = replace(plan, expression=replace(AT_REST, weights={"jawOpen": 1.0}))
    smiling = replace(plan, expression=replace(AT_REST, weights={"mouthSmile_L": 1.0}))
    _, labels = studio.take([plan, opened, smiling])
    rest, jaw, smile = (known.landmarks for known in labels)
    assert jaw[8, 1] > rest[8, 1] + 1 and jaw[37] == pytest.approx(rest[37], abs=0.6)
    assert smile[54, 1] < rest[54, 1] - 0.5, "the head's left corner is on the picture's right"
    assert smile[48] == pytest.approx(rest[48], abs=0.6), "but for the camera, which follows the mouth's middle"


def test_light_comes_from_where_the_lamp_is(studio):
    dim = {"sky": np.full(3, 0.05), "ground": np.full(3, 0.05), "fill_colour": np.zeros(3), "key_colour": np.ones(3)}
    sides = [np.array((x, 0.0, 0.6)) / np.hypot(1, 0.6) for x in (1.0, -1.0)]
    pictures, _ = taken(studio, *(posed(studio, key=key, **dim) for key in sides))
    right, left = pictures[:, 10:24, 17:24].mean((1, 2, 3)), pictures[:, 10:24, 8:15].mean((1, 2, 3))
    assert right[0] > left[0] + 20 and left[1] > right[1] + 20


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_the_head_throws_its_own_shadow(head, side):
    places = torch.tensor([[(side * 8.5, 2.0, 2.0), (-side * 8.5, 2.0, 2.0)]])
    points = Points(places, places, torch.zeros_like(places), torch.zeros(1, 2), *torch.zeros(2, 1, 2, 1))
    lit = shadow(points, head.neutral[None, : head.own], _own(head), torch.tensor([[side, 0.0, 0.0]]))
    assert lit.flatten().tolist() == pytest.approx([1, 0], abs=0.01)


def _own(head: Head) -> Head:
    """The head without what was added to it."""
    kept = head.triangles.amax(1) < head.own
    return replace(head, triangles=head.triangles[kept], part=head.part[kept])


def test_hair_and_glasses_are_hidden_where_somebody_has_none(head: Head):
    studio = Studio(head)
    person = studio.plan(0, 0).person
    both = [replace(person, style=LONG, glasses=1.0), replace(person, style=BALD, glasses=0.0)]
    people = Stack(both)
    found, stands = vertices(head, people, torch.zeros(2, len(head.names)), Noise([1, 1]))
    locks, wires = found[:, head.own : head.own + hair.VERTICES], found[:, head.own + hair.VERTICES :]
    assert wires.shape[1] == glasses.VERTICES
    assert locks[0].std(0).min() > 1 and wires[0].std(0).min() > 0.4
    assert {tuple(point) for part in (locks[1], wires[1]) for point in part.tolist()} == {hair.HIDDEN}
    assert stands[1, : head.own].max() == 0
    assert set(head.part[head.triangles.amin(1) >= head.own].tolist()) == {LOCKS, GLASSES}


def test_the_same_face_is_in_a_larger_picture(head):
    plan = Studio(head, seed=5).plan(4, 2)
    small, large = (Studio(head, seed=5, size=size).take([plan])[1][0] for size in (32, 96))
    assert large.landmarks == pytest.approx(small.landmarks * 3, abs=1e-3)
    assert large.units == small.units


def test_seeds_are_other_people(head):
    first, second = (Studio(head, seed=seed, size=32).take([Studio(head, seed=seed).plan(0, 0)])[0] for seed in (0, 1))
    assert (first.int() - second.int()).abs().float().mean() > 5


@pytest.fixture(scope="module")
def real_head(shared_dir) -> Head:
    return load_head(shared_dir / "data" / "ict_facekit" / "ict_facekit_f16.npz")


def test_the_real_head_is_read_as_it_is(real_head):
    assert (len(real_head.names), real_head.own) == (57, 22_991)
    assert (real_head.part == EYE_LEFT).sum() == 1536
    marks = real_head.neutral[real_head.landmarks]
    assert marks[30, 2] > marks[:, 2].mean() + 2, "the tip of the nose is in front"
    assert 1000 < (real_head.lips > 0.5).sum() < 3000


def test_pictures_that_were_published_are_still_rendered(real_head):
    """Data sets exist that were rendered with these people; the means of the colours of four pictures, by quarters."""
    studio = Studio(real_head, seed=0, size=48)
    pictures, _ = studio.take([studio.plan(number, number // 2) for number in (0, 1, 40, 77)])
    quarters = torch.nn.functional.avg_pool2d(pictures.float(), 24).flatten(1).numpy()
    assert quarters == pytest.approx(np.array(QUARTERS), abs=0.3)


@pytest.mark.gpu
def test_a_gpu_renders_the_same_to_within_two_of_255(real_head):
    plans = [Studio(real_head).plan(number, number) for number in range(16)]
    plans = [replace(plan, shot=replace(plan.shot, jpeg=0)) for plan in plans]
    (here, known), (there, told) = (Studio(real_head, size=64, device=device).take(plans) for device in ("cpu", "cuda"))
    assert (here.int() - there.cpu().int()).abs().max() <= 2
    for one, other in zip(known, told, strict=True):
        assert other.landmarks == pytest.approx(one.landmarks, abs=1e-3)


QUARTERS = (
    (148.9, 144.1, 108.2, 176.0, 131.7, 130.2, 100.9, 155.7, 114.3, 114.7, 89.2, 136.4),
    (165.4, 110.9, 135.2, 104.6, 165.3, 110.9, 135.2, 104.7, 165.3, 110.9, 135.2, 104.6),
    (152.2, 168.1, 137.8, 163.0, 158.6, 125.2, 156.9, 125.7, 131.2, 100.1, 131.0, 100.8),
    (103.7, 148.2, 125.7, 152.5, 94.7, 129.7, 117.5, 134.2, 97.9, 127.8, 126.7, 132.4),
)
