"""``facezoo demo``: one portrait, taken apart and put together again, as one picture that explains itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facezoo.cli import screen
from facezoo.cli.options import Compute, ManipulatorSlots, Shared
from facezoo.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from facezoo.pipelines import Report
    from facezoo.results import Face

NAME = "facezoo-demo.png"
TASKS = ["frontalization", "identity-embedding"]


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
        face: the detection, with ``crop`` and the pictures "neutral" and "mean_face".
        reconstruction: the face put together again from the mean face and its two codes.
        driver: the mirrored portrait's face.
        reenactment: the face with the driver's head pose and expression.
        similarities: of identity codes.
        model: the network's name.
        detector: the detector's name.
        report: the models used.
        seconds: from loading the models to the last number.
    """

    portrait: np.ndarray
    credit: str
    corners: np.ndarray
    face: Face
    reconstruction: np.ndarray
    driver: np.ndarray
    reenactment: np.ndarray
    similarities: tuple[Similarity, ...]
    model: str
    detector: str
    report: Report
    seconds: float


def demo(
    slots: ManipulatorSlots,
    compute: Compute,
    shared: Shared,
    picture: Annotated[
        Path | None, typer.Argument(metavar="PICTURE", help="A photograph of your own.", show_default="a portrait by NASA")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the picture.")] = Path(
        "facezoo-demo"
    ),
) -> None:
    """Take one portrait apart: detection, crop, neutral, mean face, and more.

    Finds the face, makes its neutral and its mean face, puts it together again, moves it like the mirrored portrait, and
    compares identity codes. Writes one picture with captions and prints which models made it. Needs no network.

    \b
    Examples:
      facezoo demo
      facezoo demo me.jpg -o my-demo
    """
    portrait, credit = _own(picture) if picture else _astronaut()
    findings = investigate(portrait, credit, slots.chosen({}), compute)
    from facezoo.cli.portrait import draw
    from facezoo.images import write

    path = write(draw(findings), output / NAME)
    if shared.json:
        similar = {s.label: {"lowest": min(s.values), "highest": max(s.values)} for s in findings.similarities}
        screen.dump({"picture": str(path), "seconds": findings.seconds, "similarities": similar, **findings.report.to_dict()})
        return
    rows = [(row["slot"], row["model"], f"{row['device']} {row['dtype']}", row["license"]) for row in findings.report.rows]
    screen.table(("slot", "model", "runs in", "licence of the weights"), rows, wrap=("licence of the weights",))
    screen.say(f"\nThe picture is {path.resolve()}")
    screen.note(f"It took {findings.seconds:.0f} s. Next: facezoo frontalize YOUR.jpg -o fronts, or facezoo list.", shared)


def _astronaut() -> tuple[np.ndarray, str]:
    try:
        from skimage import data
    except ImportError as error:
        raise InputError(
            "The demonstration's portrait is in the wheel of scikit-image: pip install 'facezoo[demo]'. "
            "Or show a photograph of your own: facezoo demo PICTURE."
        ) from error
    return data.astronaut(), "Photograph: NASA, Eileen Collins, public domain (from scikit-image)"


def _own(picture: Path) -> tuple[np.ndarray, str]:
    from facezoo.images import read

    return read(picture), f"Photograph: {picture.name}"


def investigate(portrait: np.ndarray, credit: str, slots: dict[str, str], compute: Compute) -> Findings:
    """Runs every step on a portrait, (H, W, 3) uint8 RGB.

    Raises:
        InputError: no face in it.
        IncompatibleError: a model without identity networks.
    """
    import numpy as np

    from facezoo.loader import pipeline

    start = time.monotonic()
    network = slots.get("manipulator")
    named: dict[str, Any] = {**slots, **({"encoder": network} if network else {})}
    pipe = pipeline(TASKS, **compute.loading, **named)
    detector = pipe.slots["detector"]
    manipulator = pipe.slots["frontalization.manipulator"]
    mirrored = np.ascontiguousarray(portrait[:, ::-1])
    face, driver = (_one_face(result, credit) for result in pipe([portrait, mirrored], largest=True))
    transfer = pipeline("expression-transfer", detector=detector, manipulator=manipulator)
    moved = transfer(face.crop, driver.crop, cropped=True, layout="face")
    similarities = _similarities(pipe, portrait, face, driver)
    origins = [component.provenance for component in (detector, manipulator)]
    names = [origin.id if origin else "?" for origin in origins]
    return Findings(
        portrait=portrait,
        credit=credit,
        corners=_corners(face, detector, manipulator),
        face=face,
        reconstruction=_put_together(manipulator, face.crop),
        driver=np.asarray(driver.crop),
        reenactment=moved.pixels,
        similarities=similarities,
        model=names[1],
        detector=names[0],
        report=transfer.report(),
        seconds=time.monotonic() - start,
    )


def _one_face(result: Any, credit: str) -> Face:
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


def _put_together(manipulator: Any, crop: Any) -> np.ndarray:
    import torch

    from facezoo.batches import to_uint8

    face = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        return to_uint8(manipulator.reconstruct(face.to(manipulator.device)))[0]


def _similarities(pipe: Any, portrait: np.ndarray, face: Face, driver: Face) -> tuple[Similarity, ...]:
    """How near the identity codes of other pictures are to the portrait's."""
    import numpy as np

    from facezoo.tasks import cosine

    own = _code(face)
    found = [Similarity("the same portrait, mirrored", (cosine(own, _code(driver)),))]
    darker = pipe((portrait * 0.5).astype(np.uint8), largest=True)
    if darker.faces:
        found.append(Similarity("the same portrait, half as bright", (cosine(own, _code(darker.faces[0])),)))
    small, others = _as_small_as_others(driver.crop)
    codes = [_code(result.faces[0]) for result in pipe([small, *others], cropped=True)] if others else []
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
