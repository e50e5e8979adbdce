"""Random expressions: an emotion at some intensity, disturbed by speech, twitches and other emotions; and a gaze."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from facezoo.plugin import SEVEN_EMOTIONS
from facezoo_synthetic.emotions import PROTOTYPES, SPEECH, TWITCHES, Range, Shapes

ASYMMETRY = 0.35  # of the strength of an emotion's shapes; speech moves both sides more alike, twitches less


@dataclass(frozen=True, slots=True)
class Expression:
    """What a face does.

    Attributes:
        weights: {shape: 0 … 1}, in ARKit's names with ``_L`` and ``_R``; shapes at rest are left out.
        emotion: the class, a value of ``facezoo.labels.Emotion``.
        intensity: of the emotion, 0.2 … 1; 0 for neutral.
        gaze: degrees to the picture's right and up, of both eyes, relative to the head.
    """

    weights: Mapping[str, float]
    emotion: str
    intensity: float
    gaze: tuple[float, float]


def draw_expression(rng: np.random.Generator, names: tuple[str, ...], emotion: str | None = None) -> Expression:
    """A random expression.

    Every class is disturbed alike: in half of the faces the mouth speaks, one side moves more than the other, brows, lids
    and jaw twitch. In a fifth of the faces that are not neutral a little of another emotion is mixed in.

    Args:
        rng: decides.
        names: of the head's shapes; one that is not among them has two sides.
        emotion: its class; None: any of the seven, equally often.
    """
    chosen = emotion or str(SEVEN_EMOTIONS[rng.integers(len(SEVEN_EMOTIONS))])
    intensity = 0.0 if chosen == "neutral" else float(rng.uniform(0.2, 1.0))
    face = _Face(rng, frozenset(names))
    face.move(_variant(rng, chosen), intensity, ASYMMETRY)
    if chosen != "neutral" and rng.random() < 0.2:
        other = str(SEVEN_EMOTIONS[rng.integers(len(SEVEN_EMOTIONS))])
        variant = _variant(rng, other)
        face.move(variant, intensity * float(rng.uniform(0.0, 0.35)), ASYMMETRY)
    if rng.random() < 0.5:
        strength = float(rng.uniform(0.15, 0.8))
        viseme = SPEECH[rng.integers(len(SPEECH))]
        face.move({shape: (0.6 * value, value) for shape, value in viseme.items()}, strength, 0.1)
    for shape in TWITCHES:
        if rng.random() < 0.15:
            face.move({shape: (0.02, 0.15)}, 1.0, 0.5)
    gaze = (float(np.clip(rng.normal(0, 9), -28, 28)), float(np.clip(rng.normal(-2, 6), -20, 18)))
    face.look(*gaze)
    return Expression({name: min(value, 1.0) for name, value in sorted(face.weights.items())}, chosen, intensity, gaze)


def _variant(rng: np.random.Generator, emotion: str) -> Shapes:
    variants = PROTOTYPES[emotion]
    return variants[rng.integers(len(variants))]


class _Face:
    """Shapes that add up.

    Attributes:
        weights: {shape with its side: sum so far}.
    """

    def __init__(self, rng: np.random.Generator, names: frozenset[str]) -> None:
        self.weights: dict[str, float] = {}
        self._rng, self._names = rng, names

    def move(self, shapes: Mapping[str, Range], strength: float, asymmetry: float) -> None:
        """Adds shapes, each at a value within its range times ``strength``; one side moves more than the other."""
        left = self._rng.uniform(-asymmetry, asymmetry)
        for shape, (low, high) in shapes.items():
            value = float(self._rng.uniform(low, high)) * strength
            if shape in self._names:
                self._add(shape, value)
            else:
                self._add(f"{shape}_L", value * (1 + left))
                self._add(f"{shape}_R", value * (1 - left))

    def look(self, right: float, up: float) -> None:
        """The lids go with the eyes; degrees. A gaze to the picture's right is to the head's left."""
        aside, raised = right / 30, up / 25
        self._add("eyeLookOut_L", aside)
        self._add("eyeLookIn_R", aside)
        self._add("eyeLookIn_L", -aside)
        self._add("eyeLookOut_R", -aside)
        for side in ("L", "R"):
            self._add(f"eyeLookUp_{side}", raised)
            self._add(f"eyeLookDown_{side}", -raised)

    def _add(self, shape: str, value: float) -> None:
        if value > 0:
            self.weights[shape] = self.weights.get(shape, 0.0) + value
