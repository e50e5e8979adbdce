"""The pix2pixhd component: a picture from a picture, or from label maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from facezoo.plugin import IncompatibleError, InputContract, Manipulator, SquareCrop, patterns
from facezoo_pix2pixhd.config import Pix2PixHDConfig
from facezoo_pix2pixhd.generator import GlobalGenerator, LocalEnhancer

HEAD_CROP = SquareCrop(scale=2.5, shift=(0.0, -0.02))  # the whole head's front; the release is not about faces
SIGNED = (0.5, 0.5, 0.5)  # mean and deviation that take [0, 1] to [-1, 1]


class Pix2PixHD(Manipulator):
    """pix2pixHD's generator, global or with local enhancers.

    ``network(x)`` maps [-1, 1] to [-1, 1] at any size and for any number of channels. Weights with three channels in and
    three out also translate faces, and have a contract for them: (B, 3, H, W) float RGB in [0, 1]. Others, made for label
    maps, take no faces; they have no contract and no verb.

    Source: Wang, Liu, Zhu, Tao, Kautz, Catanzaro, CVPR 2018, arXiv 1711.11585; agrees with NVIDIA/pix2pixHD @14b3b3c (BSD).
    """

    verbs = ("translate",)

    def __init__(self, config: Pix2PixHDConfig) -> None:
        super().__init__(config)
        self.config: Pix2PixHDConfig
        c = config
        self.network: GlobalGenerator | LocalEnhancer
        if c.enhancers:
            self.network = LocalEnhancer(c.inputs, c.outputs, c.width, c.downs, c.blocks, c.enhancers, c.local_blocks)
        else:
            self.network = GlobalGenerator(c.inputs, c.outputs, c.width, c.downs, c.blocks)
        if not takes_faces(c):
            self.verbs = ()

    @classmethod
    def default_contract(cls, config: Any) -> InputContract | None:
        if not takes_faces(config):
            return None
        return InputContract(crop=HEAD_CROP, size=(config.image_size, config.image_size), mean=SIGNED, std=SIGNED)

    def translate(self, faces: Tensor) -> Tensor:
        """What the network was trained to make of faces.

        Args:
            faces: (B, 3, H, W) float RGB in [0, 1].

        Returns:
            (B, 3, S, S) float32 RGB in [0, 1] at the contract's size.

        Raises:
            InputError: faces of another shape, dtype or range.
            IncompatibleError: the weights are for other maps than RGB pictures.
        """
        c = self.config
        if not takes_faces(c):
            raise IncompatibleError(
                f"These weights make {c.outputs} channels from {c.inputs} (label maps, for example), not RGB from RGB, so they "
                f"have nothing to do with a face. Call `component.network(maps)` with (B, {c.inputs}, H, W) in [-1, 1]."
            )
        return self.restore(self.network(self.prepare(faces)))

    def golden_inputs(self) -> dict[str, Tensor]:
        """One face at the contract's size; for other weights one stack of maps, in [0, 1], eight pixels at the coarsest."""
        c = self.config
        if takes_faces(c):
            return {"faces": patterns(1, c.image_size, c.image_size)}
        side = 8 * self.network.multiple
        return {"maps": patterns(-(-c.inputs // 3), side, side).flatten(0, 1)[None, : c.inputs]}

    def golden_outputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if takes_faces(self.config):
            return super().golden_outputs(inputs)
        return {"network": self.network(inputs["maps"].to(self.device, self.dtype)).float()}


def takes_faces(config: Pix2PixHDConfig) -> bool:
    """Whether it makes RGB pictures from RGB pictures."""
    return config.inputs == config.outputs == 3
