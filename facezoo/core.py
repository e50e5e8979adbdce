"""What the core itself offers, said through the same hooks as a plugin's: the tasks that belong to no plugin."""

from __future__ import annotations

from facezoo.hookspecs import hookimpl
from facezoo.specs import PipelineSpec

FACEZOO_API = 1


@hookimpl
def facezoo_pipelines() -> tuple[PipelineSpec, ...]:
    return (
        PipelineSpec(
            name="face-detection",
            target="facezoo.tasks:FaceDetection",
            slots={"detector": "detector"},
            summary="Where the faces are: boxes, scores, landmarks",
        ),
        PipelineSpec(
            name="identity-embedding",
            target="facezoo.tasks:IdentityEmbedding",
            slots={"detector": "detector", "encoder": "encoder:identity"},
            summary="A vector per face that tells who it is",
        ),
        PipelineSpec(
            name="expression-embedding",
            target="facezoo.tasks:ExpressionEmbedding",
            slots={"detector": "detector", "encoder": "encoder:expression"},
            summary="A vector per face that tells its expression",
        ),
        PipelineSpec(
            name="face-verification",
            target="facezoo.tasks:FaceVerification",
            slots={"detector": "detector", "encoder": "encoder:identity"},
            summary="Whether two pictures show the same person",
        ),
        PipelineSpec(
            name="odd-one-out",
            target="facezoo.tasks:OddOneOut",
            slots={"detector": "detector", "encoder": "encoder:expression"},
            summary="Which of three pictures has an expression unlike the other two",
        ),
        PipelineSpec(
            name="expression-retrieval",
            target="facezoo.retrieval:ExpressionRetrieval",
            slots={"detector": "detector", "encoder": "encoder:expression"},
            summary="The faces of a folder, ranked by how alike their expression is to a query's",
        ),
        PipelineSpec(
            name="emotion-recognition",
            target="facezoo.tasks:EmotionRecognition",
            slots={"detector": "detector", "classifier": "classifier:emotion"},
            summary="Probabilities of seven emotions per face",
        ),
        PipelineSpec(
            name="head-pose",
            target="facezoo.tasks:HeadPose",
            slots={"detector": "detector", "encoder": "encoder", "head": "head:pose"},
            summary="Yaw, pitch and roll per face, in degrees",
        ),
    )
