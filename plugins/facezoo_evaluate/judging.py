"""Who is shown, and with which expression, by an encoder that sees faces as another component cut them."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from facezoo.plugin import Encoder, IncompatibleError, InputContract, SquareCrop, cut, to_uint8


class Recut:
    """From the crops of one contract to those of another, of the same faces.

    Args:
        wanted: the contract of who is to see them.
        shown: the contract that they were cut by.

    Raises:
        IncompatibleError: that cannot be made from those.
    """

    def __init__(self, wanted: InputContract, shown: InputContract) -> None:
        self.size, self.place = wanted.size, None
        if wanted.crop != shown.crop:
            if not (isinstance(wanted.crop, SquareCrop) and isinstance(shown.crop, SquareCrop)):
                raise IncompatibleError("The judge's crop cannot be made from the model's: both must be squares; name another.")
            self.place = square_in_square(wanted.crop, shown.crop)

    def __call__(self, faces: Tensor) -> Tensor:
        """(B, 3, H, W) float RGB in [0, 1] -> (B, 3, h, w); as they are where the geometry is the same."""
        if self.place is None:
            return faces
        height, width = faces.shape[-2:]
        places = np.repeat((self.place * np.array([[width], [height]]))[None], len(faces), axis=0)
        return cut(list(to_uint8(faces)), range(len(faces)), places, self.size)


class Judge:
    """An encoder before faces that were cut out for another component, or made by it.

    Args:
        encoder: judges by its first view of the role.
        shown: the other component's contract.
        role: "identity" or "expression".

    Attributes:
        view: the encoder's view that judges.

    Raises:
        IncompatibleError: it has no such view, or takes crops that cannot be made from those.
    """

    def __init__(self, encoder: Encoder, shown: InputContract, role: str = "identity") -> None:
        views = [name for name, view in encoder.view_table().items() if role in (name, view.role)]
        if not views or encoder.contract is None:
            raise IncompatibleError(f"{type(encoder).__name__} has no view about {role}, so it cannot judge it.")
        self.encoder, self.view, self.recut = encoder, views[0], Recut(encoder.contract, shown)

    def __call__(self, faces: Tensor) -> np.ndarray:
        """(B, 3, S, S) float RGB in [0, 1] -> (B, D) float32."""
        return self.encoder.encode(self.recut(faces), self.view).cpu().numpy()


def square_in_square(wanted: SquareCrop, given: SquareCrop) -> np.ndarray:
    """(2, 3): coordinates of one square crop of a face, in [0, 1], to those of another of the same face."""
    ratio = wanted.scale / given.scale
    corner = 0.5 - np.array(given.shift) + ratio * (np.array(wanted.shift) - 0.5)
    return np.array([[ratio, 0.0, corner[0]], [0.0, ratio, corner[1]]])
