"""The expression manipulator: the same person with the expression that an embedding describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor

from facezoo.plugin import IncompatibleError, InputContract, InputError, Manipulator
from facezoo_pix2pixhd.config import ExpressionManipulatorConfig
from facezoo_pix2pixhd.generator import GlobalGenerator, LocalEnhancer, initialise
from facezoo_pix2pixhd.model import HEAD_CROP, SIGNED

SPREAD = 3.0  # deviations from a picture's mean that new colours reach, with ``output: blend``


@dataclass(frozen=True, slots=True)
class Edit:
    """What a manipulator made of B faces, all float32 RGB in [0, 1].

    Attributes:
        faces: (B, 3, S, S), the result.
        mask: (B, 1, S, S), how much of each pixel is new; None where all of it is.
        colour: (B, 3, S, S), what is new: result = mask * colour + (1 - mask) * input.
    """

    faces: Tensor
    mask: Tensor | None
    colour: Tensor


class ExpressionManipulator(Manipulator):
    """pix2pixHD's generator, driven by an expression embedding.

    Faces at the door: (B, 3, H, W) float RGB in [0, 1], cut out as the contract says. Which encoder and view give the
    embeddings stands in ``requires``; those of another space mean nothing here, and pipelines refuse them.

    How the embedding enters is our reading: the supplement says that the network is pix2pixHD and that it was trained with
    pairs of one identity, not how an embedding drives it.

    Source: Zhang, Ji, Chen, Ding, Fan, CVPR 2021, doi 10.1109/CVPR46437.2021.00669, supplementary material, "Face
    manipulation"; the network: Wang et al., CVPR 2018, arXiv 1711.11585. The mask of ``output: blend`` is an idea of
    Pumarola et al., "GANimation", ECCV 2018, arXiv 1807.09251.
    """

    verbs = ("manipulate",)

    def __init__(self, config: ExpressionManipulatorConfig) -> None:
        super().__init__(config)
        self.config: ExpressionManipulatorConfig
        c = config
        outputs = 4 if c.output == "blend" else 3
        self.network: GlobalGenerator | LocalEnhancer
        if c.enhancers:
            self.network = LocalEnhancer(
                3, outputs, c.width, c.downs, c.blocks, c.enhancers, c.local_blocks, c.expression_dim, c.condition
            )
        else:
            self.network = GlobalGenerator(3, outputs, c.width, c.downs, c.blocks, c.expression_dim, c.condition)
        self.labels = tuple(c.emotions)
        self.emotion_means: Tensor
        self.register_buffer("emotion_means", torch.zeros(len(c.emotions), c.expression_dim))
        # embeddings of faces lie close together on their sphere; the network is shown how they differ from the usual one
        self.expression_mean: Tensor
        self.expression_deviation: Tensor
        self.register_buffer("expression_mean", torch.zeros(c.expression_dim))
        self.register_buffer("expression_deviation", torch.ones(c.expression_dim))

    @classmethod
    def default_contract(cls, config: Any) -> InputContract:
        side = config.image_size
        return InputContract(crop=HEAD_CROP, size=(side, side), mean=SIGNED, std=SIGNED)

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draws pix2pixHD's initial weights."""
        initialise(self.network, generator)
        if self.config.output == "blend":
            # open at first: a mask that closes before there is anything worth showing hardly learns to open again
            with torch.no_grad():
                self.network.get_parameter("head.1.bias")[3:] = 1.0

    def draw(self, prepared: Tensor, expression: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """The network's answer in its own units, for training.

        Args:
            prepared: (B, 3, S, S) in [-1, 1].
            expression: (B, dim).

        Returns:
            Result and new colours (B, 3, S, S), in [-1, 1] but for what ``restore`` clamps, and the mask (B, 1, S, S) in
            [0, 1] or None.
        """
        code = (expression.float() - self.expression_mean.float()) / self.expression_deviation.float()
        made = self.network(prepared, code.to(prepared.dtype))
        if self.config.output == "image":
            return made, made, None
        # instance norms take a picture's own brightness, contrast and tint away; they are given back here
        deviation, mean = torch.std_mean(prepared, dim=(2, 3), keepdim=True)
        colour, mask = mean + SPREAD * deviation * made[:, :3], (made[:, 3:] + 1) / 2
        return mask * colour + (1 - mask) * prepared, colour, mask

    def manipulate(self, faces: Tensor, expression: Tensor) -> Tensor:
        """The people in ``faces`` with other expressions.

        Args:
            faces: (B, 3, H, W) float RGB in [0, 1].
            expression: (D, dim) float embeddings of the view in ``requires``: as many as faces, or one for all; one face
                takes any number of expressions.

        Returns:
            (max(B, D), 3, S, S) float32 RGB in [0, 1] at the contract's size.

        Raises:
            InputError: faces or embeddings of another shape, dtype or range, or a number of embeddings that does not fit.
        """
        return self.edit(faces, expression).faces

    def edit(self, faces: Tensor, expression: Tensor) -> Edit:
        """As ``manipulate``, with the mask: what a pipeline needs to put a face back into its photograph."""
        prepared, code = self.prepare(faces), self._checked(expression)
        if not len(prepared) or not len(code):
            nobody = prepared[:0].float()
            return Edit(nobody, nobody[:, :1] if self.config.output == "blend" else None, nobody)
        count = max(len(prepared), len(code))
        if {len(prepared), len(code)} - {1, count}:
            raise InputError(f"{len(prepared)} faces take one expression or {len(prepared)}, not {len(code)}.")
        made, colour, mask = self.draw(prepared.expand(count, -1, -1, -1), code.expand(count, -1))
        return Edit(self.restore(made), None if mask is None else mask.float().clamp(0, 1), self.restore(colour))

    def expression_of(self, emotion: str, intensity: float = 1.0) -> Tensor:
        """The embedding of an emotion.

        Args:
            emotion: one of ``labels``.
            intensity: 0 is the mean embedding of neutral faces, 1 that of the emotion's; between and beyond on the line
                through both.

        Returns:
            (dim,) float32.

        Raises:
            InputError: no such emotion, or an intensity that is no finite number.
            IncompatibleError: weights without mean embeddings.
        """
        labels = self.labels or ()
        if emotion not in labels:
            near = get_close_matches(emotion, labels, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise InputError(f"There is no emotion {emotion!r}; this model knows {', '.join(labels)}.{hint}")
        if not bool(self.emotion_means.any()):
            raise IncompatibleError("These weights carry no emotions' mean embeddings; give a face or an embedding as target.")
        if not torch.isfinite(torch.tensor(float(intensity))):
            raise InputError(f"An intensity is a number, usually from 0 to 1, not {intensity}.")
        neutral, wanted = (self.emotion_means[labels.index(name)].float() for name in (labels[0], emotion))
        return neutral + float(intensity) * (wanted - neutral)

    def golden_inputs(self) -> dict[str, Tensor]:
        inputs = super().golden_inputs()
        count = len(inputs["faces"])
        wave = torch.arange(count * self.config.expression_dim, dtype=torch.float32).view(count, -1)
        return {**inputs, "expression": torch.sin(wave) / self.config.expression_dim**0.5}

    def golden_outputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"manipulate": self.manipulate(inputs["faces"], inputs["expression"])}

    def _checked(self, expression: Tensor) -> Tensor:
        dim = self.config.expression_dim
        if not isinstance(expression, Tensor) or expression.ndim != 2 or expression.shape[1] != dim:
            given = tuple(expression.shape) if isinstance(expression, Tensor) else type(expression).__name__
            raise InputError(f"Expressions are a tensor (B, {dim}), one embedding per face, not {given}.")
        if not expression.is_floating_point() or not bool(torch.isfinite(expression).all()):
            raise InputError("Expression embeddings are finite floating-point values.")
        return expression.to(self.device, torch.float32)
