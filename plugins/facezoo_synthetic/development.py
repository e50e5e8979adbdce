"""What a camera does to light: exposure, white balance, tone curve, blur, noise, JPEG."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from facezoo_synthetic.stacks import Stack

GREY = (0.2126, 0.7152, 0.0722)
STREAM = 7  # of random numbers, beside the shot's own seed
DISPLAY = 1 / 2.2
SHARP = 0.2  # pixels of blur that are none


def develop(linear: Tensor, shots: Stack, seeds: Sequence[int]) -> Tensor:
    """(B, 3, S, S) float32 linear RGB -> uint8 display RGB.

    Args:
        linear: from ``scene.render``.
        shots: exposure and the camera's faults.
        seeds: one per picture, of its sensor's noise.
    """
    p = {name: getattr(shots, name).view(-1, 1, 1, 1) for name in ("exposure", "contrast", "saturation", "noise")}
    light = linear * metered(linear) * p["exposure"] * shots.balance[:, :, None, None]
    light = light / (1 + 0.25 * light) * 1.15  # highlights roll off
    picture = light.clamp(0, 1) ** DISPLAY
    picture = (picture - 0.45) * p["contrast"] + 0.45
    grey = (picture * _grey(linear)).sum(1, keepdim=True)
    picture = (grey + (picture - grey) * p["saturation"]).clamp(0, 1)
    picture = torch.stack([_blurred(one, float(sigma) / 1000) for one, sigma in zip(picture, shots.blur, strict=True)])
    shape = picture.shape[1:]
    noise = [np.random.default_rng([STREAM, seed]).standard_normal(shape, dtype=np.float32) for seed in seeds]
    picture = picture + torch.tensor(np.stack(noise), device=linear.device) * p["noise"] * (0.4 + 0.6 * picture)
    shown = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
    return torch.stack([_compressed(one, int(quality)) for one, quality in zip(shown, shots.jpeg, strict=True)])


def metered(linear: Tensor) -> Tensor:
    """(B, 1, 1, 1) factor: a camera's own exposure, by the picture's middle. Dark skin stays darker than light skin."""
    side = linear.shape[-1]
    middle = linear[..., side // 4 : side - side // 4, side // 4 : side - side // 4]
    seen = (middle * _grey(linear)).sum(1).mean((1, 2))
    return ((0.2 / seen.clamp_min(0.01)) ** 0.7).clamp(0.3, 4.0).view(-1, 1, 1, 1)


def _grey(like: Tensor) -> Tensor:
    return torch.tensor(GREY, device=like.device).view(1, 3, 1, 1)


def _blurred(picture: Tensor, share: float) -> Tensor:
    """(3, S, S) through a Gaussian of so large a share of its side."""
    sigma = share * picture.shape[-1]
    if sigma < SHARP:
        return picture
    steps = torch.arange(-int(3 * sigma) - 1, int(3 * sigma) + 2, device=picture.device, dtype=torch.float32)
    kernel = torch.exp(-((steps / sigma) ** 2) / 2)
    kernel = (kernel / kernel.sum()).view(1, 1, -1).expand(3, 1, -1)
    reach = len(steps) // 2
    wide = F.pad(picture[None], (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(wide, kernel[:, :, None], groups=3), kernel[..., None], groups=3)[0]


def _compressed(picture: Tensor, quality: int) -> Tensor:
    """(3, S, S) uint8 as it is after a JPEG of this quality; 0: as it was."""
    if not quality:
        return picture
    pixels = picture.permute(1, 2, 0).cpu().numpy()[..., ::-1]
    _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))
    return torch.tensor(decoded[..., ::-1].copy(), device=picture.device).permute(2, 0, 1)
