"""facenet: identity embeddings by Inception-ResNet v1, or by any timm backbone in its place.

Schroff, Kalenichenko, Philbin: "FaceNet: A Unified Embedding for Face Recognition and Clustering", CVPR 2015; the network
is Inception-ResNet v1 in the layout of timesler/facenet-pytorch.
"""

from __future__ import annotations

from facezoo.plugin import ComponentSpec, RecipeSpec, hookimpl

FACEZOO_API = 1


@hookimpl
def facezoo_components() -> tuple[ComponentSpec, ...]:
    return (
        ComponentSpec(
            arch="facenet",
            kinds=("encoder",),
            target="facezoo_facenet.model:Facenet",
            config="facezoo_facenet.config:FacenetConfig",
            converters={"facenet": "facezoo_facenet.convert:convert"},
            summary="Identity embeddings by Inception-ResNet v1 or a timm backbone",
        ),
    )


@hookimpl
def facezoo_recipes() -> tuple[RecipeSpec, ...]:
    return (
        RecipeSpec(
            name="facenet",
            target="facezoo_facenet.train:FacenetRecipe",
            config="facezoo_facenet.train:FacenetTraining",
            summary="Identity vectors by telling people apart (softmax), with any backbone",
        ),
    )
