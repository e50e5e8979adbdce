"""A chunk's labels as a Parquet file, a row per picture.

Columns: ``file`` (relative to the set), ``person`` and ``frame`` (int32), ``emotion``, the numbers of ``NUMBERS`` (float32)
and the lists of ``LISTS`` (float32). Points are x y x y …; the schema's metadata has ``expression_names`` as JSON. Labels of
a packed set also say where a picture's bytes are in its shard: ``start`` and ``length`` (int64).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facezoo.plugin import InputError
from facezoo_synthetic.action_units import ACTION_UNITS

NUMBERS = ("intensity", "yaw", "pitch", "roll", "gaze_right", "gaze_up", *ACTION_UNITS)
"""Degrees, and intensities from 0 to 1."""
LISTS = ("identity", "expression", "landmarks", "five")
"""Shape coefficients (100), weights of the expression shapes (57), 68 and five landmarks in pixels."""
PACKED = ("start", "length")

Row = Mapping[str, Any]


def write_labels(path: Path, rows: Sequence[Row], expression_names: Sequence[str]) -> None:
    """Writes a chunk's labels at once: either the whole file is there, or none.

    Args:
        path: of the file; its folder is made.
        rows: of its pictures, by the names of the columns.
        expression_names: of the expression shapes, in the order of their weights.
    """
    pyarrow = arrow()
    kinds = {"file": pyarrow.string(), "person": pyarrow.int32(), "frame": pyarrow.int32(), "emotion": pyarrow.string()}
    kinds |= dict.fromkeys(NUMBERS, pyarrow.float32()) | dict.fromkeys(LISTS, pyarrow.list_(pyarrow.float32()))
    kinds |= dict.fromkeys([name for name in PACKED if name in rows[0]], pyarrow.int64())
    schema = pyarrow.schema(list(kinds.items()), metadata={"expression_names": json.dumps(list(expression_names))})
    table = pyarrow.table({name: [row[name] for row in rows] for name in kinds}, schema=schema)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    pyarrow.parquet.write_table(table, unfinished, compression="zstd")
    os.replace(unfinished, path)


def arrow() -> Any:
    """pyarrow with its Parquet module, which come with the extra `table`. Raises InputError."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            "Labels of synthetic faces are Parquet files; pyarrow reads them: pip install 'facezoo[table]'."
        ) from error
    return pyarrow
