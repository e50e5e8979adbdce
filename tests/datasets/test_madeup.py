"""The made-up pictures are worth training on: expressions can be learned from them, and are not given away by persons."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from facezoo.labels import SEVEN_EMOTIONS
from tests import madeup

SIDE = 24


def grey(persons: range, seed: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """-> (N, SIDE * SIDE) pixels without their mean, (N,) emotions and persons."""
    rng = np.random.default_rng(seed)
    emotions, people = rng.integers(7, size=count), rng.integers(persons.start, persons.stop, size=count)
    pictures = [
        madeup.face(madeup.jittered(madeup.EXPRESSIONS[SEVEN_EMOTIONS[emotion]], rng), person, SIDE).mean(2).ravel()
        for emotion, person in zip(emotions, people, strict=True)
    ]
    pixels = np.array(pictures)
    return (pixels - pixels.mean(1, keepdims=True)) / pixels.std(1, keepdims=True), emotions, people


def test_a_linear_map_tells_emotions_of_persons_it_never_saw():
    pixels, emotions, _ = grey(range(12), 0, 280)
    targets = np.eye(7)[emotions]
    weights = np.linalg.solve(pixels.T @ pixels + 30 * np.eye(SIDE * SIDE), pixels.T @ (targets - targets.mean(0)))
    unseen, truth, _ = grey(range(50, 60), 1, 140)
    right = float(((unseen @ weights + targets.mean(0)).argmax(1) == truth).mean())
    assert right > 0.85


def test_persons_differ_in_colour_and_not_in_expression():
    same = [madeup.face((0.5, 0.5, 0), person, 32) for person in range(6)]
    assert len({picture[0, 0].tobytes() for picture in same}) == 6  # the background's corner
    dark = [(picture.max(2) < 60) for picture in same]  # pupils and brows
    assert all((one == dark[0]).mean() > 0.99 for one in dark)


@pytest.mark.parametrize("writer", ["emotion_folders", "person_folders", "pose_table", "rafdb", "affectnet", "affectnet_manual",
                                    "fer2013", "fec"])  # fmt: skip
def test_the_same_seed_writes_the_same_files(intact, tmp_path, writer):
    def digest(root):
        files = sorted(path for path in root.rglob("*") if path.is_file())
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest(), len(files)

    getattr(madeup, writer)(tmp_path / "again")
    assert digest(tmp_path / "again") == digest(intact(writer))
    getattr(madeup, writer)(tmp_path / "other", seed=1)
    assert digest(tmp_path / "other") != digest(intact(writer))


def test_fec_needs_three_photos_of_every_emotion(tmp_path):
    with pytest.raises(ValueError, match="42 photos"):
        madeup.fec(tmp_path, photos=20)
