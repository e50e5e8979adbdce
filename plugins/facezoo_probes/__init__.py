"""Linear probes: own heads on any encoder's view, for classes or for numbers with units."""

from __future__ import annotations

from facezoo.plugin import ComponentSpec, PipelineSpec, RecipeSpec, hookimpl

FACEZOO_API = 1


@hookimpl
def facezoo_components() -> tuple[ComponentSpec, ...]:
    return (
        ComponentSpec(
            arch="linear-probe",
            kinds=("head",),
            target="facezoo_probes.model:LinearProbe",
            config="facezoo_probes.config:LinearProbeConfig",
            summary="One linear layer on an encoder's view: logits of classes, or values with units",
        ),
    )


@hookimpl
def facezoo_pipelines() -> tuple[PipelineSpec, ...]:
    return (
        PipelineSpec(
            name="linear-probe",
            target="facezoo_probes.pipeline:LinearProbing",
            slots={"detector": "detector", "encoder": "encoder", "head": "head"},
            summary="What a head says of every face: probabilities of its classes, or values with units",
        ),
    )


@hookimpl
def facezoo_recipes() -> tuple[RecipeSpec, ...]:
    return (
        RecipeSpec(
            name="linear-probe",
            target="facezoo_probes.train:LinearProbeRecipe",
            config="facezoo_probes.settings:LinearProbeTraining",
            summary="An own head on any encoder's view, from class folders, a csv or a data set's reader",
            needs=("--encoder ID",),
        ),
    )
