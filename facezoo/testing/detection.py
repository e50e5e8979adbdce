"""Checks of detectors: whole pictures of any size in, boxes in pixels out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from facezoo.components import Detections, Detector
from facezoo.errors import InputError
from facezoo.testing.findings import NotApplicable, told
from facezoo.testing.subject import Subject, blank, distance, duplicate, table

LOW = 0.05  # a score at which even untrained networks and hard pictures give something to look at
PIXELS = 0.5  # two ways to look at one picture may place a box so far apart


def _detector(subject: Subject) -> Detector:
    if not isinstance(subject.component, Detector):
        raise NotApplicable("it is no detector")
    return subject.component


def _found(subject: Subject, min_score: float = 0.5) -> list[Detections]:
    """What it finds in copies of all pictures."""
    return _detector(subject).detect([picture.copy() for picture in subject.pictures], min_score)


def does_not_run(subject: Subject) -> Iterator[str]:
    """One answer per picture; none for none."""
    detector = _detector(subject)
    found = _found(subject, LOW)
    if not isinstance(found, list) or not all(isinstance(each, Detections) for each in found):
        yield f"detect() gives {type(found).__name__}; it is a list of Detections."
    elif len(found) != len(subject.pictures):
        yield f"detect() gives {len(found)} answers for {len(subject.pictures)} pictures."
    elif (nothing := detector.detect([])) != []:
        yield f"detect([]) gives {nothing!r}, not []."


def bad_detections(subject: Subject) -> Iterator[str]:
    """Boxes x0 y0 x1 y1, scores and landmarks are float32 arrays of one length, best first."""
    for index, found in enumerate(_found(subject, LOW)):
        for fault in _form(found):
            yield f"picture {index}: {fault}."


def _form(found: Detections) -> Iterator[str]:
    count = len(found.scores)
    arrays = {"boxes": (found.boxes, (count, 4)), "scores": (found.scores, (count,))}
    if found.landmarks is not None:
        arrays["landmarks"] = (found.landmarks, (count, 5, 2))
    for name, (array, shape) in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype != np.float32 or array.shape != shape:
            given = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            yield f"{name} are {given}; they are float32 {shape}"
            return
    if not np.isfinite(found.boxes).all() or bool((found.boxes[:, 2:] <= found.boxes[:, :2]).any()):
        yield "a box is not x0 y0 x1 y1 with x0 < x1 and y0 < y1"
    if count and not (found.scores.min() >= 0 and found.scores.max() <= 1):
        yield f"scores reach from {found.scores.min():.3g} to {found.scores.max():.3g}; they are in [0, 1]"
    if bool((np.diff(found.scores) > 0).any()):
        yield "scores do not fall; the best face comes first"


def finds_no_face(subject: Subject) -> Iterator[str]:
    """It finds the faces that the caller says are there."""
    shown = subject.with_faces
    if not shown:
        raise NotApplicable("no pictures with faces were given")
    for index, found in enumerate(_detector(subject).detect(shown)):
        if not len(found):
            yield f"no face in picture {index}, {shown[index].shape[1]}x{shown[index].shape[0]}."
        elif not _inside(found.boxes[0], shown[index].shape):
            box = found.boxes[0].round(1).tolist()
            yield f"the best box of picture {index}, {box}, lies outside of it; boxes are in its pixels."


def _inside(box: np.ndarray, shape: Sequence[int]) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return bool(0 <= x <= shape[1] and 0 <= y <= shape[0])


def faces_in_a_blank_picture(subject: Subject) -> Iterator[str]:
    """A grey picture gives an empty answer of the usual form."""
    found = _detector(subject).detect([blank()], 0.5 if subject.loaded else 1.0)[0]
    if subject.loaded and len(found):
        yield f"{len(found)} faces in a grey picture, the best with {found.scores[0]:.2f}."
    for fault in _form(found):
        yield f"{fault}, when there are none too."


def ignores_min_score(subject: Subject) -> Iterator[str]:
    """Nothing fainter than asked for."""
    best = [float(found.scores.max()) + 1e-3 for found in _found(subject, LOW) if len(found)]
    for score in (0.5, 0.9, *(limit for limit in best if limit < 1)):
        faint = [float(found.scores.min()) for found in _found(subject, score) if len(found)]
        if faint and min(faint) < score:
            yield f"min_score={score:.3f} lets a face of {min(faint):.3f} through."
            return


def accepts_wrong_input(subject: Subject) -> Iterator[str]:
    """Anything but (H, W, 3) uint8 is refused with an InputError."""
    picture = subject.pictures[0]
    wrong = {
        "float pixels": picture.astype(np.float32) / 255,
        "a grey picture (H, W)": picture[:, :, 0],
        "four channels": np.concatenate([picture, picture[:, :, :1]], axis=2),
        "an empty picture": picture[:0],
        "a tensor": torch.from_numpy(picture),
    }
    for what, value in wrong.items():
        try:
            _detector(subject).detect([value])  # pyright: ignore[reportArgumentType]
        except InputError:
            continue
        except Exception as error:  # a stranger's code
            yield f"{what} is refused only by accident, with {told(error)}; an InputError says what was expected."
        else:
            yield f"{what} is taken without a word; an InputError belongs there."


def changes_its_input(subject: Subject) -> Iterator[str]:
    """The caller's pictures are read, never written; read-only ones will do."""
    pictures = [picture.copy() for picture in subject.pictures]
    _detector(subject).detect(pictures, LOW)
    if not all(np.array_equal(a, b) for a, b in zip(pictures, subject.pictures, strict=True)):
        yield "detect() writes into a picture that it was given."
    for picture in pictures:
        picture.setflags(write=False)
    _detector(subject).detect(pictures, LOW)


def _differ(given: Sequence[Detections], wanted: Sequence[Detections]) -> str | None:
    for index, (one, other) in enumerate(zip(given, wanted, strict=True)):
        if len(one) != len(other):
            return f"picture {index} has {len(one)} faces one way and {len(other)} the other"
        a, b = table(one), table(other)
        for name in a:
            limit = 1e-3 if name == "scores" else PIXELS
            if a[name].shape != b[name].shape or (a[name].numel() and not float((a[name] - b[name]).abs().max()) <= limit):
                return f"{name} of picture {index} differ"
    return None


def depends_on_batch(subject: Subject) -> Iterator[str]:
    """A picture alone and the same picture among others get the same answer."""
    detector = _detector(subject)
    alone = [detector.detect([picture.copy()])[0] for picture in subject.pictures]
    if reason := _differ(_found(subject), alone):
        yield f"alone and among {len(subject.pictures)} pictures of several sizes: {reason}."
    if reason := _differ(detector.detect([picture.copy() for picture in subject.pictures[::-1]])[::-1], alone):
        yield f"in the other order: {reason}; the answers come in the order of the pictures."


def not_deterministic(subject: Subject) -> Iterator[str]:
    """Asked twice, it says the same."""
    if reason := _differ(_found(subject, LOW), _found(subject, LOW)):
        yield f"asked twice: {reason}."


def not_thread_safe(subject: Subject) -> Iterator[str]:
    """Several threads with different pictures get what each would get alone."""
    detector = _detector(subject)
    wanted = [detector.detect([picture.copy()]) for picture in subject.pictures]
    with ThreadPoolExecutor(3) as pool:
        given = list(pool.map(lambda picture: detector.detect([picture.copy()]), subject.pictures * 2))
    for one, other in zip(given, wanted * 2, strict=True):
        if reason := _differ(one, other):
            yield f"in three threads: {reason}; nothing of a call may be kept on `self`."
            return


def breaks_in_bfloat16(subject: Subject) -> Iterator[str]:
    """Networks cast to bfloat16 find boxes of the same form."""
    detector = _detector(subject)
    if not any(t.is_floating_point() for t in detector.state_dict().values()):
        raise NotApplicable("it has no networks in torch")
    half = duplicate(detector).to(torch.bfloat16)
    for index, found in enumerate(half.detect(subject.pictures, LOW)):  # pyright: ignore[reportCallIssue]
        for fault in _form(found):
            yield f"picture {index}: {fault}."
    with torch.no_grad():
        inputs = detector.golden_inputs()
        wanted = {k: v.float() for k, v in detector.golden_outputs(inputs).items()}
        given = {k: v.float() for k, v in half.golden_outputs(inputs).items()}
    for name in wanted:
        if not distance(given[name], wanted[name]) < float("inf"):
            yield f"the golden output {name!r} has another shape or is not finite."
