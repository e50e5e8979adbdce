"""The cycle-face component: two codes, and the faces they make.

A face is taken apart in two steps and put together in reverse order (paper, figure 1):

    face --flow--> neutral face --identity code--> mean face
    face <-inverse flow-- neutral face <-identity code-- mean face

"Expression" is all that differs between a face and its neutral face, head pose included; "identity" is all that
differs between a neutral face and the mean face.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from facezoo.plugin import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Encoder,
    IncompatibleError,
    InputContract,
    InputError,
    Manipulator,
    SquareCrop,
    View,
)
from facezoo_cycle_face.config import CycleFaceConfig
from facezoo_cycle_face.networks import CODE_DIM, CodeEncoder, ExpressionDecoder, FlowDecoder, IdentityDecoder, Trunk, channels


class CycleFace(Encoder, Manipulator):
    """Identity and expression encoders, flow, expression and identity decoders.

    Faces at the door: (B, 3, H, W) float RGB in [0, 1], an upright square from brows to chin.

    Source: Chang, Chen, Chiu, ICCV 2021, arXiv 2108.03427; agrees with JiaRenChang/FaceCycle @14509c9 (no licence file).
    """

    verbs = ("neutralize", "mean_face", "reenact", "reconstruct")

    def __init__(self, config: CycleFaceConfig) -> None:
        super().__init__(config)
        self.config: CycleFaceConfig
        size, width, act = config.image_size, config.width, config.decoder_activation
        released = config.trunk == "vgg19-frozen"
        trunk_width = 1.0 if released else width
        trunk = Trunk(trunk_width)
        self.expression_encoder = CodeEncoder(size, width)
        self.flow_decoder = FlowDecoder(width)
        self.expression_decoder = ExpressionDecoder(trunk, trunk_width, width, act)
        if config.stage == "identity":
            self.identity_encoder = CodeEncoder(size, width)
            self.identity_decoder = IdentityDecoder(Trunk() if released else trunk, trunk_width, width, act)
        else:
            self.verbs = ("neutralize", "reenact", "reconstruct")
        if released:
            decoders = ("expression_decoder", "identity_decoder")[: 2 if config.stage == "identity" else 1]
            self.frozen = tuple(f"{name}.trunk" for name in decoders)

    @classmethod
    def default_contract(cls, config: Any) -> InputContract:
        side = config.image_size
        # hairline to chin; the release does not say how its faces were cut, so this is facezoo's choice for all weights
        crop = SquareCrop(scale=2.6, shift=(0.0, -0.03))
        return InputContract(crop=crop, size=(side, side), mean=IMAGENET_MEAN, std=IMAGENET_STD)

    def view_table(self) -> dict[str, View]:
        """``identity`` and ``expression`` are the codes; ``features`` is the expression encoder's last map, flattened."""
        features = channels(128, self.config.width) * 16
        views = {
            "expression": View(CODE_DIM, "expression", ("expression_encoder",)),
            "features": View(features, "features", ("expression_encoder",)),
        }
        if self.config.stage == "identity":
            return {"identity": View(CODE_DIM, "identity", ("identity_encoder",)), **views}
        return views

    def embed(self, prepared: Tensor, view: str) -> Tensor:
        if view == "identity":
            return self.identity_encoder(prepared)
        if view == "features":
            return self.expression_encoder.forward_features(prepared).flatten(1)
        return self.expression_encoder(prepared)

    def encode_expression(self, faces: Tensor) -> Tensor:
        """(B, 3, H, W) faces -> expression codes (B, 256) float32 in (-1, 1). Raises as ``encode``."""
        return self.encode(faces, "expression")

    def encode_identity(self, faces: Tensor) -> Tensor:
        """(B, 3, H, W) faces -> identity codes (B, 256) float32 in (-1, 1). Raises as ``encode``."""
        return self.encode(faces, "identity")

    def neutralize(self, faces: Tensor) -> Tensor:
        """The same people, frontal and without expression.

        Args:
            faces: (B, 3, H, W) float RGB in [0, 1].

        Returns:
            (B, 3, S, S) float32 RGB in [0, 1] at the contract's size.

        Raises:
            InputError: faces of another shape, dtype or range.
        """
        return self.restore(self._neutral(self.prepare(faces)))

    def mean_face(self, faces: Tensor) -> Tensor:
        """Each face without expression and without identity: what is left is nearly the same face for everybody.

        One picture per face: the training's average over a batch is not taken, so a result never depends on its batch.

        Args:
            faces: (B, 3, H, W) float RGB in [0, 1].

        Returns:
            (B, 3, S, S) float32 RGB in [0, 1].

        Raises:
            InputError: faces of another shape, dtype or range.
            IncompatibleError: a stage-1 model, which has no identity networks.
        """
        self._needs_identity("mean_face")
        x = self.prepare(faces)
        return self.restore(self.identity_decoder(self._neutral(x), self.identity_encoder(x), "remove"))

    def reenact(self, faces: Tensor, driver: Tensor) -> Tensor:
        """The people in ``faces`` with the head pose and expression of ``driver``.

        Args:
            faces: (B, 3, H, W) float RGB in [0, 1].
            driver: (D, 3, H, W) as many faces, or one for all; one face takes any number of drivers.

        Returns:
            (max(B, D), 3, S, S) float32 RGB in [0, 1].

        Raises:
            InputError: another shape, dtype or range, or a number of drivers that does not fit.
        """
        neutral = self._neutral(self.prepare(faces))
        inverse_flow = self.flow_decoder(self.expression_encoder(self.prepare(driver)))[1]
        count = max(len(neutral), len(inverse_flow))
        if {len(neutral), len(inverse_flow)} - {1, count}:
            raise InputError(f"{len(neutral)} faces take one driver or {len(neutral)}, not {len(inverse_flow)}.")
        neutral, inverse_flow = neutral.expand(count, -1, -1, -1), inverse_flow.expand(count, -1, -1, -1)
        return self.restore(self.expression_decoder(neutral, inverse_flow))

    def reconstruct(self, faces: Tensor, level: Literal["identity", "expression"] | None = None) -> Tensor:
        """Takes faces apart and puts them together again: what the codes keep of a face.

        Args:
            faces: (B, 3, H, W) float RGB in [0, 1].
            level: "identity": through both codes (the mean face and back); "expression": through the expression code
                alone. None is "identity" where the model has it.

        Returns:
            (B, 3, S, S) float32 RGB in [0, 1].

        Raises:
            InputError: another shape, dtype or range, or no such level.
            IncompatibleError: level "identity" with a stage-1 model.
        """
        level = level or ("identity" if self.config.stage == "identity" else "expression")
        if level not in ("identity", "expression"):
            raise InputError(f"level is 'identity' or 'expression', not {level!r}.")
        x = self.prepare(faces)
        flow, inverse_flow = self.flow_decoder(self.expression_encoder(x))
        neutral = self.expression_decoder(x, flow)
        if level == "identity":
            self._needs_identity("reconstruct(level='identity')")
            code = self.identity_encoder(x)
            mean = self.identity_decoder(neutral, code, "remove")
            neutral = self.identity_decoder(mean, code, "restore")
        return self.restore(self.expression_decoder(neutral, inverse_flow))

    def _neutral(self, normalised: Tensor) -> Tensor:
        flow, _ = self.flow_decoder(self.expression_encoder(normalised))
        return self.expression_decoder(normalised, flow)

    def _needs_identity(self, what: str) -> None:
        if self.config.stage != "identity":
            raise IncompatibleError(
                f"{what} needs the identity networks, and these are weights of stage 1 (expression) only. "
                "Train `cycle-face-identity` on them, or import a stage-2 file."
            )

    @torch.no_grad()
    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draws the release's initial weights: He (fan out) for the encoders' and the flow's convolutions, N(0, 0.01)
        for linear layers, N(0, 0.05) for the two that give the flow; the decoders keep PyTorch's own."""
        networks = [self.expression_encoder, self.flow_decoder]
        if self.config.stage == "identity":
            networks.append(self.identity_encoder)
        for network in networks:
            for module in network.modules():
                if isinstance(module, torch.nn.Conv2d):
                    fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                    module.weight.normal_(0.0, (2.0 / fan_out) ** 0.5, generator=generator)
                elif isinstance(module, torch.nn.Linear):
                    module.weight.normal_(0.0, 0.01, generator=generator)
                if isinstance(module, torch.nn.Conv2d | torch.nn.Linear) and module.bias is not None:
                    module.bias.zero_()
        for index in (0, 2):
            self.flow_decoder.to_flow[index].weight.normal_(0.0, 0.05, generator=generator)
