"""The detectors on a drawn face and on NASA's portrait: no data beside the checkout is needed."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import facezoo
from facezoo.components import Detections
from facezoo.crops import references
from facezoo.errors import InputError, WeightsError
from facezoo.weights import apply_renames
from facezoo_detectors import drawing, search
from facezoo_detectors.config import HaarConfig, RetinaFaceConfig, YuNetConfig
from facezoo_detectors.convert import RENAMES, convert_retinaface
from facezoo_detectors.haar import Haar
from facezoo_detectors.retinaface import RetinaFace, anchors, decode
from facezoo_detectors.yunet import YuNet


@pytest.fixture(scope="module")
def haar() -> Haar:
    return facezoo.load("haar-frontal", device="cpu")


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return pytest.importorskip("skimage.data", reason="scikit-image carries the portrait").astronaut()


@pytest.fixture(scope="module")
def untrained() -> RetinaFace:
    torch.manual_seed(0)
    return RetinaFace(RetinaFaceConfig()).eval()


def reference_of_drawing(side: int) -> np.ndarray:
    """x, y, length that the drawing was made with."""
    unit, (eye, eyes_y), mouth_y = drawing.UNIT * side, drawing.EYES, drawing.MOUTH[1]
    return np.array([side / 2, side / 2 + unit * (eyes_y + mouth_y) / 2, unit * max(1.11 * 2 * eye, mouth_y - eyes_y)])


@pytest.mark.parametrize("side", [64, 160, 360, 1500])
def test_haar_finds_the_drawn_face_at_any_size_and_places_it(haar: Haar, side: int) -> None:
    picture = cv2.resize(drawing.drawn_face(), (side, side), interpolation=cv2.INTER_AREA if side < 160 else cv2.INTER_CUBIC)
    faces = haar.detect([picture])[0]
    assert len(faces) == 1 and faces.landmarks is None and faces.scores[0] > 0.9
    x, y, length = references(faces, haar.box_reference)[0]
    wanted = reference_of_drawing(side)
    assert np.hypot(x - wanted[0], y - wanted[1]) / (2.6 * wanted[2]) < 0.06
    assert abs(np.log(length / wanted[2])) < 0.08


def test_haar_follows_a_face_that_is_moved_and_rolled(haar: Haar) -> None:
    picture = drawing.drawn_face(200, 200)
    for degrees, shift in ((0, (30, -20)), (12, (0, 0)), (-12, (-25, 25))):
        way = cv2.getRotationMatrix2D((100, 100), degrees, 1.0) + [[0, 0, shift[0]], [0, 0, shift[1]]]
        moved = cv2.warpAffine(picture, way, (200, 200), borderMode=cv2.BORDER_REPLICATE)
        faces = haar.detect([moved])[0]
        assert len(faces) == 1
        x, y, length = references(faces, haar.box_reference)[0]
        wanted_x, wanted_y = way @ [*reference_of_drawing(200)[:2], 1]
        assert np.hypot(x - wanted_x, y - wanted_y) / (2.6 * length) < 0.06


def test_haar_finds_the_one_face_of_the_portrait(haar: Haar, astronaut: np.ndarray) -> None:
    sizes = [cv2.resize(astronaut, (side, side), interpolation=cv2.INTER_AREA) for side in (200, 256, 1200)]
    for picture in (astronaut, astronaut[:, ::-1].copy(), *sizes):
        faces = haar.detect([picture])[0]
        assert len(faces) == 1
        side = len(picture) / 512
        x, y, length = references(faces, haar.box_reference)[0] / side
        assert abs(y - 121) < 10 and 42 < length < 56
        assert min(abs(x - 223), abs(511 - x - 223)) < 10


def test_pictures_without_a_face_give_nothing(haar: Haar) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    for picture in (noise, np.zeros((1, 1, 3), np.uint8), np.full((5, 900, 3), 255, np.uint8), np.zeros((64, 64, 3), np.uint8)):
        faces = haar.detect([picture])[0]
        assert len(faces) == 0 and faces.boxes.shape == (0, 4) and faces.scores.shape == (0,)
    assert haar.detect([]) == []


def test_several_faces_in_one_picture(haar: Haar) -> None:
    face = drawing.drawn_face(160, 160)
    both = np.concatenate([face, face[:, ::-1]], axis=1)
    faces = haar.detect([both])[0]
    assert sorted((faces.boxes[:, 0] > 160).tolist()) == [False, True]
    assert (np.diff(faces.scores) <= 0).all()


def test_min_score_leaves_out_fainter_faces(haar: Haar, astronaut: np.ndarray) -> None:
    every = haar.detect([astronaut], min_score=0.0)[0]
    assert len(every) > len(haar.detect([astronaut], min_score=0.5)[0]) == 1
    assert (every.scores >= 0).all() and (every.scores <= 1).all()
    assert len(haar.detect([astronaut], min_score=1.01)[0]) == 0


NO_PICTURES = [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), "face.jpg"]


@pytest.mark.parametrize("wrong", NO_PICTURES, ids=["float", "grey", "no pixels", "path"])
def test_what_is_no_picture_is_refused(haar: Haar, untrained: RetinaFace, wrong: object) -> None:
    for detector in (haar, untrained):
        with pytest.raises(InputError, match="detector takes pictures"):
            detector.detect([wrong])  # pyright: ignore[reportArgumentType]


def test_haar_gives_the_same_in_every_thread_and_copy(haar: Haar, astronaut: np.ndarray) -> None:
    small = cv2.resize(astronaut, (256, 256))
    wanted = haar.detect([small], 0.0)[0]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: haar.detect([small], 0.0)[0], range(8)))
    found += [other.detect([small], 0.0)[0] for other in (copy.deepcopy(haar), pickle.loads(pickle.dumps(haar)))]
    for faces in found:
        assert np.array_equal(faces.boxes, wanted.boxes) and np.array_equal(faces.scores, wanted.scores)


def test_golden_outputs_of_haar_show_a_face(haar: Haar) -> None:
    table = haar.golden_outputs(haar.golden_inputs())["faces"]
    assert table.shape == (4, 15) and table[0, 4] > 0.9 and (table[1:] == 0).all()


def test_a_large_picture_gets_a_second_look() -> None:
    config = RetinaFaceConfig(min_side=64, max_side=800)
    assert [look.picture.shape for look in search.looks(np.zeros((30, 40, 3), np.uint8), config)] == [(64, 85, 3)]
    first, second = search.looks(np.zeros((600, 1600, 3), np.uint8), config)
    assert first.picture.shape == (300, 800, 3) and second.picture.shape == (96, 256, 3)
    assert np.allclose(first.factors, 2) and np.allclose(second.factors, 6.25)
    assert first.largest / second.smallest > 800 / 256  # no size of face falls between the looks


def test_faces_seen_twice_and_parts_of_large_faces_are_one_face() -> None:
    blank = np.zeros((4, 4, 3), np.uint8)
    first = search.Look(blank, np.ones(2, np.float32), largest=100)
    second = search.Look(blank, np.full(2, 4, np.float32), smallest=20)
    fine = Detections(
        np.array([[0, 0, 90, 90], [250, 250, 330, 330], [500, 0, 560, 60], [0, 0, 400, 400]], np.float32),
        np.array([0.9, 0.8, 0.7, 0.99], np.float32),
    )
    coarse = Detections(
        np.array([[0, 0, 23, 23], [50, 50, 100, 100], [1, 1, 9, 9]], np.float32), np.array([0.6, 0.5, 0.9], np.float32)
    )
    faces = search.combine([(first, fine), (second, coarse)], overlap=0.4)
    # seen in both looks, where it lies within the larger of the two boxes; only in the second; only in the first
    assert sorted(faces.boxes.tolist()) == [[0, 0, 92, 92], [200, 200, 400, 400], [500, 0, 560, 60]]
    assert faces.scores.tolist() == sorted(faces.scores.tolist(), reverse=True)


def test_suppression_keeps_the_best_of_overlapping_boxes() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [5, 0, 15, 10]], np.float32)
    assert search.non_maximum_suppression(boxes, np.array([0.5, 0.9, 0.1, 0.8]), 0.5).tolist() == [1, 3, 2]
    assert len(search.non_maximum_suppression(np.zeros((0, 4)), np.zeros(0), 0.5)) == 0


@pytest.mark.parametrize("size", [(64, 64), (33, 70), (17, 128)])
def test_the_network_answers_for_every_anchor(untrained: RetinaFace, size: tuple[int, int]) -> None:
    with torch.no_grad():
        outputs = untrained.predict(torch.rand(2, 3, *size))
    count = sum(2 * -(-size[0] // stride) * -(-size[1] // stride) for stride in (8, 16, 32))
    assert len(anchors(*size)) == count
    assert {name: tuple(tensor.shape) for name, tensor in outputs.items()} == {
        "location": (2, count, 4), "confidence": (2, count, 2), "landmarks": (2, count, 10)
    }  # fmt: skip
    assert torch.allclose(outputs["confidence"].sum(-1), torch.ones(2, count))


def test_decoding_follows_the_published_variances() -> None:
    places = anchors(40, 72)
    assert (
        places[0].tolist() == [4, 4, 10, 10] and places[1].tolist() == [4, 4, 20, 20] and places[2].tolist() == [12, 4, 10, 10]
    )
    assert places[-1].tolist() == [80, 48, 256, 256]
    location, confidence, landmarks = (
        torch.zeros(1, len(places), 4),
        torch.zeros(1, len(places), 2),
        torch.zeros(1, len(places), 10),
    )
    confidence[0, 1, 1], confidence[0, 2, 1] = 0.6, 0.4
    location[0, 1] = torch.tensor([1.0, -1.0, 5 * np.log(2.0), 0.0])
    landmarks[0, 1, 6:8] = torch.tensor([10.0, -10.0])
    faces = decode({"location": location, "confidence": confidence, "landmarks": landmarks}, (40, 72), 0.5)[0]
    assert np.allclose(faces.boxes, [[6 - 20, 2 - 10, 6 + 20, 2 + 10]], atol=1e-4)
    assert np.allclose(faces.landmarks, [[[4, 4], [4, 4], [4, 4], [24, -16], [4, 4]]])


def test_pictures_of_several_sizes_keep_their_order_and_results(untrained: RetinaFace) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, size, np.uint8) for size in ((140, 130, 3), (128, 160, 3), (140, 130, 3))]
    with torch.no_grad():
        untrained.face_heads[0].bias[1::2] += 3  # an untrained network is sure of nothing
        together = untrained.detect(pictures, 0.5)
        alone = [untrained.detect([picture], 0.5)[0] for picture in pictures]
        untrained.face_heads[0].bias[1::2] -= 3
    for a, b in zip(together, alone, strict=True):
        assert len(a) == len(b) > 0
        assert np.allclose(a.boxes, b.boxes, atol=1e-2)


def test_the_network_runs_in_bfloat16_and_channels_last(untrained: RetinaFace) -> None:
    image = torch.from_numpy(drawing.drawn_face(96, 96)).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        wanted = untrained.predict(image)
        lasting = copy.deepcopy(untrained).to(memory_format=torch.channels_last).predict(image)
        half = copy.deepcopy(untrained).to(torch.bfloat16).predict(image)
    for name, tensor in wanted.items():
        assert torch.allclose(lasting[name], tensor, atol=1e-5)
        assert half[name].dtype == torch.float32
        assert (half[name] - tensor).norm() / tensor.norm() < 0.06


def test_the_rename_table_is_a_bijection(untrained: RetinaFace) -> None:
    ours = list(untrained.state_dict())
    released = apply_renames(ours, RENAMES, backwards=True)
    assert len(ours) == 300 == len(set(released.values()))
    assert apply_renames(released.values(), RENAMES) == {old: new for new, old in released.items()}
    assert len({old for old, _ in RENAMES}) == len(RENAMES) == len({new for _, new in RENAMES})


def release(untrained: RetinaFace) -> dict[str, torch.Tensor]:
    names = apply_renames(untrained.state_dict(), RENAMES, backwards=True)
    return {names[name]: tensor for name, tensor in untrained.state_dict().items()}


def test_a_checkpoint_is_converted_unchanged(untrained: RetinaFace, tmp_path: Path) -> None:
    for prefix in ("", "module."):
        torch.save({prefix + name: tensor for name, tensor in release(untrained).items()}, tmp_path / "file.pth")
        converted = convert_retinaface(tmp_path / "file.pth", {})
        assert all(torch.equal(converted.tensors[name], tensor) for name, tensor in untrained.state_dict().items())


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("code ran",)


def test_other_files_are_refused_in_one_sentence(
    untrained: RetinaFace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = release(untrained)
    first = next(iter(state))
    wrong: dict[str, object] = {
        "missing": {name: tensor for name, tensor in state.items() if name != first},
        "unexpected": {**state, "extra.weight": torch.zeros(1)},
        "another shape": {**state, first: torch.zeros(3)},
        "no flat table": {"model": state},
        "run code": {**state, first: Evil()},
    }
    for reason, content in wrong.items():
        torch.save(content, tmp_path / "file.pth")
        with pytest.raises(WeightsError, match=reason):
            convert_retinaface(tmp_path / "file.pth", {})
    content = (tmp_path / "file.pth").read_bytes()
    (tmp_path / "file.pth").write_bytes(content[: len(content) // 2])
    with pytest.raises(WeightsError, match="file.pth"):
        convert_retinaface(tmp_path / "file.pth", {})
    assert "code ran" not in capsys.readouterr().out


def test_yunet_without_its_file_and_with_a_wrong_one(tmp_path: Path) -> None:
    yunet = YuNet(YuNetConfig())
    with pytest.raises(WeightsError, match="no weights"):
        yunet.detect([np.zeros((64, 64, 3), np.uint8)])
    (tmp_path / "model.onnx").write_bytes(b"not a network" * 100)
    for path in (tmp_path / "model.onnx", tmp_path / "missing.onnx"):
        with pytest.raises(WeightsError, match=str(path)):
            yunet.load_file(path)


def test_configurations_that_make_no_sense_are_refused() -> None:
    with pytest.raises(WeightsError, match="min_side"):
        HaarConfig.from_values({"min_side": 500, "max_side": 100}, "here")
    with pytest.raises(WeightsError, match="min_face"):
        HaarConfig.from_values({"min_face": 5}, "here")
