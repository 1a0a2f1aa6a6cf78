"""Which images a batch is made of, as which views, and in which mixture."""

import numpy as np
import torch
from torch import Tensor

from dafh_training.views import Views


def sampling_weights(labels: np.ndarray, groups: np.ndarray, class_sampling: float, group_sampling: float) -> np.ndarray:
    """How often each image is drawn, before scaling to a sum of 1."""
    _, label_numbers, label_counts = np.unique(labels, return_inverse=True, return_counts=True)
    _, group_numbers, group_counts = np.unique(groups, return_inverse=True, return_counts=True)
    return label_counts[label_numbers] ** (class_sampling - 1.0) * group_counts[group_numbers] ** (
        group_sampling - 1.0
    )


def draw_views(views: Views, count: int, unchanged_share: float) -> np.ndarray:
    """Which view of each image of a batch: the image as it is, or one of the augmented ones."""
    if views.augmented == 0:
        return np.zeros(count, int)
    unchanged = torch.rand(count) < unchanged_share
    return torch.where(unchanged, 0, torch.randint(1, views.augmented + 1, (count,))).numpy()


def mix(maps: list[Tensor], targets: Tensor, mixing: float) -> tuple[list[Tensor], Tensor]:
    """Each image with another of its batch: maps between theirs, and the share of each class."""
    if mixing == 0:
        return maps, targets
    draw = np.random.default_rng(int(torch.randint(2**31, ()))).beta(mixing, mixing, (len(targets), 1))
    share = torch.from_numpy(np.maximum(draw, 1 - draw)).float()
    partner = torch.randperm(len(targets))
    of_map = share[:, :, None, None]
    return [of_map * each + (1 - of_map) * each[partner] for each in maps], share * targets + (1 - share) * targets[partner]
