"""Action units of the Facial Action Coding System, read off the shapes that move what they move."""

from __future__ import annotations

from collections.abc import Mapping

ACTION_UNITS: dict[str, tuple[str, ...]] = {
    "AU1": ("browInnerUp",),
    "AU2": ("browOuterUp",),
    "AU4": ("browDown",),
    "AU5": ("eyeWide",),
    "AU6": ("cheekSquint", "cheekRaiser"),
    "AU7": ("eyeSquint",),
    "AU9": ("noseSneer",),
    "AU10": ("mouthUpperUp",),
    "AU12": ("mouthSmile",),
    "AU14": ("mouthDimple",),
    "AU15": ("mouthFrown",),
    "AU16": ("mouthLowerDown",),
    "AU17": ("mouthShrugLower",),
    "AU18": ("mouthPucker",),
    "AU20": ("mouthStretch",),
    "AU22": ("mouthFunnel",),
    "AU24": ("mouthPress",),
    "AU26": ("jawOpen",),
    "AU28": ("mouthRollLower", "mouthRollUpper"),
    "AU45": ("eyeBlink",),
}
"""{unit: shapes in ARKit's names, without their sides}. A unit's value is the largest of its shapes'."""


def action_units(weights: Mapping[str, float]) -> dict[str, float]:
    """{unit: 0 … 1} that an expression shows.

    Args:
        weights: {shape: 0 … 1}, with ``_L`` and ``_R`` where a shape has sides; these are averaged.
    """
    return {unit: max(_strength(weights, shape) for shape in shapes) for unit, shapes in ACTION_UNITS.items()}


def _strength(weights: Mapping[str, float], shape: str) -> float:
    if shape in weights:
        return float(weights[shape])
    return float((weights.get(f"{shape}_L", 0.0) + weights.get(f"{shape}_R", 0.0)) / 2)
