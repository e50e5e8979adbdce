"""Names that the whole house agrees on: emotions and landmarks, and the codes that data sets use for them."""

from __future__ import annotations

from enum import StrEnum

FIVE_LANDMARKS = ("image_left_eye", "image_right_eye", "nose_tip", "image_left_mouth_corner", "image_right_mouth_corner")


class Emotion(StrEnum):
    """The seven classes of RAF-DB basic and FER-2013, in facezoo's canonical order. ``contempt`` is AffectNet's eighth."""

    NEUTRAL = "neutral"
    HAPPINESS = "happiness"
    SADNESS = "sadness"
    SURPRISE = "surprise"
    FEAR = "fear"
    DISGUST = "disgust"
    ANGER = "anger"
    CONTEMPT = "contempt"


SEVEN_EMOTIONS = tuple(Emotion)[:7]

SYNONYMS = {
    Emotion.NEUTRAL: ("neutrality",),
    Emotion.HAPPINESS: ("happy", "joy", "joyful"),
    Emotion.SADNESS: ("sad",),
    Emotion.SURPRISE: ("surprised",),
    Emotion.FEAR: ("afraid", "fearful", "scared"),
    Emotion.DISGUST: ("disgusted",),
    Emotion.ANGER: ("angry",),
    Emotion.CONTEMPT: ("contemptuous",),
}
_WORDS = {word: emotion for emotion, others in SYNONYMS.items() for word in (emotion.value, *others)}


def emotion_of(word: str) -> Emotion | None:
    """The emotion that a word stands for, whatever its case: "Joy" is happiness. None: it is no word for one."""
    return _WORDS.get(word.strip().lower())


AFFECTNET = dict(enumerate(Emotion))
"""AffectNet's expression codes: 0 neutral … 6 anger, 7 contempt."""

RAF_DB = {
    1: Emotion.SURPRISE, 2: Emotion.FEAR, 3: Emotion.DISGUST, 4: Emotion.HAPPINESS,
    5: Emotion.SADNESS, 6: Emotion.ANGER, 7: Emotion.NEUTRAL,
}  # fmt: skip
"""RAF-DB basic, ``list_patition_label.txt``: 1 to 7."""

FER_2013 = {
    0: Emotion.ANGER, 1: Emotion.DISGUST, 2: Emotion.FEAR, 3: Emotion.HAPPINESS,
    4: Emotion.SADNESS, 5: Emotion.SURPRISE, 6: Emotion.NEUTRAL,
}  # fmt: skip
"""FER-2013, column ``emotion`` of fer2013.csv."""
