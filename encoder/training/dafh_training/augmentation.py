"""Changes of network inputs that imitate other scanners, windows and positions. Inputs and outputs are in [0, 1]."""

import math

import torch
from torch import Tensor
from torch.nn import functional

ROTATION_DEGREES = 15.0
ZOOM = (0.75, 1.4)
SHIFT = 0.06  # of the side
GAMMA = math.log(1.6)
BLACK_SHIFT = 0.08
WHITE_SCALE = (0.8, 1.2)
NOISE_DEVIATION = 0.02
COARSE_SHARE = 0.25  # of the images, brought to half their resolution


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """N × 1 × S × S → the same shape, each image changed in its own way."""

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(len(images), 1, 1, 1).uniform_(low, high, generator=generator)

    moved = _move(images, uniform)
    toned = moved.clamp_min(0) ** torch.exp(uniform(-GAMMA, GAMMA)) * uniform(*WHITE_SCALE)
    # Black margins stay black: a window moves what the scanner saw, not the border around it.
    shifted = toned + uniform(-BLACK_SHIFT, BLACK_SHIFT) * (toned > 0)
    noise = torch.randn(images.shape, generator=generator) * uniform(0, NOISE_DEVIATION) * (toned > 0)
    changed = shifted + noise
    coarse = functional.interpolate(functional.avg_pool2d(changed, 2), scale_factor=2, mode="bilinear", align_corners=False)
    return torch.where(uniform(0, 1) < COARSE_SHARE, coarse, changed).clamp(0, 1)


def _move(images: Tensor, uniform) -> Tensor:
    """Mirror (half of them), rotate, zoom and shift."""
    angle = torch.deg2rad(uniform(-ROTATION_DEGREES, ROTATION_DEGREES)).flatten()
    zoom = uniform(*ZOOM).flatten()
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0).flatten()
    cosine, sine = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    shift_x, shift_y = uniform(-2 * SHIFT, 2 * SHIFT).flatten(), uniform(-2 * SHIFT, 2 * SHIFT).flatten()
    matrix = torch.stack([cosine * mirror, -sine, shift_x, sine * mirror, cosine, shift_y], 1).reshape(-1, 2, 3)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
