"""Labelled synthetic faces from the ICT-FaceKit head: rendered by ``facezoo synth``, read by the reader ``synthetic``.

What is shown, drawn with numpy from a seed:
    people, shots, expressions     who, how it is taken, what the face does; emotions and action_units are their tables
    studio                         picture number i of a seed: plans it, has it rendered, says what is known of it

From a plan to pixels, with torch:
    head, shape, hair, glasses     the head's file; coefficients to vertices (grid: the triangles of what is added)
    scene                          one batch from vertices to linear light; begin reading here
    projection, raster, points     the camera, which triangle a pixel shows, what is there
    surface, skin, features, eyes  what colour it has (noise: smooth random fields)
    light, backdrops               lamps and shadows; what is behind
    development                    what a camera does to it
    stacks                         persons and shots as tensors

Sets on disk:
    layout, labels, packing        where things lie, the labels' columns, pictures in files or shards
    starting, rendering            the folder of a set; rendering it, again and again until it is whole
    reader, crowd                  samples; triplets with simulated annotators
    wavefront, importing           OBJ files; the head's file from a checkout of the repository
    commands, preview              ``facezoo synth``; its contact sheet
"""

from __future__ import annotations

from facezoo.plugin import CommandSpec, DatasetSpec, hookimpl

FACEZOO_API = 1


@hookimpl
def facezoo_datasets() -> tuple[DatasetSpec, ...]:
    return (
        DatasetSpec(
            name="synthetic",
            target="facezoo_synthetic.reader:SyntheticFaces",
            summary="Faces of `facezoo synth render`: emotions, action units, pose, landmarks, persons, triplets",
        ),
    )


@hookimpl
def facezoo_commands() -> tuple[CommandSpec, ...]:
    return (
        CommandSpec(
            name="synth",
            target="facezoo_synthetic.commands:app",
            summary="Labelled synthetic faces: import the head, preview, render a set.",
        ),
    )
