"""What a result looks like where it is printed."""

from __future__ import annotations

import numpy as np

from facezoo.results import Embedding, Face, ImageResult, Match, Matches, Picture, Scores, Searched, Triplet, Verification


def a_face() -> Face:
    return Face(
        box=np.array([1, 2, 30.25, 40], np.float32),
        score=0.987654,
        landmarks=np.zeros((5, 2), np.float32),
        crop=np.zeros((64, 64, 3), np.uint8),
        embeddings={"identity": Embedding(np.zeros(256, np.float32), "abc", "identity", "some-model")},
        emotions=Scores({"happiness": 0.75, "sadness": 0.25}),
        pictures={"neutral": Picture(np.zeros((64, 64, 3), np.uint8))},
    )


def test_arrays_are_told_by_their_shapes() -> None:
    text = repr(a_face())
    assert "box=[1, 2, 30.25, 40]" in text and "score=0.9877" in text
    assert "landmarks=(5, 2) float32" in text and "crop=(64, 64, 3) uint8" in text
    assert "identity: Embedding(values=(256,) float32, space_id='abc'" in text
    assert "neutral: Picture(pixels=(64, 64, 3) uint8)" in text and "happiness: 0.75" in text
    assert "pose" not in text and "scores" not in text  # nothing is known of them


def test_every_result_fits_on_a_few_lines() -> None:
    face = a_face()
    match = Match(1, "photo.jpg", 0, face.box, 0.9, 0.5, 1.5)
    found = Matches("photo.jpg", face, (match,) * 20, Searched(20, 20, 0, (), 20))
    distances = {"first-second": 1.0, "first-third": 2.0, "second-third": 3.0}
    for result in (
        ImageResult("photo.jpg", (face,) * 30, (640, 480)),
        Verification(0.5, None, None, None, face, face),
        Triplet(0, distances, ("a", "b", "c"), (face, face, face)),
        found,
    ):
        text = repr(result)
        assert len(text) < 1800 and "\n" not in text and "array(" not in text
    assert "matches=(Match(rank=1, source='photo.jpg'" in repr(found) and "… 16 more" in repr(found)
