"""``check_pipeline``: pictures in, results out, in order, whatever the pictures are."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from facezoo.components import Component, Encoder, patterns
from facezoo.errors import FacezooError, IncompatibleError, InputError
from facezoo.loader import pipeline
from facezoo.pipelines import DetectingPipeline, FacePipeline, Pipeline, Together
from facezoo.results import Face, ImageResult, PlainRecord
from facezoo.specs import KINDS
from facezoo.testing.findings import Check, Conformance, NotApplicable, examine, told
from facezoo.testing.subject import blank, plain_pictures

# a face that is nowhere, so that every task has something to say of a picture without one
BOX = np.array([[20.0, 18.0, 76.0, 82.0], [40.0, 10.0, 90.0, 66.0]], np.float32)
POINTS = np.array(
    [[[36, 40], [60, 41], [48, 54], [38, 66], [58, 67]], [[54, 30], [76, 31], [65, 42], [56, 52], [74, 53]]], np.float32
)


class PipelineSubject:
    """A pipeline on the bench, with pictures."""

    def __init__(self, pipe: Pipeline, pictures: Sequence[Any]) -> None:
        self.pipe = pipe
        self.with_faces = list(pictures)
        self.pictures = [*pictures, *plain_pictures()[:3]]

    def faces(self) -> FacePipeline:
        """The pipeline, if it takes single pictures. Raises NotApplicable for one that takes several at a time."""
        if not isinstance(self.pipe, FacePipeline) or self.inputs > 1:
            raise NotApplicable("it does not take single pictures")
        return self.pipe

    @property
    def inputs(self) -> int:
        """How many pictures a call takes: 2 for ``pipe(a, b)``."""
        parameters = inspect.signature(type(self.pipe).__call__).parameters.values()
        return sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters) - 1

    def given(self, count: int = 1, **options: Any) -> ImageResult:
        """What it says of a picture with ``count`` own boxes: no detector has to find anything."""
        return self.faces()(plain_pictures()[0], boxes=BOX[:count], landmarks=POINTS[:count], **options)


def wrong_spec(subject: PipelineSubject) -> Iterator[str]:
    """The record names slots by requirements that exist, and every slot is filled."""
    spec = subject.pipe.spec
    for slot, requirement in spec.slots.items():
        if requirement.partition(":")[0] not in KINDS:
            yield f"the slot {slot!r} requires {requirement!r}; the kinds are {', '.join(KINDS)}."
        if not isinstance(subject.pipe.slots.get(slot), Component):
            yield f"the slot {slot!r} holds {type(subject.pipe.slots.get(slot)).__name__}, not a Component."
    if not isinstance(subject.pipe, DetectingPipeline) and "detector" in spec.slots:
        yield "it has a detector and is no DetectingPipeline."


def bad_report(subject: PipelineSubject) -> Iterator[str]:
    """``report()`` has one row per slot."""
    rows = {row["slot"] for row in subject.pipe.report().rows}
    if rows != set(subject.pipe.slots):
        yield f"report() has rows for {', '.join(sorted(rows))}; the slots are {', '.join(sorted(subject.pipe.slots))}."


def takes_any_component(subject: PipelineSubject) -> Iterator[str]:
    """A slot refuses a component of another kind, and a pipeline does not start with an empty one."""
    pipe = subject.pipe
    if isinstance(pipe, Together):
        raise NotApplicable("its parts hold the slots; check each of them")
    for slot in pipe.spec.slots:
        others = {name: c for name, c in pipe.slots.items() if name != slot}
        stranger = Component(pipe.slots[slot].config)
        for what, slots in (("without it", others), ("with a component of no kind", {**others, slot: stranger})):
            try:
                type(pipe)(pipe.spec, slots)
            except IncompatibleError:
                continue
            except Exception as error:  # a stranger's code
                yield f"the slot {slot!r}: {what} it raises {told(error)}; an IncompatibleError says what is needed."
            else:
                yield f"the slot {slot!r}: {what} it starts all the same; call super().__init__."


def does_not_run(subject: PipelineSubject) -> Iterator[str]:
    """One picture gives one ImageResult, a list gives a list of them."""
    pipe = subject.faces()
    single, several = pipe(subject.pictures[0]), pipe(subject.pictures)
    if not isinstance(single, ImageResult):
        yield f"one picture gives {type(single).__name__}, not ImageResult."
    if not isinstance(several, list) or not all(isinstance(each, ImageResult) for each in several):
        yield f"a list of pictures gives {type(several).__name__}, not a list of ImageResult."


def loses_order(subject: PipelineSubject) -> Iterator[str]:
    """Results come in the order of the pictures, whatever the batch size."""
    pipe = subject.faces()
    alone = [pipe(picture) for picture in subject.pictures]
    sizes, faces = _sizes(alone), [face for result in alone for face in result.faces]
    for batch_size in (1, 2, 32):
        together = pipe(subject.pictures, batch_size=batch_size)
        if _sizes(together) != sizes:
            yield f"with batch_size={batch_size} (size, faces) are {_sizes(together)}, one by one {sizes}."
        elif not all(map(_near, faces, (face for result in together for face in result.faces))):
            yield f"with batch_size={batch_size} the faces' values are others than one by one."


def _sizes(results: Sequence[ImageResult]) -> list[Any]:
    return [(result.size, len(result.faces)) for result in results]


def bad_result(subject: PipelineSubject) -> Iterator[str]:
    """Faces are frozen records of numpy values that become JSON, and embeddings carry their space."""
    for count in (1, 2):
        result = subject.given(count, batch_size=1)
        if len(result.faces) != count:
            yield f"{count} own boxes give {len(result.faces)} faces; annotate() says something of every face of its batch."
            return
    for face, box in zip(result.faces, BOX, strict=True):
        if not isinstance(face, Face) or face.box is None or not np.allclose(face.box, box):
            yield f"the face of the box {box.tolist()} is {face!r:.80}."
    json.loads(result.to_json())
    spaces = {v.space_id for c in subject.pipe.slots.values() if isinstance(c, Encoder) for v in c.views.values()}
    for view, embedding in result.faces[0].embeddings.items():
        if embedding.values.dtype != np.float32 or embedding.values.ndim != 1:
            yield f"the embedding {view!r} is {embedding.values.dtype} {embedding.values.shape}; it is float32 (D,)."
        if embedding.space_id not in spaces:
            yield f"the embedding {view!r} is of the space {embedding.space_id}, which no encoder of the pipeline has."
    scores = result.faces[0].emotions
    if scores is not None and abs(sum(scores.probabilities.values()) - 1) > 1e-3:
        yield f"the probabilities of emotions sum to {sum(scores.probabilities.values()):.3g}."


def refuses_cropped_faces(subject: PipelineSubject) -> Iterator[str]:
    """``cropped=True`` takes pictures that are faces already: one each, without a box."""
    pipe = subject.faces()
    if all(component.contract is None for component in pipe.slots.values()):
        raise NotApplicable("nothing in it looks at a cropped face")
    for result in pipe(subject.pictures, cropped=True):
        if len(result.faces) != 1 or result.faces[0].box is not None:
            yield f"a cropped face of {result.size} gives {len(result.faces)} faces; it is one, with box None."


def stumbles_over_bad_pictures(subject: PipelineSubject) -> Iterator[str]:
    """A picture that cannot be read raises, or with on_error="record" is told in its result while the others go on."""
    pipe = subject.faces()
    good = subject.pictures[0]
    results = pipe([good, b"no picture", good], on_error="record")
    if len(results) != 3 or [r.error is None for r in results] != [True, False, True]:
        yield f'with on_error="record" three pictures, the second unreadable, give errors {[r.error for r in results]}.'
    try:
        pipe([good, b"no picture"])
    except InputError:
        return
    except Exception as error:  # a stranger's code
        yield f"an unreadable picture raises {told(error)}, not an InputError."
    else:
        yield "an unreadable picture passes without a word."


def faces_in_a_blank_picture(subject: PipelineSubject) -> Iterator[str]:
    """A picture without a face is no error, and its result has no faces."""
    if any(component.provenance is None for component in subject.faces().slots.values()):
        subject.faces()(blank(), min_score=1.0)
        return
    if found := subject.faces()(blank()).faces:
        yield f"{len(found)} faces in a grey picture."


def reads_ahead(subject: PipelineSubject) -> Iterator[str]:
    """``stream`` takes pictures as it needs them and gives what a call gives."""
    pipe = subject.faces()
    taken = itertools.count()
    endless = (subject.pictures[next(taken) % len(subject.pictures)] for _ in itertools.repeat(None))
    first = next(iter(pipe.stream(endless, batch_size=2)))
    used = next(taken)
    if used > 4:
        yield f"with batch_size=2 the first result of stream() comes after {used} pictures; memory would not be constant."
    if not isinstance(first, ImageResult):
        yield f"stream() gives {type(first).__name__}, not ImageResult."
    if len(list(pipe.stream(iter(subject.pictures)))) != len(subject.pictures):
        yield "stream() gives another number of results than there are pictures."


def accepts_any_option(subject: PipelineSubject) -> Iterator[str]:
    """An option that does not exist is refused with an InputError that names those there are."""
    arguments = subject.pictures[: subject.inputs]
    try:
        subject.pipe(*arguments, bach_size=1)  # pyright: ignore[reportCallIssue]
    except (InputError, TypeError):
        return
    except FacezooError as error:
        yield f"the misspelt option bach_size raises {told(error)}; an InputError says which there are."
    else:
        yield "the misspelt option bach_size passes without a word."


def pair_does_not_run(subject: PipelineSubject) -> Iterator[str]:
    """A pipeline on pairs or triplets gives a record of its own; a picture without a face is an InputError that says so."""
    if subject.inputs < 2:
        raise NotApplicable("it takes single pictures")
    call: Any = subject.pipe
    faces = (patterns(subject.inputs, 96, 96).permute(0, 2, 3, 1).numpy() * 255).astype(np.uint8)
    result = call(*faces, cropped=True)
    if not isinstance(result, PlainRecord) or not dataclasses.is_dataclass(result):
        yield f"{subject.inputs} cropped faces give {type(result).__name__}; results are frozen records (facezoo.results)."
    else:
        json.loads(result.to_json())
    if any(component.provenance is None for component in subject.pipe.slots.values()):
        return
    try:
        call(*(blank() for _ in faces))
    except InputError:
        return
    yield f"{subject.inputs} grey pictures give an answer; an InputError says that there is no face."


def finds_no_face(subject: PipelineSubject) -> Iterator[str]:
    """It finds the faces that the caller says are there."""
    if not subject.with_faces:
        raise NotApplicable("no pictures with faces were given")
    for index, result in enumerate(subject.faces()(subject.with_faces)):
        if not result.faces:
            yield f"no face in picture {index}."


def _near(a: Face, b: Face) -> bool:
    arrays = [(a.embeddings[view].values, b.embeddings[view].values) for view in a.embeddings if view in b.embeddings]
    if a.box is not None and b.box is not None:
        arrays.append((a.box / 100, b.box / 100))
    return set(a.embeddings) == set(b.embeddings) and all(np.allclose(x, y, atol=1e-3) for x, y in arrays)


CHECKS: dict[str, Check[PipelineSubject]] = {
    "wrong-spec": wrong_spec,
    "bad-report": bad_report,
    "takes-any-component": takes_any_component,
    "does-not-run": does_not_run,
    "pair-does-not-run": pair_does_not_run,
    "finds-no-face": finds_no_face,
    "loses-order": loses_order,
    "bad-result": bad_result,
    "refuses-cropped-faces": refuses_cropped_faces,
    "stumbles-over-bad-pictures": stumbles_over_bad_pictures,
    "faces-in-a-blank-picture": faces_in_a_blank_picture,
    "reads-ahead": reads_ahead,
    "accepts-any-option": accepts_any_option,
}


def check_pipeline(
    pipe: Pipeline | str, *, pictures: Sequence[Any] = (), leave_out: Collection[str] = (), **slots: Any
) -> Conformance:
    """Tries a pipeline: types, order, cropped faces, bad and empty pictures, streaming.

    Args:
        pipe: an instance, or a name as ``facezoo.pipeline`` takes it.
        pictures: anything a pipeline reads, each with at least one face that it must find.
        leave_out: names of faults not to look for. Say why beside it.
        **slots: with a name: components or ids in place of the defaults.

    Returns:
        What was checked, and what could not be.

    Raises:
        ConformanceError: lists every fault, as names and explanations.
        InputError: no pipeline, or ``leave_out`` names no check.
    """
    made = pipeline(pipe, device="cpu", **slots) if isinstance(pipe, str) else pipe
    if not isinstance(made, Pipeline):
        raise InputError(f"check_pipeline() takes a Pipeline or its name, not {type(made).__name__}.")
    decisive = ("wrong-spec", "does-not-run", "pair-does-not-run")
    return examine(made.spec.name, PipelineSubject(made, pictures), CHECKS, decisive=decisive, leave_out=leave_out)
