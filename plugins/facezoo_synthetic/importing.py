"""``facezoo synth import``: one file of arrays from a checkout of ICT-FaceKit.

What is read of github.com/ICT-VGL/ICT-FaceKit (MIT): ``FaceXModel/generic_neutral_mesh.obj`` (the mean head with polygons
and materials), ``identity000.obj`` … ``identity099.obj`` (the mean head moved by one standard deviation of a mode), every
other ``*.obj`` there (the mean head with an expression at full weight) and, in ``vertex_indices.json``,
``idx_to_landmark_verts`` (the vertices of 68 landmarks).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from facezoo.plugin import DatasetError
from facezoo_synthetic.action_units import ACTION_UNITS
from facezoo_synthetic.emotions import PROTOTYPES, SPEECH, TWITCHES
from facezoo_synthetic.head import LANDMARKS, MATERIALS, MODES
from facezoo_synthetic.wavefront import Mesh, read_mesh, read_vertices

FOLDER, NEUTRAL, INDICES = "FaceXModel", "generic_neutral_mesh.obj", "vertex_indices.json"
LANDMARK_KEY = "idx_to_landmark_verts"
IDENTITY = re.compile(r"identity\d{3}\.obj")
GAZE = tuple(f"eyeLook{way}" for way in ("In", "Out", "Up", "Down"))


def import_head(checkout: Path, output: Path, done: Callable[[int], None] = lambda count: None) -> Path:
    """Writes the head's file.

    Args:
        checkout: of the repository, or its folder ``FaceXModel``.
        output: an npz file; its folder is made. It is there as a whole or not at all.
        done: is told how many files were read, again and again.

    Returns:
        ``output``.

    Raises:
        DatasetError: a file is missing or does not fit the others; names it.
    """
    folder = _model_folder(checkout)
    identities, expressions = shape_files(folder)
    mesh = read_mesh(folder / NEUTRAL)
    _check_materials(mesh, folder / NEUTRAL)
    arrays = {
        "neutral": mesh.vertices.astype(np.float32),
        "identity": _deltas(identities, mesh, done),
        "expression": _deltas(expressions, mesh, done),
        "expression_names": np.array([path.stem for path in expressions]),
        "quads": mesh.quads,
        "uv": mesh.uv.astype(np.float32),
        "uv_quads": mesh.uv_quads,
        "material": mesh.material,
        "landmarks68": _landmarks(folder / INDICES, len(mesh.vertices)),
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f"{output.name}.unfinished")
    with unfinished.open("wb") as file:
        np.savez_compressed(file, **arrays)
    os.replace(unfinished, output)
    return output


def shape_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files of the hundred identity modes, and those of the expressions, each by name.

    Raises:
        DatasetError: there are not as many identities, or an expression is missing that the emotions are made of.
    """
    files = sorted(folder.glob("*.obj"), key=lambda path: path.name)
    identities = [path for path in files if IDENTITY.fullmatch(path.name)]
    expressions = [path for path in files if path not in identities and path.name != NEUTRAL]
    if len(identities) != MODES:
        raise DatasetError(f"{folder} has {len(identities)} files identity000.obj …; expected {MODES} of them.")
    names = {path.stem for path in expressions}
    missing = sorted(shape for shape in needed_shapes() if not {shape, f"{shape}_L", f"{shape}_R"} & names)
    if missing:
        raise DatasetError(f"{folder} has no {', '.join(f'{name}.obj' for name in missing[:5])}, for expressions.")
    return identities, expressions


def needed_shapes() -> set[str]:
    """Names, without sides, of every expression shape that is used here."""
    shown = {shape for variants in PROTOTYPES.values() for shapes in variants for shape in shapes}
    spoken = {shape for viseme in SPEECH for shape in viseme}
    return shown | spoken | {*TWITCHES, *GAZE} | {shape for shapes in ACTION_UNITS.values() for shape in shapes}


def _model_folder(checkout: Path) -> Path:
    for folder in (checkout / FOLDER, checkout):
        if (folder / NEUTRAL).is_file():
            return folder
    raise DatasetError(
        f"Expected {checkout / FOLDER / NEUTRAL}; give the folder of a checkout: "
        "git clone https://github.com/ICT-VGL/ICT-FaceKit"
    )


def _check_materials(mesh: Mesh, path: Path) -> None:
    missing = sorted(set(MATERIALS) - set(mesh.material.tolist()))
    if missing:
        raise DatasetError(f"{path} has no polygons of {', '.join(missing)}; is it another version of the head?")


def _deltas(files: Sequence[Path], mesh: Mesh, done: Callable[[int], None]) -> np.ndarray:
    """(N, V, 3) float16: what each file's vertices differ from the mean head."""
    found = np.empty((len(files), *mesh.vertices.shape), np.float16)
    for index, path in enumerate(files):
        vertices = read_vertices(path)
        if vertices.shape != mesh.vertices.shape:
            raise DatasetError(f"{path} has {len(vertices)} vertices; {NEUTRAL} has {len(mesh.vertices)}.")
        found[index] = vertices - mesh.vertices
        done(1)
    return found


def _landmarks(path: Path, vertices: int) -> np.ndarray:
    """(68,) int32."""
    try:
        found = np.array(json.loads(path.read_text(encoding="utf-8"))[LANDMARK_KEY], np.int32)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path} has no {LANDMARK_KEY} ({type(error).__name__}: {error}).") from error
    if found.shape != (LANDMARKS,) or found.min() < 0 or found.max() >= vertices:
        raise DatasetError(f"{path}: {LANDMARK_KEY} has {found.size} numbers; expected {LANDMARKS} vertices below {vertices}.")
    return found
