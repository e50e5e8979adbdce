"""Faces on demand: picture number i of a seed is the same person, expression and shot on every machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from facezoo_synthetic.action_units import action_units
from facezoo_synthetic.backdrops import backdrops
from facezoo_synthetic.development import develop
from facezoo_synthetic.expressions import Expression, draw_expression
from facezoo_synthetic.head import Head
from facezoo_synthetic.noise import Noise
from facezoo_synthetic.people import Person, draw_person
from facezoo_synthetic.scene import SUPERSAMPLING, render
from facezoo_synthetic.shots import Shot, another_frame, draw_shot
from facezoo_synthetic.stacks import Stack

PEOPLE, EXPRESSIONS, SHOTS, TRACKS = 1, 2, 3, 4  # streams of random numbers
PORTION = 8  # pictures rendered at once


@dataclass(frozen=True, slots=True)
class Plan:
    """One picture before it is taken; ``person_number`` says who within the seed the person is."""

    person_number: int
    person: Person
    expression: Expression
    shot: Shot


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of a picture.

    Attributes:
        person: number of the person within the seed.
        emotion: the class, a value of ``facezoo.labels.Emotion``.
        intensity: 0.2 … 1; 0 for neutral.
        yaw: degrees, positive when the face looks to the picture's right.
        pitch: degrees, positive when it looks up.
        roll: degrees, positive when the top of the head leans to the picture's right.
        gaze: degrees to the picture's right and up, relative to the head.
        units: {action unit: 0 … 1}.
        identity: (100,) float32 coefficients, in standard deviations.
        expression: (E,) float32 weights of the expression shapes, in the head's order.
        landmarks: (68, 2) float32 pixels, x and y; also of points that the head hides.
        five: (5, 2) float32 pixels, ordered as ``facezoo.labels.FIVE_LANDMARKS``.
    """

    person: int
    emotion: str
    intensity: float
    yaw: float
    pitch: float
    roll: float
    gaze: tuple[float, float]
    units: dict[str, float]
    identity: np.ndarray
    expression: np.ndarray
    landmarks: np.ndarray
    five: np.ndarray


class Studio:
    """Makes pictures.

    Args:
        head: the 3D head.
        seed: of everybody and everything in it.
        size: side of the pictures in pixels.
        device: where they are rendered.
        largest_yaw: yaw is uniform over ± so many degrees.
    """

    def __init__(
        self, head: Head, seed: int = 0, size: int = 112, device: torch.device | str = "cpu", largest_yaw: float = 60.0
    ) -> None:
        self.device = torch.device(device)
        self.head, self.seed, self.size, self.largest_yaw = head.to(self.device), seed, size, largest_yaw

    def plan(self, number: int, person: int, emotion: str | None = None, track: bool = False, still: bool = False) -> Plan:
        """Picture number ``number``, of person number ``person``.

        Args:
            number: decides the expression, and the shot unless ``track``.
            person: of the seed.
            emotion: the expression's class; None: any.
            track: the shot is the person's own, but for the pose: light, camera and backdrop are those of all his pictures.
            still: of a track: the pose is that of all his pictures too.
        """
        expression = draw_expression(self._stream(EXPRESSIONS, number), self.head.names, emotion)
        shot = draw_shot(self._stream(SHOTS, person if track else number), self.largest_yaw)
        if track and not still:
            shot = another_frame(shot, self._stream(TRACKS, number), self.largest_yaw)
        return Plan(person, draw_person(self._stream(PEOPLE, person)), expression, shot)

    def take(self, plans: Sequence[Plan], done: Callable[[int], None] = lambda count: None) -> tuple[Tensor, list[Labels]]:
        """Renders pictures.

        Args:
            plans: B of them. What comes out of one does not depend on the others.
            done: is told how many pictures were added, again and again.

        Returns:
            (B, 3, S, S) uint8 RGB on the device, and what is known of each.
        """
        pictures: list[Tensor] = []
        labels: list[Labels] = []
        for start in range(0, len(plans), PORTION):
            portion = plans[start : start + PORTION]
            shown, landmarks = self._render(portion)
            pictures.append(shown)
            labels += [self.labels(plan, marks) for plan, marks in zip(portion, landmarks.cpu().numpy(), strict=True)]
            done(len(portion))
        return torch.cat(pictures), labels

    def weights(self, expression: Expression) -> np.ndarray:
        """(E,) float32, in the head's order."""
        return np.array([expression.weights.get(name, 0.0) for name in self.head.names], np.float32)

    def labels(self, plan: Plan, landmarks: np.ndarray) -> Labels:
        """What is known of a planned picture, with its (68, 2) landmarks as they were rendered."""
        expression, shot = plan.expression, plan.shot
        return Labels(
            person=plan.person_number,
            emotion=expression.emotion,
            intensity=expression.intensity,
            yaw=shot.yaw,
            pitch=shot.pitch,
            roll=shot.roll,
            gaze=expression.gaze,
            units=action_units(expression.weights),
            identity=plan.person.shape.astype(np.float32),
            expression=self.weights(expression),
            landmarks=landmarks,
            five=five(landmarks),
        )

    def _render(self, plans: Sequence[Plan]) -> tuple[Tensor, Tensor]:
        people, shots = Stack([plan.person for plan in plans], self.device), Stack([plan.shot for plan in plans], self.device)
        noise = Noise([plan.person.texture for plan in plans], self.device)
        expression = torch.tensor(np.stack([self.weights(plan.expression) for plan in plans]), device=self.device)
        gaze = torch.tensor([plan.expression.gaze for plan in plans], device=self.device)
        seeds = [plan.shot.backdrop for plan in plans]
        behind = backdrops(seeds, SUPERSAMPLING * self.size, self.device)
        linear, landmarks = render(self.head, people, noise, expression, gaze, shots, behind)
        return develop(linear, shots, seeds), landmarks

    def _stream(self, stream: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream, number])


def five(landmarks: np.ndarray) -> np.ndarray:
    """(5, 2) float32: eyes, nose tip and mouth corners of (68, 2) landmarks, the image's left one first."""
    eyes = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    return np.stack([*eyes, landmarks[30], landmarks[48], landmarks[54]]).astype(np.float32)
