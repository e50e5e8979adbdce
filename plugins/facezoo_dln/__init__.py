"""dln: a facial expression embedding disentangled from identity, and the emotion classifier on it.

Zhang, Ji, Chen, Ding, Fan: "Learning a Facial Expression Embedding Disentangled from Identity", CVPR 2021.
"""

from __future__ import annotations

from facezoo.plugin import ComponentSpec, RecipeSpec, hookimpl

FACEZOO_API = 1
REQUIRES_PLUGINS = ("facezoo_facenet",)


@hookimpl
def facezoo_components() -> tuple[ComponentSpec, ...]:
    return (
        ComponentSpec(
            arch="dln",
            kinds=("encoder",),
            target="facezoo_dln.model:DLN",
            config="facezoo_dln.config:DLNConfig",
            converters={"dln": "facezoo_dln.convert:convert"},
            summary="Expression embedding as deviation from identity (CVPR 2021)",
        ),
        ComponentSpec(
            arch="dln-emotion",
            kinds=("classifier",),
            target="facezoo_dln.model:DLNEmotion",
            config="facezoo_dln.config:DLNEmotionConfig",
            summary="Seven emotions by a softmax layer on the DLN's deviation",
        ),
    )


@hookimpl
def facezoo_recipes() -> tuple[RecipeSpec, ...]:
    return (
        RecipeSpec(
            name="dln",
            target="facezoo_dln.train:DLNRecipe",
            config="facezoo_dln.train:DLNTraining",
            summary="Expression embedding from annotated triplets (FEC), on a face recognition network",
            needs=("--identity facenet-vggface2",),
        ),
        RecipeSpec(
            name="dln-emotion",
            target="facezoo_dln.emotion:DLNEmotionRecipe",
            config="facezoo_dln.emotion:DLNEmotionTraining",
            summary="Seven emotions (AffectNet, RAF-DB), on a trained DLN",
            needs=("--identity facenet-vggface2",),
        ),
    )
