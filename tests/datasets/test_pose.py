"""Head pose: 300W-LP, AFLW2000, BIWI and FSA-Net's files. Signs, units, boxes, landmarks, and layouts that are broken."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from facezoo.plugin import DatasetError
from facezoo_readers.biwi import Biwi
from facezoo_readers.fitted_pose import Aflw2000, ThreeHundredWLp, loose_box
from facezoo_readers.fsa_npz import FsaNpz
from facezoo_readers.landmarks import five_of_68
from tests import madeup, published


@pytest.fixture(scope="module")
def lp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published.three_hundred_w_lp(tmp_path_factory.mktemp("lp"), photos=2, copies=2)


@pytest.fixture(scope="module")
def aflw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published.aflw2000(tmp_path_factory.mktemp("aflw"), 4)


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published.fsa_npz(tmp_path_factory.mktemp("npz"), 8, 4)


def test_300w_lp_has_degrees_in_facezoos_signs_and_five_landmarks(lp):
    reader = ThreeHundredWLp(lp)
    samples = reader.samples("train")
    assert [sample.name for sample in samples[:2]] == ["AFW/AFW_000000_1_0.jpg", "AFW/AFW_000000_1_1.jpg"] and len(samples) == 8
    assert reader.notes() == ("train: folders are missing: 3 (HELEN, IBUG, LFPW)",)
    for sample in samples:
        annotation = loadmat(sample.image.with_suffix(".mat"))
        pitch, yaw, roll = np.rad2deg(annotation["Pose_Para"][0, :3])
        assert sample.values == pytest.approx({"yaw": -yaw, "pitch": pitch, "roll": roll})
        assert np.allclose(sample.landmarks, five_of_68(annotation["pt2d"].T), atol=1e-4)


def test_a_drawn_face_moves_where_its_angles_say(lp):
    """The made-up faces move right with yaw and up with pitch, so the sign that a reader gives shows in the landmarks."""
    for sample in ThreeHundredWLp(lp).samples("train"):
        eyes, mouth = sample.landmarks[:2].mean(0), sample.landmarks[3:].mean(0)
        down = mouth - eyes
        assert np.degrees(np.arctan2(-down[0], down[1])) == pytest.approx(sample.values["roll"], abs=2)
        middle = (madeup.LANDMARKS[:2].mean(0) + madeup.LANDMARKS[3:].mean(0)) / 2 - 0.5
        turn = np.deg2rad(sample.values["roll"])
        rolled = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ middle
        x, y = ((eyes + mouth) / 2 / 64 - 0.5 - rolled) / 0.15 * 60
        assert x == pytest.approx(sample.values["yaw"], abs=5) and -y == pytest.approx(sample.values["pitch"], abs=5)


def test_turned_copies_of_a_photo_are_one_person(lp):
    assert {sample.person for sample in ThreeHundredWLp(lp).samples("train")} == {"AFW_000000_1", "AFW_000001_1"}


def test_fsa_nets_box_is_enlarged_by_three_fifths_on_every_side_of_the_known_landmarks():
    points = np.array([[10.9, 30, -1, 50], [20, 60.2, -1, 40]])
    assert loose_box({"pt2d": points}, Path("x.mat")) == pytest.approx((10 - 24, 20 - 24, 50 + 24, 60 + 24))


def test_aflw2000_has_its_68_landmarks_from_the_fitted_model(aflw):
    samples = Aflw2000(aflw).samples("test")
    assert [sample.name for sample in samples][:2] == ["image00001.jpg", "image00002.jpg"]
    for sample in samples:
        annotation = loadmat(sample.image.with_suffix(".mat"))
        assert np.allclose(sample.landmarks, five_of_68(annotation["pt3d_68"][:2].T), atol=1e-4)
        assert min(sample.box[2] - sample.box[0], sample.box[3] - sample.box[1]) > 64


def test_missing_pictures_are_counted(lp, tmp_path):
    root = Path(shutil.copytree(lp, tmp_path / "lp"))
    (root / "AFW" / "AFW_000000_1_0.jpg").unlink()
    reader = ThreeHundredWLp(root)
    assert len(reader.samples("train")) == 7
    assert "train: annotated pictures are missing: 1 (AFW/AFW_000000_1_0.jpg)" in reader.notes()


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ({"pt2d": np.ones((2, 68))}, "has no Pose_Para"),
        ({"Pose_Para": np.full((1, 7), np.nan), "pt2d": np.ones((2, 68))}, "has no Pose_Para"),
        ({"Pose_Para": np.zeros((1, 7))}, "has no pt2d of two rows"),
        ({"Pose_Para": np.zeros((1, 7)), "pt2d": -np.ones((2, 68))}, "no landmark of pt2d lies in the picture"),
        (b"no MATLAB file at all", "was not read as a .mat file"),
    ],
)
def test_a_mat_file_that_does_not_fit_is_named(aflw, tmp_path, annotation, message):
    root = Path(shutil.copytree(aflw, tmp_path / "aflw"))
    path = root / "image00002.mat"
    if isinstance(annotation, bytes):
        path.write_bytes(annotation)
    else:
        savemat(str(path), annotation)
    with pytest.raises(DatasetError, match=f"image00002.mat.*{message}"):
        Aflw2000(root).samples("test")


@pytest.mark.parametrize(
    ("angles", "yaw", "pitch", "roll"),
    [((40, 0, 0), 40, 0, 0), ((0, 25, 0), 0, 25, 0), ((0, 0, -30), 0, 0, -30), ((-35, 20, 10), -35, 20, 10)],
)
def test_biwis_rotation_becomes_facezoos_angles(tmp_path, angles, yaw, pitch, roll):
    published.biwi(tmp_path, 1, 1)
    rotation = published.head_rotation(angles)
    face, top = rotation @ (0, 0, -1), rotation @ (0, -1, 0)  # where the nose and the crown point: right, down, away
    signs = np.sign(np.round([face[0], -face[1], top[0]], 6))
    if np.count_nonzero(angles) == 1:
        assert signs.tolist() == np.sign(angles).tolist()
    rows = "\n".join(" ".join(map(str, row)) for row in rotation)
    (tmp_path / "hpdb" / "01" / "frame_00003_pose.txt").write_text(f"{rows}\n\n0 0 0\n")
    values = Biwi(tmp_path).samples("all")[0].values
    assert values == pytest.approx({"yaw": yaw, "pitch": pitch, "roll": roll}, abs=1e-4)


def test_biwi_names_its_frames_and_counts_those_without_a_picture(tmp_path):
    published.biwi(tmp_path, 2, 2)
    (tmp_path / "hpdb" / "02" / "frame_00004_rgb.png").unlink()
    reader = Biwi(tmp_path)
    samples = reader.samples("all")
    assert [sample.name for sample in samples] == ["01/frame_00003_rgb.png", "01/frame_00004_rgb.png", "02/frame_00003_rgb.png"]
    assert [sample.person for sample in samples] == ["01", "01", "02"] and samples[0].box is None and not samples[0].cropped
    assert reader.notes() == ("all: frames with a pose have no picture: 1 (02/frame_00004_rgb.png)",)
    assert [s.name for s in Biwi(tmp_path / "hpdb").samples("all")] == [sample.name for sample in samples]


@pytest.mark.parametrize(("text", "message"), [("1 0 0 0 1", "5 numbers without one"), ("1 0 0 x", "words that are no numbers"),
                                               ("2 0 0 0 1 0 0 0 1 0 0 0", "three rows of a rotation")])  # fmt: skip
def test_biwi_refuses_a_pose_that_is_none(tmp_path, text, message):
    published.biwi(tmp_path, 1, 1)
    (tmp_path / "hpdb" / "01" / "frame_00003_pose.txt").write_text(text)
    with pytest.raises(DatasetError, match=f"frame_00003_pose.txt.*{message}"):
        Biwi(tmp_path).samples("all")


def test_fsa_nets_files_are_splits_of_rgb_crops(npz):
    reader = FsaNpz(npz)
    assert reader.splits == ("train", "test", "biwi")
    assert [len(reader.samples(split)) for split in reader.splits] == [8, 4, 4]
    with np.load(npz / "AFLW2000.npz") as stored:
        for index, sample in enumerate(reader.samples("test")):
            yaw, pitch, roll = stored["pose"][index]
            assert sample.values == pytest.approx({"yaw": -yaw, "pitch": pitch, "roll": roll}) and sample.cropped
            assert np.array_equal(sample.read(), stored["image"][index][:, :, ::-1])
    assert [sample.name for sample in reader.samples("train")][3:5] == ["AFW/00003", "AFW_Flip/00000"]
    assert reader.notes()[0].startswith("train: files are missing: 6 (HELEN.npz")


def test_fsa_nets_files_may_lie_in_type1(npz, tmp_path):
    shutil.copytree(npz, tmp_path / "type1")
    assert FsaNpz(tmp_path).splits == ("train", "test", "biwi")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"image": np.zeros((2, 4, 4, 3), np.uint8)}, "was not read"),
        ({"image": np.zeros((2, 4, 4, 3), np.float32), "pose": np.zeros((2, 3))}, "expected image .* found float32"),
        ({"image": np.zeros((2, 4, 4, 3), np.uint8), "pose": np.zeros((3, 3))}, "expected image"),
        ({"image": np.array([{}], object), "pose": np.zeros((1, 3))}, "was not read"),
        (b"no zip", "was not read"),
    ],
)
def test_an_npz_file_that_does_not_fit_is_named(tmp_path, arrays, message):
    path = tmp_path / "AFLW2000.npz"
    if isinstance(arrays, bytes):
        path.write_bytes(arrays)
    else:
        np.savez(path, **arrays)
    with pytest.raises(DatasetError, match=f"AFLW2000.npz.*{message}"):
        FsaNpz(tmp_path).samples("test")
