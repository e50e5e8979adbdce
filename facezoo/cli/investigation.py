"""What ``facezoo demo`` finds out about a portrait."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from facezoo.cli.reenacting import Reenactment, reenact
from facezoo.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from facezoo.cli.options import Compute
    from facezoo.pipelines import FacePipeline, Report, Together
    from facezoo.results import Face, Pose, Scores

TASKS = ("frontalization", "identity-embedding", "emotion-recognition", "head-pose")


@dataclass(frozen=True)
class Similarity:
    """Cosines of identity codes with the portrait's: one, or those of many faces."""

    label: str
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What the demonstration found. Pictures are (H, W, 3) uint8 RGB.

    Attributes:
        portrait: the photograph.
        credit: where it is from.
        corners: of the crop, (4, 2) pixels: upper left, upper right, lower right, lower left.
        face: the detection, with the pictures "neutral" and "mean_face".
        crop: the face as the networks see it.
        emotions: probabilities of seven emotions.
        pose: of the head, degrees.
        reconstruction: the face put together again from the mean face and its two codes.
        reenactments: the face with others' head pose and expression.
        similarities: of identity codes.
        models: {slot: name of the model}.
        report: the models used.
        seconds: from loading the models to the last number.
    """

    portrait: np.ndarray
    credit: str
    corners: np.ndarray
    face: Face
    crop: np.ndarray
    emotions: Scores
    pose: Pose
    reconstruction: np.ndarray
    reenactments: tuple[Reenactment, ...]
    similarities: tuple[Similarity, ...]
    models: Mapping[str, str]
    report: Report
    seconds: float


def investigate(portrait: np.ndarray, credit: str, slots: Mapping[str, str], compute: Compute) -> Findings:
    """Runs every step on a portrait.

    Args:
        portrait: (H, W, 3) uint8 RGB.
        credit: where it is from.
        slots: names of models in place of the registry's, for detector, manipulator, classifier and head.
        compute: where and how networks run.

    Raises:
        InputError: no face in it.
        IncompatibleError: a model without identity networks, or one that does something else.
        WeightsUnavailableError: the weights of a model are not here.
    """
    import numpy as np

    from facezoo.loader import pipeline

    start = time.monotonic()
    pipe = _together(slots, compute)
    detector, manipulator = pipe.slots["detector"], pipe.slots["frontalization.manipulator"]
    mirrored = np.ascontiguousarray(portrait[:, ::-1])
    face, other = (_one_face(result, credit) for result in pipe([portrait, mirrored], largest=True))
    transfer = pipeline("expression-transfer", detector=detector, manipulator=manipulator)
    identity, report = pipe.parts[TASKS.index("identity-embedding")], pipe.report()
    return Findings(
        portrait=portrait,
        credit=credit,
        corners=_corners(face, detector, manipulator),
        face=face,
        crop=face.crop,
        emotions=face.emotions,
        pose=face.pose,
        reconstruction=_put_together(manipulator, face.crop),
        reenactments=reenact(transfer, face.crop, other.crop),
        similarities=_similarities(identity, portrait, face, other),
        models={row["slot"].rpartition(".")[2]: row["model"] for row in report.rows},
        report=report,
        seconds=time.monotonic() - start,
    )


def _together(slots: Mapping[str, str], compute: Compute) -> Together:
    """All tasks over one detection. The head reads the encoder that it was trained on, whatever moves the face."""
    from facezoo.loader import pipeline
    from facezoo.pipelines import Together

    own: dict[str, Any] = {slot: name for slot, name in slots.items() if slot != "head"}
    if "manipulator" in own:
        own["encoder"] = own["manipulator"]
    pipe = pipeline(TASKS[:-1], **compute.loading, **own)
    head: dict[str, Any] = {"head": slots["head"]} if "head" in slots else {}
    posing = pipeline(TASKS[-1], **compute.loading, detector=pipe.slots["detector"], **head)
    return Together([*pipe.parts, posing])


def _one_face(result: Any, credit: str) -> Any:
    """The ``Face`` with what all tasks found."""
    if not result.faces:
        raise InputError(f"No face was found in the portrait ({credit}); try --detector, or another picture.")
    return result.faces[0]


def _corners(face: Face, detector: Any, manipulator: Any) -> np.ndarray:
    """Where a face was cut out of its picture, (4, 2) pixels."""
    import numpy as np

    from facezoo.components import Detections
    from facezoo.crops import matrices

    points = face.landmarks[None] if face.landmarks is not None else None
    found = Detections(np.asarray(face.box)[None], np.ones(1, np.float32), points)
    contract = manipulator.contract
    matrix = matrices(contract.crop, found, detector.box_reference, contract.size)[0]
    return np.array([[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]]) @ matrix.T


def _put_together(manipulator: Any, crop: np.ndarray) -> np.ndarray:
    import torch

    from facezoo.batches import to_uint8

    face = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        return to_uint8(manipulator.reconstruct(face.to(manipulator.device)))[0]


def _similarities(identity: FacePipeline, portrait: np.ndarray, face: Face, mirrored: Face) -> tuple[Similarity, ...]:
    """How near the identity codes of other pictures are to the portrait's."""
    import numpy as np

    from facezoo.tasks import cosine

    own = _code(face)
    found = [Similarity("the same portrait, mirrored", (cosine(own, _code(mirrored)),))]
    darker = identity((portrait * 0.5).astype(np.uint8), largest=True)
    if darker.faces:
        found.append(Similarity("the same portrait, half as bright", (cosine(own, _code(darker.faces[0])),)))
    small, others = _as_small_as_others(mirrored.crop)
    codes = [_code(result.faces[0]) for result in identity([small, *others], cropped=True)] if others else []
    if codes:
        found.append(Similarity("mirrored, in 25 x 25 grey pixels", (cosine(own, codes[0]),)))
        found.append(Similarity(f"{len(others)} others so: range and mean", tuple(cosine(own, code) for code in codes[1:])))
    return tuple(found)


def _code(face: Face) -> np.ndarray:
    return face.embeddings["identity"].values


def _as_small_as_others(crop: Any) -> tuple[np.ndarray, list[np.ndarray]]:
    """A face as a thumbnail like scikit-image's (25 x 25, grey), and those of a hundred other people; none without it."""
    import numpy as np

    try:
        from skimage import data
        from skimage.transform import resize
    except ImportError:
        return crop, []
    grey = np.asarray(resize(crop.mean(axis=2) / 255, (25, 25), anti_aliasing=True))
    faces = [grey, *data.lfw_subset()[:100]]  # the second hundred are no faces
    pictures = [np.repeat((face[..., None] * 255).round().astype(np.uint8), 3, axis=2) for face in faces]
    return pictures[0], pictures[1:]
