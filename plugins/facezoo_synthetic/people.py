"""Who is in a picture: every choice about a person, drawn with numpy so that it is the same on every machine.

Colours are linear RGB (light, not display values), lengths centimetres, angles radians.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BALD, SHORT, FULL, LONG = range(4)
"""Styles of hair."""

SKINS = np.array(
    [(0.80, 0.53, 0.41), (0.68, 0.42, 0.31), (0.50, 0.29, 0.20), (0.33, 0.18, 0.11), (0.19, 0.095, 0.058), (0.09, 0.043, 0.028)]
)
"""From the lightest to the darkest."""
HAIRS = np.array([(0.010, 0.008, 0.007), (0.030, 0.017, 0.010), (0.075, 0.040, 0.021), (0.20, 0.12, 0.058), (0.36, 0.25, 0.13)])
RED_HAIR, GREY_HAIR = np.array((0.16, 0.06, 0.028)), np.array((0.38, 0.37, 0.36))
IRISES = np.array([(0.030, 0.014, 0.007), (0.075, 0.036, 0.015), (0.085, 0.080, 0.035), (0.09, 0.14, 0.21), (0.13, 0.16, 0.17)])
FRAMES = np.array([(0.01, 0.01, 0.01), (0.06, 0.025, 0.012), (0.35, 0.3, 0.22), (0.2, 0.02, 0.02)])
"""Of glasses."""


@dataclass(frozen=True, slots=True)
class Person:
    """What stays the same in all pictures of somebody.

    Attributes:
        shape: (100,) coefficients of the head's identity modes, in standard deviations, within ±1.6.
        skin: (3,) colour.
        blush: 0 … 1, how red cheeks, nose and ears are.
        spots: 0 … 1, how many dark spots the skin has.
        socket: 0 … 0.3, how dark the skin around the eyes is.
        age: 0 … 1: wrinkles and grey hair.
        lips: 0 … 1, how far they differ from the skin.
        made_up: the strength of lipstick and eyeliner; 0 for none.
        lipstick: (3,) its colour.
        hair: (3,) colour.
        brow_shade: of the brows, as a share of the hair's colour.
        brow: (4,) thickness (cm), lift (cm), arch (cm), strength (0 … 1).
        beard: 0 … 1, its density.
        style: ``BALD``, ``SHORT``, ``FULL`` or ``LONG``.
        hairline: cm by which it lies lower than the usual one.
        volume: cm that hair stands off the head.
        length: cm that long hair hangs below the chin.
        wave: 0 … 0.5.
        iris: (3,) colour.
        iris_size: its angle at the eye's centre.
        sclera: 0 … 1, how light the white of the eyes is.
        cloth: (3,) colour.
        collar: cm by which it lies lower than the usual one.
        glasses: 1 with, 0 without.
        frame: (3,) their colour.
        rims: (4,) half the width (cm), half the height (cm), radius of the wire (cm), exponent of the superellipse.
        texture: seed of the skin's and the hair's noise.
    """

    shape: np.ndarray
    skin: np.ndarray
    blush: float
    spots: float
    socket: float
    age: float
    lips: float
    made_up: float
    lipstick: np.ndarray
    hair: np.ndarray
    brow_shade: float
    brow: np.ndarray
    beard: float
    style: int
    hairline: float
    volume: float
    length: float
    wave: float
    iris: np.ndarray
    iris_size: float
    sclera: float
    cloth: np.ndarray
    collar: float
    glasses: float
    frame: np.ndarray
    rims: np.ndarray
    texture: int


def draw_person(rng: np.random.Generator) -> Person:
    """A random person. The order of the draws is part of the data: another order is other people."""
    woman = rng.random() < 0.5  # decides hair, brows, beard and make-up only; shapes have no sex
    age = float(rng.beta(1.3, 1.6))
    skin = between(SKINS, rng.random() ** 1.1) * np.exp(rng.normal(0, (0.03, 0.05, 0.08)))
    hair = _hair_colour(rng, age)
    style = int(rng.choice(4, p=_styles(woman, age)))
    thickness = rng.uniform(0.2, 0.42) if woman else rng.uniform(0.3, 0.6)
    return Person(
        skin=skin,
        age=age,
        hair=hair,
        style=style,
        brow=np.array((thickness, rng.uniform(-0.7, -0.3), rng.uniform(-0.2, 0.35), rng.uniform(0.45, 1.0))),
        shape=np.clip(rng.normal(0, 0.9, 100), -1.6, 1.6),
        blush=rng.random(),
        spots=rng.random() ** 3,
        socket=rng.uniform(0, 0.3),
        lips=rng.uniform(0.4, 1.0),
        made_up=float(woman and rng.random() < 0.4) * rng.uniform(0.3, 0.8),
        lipstick=np.array((rng.uniform(0.15, 0.5), rng.uniform(0.01, 0.08), rng.uniform(0.015, 0.08))),
        brow_shade=rng.uniform(0.5, 1.0),
        beard=0.0 if woman else float(rng.random() < 0.45) * rng.uniform(0.1, 0.95),
        hairline=rng.uniform(-1.0, 0.9) - 1.2 * age * (not woman),
        volume=rng.uniform(0.15, 0.5) if style == SHORT else rng.uniform(0.5, 1.7),
        length=rng.uniform(-1.0, 12.0),
        wave=rng.uniform(0, 0.5),
        iris=between(IRISES, rng.beta(1, 1.6)) * rng.uniform(0.6, 1.3),
        iris_size=rng.uniform(0.37, 0.42),
        sclera=rng.uniform(0.55, 0.75),
        cloth=rng.random(3) * rng.uniform(0.02, 0.7),
        collar=rng.uniform(-1.0, 1.5),
        glasses=float(rng.random() < 0.18),
        frame=rng.choice(FRAMES),
        rims=np.array((rng.uniform(2.2, 2.7), rng.uniform(1.4, 2.2), rng.uniform(0.06, 0.2), rng.uniform(2.0, 4.0))),
        texture=int(rng.integers(2**31)),
    )


def _hair_colour(rng: np.random.Generator, age: float) -> np.ndarray:
    """(3,) from black to blond, sometimes red, the older the more often grey."""
    colour = between(HAIRS, rng.beta(1.0, 1.2)) if rng.random() < 0.92 else RED_HAIR
    grey = float(np.clip(rng.normal(1.6 * age - 0.75, 0.25), 0, 1))
    return colour * (1 - grey) + GREY_HAIR * grey * rng.uniform(0.5, 1.2)


def _styles(woman: bool, age: float) -> tuple[float, float, float, float]:
    """Probabilities of bald, short, full and long hair."""
    return (0.02, 0.13, 0.35, 0.5) if woman else (0.15 + 0.1 * age, 0.45, 0.35 - 0.1 * age, 0.05)


def between(table: np.ndarray, share: float) -> np.ndarray:
    """(3,) colour at a share, 0 … 1, of the way through a table of them; in logarithms, as pigments mix."""
    place = share * (len(table) - 1)
    index = min(int(place), len(table) - 2)
    return np.exp((1 - place + index) * np.log(table[index]) + (place - index) * np.log(table[index + 1]))
