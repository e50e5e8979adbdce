"""Who, what and how: drawn from numbers alone, the same on every machine, and within the ranges that are promised."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

import numpy as np
import pytest

from facezoo.plugin import SEVEN_EMOTIONS
from facezoo_synthetic.action_units import ACTION_UNITS, action_units
from facezoo_synthetic.emotions import PROTOTYPES
from facezoo_synthetic.expressions import draw_expression
from facezoo_synthetic.people import BALD, LONG, draw_person
from facezoo_synthetic.shots import another_frame, draw_shot
from tests.synthetic.madeup_head import NAMES

MANY = 1500
GOLDEN = {
    "shape": (1.12965648, 0.017406815, 1.6),
    "style, texture": (2, 1708243212),
    "skin": (0.0838161082, 0.0469180292, 0.0273705657),
    "pose": (5.61368071, 14.5238798, 7.95071835),
    "jpeg, backdrop": (59, 248776794),
    "emotion, shapes": ("happiness", 17),
    "intensity, gaze": (0.48232392, 9.39768817, 1.92293626),
    "weights": 3.18620907,
    "everything": (15.7605224, 171.786435),
    "frame": (4.5332596, 7.29702537, 4.84780951),
}


def stream(kind: int, number: int, seed: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed, kind, number])


@pytest.fixture(scope="module")
def expressions():
    return [draw_expression(stream(2, number), NAMES) for number in range(MANY)]


def test_labels_are_the_same_on_every_machine():
    """Numbers of seed 0 that data sets were rendered with; if one differs, pictures that exist have wrong labels."""
    person, shot, face = draw_person(stream(1, 3)), draw_shot(stream(3, 3)), draw_expression(stream(2, 3), NAMES)
    assert person.shape[:3] == pytest.approx(GOLDEN["shape"], rel=1e-6)
    assert (person.style, person.texture) == GOLDEN["style, texture"]
    assert person.skin == pytest.approx(GOLDEN["skin"], rel=1e-6)
    assert (shot.yaw, shot.pitch, shot.roll) == pytest.approx(GOLDEN["pose"], rel=1e-6)
    assert (shot.jpeg, shot.backdrop) == GOLDEN["jpeg, backdrop"]
    assert (face.emotion, len(face.weights)) == GOLDEN["emotion, shapes"]
    assert (face.intensity, *face.gaze) == pytest.approx(GOLDEN["intensity, gaze"], rel=1e-6)
    assert sum(face.weights.values()) == pytest.approx(GOLDEN["weights"], rel=1e-6)
    assert (total(person), total(shot)) == pytest.approx(GOLDEN["everything"], rel=1e-6)
    track = another_frame(shot, stream(4, 7))
    assert (track.yaw, track.pitch, track.roll) == pytest.approx(GOLDEN["frame"], rel=1e-6)


def total(record) -> float:
    """The sum of everything that was drawn, but for the large seeds."""
    values = [np.sum(getattr(record, field.name)) for field in fields(record) if field.name not in ("texture", "backdrop")]
    return float(np.sum(values))


def test_emotions_are_equally_frequent_and_as_strong_as_promised(expressions):
    counts = Counter(face.emotion for face in expressions)
    assert set(counts) == {str(emotion) for emotion in SEVEN_EMOTIONS}
    assert max(counts.values()) < 1.3 * min(counts.values())
    shown = [face.intensity for face in expressions if face.emotion != "neutral"]
    assert 0.2 <= min(shown) < 0.25 and 0.95 < max(shown) <= 1
    assert {face.intensity for face in expressions if face.emotion == "neutral"} == {0.0}


def test_every_class_is_disturbed_by_speech_and_asymmetry(expressions):
    for emotion in PROTOTYPES:
        faces = [face for face in expressions if face.emotion == emotion]
        speaking = [bool(set(face.weights) & {"mouthPucker", "mouthClose"}) for face in faces]  # of no emotion
        assert 0.07 < np.mean(speaking) < 0.25, emotion
        pairs = [(face.weights[name], face.weights[f"{name[:-2]}_R"]) for face in faces for name in sided(face.weights)]
        assert np.mean([left != right for left, right in pairs]) > 0.9, emotion


def sided(weights) -> list[str]:
    return [name for name in weights if name.endswith("_L") and f"{name[:-2]}_R" in weights and "Look" not in name]


@pytest.mark.parametrize(
    "emotion, units", [("happiness", "AU6 AU12"), ("sadness", "AU1 AU15"), ("surprise", "AU1 AU2 AU5 AU26"),
                       ("fear", "AU1 AU4 AU5 AU20"), ("disgust", "AU9 AU10"), ("anger", "AU4")],
)  # fmt: skip
def test_an_emotion_shows_its_action_units_as_strong_as_it_is(emotion, units):
    faces = [draw_expression(stream(2, number), NAMES, emotion) for number in range(150)]
    intensities = [face.intensity for face in faces]
    for unit in units.split():
        shown = [action_units(face.weights)[unit] for face in faces]
        assert min(shown) > 0
        assert np.corrcoef(shown, intensities)[0, 1] > 0.6, unit


def test_action_units_follow_the_shapes():
    assert action_units({}) == dict.fromkeys(ACTION_UNITS, 0.0)
    shown = action_units({"mouthSmile_L": 0.8, "mouthSmile_R": 0.4, "jawOpen": 0.5, "cheekRaiser_L": 0.2, "cheekSquint_L": 0.6})
    assert {unit: value for unit, value in shown.items() if value} == pytest.approx({"AU12": 0.6, "AU26": 0.5, "AU6": 0.3})


def test_lids_go_with_the_gaze(expressions):
    for face in expressions[:100]:
        right, up = face.gaze
        assert ("eyeLookOut_L" in face.weights) == (right > 0)
        assert ("eyeLookUp_R" in face.weights) == (up > 0)


def test_poses_cover_what_is_promised():
    shots = [draw_shot(stream(3, number), 40.0) for number in range(MANY)]
    yaw = np.array([shot.yaw for shot in shots])
    assert yaw.min() < -36 and yaw.max() > 36 and abs(yaw).max() <= 40
    assert np.histogram(yaw, 4, (-40, 40))[0].min() > MANY / 4 * 0.75
    assert max(abs(shot.pitch) for shot in shots) <= 28 and max(abs(shot.roll) for shot in shots) <= 25
    for name in ("key", "fill"):
        assert np.linalg.norm([getattr(shot, name) for shot in shots], axis=1) == pytest.approx(1)


def test_frames_of_a_track_differ_in_pose_alone():
    shot = draw_shot(stream(3, 0))
    frame = another_frame(shot, stream(4, 1))
    other = {field.name for field in fields(shot) if not np.array_equal(getattr(shot, field.name), getattr(frame, field.name))}
    assert other == {"yaw", "pitch", "roll"}
    steep = [another_frame(shot, stream(4, number), 20.0).yaw for number in range(50)]
    assert max(map(abs, steep)) <= 20 and len(set(steep)) > 10


def test_people_are_as_various_as_they_should_be():
    people = [draw_person(stream(1, number)) for number in range(MANY)]
    assert {person.style for person in people} == set(range(BALD, LONG + 1))
    assert abs(np.concatenate([person.shape for person in people])).max() <= 1.6
    light = [person.skin.mean() for person in people]
    assert min(light) < 0.06 and max(light) > 0.5
    assert 0.1 < np.mean([person.glasses for person in people]) < 0.27
