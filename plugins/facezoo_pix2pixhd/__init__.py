"""pix2pixhd: pictures from pictures, and faces with another expression.

Wang, Liu, Zhu, Tao, Kautz, Catanzaro: "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs",
CVPR 2018. Driven by the expression embedding of Zhang et al., CVPR 2021.
"""

from __future__ import annotations

from facezoo.plugin import ComponentSpec, PipelineSpec, RecipeSpec, hookimpl

FACEZOO_API = 1


@hookimpl
def facezoo_components() -> tuple[ComponentSpec, ...]:
    return (
        ComponentSpec(
            arch="pix2pixhd",
            kinds=("manipulator",),
            target="facezoo_pix2pixhd.model:Pix2PixHD",
            config="facezoo_pix2pixhd.config:Pix2PixHDConfig",
            converters={"pix2pixhd": "facezoo_pix2pixhd.convert:convert"},
            summary="Pictures from pictures or label maps, coarse to fine (CVPR 2018)",
        ),
        ComponentSpec(
            arch="expression-manipulator",
            kinds=("manipulator",),
            target="facezoo_pix2pixhd.manipulator:ExpressionManipulator",
            config="facezoo_pix2pixhd.config:ExpressionManipulatorConfig",
            summary="The same person with another expression, given by its embedding",
        ),
    )


@hookimpl
def facezoo_pipelines() -> tuple[PipelineSpec, ...]:
    return (
        PipelineSpec(
            name="face-manipulation",
            target="facezoo_pix2pixhd.pipeline:FaceManipulation",
            slots={"detector": "detector", "encoder": "encoder:expression", "manipulator": "manipulator:manipulate"},
            summary="Another expression on the faces of a photograph or video: another face's, an emotion's, or steps between",
        ),
    )


@hookimpl
def facezoo_recipes() -> tuple[RecipeSpec, ...]:
    return (
        RecipeSpec(
            name="expression-manipulator",
            target="facezoo_pix2pixhd.train:ManipulatorRecipe",
            config="facezoo_pix2pixhd.settings:ManipulatorTraining",
            summary="Another expression for the same person, from pairs of one person's pictures",
        ),
    )
