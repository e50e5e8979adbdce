"""The geometry of crops: where they lie, what they show, and how a face goes back into its picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from facezoo import crops
from facezoo.components import Detections
from facezoo.contracts import BoxReference, FivePointCrop, SquareCrop
from facezoo.errors import IncompatibleError, InputError

POINTS = np.array([[40, 50], [60, 50], [50, 60], [42, 76], [58, 76]], np.float32)
BOX = np.array([30, 30, 70, 90], np.float32)
CALIBRATED = BoxReference(center=(0.1, 0.05), length=0.4)
TEMPLATE = FivePointCrop(template=((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)))


def face(landmarks: np.ndarray | None) -> Detections:
    return Detections(BOX[None], np.ones(1, np.float32), None if landmarks is None else landmarks[None])


def ramp(height: int = 200, width: int = 240) -> np.ndarray:
    """A picture whose red is its x and whose green is its y: a crop shows where it was taken."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0], picture[..., 1] = np.arange(width), np.arange(height)[:, None]
    return picture


def turned(x: float, y: float, side: float, degrees: float) -> np.ndarray:
    """(1, 2, 3): a square crop around x y, turned."""
    angle = np.radians(degrees)
    linear = side * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, np.array([x, y]) - linear @ [0.5, 0.5]])[None]


def test_the_reference_lies_between_eyes_and_mouth() -> None:
    assert np.allclose(crops.references(face(POINTS), CALIBRATED), [[50, 63, 26]])  # 26 > 1.11 x 20


def test_the_reference_length_follows_the_eyes_when_they_are_further_apart() -> None:
    wide = POINTS.copy()
    wide[:2, 0] = 30, 70
    assert np.allclose(crops.references(face(wide), CALIBRATED), [[50, 63, 44.4]])


def test_without_landmarks_the_box_counts() -> None:
    assert np.allclose(crops.references(face(None), CALIBRATED), [[54, 63, 24]])


@pytest.mark.parametrize("row", [0, 1, 3, 4])
def test_a_missing_eye_or_mouth_corner_makes_the_box_count_for_that_face_only(row: int) -> None:
    broken = POINTS.copy()
    broken[row] = np.nan
    both = Detections(np.stack([BOX, BOX]), np.ones(2, np.float32), np.stack([broken, POINTS]))
    assert np.allclose(crops.references(both, CALIBRATED), [[54, 63, 24], [50, 63, 26]])


def test_a_missing_nose_changes_nothing() -> None:
    noseless = POINTS.copy()
    noseless[2] = np.nan
    assert np.allclose(crops.references(face(noseless), CALIBRATED), [[50, 63, 26]])


def test_a_square_crop_has_the_contract_s_centre_and_side() -> None:
    matrix = crops.matrices(SquareCrop(scale=2.5, shift=(0.1, -0.2)), face(POINTS), CALIBRATED)
    assert np.allclose(matrix, [[[65, 0, 50 + 6.5 - 32.5], [0, 65, 63 - 13 - 32.5]]])


@pytest.mark.parametrize("size", [(112, 112), (160, 120)])
def test_a_five_point_crop_maps_the_template_onto_landmarks_that_are_a_turned_template(size: tuple[int, int]) -> None:
    angle, scale = np.radians(20), 0.7
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shares = np.array(TEMPLATE.template)
    points = (shares * size[::-1]) @ turn.T + [33, 44]
    matrix = crops.matrices(TEMPLATE, face(points), CALIBRATED, size)[0]
    assert np.allclose(np.column_stack([shares, np.ones(5)]) @ matrix.T, points, atol=1e-4)


def test_a_five_point_crop_neither_mirrors_nor_shears() -> None:
    noisy = POINTS + np.random.default_rng(0).normal(0, 3, (5, 2))
    linear = crops.matrices(TEMPLATE, face(noisy), CALIBRATED)[0, :, :2]
    assert np.linalg.det(linear) > 0
    assert np.allclose(linear.T @ linear, np.eye(2) * np.linalg.det(linear))


def test_a_five_point_crop_needs_all_landmarks() -> None:
    for landmarks in (None, np.where(np.arange(5)[:, None] == 2, np.nan, POINTS)):
        with pytest.raises(IncompatibleError, match="landmarks"):
            crops.matrices(TEMPLATE, face(landmarks), CALIBRATED)
    with pytest.raises(InputError, match="one point"):
        crops.matrices(TEMPLATE, face(np.ones((5, 2))), CALIBRATED)


def test_a_crop_at_the_picture_s_scale_is_a_slice() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 80, 3), np.uint8)
    matrix = np.array([[[32, 0, 20], [0, 24, 30]]], float)
    cut = crops.cut([picture], [0], matrix, (24, 32))
    assert cut.dtype == torch.float32
    assert torch.allclose(cut[0].permute(1, 2, 0) * 255, torch.from_numpy(picture[30:54, 20:52]).float(), atol=0.01)


@pytest.mark.parametrize("size", [(16, 16), (33, 20), (150, 170)])
def test_resampling_is_the_antialiased_bilinear_filter(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (100, 120, 3), np.uint8)
    whole = np.array([[[120, 0, 0], [0, 100, 0]]], float)
    cut = crops.cut([picture], [0], whole, size)
    tensor = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    wanted = F.interpolate(tensor, size, mode="bilinear", align_corners=False, antialias=True)
    assert torch.allclose(cut[..., 2:-2, 2:-2], wanted[..., 2:-2, 2:-2], atol=1e-5)


@pytest.mark.parametrize("degrees", [0, 17, 90, 160])
@pytest.mark.parametrize("side", [20.0, 96.5])
@pytest.mark.parametrize("size", [(48, 48), (31, 31)])
def test_a_crop_shows_the_pixels_that_its_matrix_names(degrees: float, side: float, size: tuple[int, int]) -> None:
    matrix = turned(118.3, 97.6, side, degrees)
    cut = crops.cut([ramp()], [0], matrix, size)[0]
    y, x = np.meshgrid((np.arange(size[0]) + 0.5) / size[0], (np.arange(size[1]) + 0.5) / size[1], indexing="ij")
    places = matrix[0] @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)]) - 0.5
    assert np.abs(cut[:2].flatten(1).numpy() * 255 - places).max() < 0.05


def test_faces_do_not_depend_on_their_batch() -> None:
    pictures = [ramp(), ramp(90, 250)[::-1].copy(), np.full((30, 30, 3), 200, np.uint8)]
    owners = [2, 0, 1, 0, 1]
    placed = np.concatenate([turned(15, 15, 40, 5), turned(100, 90, 60, 0), turned(120, 50, 200, 30), turned(30, 30, 9, 0),
                             turned(50, 40, 70, 0)])  # fmt: skip
    together = crops.cut(pictures, owners, placed, (32, 32))
    for n, owner in enumerate(owners):
        alone = crops.cut([pictures[owner]], [0], placed[n : n + 1], (32, 32))
        assert torch.allclose(alone[0], together[n], atol=1e-4)


def test_beyond_the_edge_its_pixels_are_repeated() -> None:
    picture = ramp(40, 40)
    cut = crops.cut([picture], [0], np.array([[[80, 0, -20], [0, 80, -20]]], float), (80, 80))[0] * 255
    assert torch.allclose(cut[0, :, :20], torch.tensor(0.0), atol=0.01)
    assert torch.allclose(cut[0, :, 60:], torch.tensor(39.0), atol=0.01)
    assert torch.allclose(cut[1, 60:], torch.tensor(39.0), atol=0.01)
    outside = crops.cut([picture], [0], np.array([[[20, 0, 500], [0, 20, 10]]], float), (8, 8))[0] * 255
    assert torch.allclose(outside[0], torch.tensor(39.0), atol=0.01)


def test_no_faces_give_an_empty_batch() -> None:
    assert crops.cut([ramp()], [], np.zeros((0, 2, 3)), (64, 48)).shape == (0, 3, 64, 48)
    empty = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))
    for crop in (SquareCrop(scale=2.6), TEMPLATE):
        assert crops.matrices(crop, empty, CALIBRATED).shape == (0, 2, 3)


@pytest.mark.parametrize("side", [1e6, 0.0, float("nan")])
def test_an_impossible_crop_is_refused(side: float) -> None:
    with pytest.raises(InputError, match="crop"):
        crops.cut([ramp()], [0], np.array([[[side, 0, 0], [0, side, 0]]]), (64, 64))


def test_pasting_a_crop_back_restores_the_picture() -> None:
    y, x = np.mgrid[:200, :240]
    picture = np.stack([x, y, 128 + 60 * np.sin(x / 9) * np.cos(y / 7)], axis=2).astype(np.uint8)
    for matrix in (turned(120, 100, 90, 0), turned(120, 100, 90, 25), turned(10, 190, 90, 0)):
        face = crops.cut([picture], [0], matrix, (128, 128))[0]
        pasted = crops.paste(picture, face, matrix[0])
        assert np.abs(pasted.astype(int) - picture).max() <= 4


def test_a_pasted_face_fills_the_middle_fades_out_and_leaves_the_rest() -> None:
    picture = np.full((200, 200, 3), 50, np.uint8)
    matrix = turned(100, 100, 80, 0)[0]
    pasted = crops.paste(picture, torch.ones(3, 16, 16), matrix)
    assert (picture == 50).all()
    assert (pasted[80:120, 80:120] == 255).all()
    assert (pasted[:, :60] == 50).all() and (pasted[140:] == 50).all()
    edge = pasted[100, 60:80, 0].astype(int)
    assert (np.diff(edge) >= 0).all() and edge[0] < 60 and edge[-1] == 255 and len(set(edge)) > 5
    assert (pasted[61, 61] == 50).all()  # the corners of a crop hold background
    assert np.array_equal(crops.paste(picture, torch.ones(3, 16, 16), turned(500, 500, 80, 0)[0]), picture)


def test_pasting_a_large_face_into_a_small_place_does_not_alias() -> None:
    stripes = torch.zeros(3, 256, 256)
    stripes[:, :, ::2] = 1
    pasted = crops.paste(np.full((64, 64, 3), 128, np.uint8), stripes, turned(32, 32, 37, 0)[0])
    assert np.abs(pasted[28:36, 28:36].astype(int) - 128).max() < 12


def test_where_a_face_did_not_change_the_picture_keeps_its_own_detail() -> None:
    picture = np.random.default_rng(2).integers(60, 200, (200, 200, 3), np.uint8)  # far finer than a crop of 24 pixels
    matrix = turned(100, 100, 120, 15)
    before = crops.cut([picture], [0], matrix, (24, 24))[0]
    assert np.array_equal(crops.paste(picture, before, matrix[0], before=before), picture)
    after = before.clone()
    after[:, 8:16, 8:16] = 1
    pasted = crops.paste(picture, after, matrix[0], before=before)
    assert (pasted[94:106, 94:106] >= 254).all()  # nothing of the old detail is left
    far = np.hypot(*(np.mgrid[:200, :200] - 100)) > 45
    assert np.array_equal(pasted[far], picture[far])
    faint = crops.paste(picture, before + 0.02, matrix[0], before=before)[90:110, 90:110].astype(int) - picture[90:110, 90:110]
    assert abs(faint.mean() - 5.1) < 1 and faint.std() < 12  # the change is added; noise of 40 levels stays nearly all


def test_pixels_do_not_depend_on_the_precision_that_networks_run_in() -> None:
    matrices = turned(120, 100, 70, 20)
    plain = crops.cut([ramp()], [0], matrices, (32, 32))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(crops.cut([ramp()], [0], matrices, (32, 32)), plain)
