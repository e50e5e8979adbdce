"""Persons and shots as batches of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor

from facezoo_synthetic.people import Person
from facezoo_synthetic.shots import Shot


class Stack:
    """B persons or shots, a tensor per attribute: ``stack.skin`` is (B, 3) float32, ``stack.style`` (B,) int64.

    Args:
        records: B of one kind.
        device: of the tensors.
    """

    def __init__(self, records: Sequence[Person] | Sequence[Shot], device: torch.device | str = "cpu") -> None:
        self._tensors: dict[str, Tensor] = {}
        for field in fields(records[0]):
            values = np.stack([np.asarray(getattr(record, field.name)) for record in records])
            dtype = torch.long if values.dtype.kind == "i" else torch.float32
            self._tensors[field.name] = torch.tensor(values, dtype=dtype, device=device)

    def __getattr__(self, name: str) -> Tensor:
        try:
            return self.__dict__["_tensors"][name]
        except KeyError:
            raise AttributeError(name) from None

    def over_points(self, name: str) -> Tensor:
        """(B, 1, C), or (B, 1, 1) of one number, to go with points (B, N, C)."""
        values = self._tensors[name]
        return values[:, None] if values.ndim == 2 else values[:, None, None]
