"""How unlike everything that the network was trained on an image is, from the frozen stages' maps.

The statistics of early maps (mean, deviation and maximum of each channel) of the training images are standardised and
reduced to their main directions. The score is the Mahalanobis distance to the nearest class's mean, with one covariance for
all classes (Lee et al., NeurIPS 2018), plus what the main directions leave out (as in Wang et al., CVPR 2022), divided by the
share of `val` that may be called foreign: above 1 an image is foreign. Early maps are used because training for labels
takes away what tells a photograph from a CT.
"""

import numpy as np
import torch
from torch import Tensor, nn

DIRECTIONS = 64
# The covariance of few images of one class is poorly known: so much of the mean variance is added to its diagonal.
SHRINKAGE = 0.1
RESIDUAL_WEIGHT = 0.5
# Of the images of `val`, so many may be called foreign.
TOLERATED = 0.03


class ForeignScore(nn.Module):
    """Maps of FROZEN_OUTPUTS → N scores; 0 before `fit`."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        size = 3 * channels
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.register_buffer("directions", torch.zeros(size, DIRECTIONS))
        self.register_buffer("whitening", torch.zeros(DIRECTIONS, DIRECTIONS))
        self.register_buffer("centres", torch.zeros(classes, DIRECTIONS))
        self.register_buffer("residual", torch.ones(()))
        self.register_buffer("threshold", torch.ones(()))

    def forward(self, fine: Tensor, middle: Tensor) -> Tensor:
        return self.score(map_statistics(fine, middle))

    def score(self, statistics: Tensor) -> Tensor:
        standard = (statistics - self.mean) / self.deviation
        reduced = standard @ self.directions
        rest = (standard - reduced @ self.directions.T).square().sum(1).sqrt() / self.residual
        apart = (reduced @ self.whitening)[:, None] - self.centres[None]
        nearest = apart.square().sum(2).amin(1).sqrt() / DIRECTIONS**0.5
        return (nearest + RESIDUAL_WEIGHT * rest) / self.threshold

    def fit(self, train: np.ndarray, labels: np.ndarray, calibration: np.ndarray) -> None:
        """`train`: images × statistics with their classes' names. `calibration`: of other images of the known kinds, which set the threshold."""
        mean, deviation = train.mean(0), train.std(0) + 1e-3
        standard = (train - mean) / deviation
        directions = np.linalg.svd(standard, full_matrices=False)[2][:DIRECTIONS].T
        reduced = standard @ directions
        names, numbers = np.unique(labels, return_inverse=True)
        centres = np.stack([reduced[numbers == number].mean(0) for number in range(len(names))])
        within = reduced - centres[numbers]
        covariance = within.T @ within / len(within) + SHRINKAGE * within.var(0).mean() * np.eye(DIRECTIONS)
        whitening = np.linalg.cholesky(np.linalg.inv(covariance))
        residual = np.sqrt(((standard - reduced @ directions.T) ** 2).sum(1)).mean()
        fitted = {
            "mean": mean,
            "deviation": deviation,
            "directions": directions,
            "whitening": whitening,
            "centres": centres @ whitening,
            "residual": residual,
        }
        for name, value in fitted.items():
            setattr(self, name, torch.as_tensor(value, dtype=torch.float32))
        self.threshold = torch.ones(())
        scores = self.score(torch.as_tensor(calibration, dtype=torch.float32))
        self.threshold = torch.quantile(scores, 1 - TOLERATED)


def map_statistics(fine: Tensor, middle: Tensor) -> Tensor:
    """N × 3 for each channel of both maps: means, deviations, maxima."""
    parts: list[Tensor] = []
    for maps in (fine, middle):
        mean = maps.mean((2, 3))
        deviation = (maps - mean[:, :, None, None]).square().mean((2, 3)).sqrt()
        parts += [mean, deviation, maps.amax((2, 3))]
    return torch.cat(parts, 1)
