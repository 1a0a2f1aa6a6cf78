"""What the head is trained for: classes told apart by angle of the features and by every prefix of the code, with
bits that are decided, balanced and not each other's copies."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from dafh_training.network import NetworkShape

COSINE_SCALE = 16.0
# tanh(1.5 h) stands for the sign of h while training: steep enough to decide, flat enough to learn through.
SIGN_STEEPNESS = 1.5
PREFIX_WEIGHT = 2.0
UNDECIDED_WEIGHT = 0.1
BALANCE_WEIGHT = 4.0
CORRELATION_WEIGHT = 0.4


class HashingObjective(nn.Module):
    """Its own parameters (a proxy for each class, a classifier for each prefix) are trained along and then left behind."""

    def __init__(self, shape: NetworkShape, classes: int) -> None:
        super().__init__()
        self.prefix_bits = shape.prefix_bits
        self.proxies = nn.Parameter(torch.randn(classes, shape.feature_size) * 0.1)
        self.classifiers = nn.ModuleList(nn.Linear(bits, classes) for bits in shape.prefix_bits)

    def forward(self, hashes: Tensor, features: Tensor, target: Tensor) -> dict[str, Tensor]:
        """N × K, N × D, N × classes (each row's shares of the classes) → the weighted parts of the loss; their sum is what is minimised."""
        cosine = functional.normalize(features) @ functional.normalize(self.proxies).T
        signs = torch.tanh(SIGN_STEEPNESS * hashes)
        prefixes = [
            functional.cross_entropy(classifier(signs[:, :bits]), target)
            for bits, classifier in zip(self.prefix_bits, self.classifiers, strict=True)
        ]
        correlation = signs.T @ signs / len(signs)
        return {
            "features": functional.cross_entropy(COSINE_SCALE * cosine, target),
            "prefixes": PREFIX_WEIGHT * torch.stack(prefixes).mean(),
            "undecided": UNDECIDED_WEIGHT * (1 - signs.abs()).mean(),
            "balance": BALANCE_WEIGHT * signs.mean(0).square().mean(),
            "correlation": CORRELATION_WEIGHT * torch.triu(correlation, 1).square().sum() * 2 / signs.shape[1],
        }
