"""The detectors against released outputs and on real faces; needs the reference data beside the checkout."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import facezoo
from facezoo import images, loader, video
from facezoo.components import Detections, Detector
from facezoo.contracts import FivePointCrop, SquareCrop
from facezoo.crops import matrices, references
from facezoo.labels import FIVE_LANDMARKS
from facezoo.weights import apply_renames
from facezoo_detectors.convert import RENAMES

SIDE = 2.6  # the crop's, in reference lengths


@pytest.fixture(scope="module")
def parity_outputs(shared_dir: Path) -> Mapping[str, Tensor]:
    return load_file(shared_dir / "parity" / "retinaface_mnet025.io.safetensors")


@pytest.fixture(scope="module")
def retinaface(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Detector:
    """Converted from the released pickle and loaded as a user would."""
    directory = tmp_path_factory.mktemp("retinaface") / "component"
    loader.convert("retinaface", shared_dir / "data" / "detectors" / "retinaface_mnet025.pth", directory)
    return facezoo.load(f"dir:{directory}", device="cpu")


@pytest.fixture(scope="module")
def yunet(shared_dir: Path) -> Detector:
    """Imported from the released file; the store is the suite's own."""
    loader.import_weights("yunet-2026may", shared_dir / "data" / "detectors" / "face_detection_yunet_2026may.onnx")
    return facezoo.load("yunet-2026may", device="cpu")


@pytest.fixture(scope="module")
def haar() -> Detector:
    return facezoo.load("haar-frontal", device="cpu")


@pytest.fixture(scope="module")
def frames(shared_dir: Path, parity_outputs: Mapping[str, Tensor]) -> list[np.ndarray]:
    """The portrait, and every 25th frame of the clips: one face each."""
    found = [parity_outputs["astronaut.rgb"].numpy()]
    for path in sorted((shared_dir / "data" / "clips").glob("*.mpg")):
        found += [frame.image for frame in video.frames(path) if frame.index % 25 == 0]
    return found


@pytest.fixture(scope="module")
def seen(
    haar: Detector, yunet: Detector, retinaface: Detector, frames: list[np.ndarray]
) -> list[tuple[Detector, list[Detections]]]:
    """What each detector sees in the frames."""
    return [(detector, detector.detect(frames)) for detector in (haar, yunet, retinaface)]


def relative(found: Tensor | np.ndarray, wanted: Tensor) -> float:
    return float((torch.as_tensor(found) - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("picture", ["astronaut", "clip"])
def test_retinaface_agrees_with_the_release(retinaface: Detector, parity_outputs: Mapping[str, Tensor], picture: str) -> None:
    wanted = {name.removeprefix(f"{picture}."): t for name, t in parity_outputs.items() if name.startswith(picture)}
    with torch.no_grad():
        outputs = retinaface.predict(wanted["rgb"].permute(2, 0, 1)[None].float() / 255)  # pyright: ignore
    for name, tensor in outputs.items():
        assert relative(tensor, wanted[name]) < 1e-4
    faces = retinaface.detect([wanted["rgb"].numpy()])[0]
    assert faces.landmarks is not None
    for found, name in ((faces.boxes, "boxes"), (faces.scores, "scores"), (faces.landmarks, "points")):
        assert found.shape == wanted[name].shape and relative(found, wanted[name]) < 1e-4


def test_the_rename_table_fits_the_release(retinaface: Detector, shared_dir: Path) -> None:
    released = torch.load(shared_dir / "data" / "detectors" / "retinaface_mnet025.pth", weights_only=True, map_location="cpu")
    names = apply_renames(released, RENAMES)
    assert set(names.values()) == set(retinaface.state_dict())
    for old, new in names.items():
        assert torch.equal(released[old], retinaface.state_dict()[new])


def test_landmarks_are_in_the_order_of_the_house(yunet: Detector, retinaface: Detector, frames: list[np.ndarray]) -> None:
    assert FIVE_LANDMARKS[0] == "image_left_eye" and FIVE_LANDMARKS[3] == "image_left_mouth_corner"
    for detector in (yunet, retinaface):
        points = detector.detect(frames[:1])[0].landmarks
        assert points is not None and points.shape == (1, 5, 2)
        left_eye, right_eye, nose, left_mouth, right_mouth = points[0]
        assert left_eye[0] < nose[0] < right_eye[0] and left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_every_detector_finds_exactly_one_face_in_each_frame(seen: list[tuple[Detector, list[Detections]]]) -> None:
    for _, found in seen:
        assert [len(faces) for faces in found] == [1] * len(found)


@pytest.mark.slow
def test_the_default_finds_exactly_one_face_in_every_frame_of_the_clips(haar: Detector, shared_dir: Path) -> None:
    for path in sorted((shared_dir / "data" / "clips").glob("*.mpg")):
        assert [len(haar.detect([frame.image])[0]) for frame in video.frames(path)] == [1] * 75


def test_the_same_face_gives_the_same_crop(seen: list[tuple[Detector, list[Detections]]]) -> None:
    crops = [np.concatenate([references(faces, detector.box_reference) for faces in found]) for detector, found in seen]
    for a, b in itertools.combinations(crops, 2):
        centres = np.hypot(*(a[:, :2] - b[:, :2]).T) / (SIDE * np.sqrt(a[:, 2] * b[:, 2]))
        sides = np.abs(np.log(a[:, 2] / b[:, 2]))
        assert centres.max() < 0.06
        assert np.median(sides) < 0.08 and sides.max() < 0.18
        assert sides[0] < 0.08  # the portrait


def test_a_box_gives_nearly_the_crop_that_the_landmarks_give(seen: list[tuple[Detector, list[Detections]]]) -> None:
    for detector, found in seen[1:]:
        for faces in found:
            by_points = references(faces, detector.box_reference)[0]
            by_box = references(Detections(faces.boxes, faces.scores), detector.box_reference)[0]
            assert np.hypot(*(by_points[:2] - by_box[:2])) / (SIDE * by_points[2]) < 0.09
            assert abs(np.log(by_points[2] / by_box[2])) < 0.2


def test_a_large_face_is_one_face(yunet: Detector, retinaface: Detector, frames: list[np.ndarray]) -> None:
    close = frames[0][40:200, 150:300]
    for detector in (yunet, retinaface):
        wanted = references(detector.detect([close])[0], detector.box_reference)[0]
        for factor in (2, 4, 8):
            large = np.kron(close, np.ones((factor, factor, 1), np.uint8))
            faces = detector.detect([large], min_score=0.7)[0]
            assert len(faces) == 1
            found = references(faces, detector.box_reference)[0] / factor
            assert np.abs(found - wanted).max() < 0.1 * wanted[2]


def test_crops_of_a_real_face_by_both_geometries(yunet: Detector, haar: Detector, frames: list[np.ndarray]) -> None:
    faces = yunet.detect(frames[:1])[0]
    square = matrices(SquareCrop(scale=SIDE), faces, yunet.box_reference)[0]
    assert 100 < square[0, 0] < 150 and square[0, 1] == 0
    template = FivePointCrop(template=((0.34, 0.46), (0.66, 0.46), (0.5, 0.64), (0.37, 0.82), (0.63, 0.82)))
    assert matrices(template, faces, yunet.box_reference, (112, 112)).shape == (1, 2, 3)


def test_yunet_gives_the_same_in_every_thread(yunet: Detector, frames: list[np.ndarray]) -> None:
    wanted = [faces.boxes for faces in yunet.detect(frames[:4])]
    with ThreadPoolExecutor(4) as pool:
        for index, faces in enumerate(pool.map(lambda n: yunet.detect([frames[n % 4]])[0], range(16))):
            assert np.array_equal(faces.boxes, wanted[index % 4])


def test_golden_outputs_show_the_drawn_face(yunet: Detector, retinaface: Detector) -> None:
    table = yunet.golden_outputs(yunet.golden_inputs())["faces"]
    assert table[0, 4] > 0.8 and (table[0, 5:] > 0).all()
    with torch.no_grad():
        outputs = retinaface.golden_outputs(retinaface.golden_inputs())
    assert outputs["confidence"][0, :, 1].max() > 0.9


def test_verify_recomputes_what_the_import_computed(yunet: Detector) -> None:
    rows = loader.verify("yunet-2026may", devices=["cpu"], dtypes=["float32"])
    assert rows and all(row.passed for row in rows)


def test_recall_of_the_default_on_portraits(haar: Detector, shared_dir: Path) -> None:
    """The benchmark's measure on a few; docs/detectors.md has the whole."""
    import zipfile

    with zipfile.ZipFile(shared_dir / "data" / "portraits.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))[::300]
        pictures = [np.pad(images.read(archive.read(name)), ((40, 40), (40, 40), (0, 0)), mode="edge") for name in names]
    found = [len(faces) for faces in haar.detect(pictures)]
    assert sum(count >= 1 for count in found) / len(found) > 0.85
    assert sum(count > 1 for count in found) <= 1
