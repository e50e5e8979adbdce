"""cycle-face: expression and identity codes from the cycle-consistency of faces.

Chang, Chen, Chiu: "Learning Facial Representations from the Cycle-consistency of Face", ICCV 2021.
"""

from __future__ import annotations

from facezoo.plugin import CommandSpec, ComponentSpec, PipelineSpec, RecipeSpec, hookimpl

FACEZOO_API = 1


@hookimpl
def facezoo_components() -> tuple[ComponentSpec, ...]:
    return (
        ComponentSpec(
            arch="cycle-face",
            kinds=("encoder", "manipulator"),
            target="facezoo_cycle_face.model:CycleFace",
            config="facezoo_cycle_face.config:CycleFaceConfig",
            converters={"facecycle": "facezoo_cycle_face.convert:convert"},
            summary="Identity and expression codes, neutral and mean faces, reenactment (ICCV 2021)",
        ),
    )


@hookimpl
def facezoo_pipelines() -> tuple[PipelineSpec, ...]:
    return (
        PipelineSpec(
            name="frontalization",
            target="facezoo_cycle_face.pipeline:Frontalization",
            slots={"detector": "detector", "manipulator": "manipulator:neutralize"},
            summary="Everybody's face turned to the front (the paper's neutral face), and the mean face",
        ),
        PipelineSpec(
            name="expression-transfer",
            target="facezoo_cycle_face.pipeline:ExpressionTransfer",
            slots={"detector": "detector", "manipulator": "manipulator:reenact"},
            summary="One person's head pose and expression put on another's face; pictures and video",
        ),
    )


@hookimpl
def facezoo_recipes() -> tuple[RecipeSpec, ...]:
    return (
        RecipeSpec(
            name="cycle-face-expression",
            target="facezoo_cycle_face.train:ExpressionRecipe",
            config="facezoo_cycle_face.train:ExpressionTraining",
            summary="Stage 1: expression encoder, flow, expression decoder (facial-motion cycle)",
        ),
        RecipeSpec(
            name="cycle-face-identity",
            target="facezoo_cycle_face.train:IdentityRecipe",
            config="facezoo_cycle_face.train:IdentityTraining",
            summary="Stage 2: identity encoder and identity decoder (identity cycle) on a stage-1 model",
            needs=("--start dir:STAGE1/model",),
        ),
    )


@hookimpl
def facezoo_commands() -> tuple[CommandSpec, ...]:
    return (
        CommandSpec(
            name="ablate",
            target="facezoo_cycle_face.ablate:app",
            summary="Train and measure the grid of a paper's ablation: cycle-face.",
        ),
    )
