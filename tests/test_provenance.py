"""Pictures and videos that a network made say so: in their file, and with a mark that everybody sees."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image, features

import facezoo
from facezoo import images, video
from facezoo.components import Provenance
from facezoo.disclosure import Synthesis, marked, synthesis_in
from facezoo.results import Picture
from tests.untrained import FixedDetector, cycle_face, portrait

MADE = Synthesis("face-manipulation", "expression-manipulator-nano", "ab" * 32)
OPTIONAL = {".avif": "avif", ".jp2": "jpg_2000", ".webp": "webp"}
COMPOSITE = b"http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


def grey(height: int = 240, width: int = 320, value: int = 128) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".jfif", ".webp", ".tif", ".gif", ".jp2", ".avif"])
def test_every_picture_format_that_is_written_carries_the_note(ending, tmp_path):
    if ending in OPTIONAL and not features.check(OPTIONAL[ending]):
        pytest.skip(f"this Pillow writes no {ending}")
    path = Picture(grey(), MADE).save(tmp_path / f"made{ending}")
    assert images.synthesis_of(path) == MADE
    assert images.synthesis_of(Picture(grey()).save(tmp_path / f"photo{ending}")) is None


@pytest.mark.parametrize("ending", [".mp4", ".m4v", ".mov", ".mkv"])
def test_every_video_format_that_is_written_carries_the_note(ending, tmp_path):
    for name, made in (("made", MADE), ("plain", None)):
        with video.Writer(tmp_path / f"{name}{ending}", 10, (64, 64), made=made) as writer:
            writer.write(grey(64, 64))
        assert video.synthesis_of(tmp_path / f"{name}{ending}") == made


def test_an_animation_carries_the_note_and_the_mark(tmp_path):
    frames = [grey(value=value) for value in (60, 120, 180)]
    assert images.write_animation(frames, tmp_path / "a.gif", 10, made=MADE) == 3
    assert images.synthesis_of(tmp_path / "a.gif") == MADE
    with Image.open(tmp_path / "a.gif") as stored:
        for index in range(3):
            stored.seek(index)
            assert np.ptp(np.asarray(stored.convert("RGB"))[-40:, -160:].astype(int)) > 100
    for frames, name, fps in (
        ([], "b.gif", 10),
        ([grey()], "b.png", 10),
        ([grey()], "b.gif", 0),
        ([grey(), grey(9)], "b.gif", 1),
    ):
        with pytest.raises(facezoo.InputError):
            images.write_animation(frames, tmp_path / name, fps)
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]


def test_a_format_without_room_for_the_note_is_refused(tmp_path):
    with pytest.raises(facezoo.InputError, match=r"no room for the note.*made\.png"):
        Picture(grey(), MADE).save(tmp_path / "made.bmp")
    assert not list(tmp_path.iterdir())
    assert Picture(grey()).save(tmp_path / "photo.bmp").is_file()


def test_other_programs_find_what_they_look_for(tmp_path):
    for ending in ("png", "jpg", "webp", "tif"):
        content = Picture(grey(), MADE).save(tmp_path / f"made.{ending}").read_bytes()
        assert COMPOSITE in content and b"Iptc4xmpExt:DigitalSourceType" in content and b"facezoo 0" in content
    alone = Synthesis("frontalization", "cycle-face-nano", composite=False)
    content = Picture(grey(), alone).save(tmp_path / "alone.png").read_bytes()
    assert b"digitalsourcetype/trainedAlgorithmicMedia" in content and COMPOSITE not in content
    with Image.open(tmp_path / "made.png") as stored:
        note = json.loads(stored.text["facezoo"])
    assert (
        note["synthetic"] is True and note["model"] == "expression-manipulator-nano" and note["facezoo"] == facezoo.__version__
    )


@pytest.mark.parametrize(
    "text",
    [
        "", "a holiday in June", "[]", "null", '{"synthetic": true}', MADE.note().replace("true", '"yes"'),
        MADE.note().replace('"face-manipulation"', "7"), MADE.note()[:-1] + " " * 5000 + "}", None, b"x", "[" * 4000,
    ],
)  # fmt: skip
def test_what_somebody_else_wrote_is_no_note(text):
    assert synthesis_in(text) is None


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(facezoo.InputError, match=r"broken\.png"):
        images.synthesis_of(tmp_path / "broken.png")
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(facezoo.InputError, match=r"broken\.mp4"):
        video.synthesis_of(tmp_path / "broken.mp4")


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("size", [(96, 96), (256, 512), (1080, 1920), (1600, 900)])
def test_the_mark_is_small_in_the_corner_and_legible_on_light_and_dark(value, size):
    before = grey(*size, value)
    after = marked(before)
    assert (before == value).all()
    rows, columns = np.nonzero((after != before).any(axis=2))
    height, width = size
    assert rows.min() > 0.8 * height and columns.min() > 0.38 * width
    assert rows.max() < height - 1 and columns.max() < width - 1
    assert len(rows) < 0.08 * height * width
    patch = after[rows.min() : rows.max(), columns.min() : columns.max()].astype(int)
    assert np.percentile(patch, 99) - np.median(patch) > 100  # light letters on a dark ground


def test_a_picture_too_small_for_letters_has_no_mark():
    assert (marked(grey(64, 64)) == 128).all()
    assert (marked(grey(80, 500)) == 128).all()


def test_pixels_have_no_mark_and_files_have_one_unless_it_is_refused(tmp_path):
    picture = Picture(portrait(1, 200, 200), MADE)
    assert (images.read(picture.save(tmp_path / "plain.png", mark=False)) == picture.pixels).all()
    assert images.synthesis_of(tmp_path / "plain.png") == MADE  # the note stays
    assert (images.read(picture.save(tmp_path / "marked.png")) == marked(picture.pixels)).all()
    assert (images.read(picture._repr_png_()) == marked(picture.pixels)).all()  # what a notebook shows can be saved too
    photo = Picture(picture.pixels)
    assert (images.read(photo.save(tmp_path / "photo.png")) == picture.pixels).all()


def test_frames_are_marked_unless_it_is_refused(tmp_path):
    for mark in (True, False):
        with video.Writer(tmp_path / f"{mark}.mp4", 10, (240, 320), made=MADE, mark=mark) as writer:
            writer.write(grey())
        corner = next(video.frames(tmp_path / f"{mark}.mp4")).image[-40:, -160:].astype(int)
        assert bool(np.ptp(corner) > 80) is mark


def test_a_local_folder_s_name_is_not_told():
    manipulator = cycle_face()
    manipulator.provenance = Provenance("dir:/home/ada/secret", "dir:/home/ada/secret", sha256="cd" * 32)
    pipe = facezoo.pipeline("frontalization", detector=FixedDetector(), manipulator=manipulator)
    made = pipe(portrait()).faces[0].pictures["neutral"].made
    assert (made.model, made.sha256, made.task, made.composite) == ("cycle-face", "cd" * 32, "frontalization", False)
    assert "secret" not in made.note()


def test_transferred_expressions_say_so(tmp_path):
    pipe = facezoo.pipeline("expression-transfer", detector=FixedDetector(), manipulator=cycle_face())
    face, both = (pipe(portrait(1), portrait(2), layout=layout) for layout in ("face", "picture"))
    assert not face.made.composite and both.made.composite
    assert both.to_dict()["made"]["task"] == "expression-transfer"
    made = pipe(portrait(1), portrait(2), output=tmp_path / "made.png")
    assert images.synthesis_of(tmp_path / "made.png") == made.made
    assert not (images.read(tmp_path / "made.png") == made.pixels).all()
    with video.Writer(tmp_path / "driver.mp4", 10, (96, 80)) as writer:
        writer.write(portrait(2, 96, 80))
    pipe(portrait(1), tmp_path / "driver.mp4", output=tmp_path / "made.mp4")
    assert video.synthesis_of(tmp_path / "made.mp4").task == "expression-transfer"
