"""Readers of published data-set layouts, and of plain folders and tables."""

from __future__ import annotations

from facezoo.plugin import DatasetSpec, hookimpl

FACEZOO_API = 1


@hookimpl
def facezoo_datasets() -> tuple[DatasetSpec, ...]:
    return (
        DatasetSpec(
            name="fec",
            target="facezoo_readers.fec:FacialExpressionComparison",
            summary="Google facial expression comparison: triplets and which of the three is the odd one out",
        ),
        DatasetSpec(
            name="affectnet",
            target="facezoo_readers.affectnet:AffectNet",
            summary="AffectNet, both layouts: eight emotions, valence and arousal, landmarks",
        ),
        DatasetSpec(
            name="affectnet-7",
            target="facezoo_readers.affectnet:AffectNetSeven",
            summary="AffectNet without contempt: seven emotions",
        ),
        DatasetSpec(
            name="rafdb",
            target="facezoo_readers.rafdb:RafDb",
            summary="RAF-DB basic: seven emotions, aligned pictures or originals",
        ),
        DatasetSpec(
            name="fer2013",
            target="facezoo_readers.fer2013:Fer2013",
            summary="FER-2013 from its csv file: seven emotions, 48 x 48 grey",
        ),
        DatasetSpec(
            name="folder",
            target="facezoo_readers.folder:ClassFolders",
            summary="Any pictures in folders named after their classes, with or without splits",
        ),
        DatasetSpec(
            name="csv",
            target="facezoo_readers.table:Table",
            summary="Any pictures listed in a csv file with labels or numbers, persons, boxes, landmarks",
        ),
    )
