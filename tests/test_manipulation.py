"""The task face-manipulation: whose expression it is, whose faces, and what becomes of the rest of the photograph."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import facezoo
from facezoo import weights
from facezoo.components import Requirement
from facezoo.results import Embedding
from tests.colours import colour
from tests.painting import COLOURS, Painter, TwoFaces, encoder, pipeline
from tests.untrained import FixedDetector, portrait, spec


@pytest.fixture(scope="module")
def pipe(tmp_path_factory):
    return pipeline(tmp_path_factory.mktemp("manipulation") / "colours")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return pipeline(tmp_path_factory.mktemp("manipulation") / "two", TwoFaces())


def middle(picture) -> np.ndarray:
    """The colour in the middle of a picture, in [0, 1]."""
    height, width = picture.pixels.shape[:2]
    return picture.pixels[height // 2, width // 2] / 255


def test_the_face_shows_the_expression_and_the_rest_keeps_its_own_pixels(pipe):
    photo = portrait(3, 480, 400)
    noise = np.random.default_rng(0).integers(-9, 10, photo.shape)
    photo = np.clip(photo + noise, 0, 255).astype(np.uint8)  # finer than the painter's 32 pixels of 192
    before = photo.copy()
    made = pipe(photo, colour(230, 20, 60))
    assert (photo == before).all()
    assert made.pixels.shape == photo.shape
    np.testing.assert_allclose(middle(made), np.array([230, 20, 60]) / 255, atol=0.01)
    changed = np.flatnonzero((made.pixels != photo).any(axis=(1, 2)))
    assert changed.min() > 240 - 60 and changed.max() < 240 + 60  # half of the crop of 192 pixels, and a soft edge
    assert (made.pixels == photo).all(axis=2).mean() > 0.9


@pytest.mark.parametrize(
    ("word", "intensity", "mix"), [("happiness", 1.0, 1.0), ("joy", 0.5, 0.5), ("happiness:0.5", 0.5, 0.25)]
)
def test_an_emotion_with_an_intensity(pipe, word, intensity, mix):
    grey, red = (np.array(COLOURS[name]) for name in ("neutral", "happiness"))
    wanted = grey + mix * (red - grey)
    for made in (pipe(portrait(), emotion=word, intensity=intensity), pipe(portrait(), word, intensity=intensity)):
        np.testing.assert_allclose(middle(made), wanted, atol=0.01)


def test_an_embedding_is_a_target_if_it_is_of_the_manipulator_s_space(pipe):
    known = pipe.encoder.views["embedding"].space_id
    made = pipe(portrait(), Embedding(np.array([0.2, 0.6, 0.4], np.float32), known, "embedding", "colours"))
    np.testing.assert_allclose(middle(made), (0.2, 0.6, 0.4), atol=0.01)
    with pytest.raises(facezoo.IncompatibleError, match=rf"cycle-face-nano, view identity \(space 0123\).*space {known}"):
        pipe(portrait(), Embedding(np.zeros(3, np.float32), "0123", "identity", "cycle-face-nano"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one of the two"),
        ({"target": colour(1, 1, 1), "emotion": "anger"}, "one of the two"),
        ({"emotion": "hapiness"}, "no emotion of this model; it knows neutral, happiness, anger. Did you mean happiness"),
        ({"emotion": "sadness"}, "knows neutral, happiness, anger"),
        ({"emotion": "anger:much"}, "anger:0.5"),
        ({"target": colour(1, 1, 1), "intensity": 0.5}, "An intensity goes with an emotion"),
        ({"target": np.zeros((9, 9, 3), np.uint8)}, "No face was found in <array>"),
        ({"target": "missing.png"}, "missing.png"),
        ({"emotion": "anger", "steps": 1}, "from 2 on"),
        ({"emotion": "anger", "layout": "sideways"}, "picture, face, side-by-side"),
        ({"emotion": "anger", "faces": "both"}, "largest or all"),
        ({"emotion": "anger", "batchsize": 3}, "There is no option batchsize"),
    ],
)
def test_what_cannot_be_shown_is_refused(pipe, arguments, message):
    with pytest.raises(facezoo.InputError, match=message):
        pipe(portrait(), **arguments)


def test_a_source_without_a_face_is_an_error_that_names_it(pipe, tmp_path):
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "dark.png")
    with pytest.raises(facezoo.InputError, match=r"dark\.png.*--min-score"):
        pipe(tmp_path / "dark.png", "anger")


def test_the_largest_face_or_all_of_them(two):
    photo = np.full((200, 300, 3), 90, np.uint8)
    for faces, changed in (("largest", (True, False)), ("all", (True, True))):
        made = two(photo, emotion="anger", faces=faces).pixels
        left, right = made[100, 75], made[90, 240]
        assert (tuple(left) == (0, 0, 255), tuple(right) == (0, 0, 255)) == changed
    with pytest.raises(facezoo.IncompatibleError, match="layout face shows one face"):
        two(photo, emotion="anger", faces="all", layout="face")


def test_a_series_of_all_faces_shows_all_of_them(two):
    row = two(np.full((200, 300, 3), 90, np.uint8), "anger", start="happiness", steps=2, faces="all").pixels
    assert row.shape == (200, 600, 3)
    first, last = np.split(row, 2, axis=1)
    for made, wanted in ((first, (255, 0, 0)), (last, (0, 0, 255))):
        assert tuple(made[100, 75]) == tuple(made[90, 240]) == wanted


def test_steps_lead_from_one_expression_to_another(pipe):
    row = pipe(colour(0, 255, 0), "happiness", start="anger", steps=5).pixels
    assert row.shape == (256, 256 * 6, 3)  # the face before, then five steps
    assert tuple(row[128, 128]) == (0, 255, 0)
    steps = [row[128, 256 * k + 128] / 255 for k in range(1, 6)]
    np.testing.assert_allclose(steps, [(t, 0, 1 - t) for t in (0, 0.25, 0.5, 0.75, 1)], atol=0.01)


def test_steps_without_a_start_begin_at_the_face_s_own_expression(pipe):
    row = pipe(colour(0, 255, 0), "happiness", steps=2, layout="face").pixels
    assert row.shape == (32, 64, 3)
    np.testing.assert_allclose([row[16, 16] / 255, row[16, 48] / 255], [(0, 1, 0), (1, 0, 0)], atol=0.01)


def test_layouts(pipe):
    photo, smile = portrait(5), colour(200, 0, 0)
    alone = pipe(photo, smile, layout="face")
    assert alone.pixels.shape == (32, 32, 3) and alone.made.composite  # the painter leaves the rim as it was
    before, lent, after = np.split(pipe(photo, smile, layout="side-by-side").pixels, 3, axis=1)
    assert tuple(lent[128, 128]) == tuple(after[128, 128]) == (200, 0, 0) != tuple(before[128, 128])
    assert pipe(photo, "anger", layout="side-by-side").pixels.shape == (256, 512, 3)  # a word has no face


def test_faces_that_came_cropped(pipe):
    face = colour(10, 200, 30, 64, 64)
    assert pipe(face, colour(200, 0, 0, 40, 40), cropped=True).pixels.shape == (32, 32, 3)
    with pytest.raises(facezoo.IncompatibleError, match="already cropped"):
        pipe(face, "anger", cropped=True, layout="picture")


def test_several_sources_and_a_folder_in_order(pipe, tmp_path):
    photos = [portrait(seed) for seed in range(3)]
    for index, photo in enumerate(photos):
        Image.fromarray(photo).save(tmp_path / f"{index}.png")
    alone = [pipe(photo, "anger").pixels for photo in photos]
    for sources in (photos, tmp_path, iter(photos)):
        made = pipe(sources, emotion="anger")
        assert [np.array_equal(one.pixels, other) for one, other in zip(made, alone, strict=True)] == [True] * 3


def test_several_sources_are_written_into_a_folder_under_their_names(pipe, tmp_path):
    sources = [tmp_path / folder / "me.jpg" for folder in ("a", "b")]
    for source in sources:
        source.parent.mkdir()
        Image.fromarray(portrait()).save(source)
    (tmp_path / "c.png").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match=r"c\.png is left out"):
        made = pipe([*sources, tmp_path / "c.png"], "anger", output=tmp_path / "out", on_error="record")
    assert len(made) == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["me-2.png", "me.png"]
    with pytest.raises(facezoo.InputError, match=r"c\.png"):
        pipe([tmp_path / "c.png"], "anger")
    with pytest.warns(UserWarning, match="left out"), pytest.raises(facezoo.InputError, match="None of the sources"):
        pipe([tmp_path / "c.png"], "anger", on_error="record")
    with pytest.raises(facezoo.InputError, match="name a folder"):
        pipe(sources, "anger", output=tmp_path / "out.png")


def test_what_is_read_is_not_written_over(pipe, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    me, smile = photos / "me.png", photos / "smile.png"
    for path in (me, smile):
        Image.fromarray(portrait()).save(path)
    kept = me.read_bytes()
    for source, target, start, output in (
        (me, "anger", None, me),
        (me, "anger", None, photos),  # as NAME.png
        (me, smile, None, smile),
        (me, "anger", smile, smile),
        (photos, "anger", None, photos),
        ([me, smile], "anger", None, photos),
        (photos, "anger", None, photos / "made"),  # the next call would read these
    ):
        with pytest.raises(facezoo.InputError, match="written over or among"):
            pipe(source, target, start=start, output=output)
    assert me.read_bytes() == smile.read_bytes() == kept and len(list(photos.iterdir())) == 2


def test_the_target_of_several_sources_is_read_once(tmp_path):
    detector = FixedDetector()
    pipeline(tmp_path / "colours", detector)([portrait(1), portrait(2)], portrait(3))
    assert detector.pictures == [1, 1, 1]


def test_a_batch_does_not_change_a_face(two):
    photo = portrait(4, 200, 300)
    one, many = (two(photo, "anger", faces="all", batch_size=size).pixels for size in (1, 8))
    assert (one == many).all()
    assert two.manipulator.seen[-1] == (2, 3, 32, 32) and two.manipulator.seen[-2] == (1, 3, 32, 32)


def test_an_encoder_of_another_space_is_refused_and_the_right_one_is_named(tmp_path):
    own, other = encoder(tmp_path / "own"), encoder(tmp_path / "other")
    painter = Painter(own)
    painter.requires = Requirement("colours-nano", "embedding", "0123456789ab")
    with pytest.raises(facezoo.IncompatibleError, match="trained on colours-nano.*--encoder colours-nano"):
        facezoo.pipeline("face-manipulation", detector=FixedDetector(), encoder=other, manipulator=painter)
    painter.requires = None
    with pytest.raises(facezoo.IncompatibleError, match="does not say on which encoder"):
        facezoo.pipeline("face-manipulation", detector=FixedDetector(), encoder=other, manipulator=painter)


def test_a_manipulator_brings_the_encoder_that_it_was_trained_on(tmp_path):
    """The real networks, small and untrained, through their directories."""
    from tests.untrained import cycle_face_directory

    directory = cycle_face_directory(tmp_path / "encoder")
    known = facezoo.load(f"dir:{directory}", device="cpu").views["expression"]
    arch = spec("expression-manipulator")
    from facezoo.specs import resolve

    config = resolve(arch.config, "test")(image_size=64, width=4, downs=1, blocks=1, expression_dim=known.dim, output="blend")
    made = weights.create(arch, config)
    made.initialise(torch.Generator().manual_seed(0))
    made.requires = Requirement(f"dir:{directory}", "expression", known.space_id or "")
    saved = weights.save(made.eval(), tmp_path / "manipulator")
    pipe = facezoo.pipeline("face-manipulation", detector=FixedDetector(), manipulator=f"dir:{saved}", device="cpu")
    assert pipe.encoder.provenance.id == f"dir:{directory}"
    one, other = (pipe(portrait(1), portrait(seed)).pixels.astype(int) for seed in (2, 3))
    assert np.abs(one - other).max() > 0  # the expression counts
    assert {row["slot"] for row in pipe.report().rows} == {"detector", "encoder", "manipulator"}


def test_the_pipeline_conforms(pipe):
    from facezoo.testing import check_pipeline

    check_pipeline(pipe)
