"""Which faces of a folder have an expression like this one?

    index.py      the vectors of a folder's faces in a Parquet file
    ranking.py    the pipeline: exact search, portion by portion

Expressions only. What tells who a person is (a view of the role ``identity``) is refused here: facezoo does not build
databases for searching people by their faces.
"""

from __future__ import annotations

from facezoo.retrieval.index import Changes, ExpressionIndex, Stamp
from facezoo.retrieval.ranking import ExpressionRetrieval

__all__ = ["Changes", "ExpressionIndex", "ExpressionRetrieval", "Stamp"]
