"""An ONNX file by hand: the mean colour of a picture through one linear layer, which shows in which order channels come.

Written field by field as onnx.proto3 numbers them, for the package onnx is not needed for anything else here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FLOAT = 1  # TensorProto.DataType


def linear_on_colour(path: Path, weight: np.ndarray, side: int = 112) -> Path:
    """Writes (1, 3, side, side) -> global average -> @ weight (3, K)."""
    classes = weight.shape[1]
    nodes = [
        _node("GlobalAveragePool", ["data"], "pooled"),
        _node("Flatten", ["pooled"], "colour"),
        _node("Gemm", ["colour", "weight", "bias"], "label"),
    ]
    tensors = [_tensor("weight", weight), _tensor("bias", np.zeros(classes))]
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"tiny") + b"".join(_field(5, t) for t in tensors)
    graph += _field(11, _value("data", (1, 3, side, side))) + _field(12, _value("label", (1, classes)))
    path.write_bytes(_field(1, 7) + _field(7, graph) + _field(8, _field(1, b"") + _field(2, 11)))
    return path


def _field(number: int, value: bytes | int) -> bytes:
    """One protobuf field: a number as varint, bytes with their length before them."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _node(kind: str, inputs: list[str], output: str) -> bytes:
    named = b"".join(_field(1, name.encode()) for name in inputs)
    return named + _field(2, output.encode()) + _field(3, output.encode()) + _field(4, kind.encode())


def _tensor(name: str, values: np.ndarray) -> bytes:
    dims = b"".join(_field(1, size) for size in values.shape)
    return dims + _field(2, FLOAT) + _field(8, name.encode()) + _field(9, values.astype("<f4").tobytes())


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(_field(1, _field(1, size)) for size in shape)
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, FLOAT) + _field(2, dims)))
