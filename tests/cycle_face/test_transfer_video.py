"""Expression transfer from a film: a film of the same length, with its sound."""

from __future__ import annotations

import numpy as np
import pytest

import facezoo
from facezoo import video
from tests.untrained import FixedDetector, cycle_face, portrait


@pytest.fixture(scope="module")
def pipe():
    return facezoo.pipeline("expression-transfer", detector=FixedDetector(), manipulator=cycle_face())


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Five frames, the third of them black: no face."""
    path = tmp_path_factory.mktemp("film") / "driver.mp4"
    with video.Writer(path, 10, (96, 80)) as writer:
        for index in range(5):
            writer.write(np.zeros((96, 80, 3), np.uint8) if index == 2 else portrait(index, 96, 80))
    return path


class Blind(FixedDetector):
    def _one(self, image):
        return super()._one(image if image.mean() > 20 else np.zeros_like(image))


def test_a_film_of_the_same_length_side_by_side(film, tmp_path):
    pipe = facezoo.pipeline("expression-transfer", detector=Blind(), manipulator=cycle_face())
    clip = pipe(portrait(9), film, output=tmp_path / "out.mp4", batch_size=2)
    assert (clip.frames, clip.missed, clip.fps) == (5, 1, 10)
    made = list(video.frames(clip.path))
    assert len(made) == 5
    assert made[0].image.shape == (256, 768, 3)
    results = [frame.image[:, 512:].astype(int) for frame in made]
    assert np.abs(results[2] - results[1]).mean() < 5  # without a face the last result stands still
    assert np.abs(results[3] - results[1]).mean() > np.abs(results[2] - results[1]).mean()


def test_a_film_does_not_depend_on_its_batches(pipe, film, tmp_path):
    films = [pipe(portrait(9), film, output=tmp_path / f"{n}.mp4", batch_size=n, layout="face") for n in (1, 4)]
    one, four = ([frame.image.astype(int) for frame in video.frames(clip.path)] for clip in films)
    assert max(np.abs(a - b).max() for a, b in zip(one, four, strict=True)) <= 8  # what the codec adds


def test_a_film_needs_somewhere_to_go(pipe, film):
    with pytest.raises(facezoo.InputError, match=r"output='result\.mp4'"):
        pipe(portrait(9), film)


def test_what_is_read_is_not_written_over(pipe, film):
    before = film.read_bytes()
    with pytest.raises(facezoo.InputError, match="written over"):
        pipe(portrait(9), film, output=film)
    assert film.read_bytes() == before


def test_a_film_without_faces_leaves_no_file(film, tmp_path):
    class Nobody(FixedDetector):
        def _one(self, image):
            return super()._one(image if image.shape[:2] == (120, 100) else np.zeros_like(image))

    pipe = facezoo.pipeline("expression-transfer", detector=Nobody(), manipulator=cycle_face())
    with pytest.raises(facezoo.InputError, match="any of the 5 frames"):
        pipe(portrait(9), film, output=tmp_path / "out.mp4")
    assert not list(tmp_path.iterdir())


def test_the_sound_is_kept(pipe, shared_dir, tmp_path):
    source = next((shared_dir / "data" / "clips").glob("*.mpg"))
    clip = pipe(portrait(9), source, output=tmp_path / "out.mp4", layout="face")
    assert clip.frames == 75
    before, after = video.probe(source), video.probe(clip.path)
    assert before.has_audio and after.has_audio
    assert after.duration == pytest.approx(before.duration, abs=0.2)
