"""The task that any head can do: what it says of every face, with the names and units that its weights carry."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from facezoo.plugin import SEVEN_EMOTIONS, Encoder, FaceBatch, FacePipeline, Head, Pose, Quantity, Scores, fits


class LinearProbing(FacePipeline):
    """Per face what a head says of the encoder's view that it was fitted on.

    Logits become probabilities: ``face.emotions`` where the classes are emotions, else ``face.scores[name]``, by the
    name in the head's configuration. Values become ``face.values[name]`` with units; yaw, pitch and roll in degrees
    ``face.pose``.
    """

    def prepare(self) -> None:
        fits(self.head, self.encoder)

    def annotate(self, batch: FaceBatch) -> list[dict[str, Any]]:
        head: Head = self.head
        encoder: Encoder = self.encoder
        given = head(encoder.encode(batch.faces_for(encoder), head.requires.view if head.requires else None)).float()
        names = [str(label) for label in head.labels or [f"value-{i}" for i in range(given.shape[1])]]
        if head.output == "values":
            return [_values(dict(zip(names, row, strict=True)), head.units or "") for row in given.tolist()]
        name = getattr(head.config, "name", "label")
        return [_scores(name, dict(zip(names, row, strict=True))) for row in given.softmax(dim=1).tolist()]


def _scores(name: str, probabilities: dict[str, float]) -> dict[str, Any]:
    if set(probabilities) <= set(SEVEN_EMOTIONS):
        return {"emotions": Scores(probabilities)}
    return {"scores": {name: Scores(probabilities)}}


def _values(numbers: dict[str, float], units: str) -> dict[str, Any]:
    if list(numbers) == [angle.name for angle in fields(Pose)] and units == "degrees":
        return {"pose": Pose(**numbers)}
    return {"values": {name: Quantity(value, units) for name, value in numbers.items()}}
