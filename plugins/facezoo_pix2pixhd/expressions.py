"""From what a user names to the expression embedding that a face is to show."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facezoo.plugin import (
    Cut,
    DetectingPipeline,
    Embedding,
    Emotion,
    IncompatibleError,
    InputError,
    Options,
    Shot,
    emotion_of,
    name_of,
    read,
    to_uint8,
)


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression to be shown.

    Attributes:
        code: (dim,) float32 of the space that the manipulator was trained on, on the CPU.
        face: the face that it was read off, (H, W, 3) uint8 RGB; None for a word or an embedding.
    """

    code: Tensor
    face: np.ndarray | None = None


def check_no_intensity(intensity: float) -> None:
    """Raises InputError for an intensity of something else than an emotion."""
    if intensity != 1.0:
        raise InputError("An intensity goes with an emotion; of other expressions, steps lead from one to another.")


class Expressions:
    """Reads expressions off pictures, words and embeddings, for one pipeline.

    Args:
        pipe: with slots encoder and manipulator that fit each other.
    """

    def __init__(self, pipe: DetectingPipeline) -> None:
        self._pipe = pipe
        self._encoder: Any = pipe.slots["encoder"]
        self._manipulator: Any = pipe.slots["manipulator"]
        self._wanted: Any = self._manipulator.requires

    def of(self, given: Any, options: Options, intensity: float = 1.0) -> Expression:
        """The expression that something stands for.

        Args:
            given: a picture, whose largest face counts; a word for an emotion, or with an intensity "happiness:0.5"; an
                ``Embedding``; or an ``Expression``, which stays as it is.
            options: how faces are found.
            intensity: of an emotion: 0 is neutral, 1 its mean.

        Raises:
            InputError: a picture without a face, no such emotion or picture, or an intensity of something else.
            IncompatibleError: an embedding of another space.
        """
        if isinstance(given, Expression):
            return given
        word, strength = self._word(given, intensity)
        if word is not None:
            return Expression(self._manipulator.expression_of(word, strength).cpu())
        check_no_intensity(intensity)
        if isinstance(given, Embedding):
            return Expression(self._embedded(given))
        largest = dataclasses.replace(options, largest=True)
        cut = self._pipe.cut_faces([Shot(name_of(given), read(given))], largest, self._encoder)[0]
        if cut is None:
            raise InputError(f"No face was found in {name_of(given)}; try another detector or a lower --min-score.")
        return self.read_off([cut])[0]

    def read_off(self, cuts: list[Cut]) -> list[Expression]:
        """Of faces that were cut out as the encoder wants them."""
        if not cuts:
            return []
        faces = torch.stack([cut.face for cut in cuts])
        codes = self._encoder.encode(faces, self._wanted.view).cpu()
        return [Expression(code, shown) for code, shown in zip(codes, to_uint8(faces), strict=True)]

    def _word(self, given: Any, intensity: float) -> tuple[str | None, float]:
        """The model's name of an emotion and an intensity; (None, 0) for anything else. Raises InputError for no file."""
        if not isinstance(given, str):
            return None, 0.0
        labels = tuple(self._manipulator.labels or ())
        name, colon, number = given.partition(":")
        emotion = given if isinstance(given, Emotion) else emotion_of(name)
        if emotion is not None and str(emotion) in labels:
            if not colon:
                return str(emotion), float(intensity)
            try:
                return str(emotion), float(number) * float(intensity)
            except ValueError as error:
                raise InputError(f"After the colon of {given!r} an intensity is expected, as in {name}:0.5.") from error
        if not Path(given).exists() and not Path(given).suffix:
            near = get_close_matches(name, labels, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise InputError(f"{given!r} is no file and no emotion of this model; it knows {', '.join(labels)}.{hint}")
        return None, 0.0

    def _embedded(self, given: Embedding) -> Tensor:
        wanted = self._wanted
        if given.space_id != wanted.space_id:
            raise IncompatibleError(
                f"The embedding is of {given.model}, view {given.view} (space {given.space_id}); the manipulator was trained "
                f"on {wanted.encoder}, view {wanted.view} (space {wanted.space_id}). Compute it with that encoder and view."
            )
        return torch.from_numpy(np.asarray(given.values, np.float32).copy())
