"""Peers: what raw pixels, HOG and OpenCV's networks are shown, and what files they want."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from facezoo.contracts import InputContract, SquareCrop
from facezoo.errors import InputError, UnknownNameError
from facezoo.evaluation import Bench, Conditions, evaluate
from facezoo.labels import SEVEN_EMOTIONS, Emotion
from facezoo_evaluate.opencv import CROP, FER, FER_LABELS, POINTS, SFACE
from facezoo_evaluate.peers import HOG, RAW_PIXELS
from tests import untrained
from tests.evaluation.known import flat, rafdb, showing
from tests.evaluation.tiny_onnx import linear_on_colour

LIKE = InputContract(crop=SquareCrop(scale=3.3), size=(96, 96))
QUICK = Conditions(device="cpu")


def faces(count: int = 2, side: int = 64) -> torch.Tensor:
    pictures = np.stack([untrained.portrait(seed, side, side) for seed in range(count)])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def red(levels: Any) -> torch.Tensor:
    """(N, 3, 112, 112) in [0, 1] with these levels of red and nothing else."""
    found = torch.zeros(len(levels), 3, 112, 112)
    found[:, 0] = torch.tensor(levels).view(-1, 1, 1)
    return found


def test_raw_pixels_compare_as_pictures_correlate() -> None:
    peer: Any = RAW_PIXELS.make(LIKE, None)
    assert peer.contract.crop == LIKE.crop and peer.contract.size == (64, 64)
    a, b = peer.encode(faces())
    grey = [cv2.cvtColor((f.permute(1, 2, 0).numpy() * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY).ravel() for f in faces()]
    assert float(a @ b) == pytest.approx(np.corrcoef(*grey)[0, 1], abs=0.01)
    assert float(peer.encode(faces(1) * 0.5)[0] @ a) == pytest.approx(1.0, abs=1e-4), "light does not count"


def test_hog_is_opencvs_on_the_same_grey() -> None:
    peer: Any = HOG.make(LIKE, None)
    made = peer.encode(faces())
    assert made.shape == (2, peer.view_table()["histograms"].dim) == (2, 7 * 7 * 36)
    picture = (faces()[1].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    described = cv2.HOGDescriptor((64, 64), (16, 16), (8, 8), (8, 8), 9).compute(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    assert made[1].numpy() == pytest.approx(np.ravel(described), abs=1e-5)


def test_opencvs_crop_is_the_one_its_aligner_makes() -> None:
    """FaceRecognizerSF.alignCrop and ours, of the same five points."""
    picture = untrained.portrait(3, 200, 200)
    turn = cv2.getRotationMatrix2D((56, 60), 20, 1.3)
    points = (np.array(POINTS) @ turn[:, :2].T + turn[:, 2] + 30).astype(np.float32)
    from facezoo.components import Detections
    from facezoo.contracts import BoxReference
    from facezoo.crops import cut, matrices

    placed = matrices(CROP, Detections(np.zeros((1, 4)), np.ones(1), points[None]), BoxReference(length=1.0), (112, 112))
    ours = cut([picture], [0], placed, (112, 112))[0].permute(1, 2, 0).numpy() * 255
    similarity, _ = cv2.estimateAffinePartial2D(points, np.array(POINTS, np.float32), method=cv2.LMEDS)
    theirs = cv2.warpAffine(picture, similarity, (112, 112), borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(ours - theirs)[4:-4, 4:-4].mean() < 3.0


def test_sface_is_shown_what_opencv_shows_it(tmp_path: Path) -> None:
    """OpenCV turns BGR into RGB and does not scale: the network sees red first, 0 to 255."""
    file = linear_on_colour(tmp_path / "sface.onnx", np.eye(3, 128))
    peer: Any = SFACE.make(LIKE, str(file))
    made = peer.encode(red([0.2, 0.6]))
    assert made.shape == (2, 128) and made[:, 0].tolist() == pytest.approx([51, 153], abs=0.6)
    assert made[:, 1:].abs().max() < 0.6 and peer.contract.size == (112, 112)


def test_the_zoos_expression_network_is_shown_rgb_from_minus_one_to_one(tmp_path: Path) -> None:
    file = linear_on_colour(tmp_path / "fer.onnx", np.eye(3, 7))
    peer: Any = FER.make(LIKE, str(file))
    logits = peer(red([0.25, 1.0]))
    assert logits[:, 0].tolist() == pytest.approx([-0.5, 1.0], abs=1e-4) and logits[:, 1].tolist() == pytest.approx([-1, -1])
    assert peer.labels[:4] == ("anger", "disgust", "fear", "happiness") and len(FER_LABELS) == 7


def test_an_opencv_peer_is_measured_with_its_files_hash(tmp_path: Path) -> None:
    """Its network says anger for red above the middle and disgust below; half of the pictures are one or the other."""
    weight = np.zeros((3, 7))
    weight[0, FER_LABELS.index(Emotion.ANGER)], weight[0, FER_LABELS.index(Emotion.DISGUST)] = 1.0, -1.0
    file = linear_on_colour(tmp_path / "fer.onnx", weight)
    pictures = [(Emotion.ANGER, flat(250)), (Emotion.DISGUST, flat(5)), (Emotion.DISGUST, flat(250)), (Emotion.FEAR, flat(250))]
    root = rafdb(tmp_path / "data", pictures)
    report = evaluate("rafdb-7", root, peers=[f"fer={file}"], settings=["rounds=20"], conditions=QUICK)
    row = report.system("fer")
    assert row.kind == "peer" and row.measurements[0].value == 50.0 and row.crop == "five points onto a template, 112 x 112"
    assert row.weights and row.weights.source == "file" and len(row.weights.sha256 or "") == 64


def test_peers_without_classes_are_fitted_on_the_training_split(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def drawn(count: int) -> list[tuple[Emotion, np.ndarray]]:
        """Every emotion is a pattern of its own, in noise."""
        patterns = np.random.default_rng(7).integers(0, 255, (7, 16, 16, 3))
        numbers = np.arange(count) % 7
        noise = rng.normal(0, 25, (count, 16, 16, 3))
        shown = (patterns[numbers] + noise).clip(0, 255).astype(np.uint8)
        return [(SEVEN_EMOTIONS[n], picture) for n, picture in zip(numbers, shown, strict=True)]

    root = rafdb(tmp_path, drawn(28), drawn(35))
    report = evaluate("rafdb-7", root, peers=["raw-pixels"], settings=["rounds=20", "penalty=0.1"], conditions=QUICK)
    row = report.system("raw-pixels")
    assert row.measurements[0].value > 90 and "fitted on the training split" in row.remarks[0]
    assert [(split.name, split.use) for split in report.splits] == [("test", "measured on"), ("train", "fitted on")]


@pytest.mark.parametrize(
    ("peer", "error", "message"),
    [
        ("fer", InputError, r"reads the OpenCV Zoo's facial_expression_recognition .onnx.*--peer fer=FILE"),
        ("fer=missing.onnx", InputError, r"no file missing.onnx"),
        ("hog=file", InputError, "reads no file"),
        ("hogg", UnknownNameError, "Did you mean hog"),
    ],
)
def test_wrong_peers(peer: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    root = rafdb(tmp_path, [(emotion, showing(emotion)) for emotion in SEVEN_EMOTIONS])
    with pytest.raises(error, match=message):
        evaluate("rafdb-7", root, peers=[peer], conditions=QUICK)


def test_a_file_that_is_no_network_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    for peer in (SFACE, FER):
        with pytest.raises(InputError, match="OpenCV does not read"):
            peer.subject("it", LIKE, str(tmp_path / "text.onnx"), Bench(tmp_path, QUICK))
