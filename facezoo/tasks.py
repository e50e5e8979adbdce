"""The tasks that belong to no plugin: each says what to compute for a batch of faces."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from facezoo.batches import FaceBatch
from facezoo.catalogue import list_models
from facezoo.components import Classifier, Component, Encoder, Head, Manipulator, describe
from facezoo.errors import IncompatibleError, InputError
from facezoo.labels import SEVEN_EMOTIONS
from facezoo.pipelines import DetectingPipeline, FacePipeline, view_of
from facezoo.registry import load_registry
from facezoo.results import Embedding, Face, ImageResult, Pose, Scores, Triplet, Verification
from facezoo.specs import PipelineSpec

PAIRS = ("first-second", "first-third", "second-third")
STATED_BY = {"facezoo": "facezoo's own measurement", "paper": "its paper", "release": "its release"}
TIE = 1e-5  # of the longest vector: distances that differ by less differ by rounding


class FaceDetection(FacePipeline):
    """Boxes, scores and landmarks."""

    def annotate(self, batch: FaceBatch) -> list[dict[str, Any]]:
        return [{} for _ in range(batch.count)]


class _Embedding(FacePipeline):
    role: str

    def prepare(self) -> None:
        self.view = view_of(self.encoder, self.role, self.spec.name)

    def annotate(self, batch: FaceBatch) -> list[dict[str, Any]]:
        encoder: Encoder = self.encoder
        values = encoder.encode(batch.faces_for(encoder), self.view).cpu().numpy()
        space, model = encoder.views[self.view].space_id, describe(encoder)
        return [{"embeddings": {self.view: Embedding(row.copy(), space, self.view, model)}} for row in values]


class IdentityEmbedding(_Embedding):
    """A vector per face that tells who it is."""

    role = "identity"


class ExpressionEmbedding(_Embedding):
    """A vector per face that tells its expression."""

    role = "expression"


class FaceVerification(IdentityEmbedding):
    """Do two pictures show the same person? ``pipe(a, b) -> Verification``; the largest face of each counts.

    The threshold is the one measured for the encoder, with its false-accept rate, as its registry entry states;
    without one only the similarity is given and ``same`` is None.
    """

    @classmethod
    def check_slot(cls, spec: PipelineSpec, slot: str, component: Component) -> None:
        super().check_slot(spec, slot, component)
        if not isinstance(component, Encoder):
            return
        view = view_of(component, cls.role, spec.name)
        if not component.view_table()[view].comparable:
            raise IncompatibleError(
                f"The view {view} of {describe(component)} is a part of its other views and was not made to tell "
                f"people apart: its cosines are all nearly alike, and no threshold for them was measured, so {spec.name} gives "
                "none. "
                f"{_made_for(spec)}"
            )

    def prepare(self) -> None:
        super().prepare()
        self.threshold, self.false_accept_rate = measured_threshold(self.encoder)

    def __call__(self, x: Any, other: Any = None, **options: Any) -> Any:
        """Compares two pictures.

        Raises:
            InputError: only one picture, a picture that cannot be read, or one without a face.
        """
        if other is None:
            raise InputError("face-verification takes 2 inputs, two pictures that it compares: pipe(a, b), ONE.jpg TWO.jpg.")
        if not options.get("cropped"):
            options.setdefault("largest", True)
        results = super().__call__([x, other], **options)
        first, second = (only_face(result) for result in results)
        similarity = cosine(first.embeddings[self.view].values, second.embeddings[self.view].values)
        same = None if self.threshold is None else similarity >= self.threshold
        return Verification(similarity, same, self.threshold, self.false_accept_rate, first, second)


class OddOneOut(DetectingPipeline):
    """Which of three expressions is unlike the other two? ``pipe(a, b, c) -> Triplet``; the largest face of each counts.

    The two pictures whose expression vectors are closest (Euclidean distance, not squared) belong together; the third is
    the odd one. This is what the annotators of FEC were asked, and how triplet accuracy counts an answer as right: both
    distances to the odd one are larger than the one between the other two.
    """

    def prepare(self) -> None:
        self._each = ExpressionEmbedding(self.spec, self.slots)

    def __call__(self, first: Any, second: Any, third: Any, **options: Any) -> Triplet:
        """Compares three pictures.

        Args:
            first: path, bytes, ``PIL.Image``, (H, W, 3) uint8 array or (3, H, W) tensor.
            second: another.
            third: another.
            **options: as ``Options``, and ``boxes`` and ``landmarks`` as lists of three.

        Raises:
            InputError: a picture that cannot be read, or one without a face; names it.
        """
        results = self._each([first, second, third], **{**options, "largest": True})
        one, two, three = (only_face(result) for result in results)
        a, b, c = (face.embeddings[self._each.view].values for face in (one, two, three))
        distances = {pair: float(np.linalg.norm(x - y)) for pair, (x, y) in zip(PAIRS, ((a, b), (a, c), (b, c)), strict=True)}
        exact = TIE * max(float(np.linalg.norm(vector)) for vector in (a, b, c))
        sources = tuple(result.source for result in results)
        return Triplet(odd_of(tuple(distances.values()), exact), distances, sources, (one, two, three))  # pyright: ignore[reportArgumentType]


def odd_of(distances: tuple[float, ...], tolerance: float = 0.0) -> int | None:
    """Who is not in the closest pair.

    Args:
        distances: between first and second, first and third, second and third.
        tolerance: differences up to this one are none.

    Returns:
        0, 1 or 2; None where two pairs are equally close, or a distance is no number.
    """
    order = np.argsort(distances)
    if not np.isfinite(distances).all() or distances[order[1]] - distances[order[0]] <= tolerance:
        return None
    return 2 - int(order[0])


class EmotionRecognition(FacePipeline):
    """Probabilities of seven emotions per face."""

    @classmethod
    def check_slot(cls, spec: PipelineSpec, slot: str, component: Component) -> None:
        super().check_slot(spec, slot, component)
        if slot == "classifier" and (others := set(component.labels or ()) - set(SEVEN_EMOTIONS)):
            raise IncompatibleError(f"{describe(component)} knows {', '.join(sorted(others))}, which {spec.name} does not.")

    def annotate(self, batch: FaceBatch) -> list[dict[str, Any]]:
        classifier: Classifier = self.classifier
        probabilities = classifier(batch.faces_for(classifier)).float().softmax(dim=1).cpu().numpy()
        labels = [str(label) for label in classifier.labels or ()]
        return [{"emotions": Scores(dict(zip(labels, map(float, row), strict=True)))} for row in probabilities]


class HeadPose(FacePipeline):
    """Yaw, pitch and roll in degrees, by a head on an encoder's view."""

    @classmethod
    def check_slot(cls, spec: PipelineSpec, slot: str, component: Component) -> None:
        super().check_slot(spec, slot, component)
        if slot == "head" and (tuple(component.labels or ()) != ("yaw", "pitch", "roll") or component.units != "degrees"):
            given = ", ".join(component.labels or ("values without names",))
            given += f" in {component.units}" if component.units else ""
            raise IncompatibleError(f"{describe(component)} gives {given}, not yaw, pitch, roll in degrees.")

    def prepare(self) -> None:
        fits(self.head, self.encoder)

    def annotate(self, batch: FaceBatch) -> list[dict[str, Any]]:
        encoder: Encoder = self.encoder
        code = encoder.encode(batch.faces_for(encoder), self.head.requires.view)
        with torch.inference_mode():
            values = self.head(code).float().cpu().numpy()
        return [{"pose": Pose(*map(float, row))} for row in values]


def only_face(result: ImageResult) -> Face:
    """The first face of a result. Raises InputError where there is none."""
    if result.error is not None:
        raise InputError(result.error)
    if not result.faces:
        raise InputError(
            f"No face was found in {result.source}; try another detector (detector=…, on the command line "
            "--detector ID), or let fainter faces count (min_score=0.3, --min-score 0.3)."
        )
    return result.faces[0]


def fits(component: Head | Manipulator, encoder: Encoder) -> None:
    """Raises IncompatibleError unless a head or manipulator was trained on this very space; names the encoder that fits."""
    wanted = component.requires
    if wanted is None:
        raise IncompatibleError(f"{describe(component)} does not say on which encoder it was trained.")
    view = encoder.views.get(wanted.view)
    if view is None or view.space_id != wanted.space_id:
        given = view.space_id if view else "no such view"
        raise IncompatibleError(
            f"{describe(component)} was trained on {wanted.encoder}, view {wanted.view} (space {wanted.space_id}); "
            f"{describe(encoder)} gives {given}. "
            f"Use that encoder: encoder={wanted.encoder!r}, on the command line --encoder {wanted.encoder}."
        )


def _made_for(spec: PipelineSpec) -> str:
    """The registered encoders of a task, as a next step; the highest stated accuracy first, those without one last."""
    stated = {row.id: _accuracy(row.id, spec.name) for row in list_models(task=spec.name)}
    names = sorted(stated, key=lambda name: -stated[name][0])
    listed = [f"{name} ({stated[name][1]})" if stated[name][1] else name for name in names]
    if not listed:
        return "Use an encoder made for it."
    return (
        f"Use an encoder made for it, with the accuracy that is stated (on data of different difficulty): {', '.join(listed)}."
    )


def _accuracy(name: str, task: str) -> tuple[float, str]:
    """The highest accuracy in percent that the registry has of a model at a task, and in words whose it is; else 0 and ""."""
    metrics = [m for m in load_registry().model(name).metrics if m.task == task and m.metric == "accuracy (%)"]
    best = max(metrics, key=lambda metric: metric.value, default=None)
    if best is None:
        return 0.0, ""
    return best.value, f"{best.value:g} % on {best.dataset}, by {STATED_BY[best.measured_by]}"


def measured_threshold(encoder: Encoder) -> tuple[float | None, float | None]:
    """Similarity threshold and false-accept rate that the encoder's registry entry states as measured, or two Nones."""
    if encoder.provenance is None:
        return None, None
    for entry in load_registry().models:
        if encoder.provenance.id in (entry.id, f"{entry.plugin}:{entry.id}"):
            for metric in entry.metrics:
                if metric.task == "face-verification" and metric.metric == "false_accept_rate" and metric.threshold is not None:
                    return metric.threshold, metric.value
    return None, None


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of two vectors, in [-1, 1]; 0 if one is zero."""
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.clip(float(np.dot(a, b)) / scale, -1.0, 1.0)) if scale else 0.0
