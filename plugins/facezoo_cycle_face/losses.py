"""The terms of both training stages, one function each.

Source: the released ``Loss.py`` and ``pytorch_ssim`` of JiaRenChang/FaceCycle @14509c9 for the paper's terms; those that are
not the paper's say so. Every image is ImageNet-normalised RGB, (B, 3, S, S), float32, as in the release.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facezoo.plugin import IMAGENET_MEAN, IMAGENET_STD
from facezoo_cycle_face.networks import CODE_DIM


def swap(images: Tensor, kept: int = 0) -> Tensor:
    """(2N, ...) -> (2N, ...): each picture of a pair in the place of the other, but for the first ``kept`` pairs."""
    first, second = images.chunk(2)
    return torch.cat((first[:kept], second[kept:], second[:kept], first[kept:]))


def symmetry(images: Tensor) -> Tensor:
    """-> (): mean absolute difference between the left half and the mirrored right half."""
    half = images.shape[-1] // 2
    return F.l1_loss(images[..., :half], images[..., -half:].flip(-1))


def edges(image: Tensor, target: Tensor) -> Tensor:
    """-> (): L1 between the horizontal and vertical differences. Punishes blur, which pixel L1 forgives."""
    across = F.l1_loss(image.diff(dim=-1), target.diff(dim=-1))
    return across + F.l1_loss(image.diff(dim=-2), target.diff(dim=-2))


def margin(image: Tensor, target: Tensor, hinge: bool = False) -> Tensor:
    """-> (): mean |image - target| - 0.1.

    The release computes a hinge on it and throws the result away, so its gradient is plain L1;
    ``hinge`` is what the code seems to mean (whether the paper's is one: unknown).
    """
    difference = (image - target).abs() - 0.1
    return (difference.relu() if hinge else difference).mean()


@cache
def blur_matrix(length: int, device: torch.device, size: int = 11, sigma: float = 1.5) -> Tensor:
    """-> (length, length): a zero-padded Gaussian window as a banded matrix, far faster than a one-channel convolution."""
    x = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    window = torch.exp(-(x**2) / (2 * sigma**2))
    window /= window.sum()
    offset = torch.arange(length)[:, None] - torch.arange(length)[None, :] + size // 2
    banded = torch.where((offset >= 0) & (offset < size), window[offset.clamp(0, size - 1)], torch.zeros(()))
    return banded.to(device)


def blur(maps: Tensor) -> Tensor:
    rows, columns = (blur_matrix(length, maps.device) for length in maps.shape[-2:])
    return rows @ maps @ columns.T


def ssim_loss(image: Tensor, target: Tensor, of_pixels: bool = False) -> Tensor:
    """-> (): 1 - SSIM, window 11, sigma 1.5, zero padding, constants 0.01 and 0.03 squared.

    On normalised images, as released, although the constants are meant for a range of 1; ``of_pixels`` undoes the
    normalisation first.
    """
    with torch.autocast(image.device.type, enabled=False):  # a variance is a difference of large numbers
        image, target = image.float().contiguous(), target.float().contiguous()
        if of_pixels:
            image, target = pixels(image), pixels(target)
        maps = torch.cat((image, target, image * image, target * target, image * target))
        mean_a, mean_b, square_a, square_b, product = blur(maps).chunk(5)
    variance_a, variance_b = square_a - mean_a**2, square_b - mean_b**2
    covariance = product - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity = similarity / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))
    return 1 - similarity.mean()


def pixels(normalised: Tensor) -> Tensor:
    """ImageNet-normalised RGB -> RGB in [0, 1], not clamped."""
    mean, std = (normalised.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return normalised * std + mean


def mouth(images: Tensor) -> Tensor:
    """The part of a square eyes-mouth crop in which a mouth lies, shut or open: (B, 3, S, S) -> (B, 3, 0.38 S, 0.5 S)."""
    size = images.shape[-1]
    return images[..., round(0.56 * size) : round(0.94 * size), round(0.25 * size) : round(0.75 * size)]


def roughness(flow: Tensor) -> Tensor:
    """-> (): mean absolute difference of neighbouring vectors of (B, 2, h, w)."""
    return flow.diff(dim=-1).abs().mean() + flow.diff(dim=-2).abs().mean()


def frontal(points: Tensor, unit: float = 2 / 2.6, lower: float = 0.06) -> Tensor:
    """Where a face's five landmarks would lie if it looked straight ahead, upright and centred: (B, 5, 2) likewise.

    The line from the eyes to the mouth becomes vertical, the reference length ``unit`` (of the crop from -1 to 1),
    the nose comes to the middle, eyes and mouth corners to equal distances from it; heights stay. A head turned so
    far that its eyes are close together gets them back to 0.85 of the distance from eyes to mouth.
    """
    eyes, mouth = points[:, :2].mean(1), points[:, 3:].mean(1)
    down = mouth - eyes
    height = down.norm(dim=1)  # B
    down = down / height[:, None]
    right = torch.stack((down[:, 1], -down[:, 0]), dim=1)
    from_middle = points - ((eyes + mouth) / 2)[:, None]
    x, y = (from_middle * right[:, None]).sum(2), (from_middle * down[:, None]).sum(2)  # B 5
    apart = (x[:, 1] - x[:, 0]).abs()
    wanted = torch.maximum(apart, 0.85 * height)
    scale = unit / torch.maximum(1.11 * wanted, height)
    half_mouth = (x[:, 4] - x[:, 3]).abs() / 2 * wanted / apart
    middle = torch.zeros_like(apart)
    across = torch.stack((-wanted / 2, wanted / 2, middle, -half_mouth, half_mouth), dim=1)
    eye_height, mouth_height = y[:, :2].mean(1), y[:, 3:].mean(1)
    along = torch.stack((eye_height, eye_height, y[:, 2], mouth_height, mouth_height), dim=1)
    return torch.stack((across, along), dim=2) * scale[:, None, None] + points.new_tensor([0.0, lower])


def landmark_term(flow: Tensor, points: Tensor) -> Tensor:
    """-> (): L1 between the flow at a frontal face's landmarks and the way from there to the picture's landmarks.

    Not the paper's, which knows no landmarks. Faces with an unknown landmark are left out.
    """
    known = points.isfinite().all(dim=2).all(dim=1)
    if not bool(known.any()):
        return flow.sum() * 0
    points, flow = points[known], flow[known]
    places = frontal(points)
    at = F.grid_sample(flow, places[:, :, None], mode="bilinear", padding_mode="border", align_corners=True)[..., 0]
    return F.l1_loss(at.transpose(1, 2), points - places)


def gram(features: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, C): channel products, divided by the number of positions (not by C)."""
    rows = features.flatten(2)
    return rows @ rows.transpose(1, 2) / rows.shape[-1]


def contrast(
    codes: Tensor,
    again: Tensor,
    owners: Tensor,
    temperature: float = 0.1,
    others: Tensor | None = None,
    other_owners: Tensor | None = None,
) -> Tensor:
    """-> (): how badly the code of a face picks, in its batch, another picture of the same person.

    Args:
        codes: (B, 256) identity codes.
        again: (B, 256) codes of another picture (or another augmentation) of the same B people.
        owners: (B,) integers; pictures of one person are never each other's negatives.
        temperature: of the softmax over cosine similarities.
        others: (Q, 256) codes of earlier batches, as more negatives; no gradient goes to them.
        other_owners: (Q,) whose they are.

    Source: the normalised temperature-scaled cross-entropy of Chen et al. 2020; the earlier batches as in He et al. 2020.
    Not part of the paper.
    """
    a, b = F.normalize(codes, dim=1), F.normalize(again, dim=1)
    logits = a @ b.T / temperature
    same = owners[:, None] == owners[None, :]
    same.fill_diagonal_(False)
    logits = logits.masked_fill(same, float("-inf"))
    forward, backward = logits, logits.T
    if others is not None and other_owners is not None:
        old = F.normalize(others.detach(), dim=1).T
        known = owners[:, None] == other_owners[None, :]
        forward, backward = (
            torch.cat((own, (x @ old / temperature).masked_fill(known, float("-inf"))), dim=1)
            for own, x in ((forward, a), (backward, b))
        )
    target = torch.arange(len(a), device=a.device)
    return (F.cross_entropy(forward, target) + F.cross_entropy(backward, target)) / 2


def spread(codes: Tensor, wanted: float = 0.4) -> Tensor:
    """-> (): how far the codes' values are from mean 0 and a standard deviation of at least ``wanted`` over the batch.

    A code that is the same for everybody is the decoder's cheapest way to a better mean face: tanh saturates, and
    nothing is learnt any more (two runs ended so).

    Source: the variance term of Bardes, Ponce, LeCun, VICReg, ICLR 2022; not part of the paper.
    """
    return codes.mean(0).square().mean() + (wanted - (codes.var(0) + 1e-4).sqrt()).relu().mean()


class Recent(nn.Module):
    """The identity codes of the last batches and whose they are: negatives that cost nothing."""

    def __init__(self, size: int, dim: int = CODE_DIM) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("codes", torch.zeros(size, dim))
        self.register_buffer("owners", torch.full((size,), -1))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    def held(self) -> tuple[Tensor | None, Tensor | None]:
        """-> codes (Q, 256) and owners (Q,), or None and None at first."""
        filled = min(int(self.count), self.size)
        return (self.codes[:filled].clone(), self.owners[:filled].clone()) if filled else (None, None)

    @torch.no_grad()
    def push(self, codes: Tensor, owners: Tensor) -> None:
        places = (int(self.count) + torch.arange(len(codes), device=codes.device)) % self.size
        self.codes[places], self.owners[places] = codes.detach().float(), owners
        self.count += len(codes)


class Average(nn.Module):
    """A running mean of mean faces, (1, 3, S, S): steadier than one batch's, and no batch at inference either."""

    def __init__(self, image_size: int, decay: float = 0.99) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("value", torch.zeros(1, 3, image_size, image_size))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def update(self, means: Tensor) -> None:
        self.count += 1
        keep = min(self.decay, 1 - 1 / float(self.count))
        self.value.mul_(keep).add_(means.detach().float().mean(0, keepdim=True), alpha=1 - keep)
