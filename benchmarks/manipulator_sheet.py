"""What an expression manipulator makes of people that it never saw, to be looked at.

    python benchmarks/manipulator_sheet.py --model dir:RUN/model --synthetic SET --portraits FOLDER -o sheet.png

Rows are held-out portraits, then rendered people of the split ``test``, drawn from the seed; columns the face as it is, the
face with its own embedding, with each emotion's mean embedding, and the mask of one of them (white: all of the pixel is
new). The sheet says that it is synthetic, in its file and in a corner.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import facezoo
from facezoo.plugin import BoxReference, Picture, Sample, Synthesis, open_dataset, to_uint8
from facezoo_evaluate.edit_cases import Faces
from facezoo_evaluate.edits import driver_of
from facezoo_evaluate.sheets import sheet_of

GREY = 12.0  # of 255: mean deviation of the three channels in tinted prints is below


def drawn(name: str, folder: Path, count: int, seed: int) -> list[Sample]:
    """A face each of so many people of the split ``test``, of portraits half in colour."""
    people: dict[str, list[Sample]] = {}
    for sample in open_dataset(name, folder).samples("test"):
        people.setdefault(str(sample.person), []).append(sample)
    rng = np.random.default_rng(seed)
    kinds: dict[bool, list[Sample]] = {True: [], False: []}
    for row in rng.permutation(len(people)).tolist():
        own = list(people.values())[row]
        sample = own[rng.integers(len(own))]
        kind = kinds[in_colour(sample)]
        if name != "portraits" or len(kind) < (count + 1) // 2:
            kind.append(sample)
        if sum(map(len, kinds.values())) >= count:
            break
    return [*kinds[True], *kinds[False]]


def in_colour(sample: Sample) -> bool:
    """False for a picture whose channels hardly differ."""
    return float(sample.read().astype(float).std(axis=2).mean()) > GREY


@torch.inference_mode()
def row_of(model: Any, face: Tensor, own: Tensor, intensity: float, masked: str) -> list[np.ndarray]:
    """(3, H, W) in [0, 1] and its embedding (D,) -> the pictures of a row, (S, S, 3) uint8 RGB."""
    wanted = [model.expression_of(emotion, intensity).to(own) for emotion in model.labels]
    made = model.edit(face[None], torch.stack([own, *wanted]))
    pictures = [*to_uint8(face[None]), *to_uint8(made.faces)]
    if made.mask is None:
        return pictures
    return [*pictures, *to_uint8(made.mask[[1 + model.labels.index(masked)]].expand(-1, 3, -1, -1))]


def sheet(model: Any, encoder: Any, samples: Sequence[Sample], intensity: float, masked: str, side: int) -> np.ndarray:
    """(H, W, 3) uint8: a row per sample."""
    faces = Faces(tuple(samples), BoxReference(length=1.0))  # landmarks are known
    rows = range(len(samples))
    with torch.inference_mode():
        codes = encoder.encode(faces.cut(encoder.contract, rows), model.requires.view)
    cut = faces.cut(model.contract, rows)
    made = [row_of(model, face, code, intensity, masked) for face, code in zip(cut, codes, strict=True)]
    columns = ["source", "own", *model.labels, f"mask: {masked}"][: len(made[0])]
    return sheet_of(made, columns, side=side)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True, help="a manipulator: an id or dir:…")
    parser.add_argument("--synthetic", type=Path, help="a set of `facezoo synth render`")
    parser.add_argument("--portraits", type=Path, help="a folder for the reader portraits")
    parser.add_argument("--people", type=int, default=8, help="so many of each kind")
    parser.add_argument("--intensity", type=float, default=1.0)
    parser.add_argument("--mask", default="happiness", help="the emotion whose mask is shown")
    parser.add_argument("--side", type=int, default=112, help="pixels of a face on the sheet")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    model: Any = facezoo.load(given.model, device=given.device)
    encoder = driver_of(model, facezoo.load(model.requires.encoder, device=given.device))
    sets = {"portraits": given.portraits, "synthetic": given.synthetic}
    samples = [sample for name, at in sets.items() if at for sample in drawn(name, at, given.people, given.seed)]
    if not samples:
        parser.error("name --portraits, --synthetic, or both")
    made = Synthesis("face-manipulation", model.spec.arch, model.provenance.sha256)
    pixels = sheet(model, encoder, samples, given.intensity, given.mask, given.side)
    print(Picture(pixels, made).save(given.output))


if __name__ == "__main__":
    main()
