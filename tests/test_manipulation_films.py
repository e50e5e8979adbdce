"""face-manipulation as a film: series of steps, faces driven by a video, and videos whose faces are edited."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import facezoo
from facezoo import video
from tests.colours import colour
from tests.painting import pipeline
from tests.untrained import FixedDetector, portrait

LIT, DARK = (200, 40, 40), (0, 0, 0)


class Wary(FixedDetector):
    """Sees nobody in a picture that a codec left nearly black."""

    def _one(self, image):
        return super()._one(image if image.mean() > 20 else np.zeros_like(image))


@pytest.fixture(scope="module")
def pipe(tmp_path_factory):
    return pipeline(tmp_path_factory.mktemp("films") / "colours", Wary())


def film(path, *colours, size=(96, 96)):
    with video.Writer(path, 10, size) as writer:
        for each in colours:
            writer.write(colour(*each, *size))
    return path


@pytest.mark.parametrize("name", ["series.gif", "series.mp4"])
def test_steps_as_a_film(pipe, tmp_path, name):
    clip = pipe(portrait(1, 64, 64), "happiness", start="anger", steps=4, fps=8, output=tmp_path / name, mark=False)
    assert (clip.path, clip.frames, clip.fps, clip.missed) == (tmp_path / name, 4, 8, 0)
    if name.endswith("gif"):
        with Image.open(clip.path) as stored:
            assert (stored.n_frames, stored.info["duration"], stored.size) == (4, 120, (64, 64))  # GIF counts in 1/100 s
    else:
        reds = [int(frame.image[32, 32, 0]) for frame in video.frames(clip.path)]
        assert len(reds) == 4 and reds == sorted(reds) and reds[-1] - reds[0] > 200


def test_a_video_drives_a_picture_and_its_last_expression_stands_still(pipe, tmp_path):
    driver = film(tmp_path / "driver.mp4", LIT, DARK, (40, 40, 200), DARK, DARK)
    clip = pipe(portrait(1, 64, 64), driver, output=tmp_path / "out.mp4", batch_size=2, mark=False)
    assert (clip.frames, clip.missed, clip.fps) == (5, 3, 10)
    shown = [frame.image[32, 32].astype(int) for frame in video.frames(clip.path)]
    redder = [bool(pixel[0] > pixel[2]) for pixel in shown]
    assert redder == [True, True, False, False, False]


def test_before_the_first_face_the_picture_stays_as_it_is(pipe, tmp_path):
    clip = pipe(colour(90, 200, 90, 64, 64), film(tmp_path / "d.mp4", DARK, LIT), output=tmp_path / "o.gif", mark=False)
    with Image.open(clip.path) as stored:
        assert np.abs(np.asarray(stored.convert("RGB"))[32, 32].astype(int) - (90, 200, 90)).max() < 12


def test_every_frame_of_a_video_is_edited_but_those_without_a_face(pipe, tmp_path):
    source = film(tmp_path / "source.mp4", (60, 90, 60), DARK, (60, 90, 60))
    clip = pipe(source, "happiness", output=tmp_path / "out.mp4", mark=False)
    assert (clip.frames, clip.missed, clip.fps) == (3, 1, 10)
    reds = [frame.image[48, 48, 0] > 200 for frame in video.frames(clip.path)]
    assert reds == [True, False, True]
    edges = [frame.image[4, 4].astype(int) for frame in video.frames(clip.path)]
    assert np.abs(edges[0] - (60, 90, 60)).max() < 8


@pytest.mark.parametrize("layout", ["face", "side-by-side"])
def test_a_frame_without_a_face_repeats_the_last_face_in_layouts_of_faces(pipe, tmp_path, layout):
    source = film(tmp_path / "source.mp4", DARK, (60, 90, 60), DARK)
    clip = pipe(source, "happiness", output=tmp_path / "out.mp4", layout=layout, mark=False)
    after = [frame.image[frame.image.shape[0] // 2, -frame.image.shape[0] // 2] for frame in video.frames(clip.path)]
    assert [pixel[0] > 200 for pixel in after] == [False, True, True]


def test_a_video_without_any_face_leaves_no_file(pipe, tmp_path):
    dark = film(tmp_path / "dark.mp4", DARK, DARK)
    for source, target in ((portrait(), dark), (dark, "anger")):
        for name in ("out.mp4", "out.gif"):
            with pytest.raises(facezoo.InputError, match="any of the 2 frames"):
                pipe(source, target, output=tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["dark.mp4"]


def test_outputs_that_do_not_go_with_the_inputs_are_refused_before_the_work(tmp_path):
    detector = FixedDetector()
    pipe, clip = pipeline(tmp_path / "colours", detector), film(tmp_path / "clip.mp4", LIT)
    for source, arguments, message in (
        (portrait(), {"target": clip}, r"output='result\.mp4'"),
        (portrait(), {"target": clip, "output": tmp_path / "o.png"}, r"makes a video of these inputs.*out\.mp4"),
        (clip, {"emotion": "anger", "output": tmp_path / "o.jpg"}, "makes a video"),
        (portrait(), {"emotion": "anger", "output": tmp_path / "o.mp4"}, r"makes a picture of these inputs: -o out\.png"),
        (portrait(), {"emotion": "anger", "output": tmp_path / "o.gif"}, "makes a picture"),
        (portrait(), {"emotion": "anger", "output": tmp_path / "o.bmp"}, r"no room for the note .* try o\.png"),
        (portrait(), {"emotion": "anger", "steps": 3, "output": tmp_path / "o.csv"}, r"or of its steps a film: -o out\.mp4"),
        (clip, {"target": clip, "output": tmp_path / "o.mp4"}, "only one can move"),
        (portrait(), {"target": clip, "intensity": 0.5, "output": tmp_path / "o.mp4"}, "An intensity goes with an emotion"),
        (portrait(), {"target": clip, "output": clip}, "written over or among"),
        (clip, {"emotion": "anger", "output": clip}, "written over or among"),
        (clip, {"emotion": "anger", "steps": 3, "output": tmp_path / "o.mp4"}, "only one can move"),
    ):
        with pytest.raises(facezoo.InputError, match=message):
            pipe(source, **arguments)
    assert detector.pictures == []


def test_the_sound_of_a_driver_is_kept(pipe, shared_dir, tmp_path):
    driver = next((shared_dir / "data" / "clips").glob("*.mpg"))
    clip = pipe(portrait(1, 64, 64), driver, output=tmp_path / "out.mp4")
    assert clip.frames == 75
    assert video.probe(clip.path).has_audio


def test_films_of_several_sources_go_into_a_folder(pipe, tmp_path):
    driver = film(tmp_path / "driver.mp4", LIT, LIT)
    made = pipe([portrait(1), portrait(2)], driver, output=tmp_path / "out")
    assert [clip.path.name for clip in made] == ["picture.mp4", "picture-2.mp4"]
