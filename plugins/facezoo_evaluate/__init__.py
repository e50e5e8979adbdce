"""The papers' evaluations, each with its published layout, split, crop and classifier, and what they are compared with."""

from __future__ import annotations

from facezoo.plugin import PipelineSpec, ProtocolSpec, hookimpl

FACEZOO_API = 1

PROTOCOLS = (
    ("affectnet-7", "emotions:AffectNetSeven", "Seven emotions on AffectNet's validation split: accuracy of a classifier"),
    ("cplfw", "verification:CpLfwVerification", "Same person or not on CPLFW: 6,000 pairs in other poses, ten folds"),
    (
        "emotion-linear",
        "own_emotions:EmotionLinear",
        "Seven emotions on data of your own by one linear layer on a frozen encoder",
    ),
    ("fec-triplets", "triplets:FecTriplets", "Triplet accuracy on FEC, overall and by kind: does a space agree with people"),
    ("fer2013-linear", "linear:Fer2013Linear", "Seven emotions on FER-2013 by one linear layer on a frozen encoder"),
    (
        "identity-preservation",
        "preservation:IdentityPreservation",
        "Same person or not after frontalisation, or with another's expression: 1,000 pairs",
    ),
    ("lfw", "verification:LfwVerification", "Same person or not on LFW: 6,000 pairs, ten folds"),
    ("portraits", "portraits:Portraits", "Unseen portraits: same person or not, and which labelled smiles are seen"),
    (
        "pose-linear",
        "pose:PoseLinear",
        "Yaw, pitch, roll by linear regression on a frozen encoder: 300W-LP to AFLW2000 and BIWI",
    ),
    ("rafdb-7", "emotions:RafDbSeven", "Seven emotions on RAF-DB's test split: accuracy of a classifier"),
    ("rafdb-linear", "linear:RafDbLinear", "Seven emotions on RAF-DB by one linear layer on a frozen encoder"),
    (
        "synthetic",
        "synthetic:SyntheticFaces",
        "Rendered faces: emotion, head pose, verification, and what is read from which view",
    ),
)
"""Name, module and class, what is measured."""


@hookimpl
def facezoo_protocols() -> tuple[ProtocolSpec, ...]:
    return tuple(
        ProtocolSpec(name=name, target=f"facezoo_evaluate.{target}", summary=summary) for name, target, summary in PROTOCOLS
    )


@hookimpl
def facezoo_pipelines() -> tuple[PipelineSpec, ...]:
    return (
        PipelineSpec(
            name="edit-and-measure",
            target="facezoo_evaluate.edit_and_measure:EditAndMeasure",
            slots={
                "detector": "detector",
                "manipulator": "manipulator",
                "identity": "encoder:identity",
                "expression": "encoder:expression",
            },
            summary="Edited faces looked at again: is it still that person, and is the expression the one asked for",
        ),
    )
