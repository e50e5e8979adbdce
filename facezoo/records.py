"""What results are made of: frozen dataclasses that become plain values, JSON, and one readable line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

FEW = 4  # numbers of an array, or items of a series, that are shown where one is printed


class PlainRecord:
    """Turns a frozen dataclass into plain values."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, as in JSON; pictures are left out."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self) if not f.metadata.get("picture")}  # pyright: ignore[reportArgumentType]

    def to_json(self, indent: int | None = None) -> str:
        """``to_dict`` as JSON text; NaN becomes null."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def __repr__(self) -> str:
        """On a line: arrays by shape and dtype, long series by their beginning; what is None or empty is left out."""
        values = ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))  # pyright: ignore[reportArgumentType]
        given = [(k, v) for k, v in values if v is not None and not (isinstance(v, tuple | Mapping) and not v)]
        return f"{type(self).__name__}({', '.join(f'{name}={_short(value)}' for name, value in given)})"


def _plain(value: Any) -> Any:
    if isinstance(value, PlainRecord):
        return value.to_dict()
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and value != value:
        return None
    return str(value) if isinstance(value, Path) else value


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype}" if value.size > FEW else f"[{', '.join(f'{v:.5g}' for v in value.ravel())}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_short(v)}" for k, v in value.items()) + "}"
    if isinstance(value, tuple):
        more = [f"… {len(value) - FEW} more"] if len(value) > FEW else []
        return f"({', '.join([*(_short(v) for v in value[:FEW]), *more])})"
    return f"{value:.4g}" if isinstance(value, float) else repr(value)
