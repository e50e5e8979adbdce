"""Readers of published data-set layouts, and of plain folders and tables."""

from __future__ import annotations

from facezoo.plugin import DatasetSpec, hookimpl

FACEZOO_API = 1

READERS = (
    (
        "fec",
        "fec:FacialExpressionComparison",
        "Google facial expression comparison: triplets and which of the three is the odd one out",
    ),
    ("affectnet", "affectnet:AffectNet", "AffectNet, both layouts: eight emotions, valence and arousal, landmarks"),
    ("affectnet-7", "affectnet:AffectNetSeven", "AffectNet without contempt: seven emotions"),
    ("rafdb", "rafdb:RafDb", "RAF-DB basic: seven emotions, aligned pictures or originals"),
    ("rafd", "rafd:Rafd", "Radboud Faces Database: the same people with eight expressions, three gazes, five cameras"),
    ("fer2013", "fer2013:Fer2013", "FER-2013 from its csv file: seven emotions, 48 x 48 grey"),
    ("lfw", "lfw:Lfw", "Labeled Faces in the Wild: 6,000 pairs in ten folds, the same person or two"),
    ("cplfw", "cplfw:CpLfw", "Cross-Pose LFW: 6,000 pairs in ten folds, faces in different poses"),
    (
        "300w-lp",
        "fitted_pose:ThreeHundredWLp",
        "300W-LP: yaw, pitch, roll and landmarks of turned copies of photos, for training",
    ),
    ("aflw2000", "fitted_pose:Aflw2000", "AFLW2000-3D: yaw, pitch, roll and landmarks, for testing"),
    ("biwi", "biwi:Biwi", "Biwi Kinect Head Pose: yaw, pitch and roll of 24 recorded sequences"),
    ("fsa-npz", "fsa_npz:FsaNpz", "300W-LP, AFLW2000 and BIWI as FSA-Net packs them: 64 x 64 crops with yaw, pitch, roll"),
    ("portraits", "portraits:Portraits", "Portraits of members of the US Congress: persons, landmarks, and pairs of photos"),
    ("folder", "folder:ClassFolders", "Any pictures in folders named after their classes, with or without splits"),
    ("csv", "table:Table", "Any pictures listed in a csv file with labels or numbers, persons, boxes, landmarks"),
)
"""Name, where in this package, and what the data are."""


@hookimpl
def facezoo_datasets() -> tuple[DatasetSpec, ...]:
    return tuple(
        DatasetSpec(name=name, target=f"facezoo_readers.{target}", summary=summary) for name, target, summary in READERS
    )
