"""How a picture is taken: every choice about pose, camera, light and backdrop, drawn with numpy.

Degrees; light is linear RGB; directions are unit vectors as seen by the camera: x to the picture's right, y up, z towards it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

LARGEST_PITCH, LARGEST_ROLL = 28.0, 25.0


@dataclass(frozen=True, slots=True)
class Shot:
    """How one picture is taken.

    Attributes:
        yaw: positive when the face looks to the picture's right.
        pitch: positive when it looks up.
        roll: positive when the top of the head leans to the picture's right.
        view: the camera's angle of view.
        extent: cm of the face's plane that the picture's side shows.
        shift: (2,) of the face's middle from the picture's, in sides; to the right and down.
        key: (3,) direction to the lamp.
        key_colour: (3,) its light.
        sky: (3,) light from above.
        ground: (3,) light from below.
        fill: (3,) direction to a second lamp, without shadows.
        fill_colour: (3,) its light.
        exposure: factor on what the camera's meter chose.
        shine: 0 … 0.3, how much skin and hair gleam.
        gloss: exponent of the gleam: how small it is.
        balance: (3,) error of the white balance, as factors.
        contrast: factor around middle grey.
        saturation: factor; 0 is a grey picture.
        blur: sigma in thousandths of the picture's side.
        noise: deviation of the sensor's noise at full light, of 1.
        jpeg: quality of a compression, 35 … 95; 0: none.
        backdrop: seed of what is behind, and of the sensor's noise.
    """

    yaw: float
    pitch: float
    roll: float
    view: float
    extent: float
    shift: np.ndarray
    key: np.ndarray
    key_colour: np.ndarray
    sky: np.ndarray
    ground: np.ndarray
    fill: np.ndarray
    fill_colour: np.ndarray
    exposure: float
    shine: float
    gloss: float
    balance: np.ndarray
    contrast: float
    saturation: float
    blur: float
    noise: float
    jpeg: int
    backdrop: int


def draw_shot(rng: np.random.Generator, largest_yaw: float = 60.0) -> Shot:
    """A random picture of somebody. The order of the draws is part of the data.

    Args:
        rng: decides.
        largest_yaw: yaw is uniform over ± so many degrees; pitch and roll are mostly small.
    """
    key = np.array((rng.uniform(-1.3, 1.3), rng.uniform(-0.3, 1.3), 1.0))  # the lamp: anywhere in front
    warm = np.exp(rng.normal(0, 0.12) * np.array((1.0, 0.1, -1.2)))
    balance = np.exp(rng.normal(0, 0.06) * np.array((1.0, 0.0, -1.0)) + rng.normal(0, 0.02, 3))
    fill = rng.normal(0, 1, 3) * (1, 0.6, 0.8)
    grey = rng.random() < 0.12
    return Shot(
        yaw=rng.uniform(-largest_yaw, largest_yaw),
        pitch=_within(rng.normal(0, 9), LARGEST_PITCH),
        roll=_within(rng.normal(0, 7), LARGEST_ROLL),
        view=rng.uniform(12, 42),
        extent=rng.uniform(17.5, 22.5),
        shift=rng.normal(0, 0.02, 2),
        key=key / np.linalg.norm(key),
        key_colour=rng.uniform(0.35, 1.4) * warm,
        sky=rng.uniform(0.2, 0.7) * np.exp(rng.normal(0, 0.06, 3)),
        ground=rng.uniform(0.08, 0.4) * np.exp(rng.normal(0, 0.06, 3)),
        fill=fill / np.linalg.norm(fill),
        fill_colour=rng.uniform(0, 0.45) * np.exp(rng.normal(0, 0.12, 3)),
        exposure=float(np.exp(rng.normal(0.1, 0.22))),
        shine=rng.uniform(0.02, 0.3),
        gloss=rng.uniform(8, 40),
        balance=balance,
        contrast=rng.uniform(0.85, 1.2),
        saturation=0.0 if grey else rng.uniform(0.7, 1.15),
        blur=float(rng.random() < 0.5) * rng.uniform(0, 6),
        noise=float(rng.random() < 0.6) * rng.uniform(0, 0.025),
        jpeg=int(rng.integers(35, 96)) if rng.random() < 0.5 else 0,
        backdrop=int(rng.integers(2**31)),
    )


def another_frame(shot: Shot, rng: np.random.Generator, largest_yaw: float = 60.0) -> Shot:
    """The same camera, light and backdrop a moment later: the head has turned a little.

    Args:
        shot: of the whole track.
        rng: of the frame.
        largest_yaw: as in ``draw_shot``.
    """
    return replace(
        shot,
        yaw=_within(0.7 * shot.yaw + rng.normal(0, 12), largest_yaw),
        pitch=_within(0.7 * shot.pitch + rng.normal(0, 5), LARGEST_PITCH),
        roll=_within(0.7 * shot.roll + rng.normal(0, 4), LARGEST_ROLL),
    )


def _within(value: float, limit: float) -> float:
    return float(np.clip(value, -limit, limit))
