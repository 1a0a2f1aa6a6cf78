"""What the features learn by: their classes told apart by angle, a proxy-based metric loss (Zhai & Wu, BMVC 2019)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from dafh_training.network import NetworkShape

COSINE_SCALE = 16.0


@dataclass(frozen=True)
class LossParts:
    """Whose losses train the stages; the comparison changes them."""

    features: bool = True
    # With it the codes' losses reach the stages as well; without, codes are fitted to the features once these are done.
    codes: bool = False


class FeatureObjective(nn.Module):
    """Its own parameters, a proxy for each class, are trained along and then left behind."""

    def __init__(self, shape: NetworkShape, classes: int) -> None:
        super().__init__()
        self.proxies = nn.Parameter(torch.randn(classes, shape.feature_size) * 0.1)

    def forward(self, hashes: Tensor, features: Tensor, target: Tensor) -> dict[str, Tensor]:
        """N × K, N × D, N × classes (each row's shares of the classes) → the weighted parts of the loss; their sum is what is minimised."""
        cosine = functional.normalize(features) @ functional.normalize(self.proxies).T
        return {"features": functional.cross_entropy(COSINE_SCALE * cosine, target)}


class JointObjective(nn.Module):
    """Several objectives at once, for the comparison."""

    def __init__(self, objectives: list[nn.Module]) -> None:
        super().__init__()
        self.objectives = nn.ModuleList(objectives)

    def forward(self, hashes: Tensor, features: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {name: loss for each in self.objectives for name, loss in each(hashes, features, target).items()}
