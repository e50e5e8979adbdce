"""FECNet: a compact embedding of facial expression similarity.

Vemulapalli, Agarwala: "A Compact Embedding for Facial Expression Similarity", CVPR 2019; the network is that of
AmirSh15/FECNet, on the trunk of facenet.
"""

from __future__ import annotations

from facezoo.plugin import ComponentSpec, RecipeSpec, hookimpl

FACEZOO_API = 1
REQUIRES_PLUGINS = ("facezoo_facenet",)


@hookimpl
def facezoo_components() -> tuple[ComponentSpec, ...]:
    return (
        ComponentSpec(
            arch="fecnet",
            kinds=("encoder",),
            target="facezoo_fecnet.model:Fecnet",
            config="facezoo_fecnet.config:FecnetConfig",
            converters={"fecnet": "facezoo_fecnet.convert:convert"},
            summary="A compact expression embedding (16 values) on a frozen face trunk (CVPR 2019)",
        ),
    )


@hookimpl
def facezoo_recipes() -> tuple[RecipeSpec, ...]:
    return (
        RecipeSpec(
            name="fecnet",
            target="facezoo_fecnet.train:FecnetRecipe",
            config="facezoo_fecnet.train:FecnetTraining",
            summary="Expression vectors from triplets (squared double triplet loss) on a facenet's frozen trunk",
            needs=("--trunk facenet-vggface2",),
        ),
    )
