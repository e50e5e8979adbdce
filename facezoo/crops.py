"""The contract's geometry: from detections to batched crops on the device, and from a crop back into its picture.

Coordinates are continuous: pixel i covers [i, i + 1] and has its centre at i + 0.5. A crop's matrix takes its own
coordinates, [0, 1] x [0, 1], to pixels of the source picture. Geometry depends on the face only: landmarks where the
detector has them, else the detector's box with its calibrated ``BoxReference``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from facezoo.contracts import BoxReference, FivePointCrop, SquareCrop
from facezoo.errors import IncompatibleError, InputError

if TYPE_CHECKING:
    from facezoo.components import Detections

EYE_DISTANCE = 1.11  # the eyes' distance counts this much beside the distance from eyes to mouth: `SquareCrop`
MAX_REACH = 8.0  # a crop may be this many times as long as its picture; beyond, the box is a mistake
MOVED = 0.1  # of [0, 1]: where a face's colours change by more, nothing of the fine detail that was there is kept
BATCH_VALUES = 2**25  # float32 values of source pixels that are on the device at once


def references(detections: Detections, box_reference: BoxReference) -> np.ndarray:
    """The reference ``eyes-mouth`` of each face.

    Args:
        detections: N faces of one picture.
        box_reference: how the detector's boxes relate to the reference; used for faces whose eyes or mouth corners are
            missing or NaN.

    Returns:
        (N, 3) float64: x and y of the reference point and the reference length, in pixels.
    """
    boxes = np.asarray(detections.boxes, np.float64).reshape(-1, 4)
    size = boxes[:, 2:] - boxes[:, :2]
    found = np.empty((len(boxes), 3))
    found[:, :2] = (boxes[:, :2] + boxes[:, 2:]) / 2 + size * np.asarray(box_reference.center)
    found[:, 2] = size[:, 1] * box_reference.length
    if detections.landmarks is None:
        return found
    points = np.asarray(detections.landmarks, np.float64).reshape(-1, 5, 2)
    eyes = (points[:, 0] + points[:, 1]) / 2
    mouth = (points[:, 3] + points[:, 4]) / 2
    apart = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)
    length = np.maximum(EYE_DISTANCE * apart, np.linalg.norm(mouth - eyes, axis=1))
    known = np.isfinite(length) & (length > 0)  # a NaN in any of the four points is a NaN here
    found[known, :2] = ((eyes + mouth) / 2)[known]
    found[known, 2] = length[known]
    return found


def matrices(
    crop: SquareCrop | FivePointCrop, detections: Detections, box_reference: BoxReference, size: tuple[int, int] = (1, 1)
) -> np.ndarray:
    """Where each face's crop lies in its picture.

    Args:
        crop: the geometry that a component's contract asks for.
        detections: N faces of one picture.
        box_reference: the detector's; for faces without landmarks.
        size: height and width of the crop in pixels. Only their ratio counts, and only for ``FivePointCrop``.

    Returns:
        (N, 2, 3) float64: takes crop coordinates (x, y, 1) in [0, 1] to pixels of the picture.

    Raises:
        IncompatibleError: a five-point crop of a face whose landmarks are unknown.
    """
    if isinstance(crop, FivePointCrop):
        return _similarities(crop, detections, size)
    point_length = references(detections, box_reference)
    side = crop.scale * point_length[:, 2]
    corner = point_length[:, :2] + side[:, None] * (np.asarray(crop.shift) - 0.5)
    found = np.zeros((len(side), 2, 3))
    found[:, 0, 0] = found[:, 1, 1] = side
    found[:, :, 2] = corner
    return found


def _similarities(crop: FivePointCrop, detections: Detections, size: tuple[int, int]) -> np.ndarray:
    """Least squares over turn, scale and shift, measured in the template: points are complex numbers, p -> a p + b."""
    if detections.landmarks is None or not np.isfinite(detections.landmarks).all():
        raise IncompatibleError(
            "This component crops faces by five landmarks, and the detector gives none for some face here; "
            "choose a detector with landmarks, such as yunet-2023mar or retinaface-mnet025."
        )
    height, width = size
    points = np.asarray(detections.landmarks, np.float64).reshape(-1, 5, 2) @ np.array([1.0, 1.0j])
    target = np.asarray(crop.template) @ np.array([width, 1.0j * height])
    centre = points.mean(axis=1, keepdims=True)
    offset, wanted = points - centre, target - target.mean()
    spread = (np.abs(offset) ** 2).sum(axis=1)
    turn = (offset.conj() * wanted).sum(axis=1) / np.maximum(spread, 1e-12)
    if (np.abs(turn) < 1e-9).any():
        raise InputError("The five landmarks of a face lie in one point; give five different points.")
    back = 1 / turn
    shift = centre[:, 0] - target.mean() * back
    found = np.empty((len(points), 2, 3))
    found[:, 0] = np.stack([back.real * width, -back.imag * height, shift.real], axis=1)
    found[:, 1] = np.stack([back.imag * width, back.real * height, shift.imag], axis=1)
    return found


def cut(
    images: Sequence[np.ndarray],
    owners: Sequence[int],
    matrices: np.ndarray,
    size: tuple[int, int],
    device: torch.device | str = "cpu",
) -> Tensor:
    """All crops of a micro-batch, antialiased. Beyond a picture's edge its edge pixels are repeated.

    Every face first gets an upright, antialiased map of its surroundings with the crop's pixel spacing, then one
    ``grid_sample`` turns them all. For an upright crop the map's pixels are the crop's, so nothing is blurred twice.

    Args:
        images: pictures, (H, W, 3) uint8 RGB.
        owners: for each of N faces the index of its picture.
        matrices: (N, 2, 3) from ``matrices``.
        size: height and width of the crops.
        device: where the crops are made and stay.

    Returns:
        (N, 3, *size) float32 RGB in [0, 1].

    Raises:
        InputError: a crop that is not finite or absurdly larger than its picture.
    """
    placed = np.asarray(matrices, np.float64).reshape(-1, 2, 3)
    if len(owners) != len(placed):
        raise InputError(f"{len(placed)} crops need as many owners, not {len(owners)}.")
    if not len(placed):
        return torch.zeros((0, 3, *size), device=device)
    height, width = size
    per_pixel = placed[:, :, :2] / np.array([width, height])  # source pixels per pixel of the crop
    step = np.linalg.norm(per_pixel, axis=2)  # (N, 2): along the picture's x and y
    centre = placed @ np.array([0.5, 0.5, 1.0])
    _check_reach([images[owner] for owner in owners], centre, step, size)
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    turned = np.einsum("nij,jhw->nhwi", per_pixel / step[:, :, None], np.stack([x, y]))
    room_x, room_y = (_room(np.abs(turned[..., axis]).max(), extent) for axis, extent in ((0, width), (1, height)))
    place, pictures = torch.device(device), [images[owner] for owner in owners]
    with torch.autocast(place.type, enabled=False):  # pixels are the same wherever a crop is asked for
        maps = _surroundings(pictures, centre, step, (room_y, room_x), place)
        grid = torch.from_numpy(turned / (np.array([room_x, room_y]) / 2)).to(place, torch.float32)
        return F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False).clamp_(0.0, 1.0)


def _room(reach: float, extent: int) -> int:
    """Pixels that a map needs along one axis: as even or odd as the crop, so that an upright crop's pixels are the map's."""
    spare = max(0, int(np.ceil(reach + 0.5 - 1e-6 - extent / 2)))
    return extent + 2 * spare


def _check_reach(pictures: Sequence[np.ndarray], centre: np.ndarray, step: np.ndarray, size: tuple[int, int]) -> None:
    longest = np.array([max(picture.shape[:2]) for picture in pictures])
    side = (step * np.array(size[::-1])).max(axis=1)
    finite = np.isfinite(side) & np.isfinite(centre).all(axis=1)
    wrong = ~(finite & (step.min(axis=1) > 0) & (side <= MAX_REACH * longest + 64))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InputError(
            f"A crop of {side[first]:.4g} pixels does not fit a picture whose longer side is {longest[first]}; "
            "boxes are x0 y0 x1 y1 in pixels with x0 < x1 and y0 < y1."
        )


def _surroundings(
    pictures: Sequence[np.ndarray], centre: np.ndarray, step: np.ndarray, size: tuple[int, int], device: torch.device
) -> Tensor:
    """(N, 3, *size) float32 in [0, 1]: upright maps around the centres, one pixel per step, triangle-filtered.

    Regions of like size are packed together, so that one large face does not make room for a hundred small ones.
    """
    regions = [
        [_region(centre[n, axis], step[n, axis], size[1 - axis]) for axis in (0, 1)] for n in range(len(pictures))
    ]  # per face: x and y, each (first source pixel, how many)
    maps = torch.empty((len(pictures), 3, *size), device=device)
    buckets: dict[tuple[int, int], list[int]] = {}
    for n, ((_, wide), (_, high)) in enumerate(regions):
        buckets.setdefault((_pow2(high), _pow2(wide)), []).append(n)
    for (high, wide), members in buckets.items():
        share = max(1, BATCH_VALUES // (3 * high * wide))
        for start in range(0, len(members), share):
            some = members[start : start + share]
            pixels = np.zeros((len(some), high, wide, 3), np.uint8)
            for slot, n in enumerate(some):
                (left, columns), (top, rows) = regions[n]
                pixels[slot, :rows, :columns] = _window(pictures[n], top, rows, left, columns)
            first = np.array([[regions[n][axis][0] for axis in (0, 1)] for n in some])
            across = _filter(centre[some, 0] - first[:, 0], step[some, 0], size[1], wide, device)
            down = _filter(centre[some, 1] - first[:, 1], step[some, 1], size[0], high, device)
            batch = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float() / 255
            maps[torch.tensor(some, device=device)] = down[:, None] @ (batch @ across[:, None].transpose(2, 3))
    return maps


def _region(centre: float, step: float, extent: int) -> tuple[int, int]:
    """First source pixel and number of source pixels that a map of ``extent`` pixels reads along one axis."""
    half = step * extent / 2 + max(step, 1.0)
    first = int(np.floor(centre - half))
    return first, int(np.ceil(centre + half)) - first


def _pow2(length: int) -> int:
    return 1 << max(3, (length - 1).bit_length())


def _window(picture: np.ndarray, top: int, rows: int, left: int, columns: int) -> np.ndarray:
    """(rows, columns, 3) of the picture from (top, left); beyond its edges the edge pixels are repeated."""
    height, width = picture.shape[:2]
    if min(top, left) >= 0 and top + rows <= height and left + columns <= width:
        return picture[top : top + rows, left : left + columns]
    down = np.clip(np.arange(top, top + rows), 0, height - 1)
    across = np.clip(np.arange(left, left + columns), 0, width - 1)
    return picture[down[:, None], across[None, :]]


def _filter(centre: np.ndarray, step: np.ndarray, extent: int, length: int, device: torch.device) -> Tensor:
    """(B, extent, length) weights of source pixels, summing to 1: a triangle as wide as the step, at least one pixel."""
    place = torch.from_numpy(centre[:, None] + (np.arange(extent) + 0.5 - extent / 2) * step[:, None])
    source = torch.arange(length, dtype=torch.float64) + 0.5
    support = torch.from_numpy(np.maximum(step, 1.0))[:, None, None]
    weights = (1 - (source - place[:, :, None]).abs() / support).clamp_(min=0)
    return (weights / weights.sum(2, keepdim=True)).float().to(device)


def paste(
    image: np.ndarray, face: Tensor, matrix: np.ndarray, feather: float = 0.2, before: Tensor | None = None
) -> np.ndarray:
    """The picture with a face blended back to where its crop came from.

    The blend follows a rounded square (a superellipse), so that the crop's corners, which hold background, fade first.

    A picture is often finer than a crop. Where ``before`` is given, only what the face changed is put in: the picture's own
    fine detail stays where the change is small (all of it where there is none) and goes where the change is large, since
    there it belongs to what was seen before.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: (3, h, w) float RGB in [0, 1].
        matrix: (2, 3), the face's row of ``matrices``.
        feather: width of the soft edge in half sides of the crop; 0 is a hard edge.
        before: (3, h, w) the crop that the face was made of; None: the face replaces all that it covers.

    Returns:
        (H, W, 3) uint8 RGB; the picture given is not changed.
    """
    placed = np.asarray(matrix, np.float64)
    result = image.copy()
    corners = placed @ np.array([[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]], np.float64)
    left, top = np.maximum(np.floor(corners.min(axis=1)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(corners.max(axis=1)).astype(int), (image.shape[1], image.shape[0]))
    if left >= right or top >= bottom:
        return result
    across, down = np.meshgrid(np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5)
    inverse = np.linalg.inv(placed[:, :2])
    shares = np.einsum("ij,jhw->hwi", inverse, np.stack([across, down]) - placed[:, 2, None, None]) * 2 - 1
    steps = np.linalg.norm(placed[:, :2], axis=0)  # the crop's width and height in the picture
    layers = _layers(face, before)
    smaller = tuple(min(old, max(1, round(new))) for old, new in zip(layers.shape[2:], steps[::-1], strict=True))
    if smaller != tuple(layers.shape[2:]):
        layers = F.interpolate(layers, smaller, mode="bilinear", align_corners=False, antialias=True)
    grid = torch.from_numpy(shares).float()[None]
    sampled = F.grid_sample(layers, grid, mode="bicubic", padding_mode="border", align_corners=False)[0].permute(1, 2, 0)
    pixels = sampled.clamp(0, 1).numpy()
    radius = (np.abs(shares) ** 4).sum(axis=2) ** 0.25
    ramp = np.clip((1 - radius) / max(feather, 1e-6), 0, 1)
    alpha = (ramp * ramp * (3 - 2 * ramp))[:, :, None]
    under = image[top:bottom, left:right] / 255
    over = pixels[:, :, :3]
    if before is not None:
        seen, moved = pixels[:, :, 3:6], pixels[:, :, 6:]
        over = over + (1 - moved) * (under - seen)
    result[top:bottom, left:right] = np.rint(np.clip(under + alpha * (over - under), 0, 1) * 255).astype(np.uint8)
    return result


def _layers(face: Tensor, before: Tensor | None) -> Tensor:
    """(1, 3, h, w) the face; or (1, 7, h, w): the face, the crop before, and from 0 to 1 how much of its detail is gone."""
    after = face.detach().float().cpu()[None]
    if before is None:
        return after
    seen = before.detach().float().cpu()[None]
    change = (after - seen).abs().amax(dim=1, keepdim=True)
    moved = (F.avg_pool2d(change, 3, 1, 1, count_include_pad=False) / MOVED).clamp(0, 1)
    return torch.cat((after, seen, moved), dim=1)
