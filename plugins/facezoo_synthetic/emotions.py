"""What a face shows for each emotion, and what a mouth does in speech, as ranges of ARKit's expression shapes.

The prototypes follow the combinations of action units that EMFACS names for the seven emotions, written as the shapes
that move the same muscles. They are what actors are asked to show, not what people feel.
"""

from __future__ import annotations

Range = tuple[float, float]
Shapes = dict[str, Range]
"""{shape, without a side where it has two: its range at full intensity}"""

_SMILE: Shapes = {"mouthSmile": (0.6, 1.0), "cheekSquint": (0.3, 0.9), "cheekRaiser": (0.2, 0.8), "eyeSquint": (0.1, 0.5)}

PROTOTYPES: dict[str, tuple[Shapes, ...]] = {
    "neutral": ({},),
    "happiness": (
        {**_SMILE, "mouthDimple": (0.0, 0.3)},
        {**_SMILE, "mouthUpperUp": (0.2, 0.6), "mouthLowerDown": (0.1, 0.4), "jawOpen": (0.05, 0.35)},
    ),
    "sadness": (
        {
            "browInnerUp": (0.5, 1.0),
            "browDown": (0.0, 0.35),
            "mouthFrown": (0.5, 1.0),
            "mouthShrugLower": (0.2, 0.8),
            "eyeSquint": (0.0, 0.3),
            "eyeBlink": (0.0, 0.3),
        },
        {
            "browInnerUp": (0.5, 1.0),
            "browDown": (0.0, 0.3),
            "mouthFrown": (0.4, 0.9),
            "mouthPress": (0.0, 0.5),
            "mouthStretch": (0.0, 0.3),
            "eyeBlink": (0.1, 0.4),
        },
    ),
    "surprise": (
        {
            "browInnerUp": (0.6, 1.0),
            "browOuterUp": (0.6, 1.0),
            "eyeWide": (0.5, 1.0),
            "jawOpen": (0.3, 0.8),
            "mouthFunnel": (0.0, 0.3),
        },
    ),
    "fear": (
        {
            "browInnerUp": (0.6, 1.0),
            "browOuterUp": (0.2, 0.6),
            "browDown": (0.3, 0.7),
            "eyeWide": (0.6, 1.0),
            "mouthStretch": (0.5, 1.0),
            "jawOpen": (0.05, 0.35),
            "mouthLowerDown": (0.0, 0.4),
        },
    ),
    "disgust": (
        {
            "noseSneer": (0.6, 1.0),
            "mouthUpperUp": (0.3, 0.8),
            "browDown": (0.2, 0.7),
            "eyeSquint": (0.2, 0.7),
            "cheekRaiser": (0.1, 0.5),
            "mouthFrown": (0.1, 0.6),
            "mouthShrugUpper": (0.0, 0.4),
        },
    ),
    "anger": (
        {
            "browDown": (0.7, 1.0),
            "eyeSquint": (0.1, 0.6),
            "mouthPress": (0.4, 1.0),
            "noseSneer": (0.0, 0.4),
            "mouthRollLower": (0.0, 0.4),
            "mouthRollUpper": (0.0, 0.3),
            "mouthShrugLower": (0.0, 0.4),
        },
        {
            "browDown": (0.7, 1.0),
            "eyeWide": (0.0, 0.5),
            "jawOpen": (0.1, 0.4),
            "mouthUpperUp": (0.2, 0.6),
            "mouthLowerDown": (0.3, 0.8),
            "noseSneer": (0.2, 0.5),
            "mouthStretch": (0.0, 0.3),
        },
    ),
}
"""{emotion: the ways to show it}. The order of the shapes is the order in which their strengths are drawn."""

SPEECH: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.45},  # open
    {"jawOpen": 0.3, "mouthStretch": 0.3},  # spread
    {"jawOpen": 0.2, "mouthFunnel": 0.7},  # round
    {"mouthPucker": 0.8},  # pursed
    {"mouthClose": 0.1, "mouthPress": 0.4},  # closed
    {"mouthRollLower": 0.6, "mouthUpperUp": 0.2},  # lip under the teeth
    {"jawOpen": 0.12, "mouthLowerDown": 0.5},  # teeth shown
)
"""Shapes of the mouth in speech (visemes) at full strength."""

TWITCHES = ("browInnerUp", "browDown", "eyeSquint", "eyeBlink", "mouthLeft", "mouthRight", "jawLeft", "jawRight")
"""Shapes that now and then move a little in any face."""
