"""How well a manipulator does on faces that it did not learn from: the figures of a validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from facezoo.plugin import InputContract, cut
from facezoo_pix2pixhd.manipulator import ExpressionManipulator
from facezoo_pix2pixhd.objectives import Sight
from facezoo_pix2pixhd.pairs import Face

HALF = 0.5  # of the distance to the expression asked for: an edit that leaves no more has gone at least half the way


@dataclass(frozen=True)
class Sitting:
    """Faces to edit, and whose expressions they are to take.

    Attributes:
        faces: N of them, of N people.
        drivers: for each a face of somebody else.
        truths: for each another picture of the same shot, or None where there are none.
    """

    faces: Sequence[Face]
    drivers: Sequence[Face]
    truths: Sequence[Face] | None


def sitting_of(shots: Sequence[Sequence[Face]], portraits: bool = False) -> Sitting | None:
    """One face of each shot, with the expression that somebody shows in the next shot; None if there is nobody else.

    Args:
        shots: pictures of one person each. Of several shots of a person only the first counts.
        portraits: they have no second picture that shows what an edit should give.
    """
    people = list({shot[0].sample.person or shot[0].sample.name: shot for shot in reversed(shots)}.values())[::-1]
    if len(people) < 2:
        return None
    drivers = [shot[-1] for shot in (*people[1:], people[0])]
    return Sitting([shot[0] for shot in people], drivers, None if portraits else [shot[1] for shot in people])


@torch.no_grad()
def figures_of(
    component: ExpressionManipulator, sitting: Sitting, expression: Sight, identity: Sight | None, batch_size: int
) -> dict[str, float]:
    """What edits to strangers' expressions, to the own one, and to the truth's are like.

    Returns:
        ``expression_ratio``: of the distance to the embedding asked for, after by before, median over faces; ``halved``:
        share of faces for which it is 0.5 at most; ``own_psnr``: of edits to the own expression, mean over faces, dB. With an
        identity encoder ``identity``: cosine of source and result, mean over faces; ``identity_kept``: share of faces more
        similar to their result than to the next person. With truths ``true_gain``: PSNR of the edit to the truth's expression
        beside the truth, less that of the source, mean over faces, dB.
    """
    parts = [
        _measured(component, sitting, range(start, min(start + batch_size, len(sitting.faces))), expression, identity)
        for start in range(0, len(sitting.faces), batch_size)
    ]
    rows = {name: torch.cat([part[name] for part in parts]).cpu() for name in parts[0]}
    found = {
        "expression_ratio": float(rows["ratio"].median()),
        "halved": float((rows["ratio"] <= HALF).float().mean()),
        "own_psnr": float(rows["own_psnr"].mean()),
    }
    if identity is not None:
        seen, made = rows["source_identity"], rows["result_identity"]
        alike = F.cosine_similarity(seen, made, dim=1)
        found["identity"] = float(alike.mean())
        found["identity_kept"] = float((alike > F.cosine_similarity(seen, seen.roll(-1, 0), dim=1)).float().mean())
    if "true_gain" in rows:
        found["true_gain"] = float(rows["true_gain"].mean())
    return found


def _measured(
    component: ExpressionManipulator, sitting: Sitting, rows: range, expression: Sight, identity: Sight | None
) -> dict[str, Tensor]:
    """Per face of some rows: (B,) numbers and (B, dim) identities."""
    faces, drivers = [sitting.faces[i] for i in rows], [sitting.drivers[i] for i in rows]
    contract, device = expression.contract, component.device
    source = component.prepare(crops(faces, contract).to(device))
    asked, own = (expression.own(crops(some, expression.door).to(device)) for some in (drivers, faces))
    result, _, _ = component.draw(source, asked)
    kept, _, _ = component.draw(source, own)
    before, after = ((expression(picture) - asked).norm(dim=1) for picture in (source, result))
    found = {"ratio": after / before.clamp_min(1e-6), "own_psnr": psnr(kept, source)}
    if identity is not None:
        found |= {"source_identity": identity(source), "result_identity": identity(result)}
    if sitting.truths is not None:
        truths = [sitting.truths[i] for i in rows]
        truth = component.prepare(crops(truths, contract, faces).to(device))
        made, _, _ = component.draw(source, expression.own(crops(truths, expression.door).to(device)))
        found["true_gain"] = psnr(made, truth) - psnr(source, truth)
    return found


def crops(faces: Sequence[Face], contract: InputContract, places: Sequence[Face] | None = None) -> Tensor:
    """(N, 3, *contract.size) float32 in [0, 1]: each face, or what its picture shows where another picture has its face."""
    pictures = [face.sample.read() for face in faces]
    where = [face.place(picture, contract) for face, picture in zip(places or faces, pictures, strict=True)]
    return cut(pictures, range(len(pictures)), np.stack(where), contract.size)


def psnr(made: Tensor, true: Tensor) -> Tensor:
    """(B, 3, S, S) twice, in [-1, 1] -> (B,) dB; what is beyond the range counts as its end."""
    error = (made.float().clamp(-1, 1) - true.float()).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(4 / error.clamp_min(1e-10))
