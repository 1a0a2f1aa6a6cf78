"""What is minimised: classes told apart by angle of the features (a proxy-based metric loss, Zhai & Wu, BMVC 2019) and by
every prefix of the code, codes that lie to each other as their features do, and bits that are decided, balanced and not each other's copies."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from dafh_training.network import NetworkShape

COSINE_SCALE = 16.0
# tanh(1.5 h) stands for the sign of h while training: steep enough to decide, flat enough to learn through.
SIGN_STEEPNESS = 1.5
PREFIX_WEIGHT = 2.0
AGREEMENT_WEIGHT = 1.0
CONTRAST_WEIGHT = 0.5
CONTRAST_TEMPERATURE = 0.1
UNDECIDED_WEIGHT = 0.1
BALANCE_WEIGHT = 4.0
CORRELATION_WEIGHT = 0.4


@dataclass(frozen=True)
class LossParts:
    """What the ablation takes away or adds, one at a time."""

    # Without it only the whole code is trained, not its prefixes.
    nesting: bool = True
    # Without it the features have no loss of their own: they are trained through the code alone.
    metric: bool = True
    # Without it nothing ties the angle between two codes to the one between their features.
    agreement: bool = True
    contrast: bool = False


class HashingObjective(nn.Module):
    """Its own parameters (a proxy for each class, a classifier for each prefix) are trained along and then left behind."""

    def __init__(self, shape: NetworkShape, classes: int, parts: LossParts) -> None:
        super().__init__()
        self.parts = parts
        self.prefix_bits = shape.prefix_bits if parts.nesting else (shape.hash_bits,)
        self.proxies = nn.Parameter(torch.randn(classes, shape.feature_size) * 0.1)
        self.classifiers = nn.ModuleList(nn.Linear(bits, classes) for bits in self.prefix_bits)

    def forward(self, hashes: Tensor, features: Tensor, target: Tensor) -> dict[str, Tensor]:
        """N × K, N × D, N × classes (each row's shares of the classes) → the weighted parts of the loss; their sum is what is minimised."""
        directions = functional.normalize(features)
        cosine = directions @ functional.normalize(self.proxies).T
        signs = torch.tanh(SIGN_STEEPNESS * hashes)
        prefixes = [
            functional.cross_entropy(classifier(signs[:, :bits]), target)
            for bits, classifier in zip(self.prefix_bits, self.classifiers, strict=True)
        ]
        correlation = signs.T @ signs / len(signs)
        losses = {
            "prefixes": PREFIX_WEIGHT * torch.stack(prefixes).mean(),
            "undecided": UNDECIDED_WEIGHT * (1 - signs.abs()).mean(),
            "balance": BALANCE_WEIGHT * signs.mean(0).square().mean(),
            "correlation": CORRELATION_WEIGHT * torch.triu(correlation, 1).square().sum() * 2 / signs.shape[1],
        }
        if self.parts.metric:
            losses["features"] = functional.cross_entropy(COSINE_SCALE * cosine, target)
        if self.parts.agreement:
            losses["agreement"] = AGREEMENT_WEIGHT * torch.stack([disagreement(signs[:, :bits], directions) for bits in self.prefix_bits]).mean()
        if self.parts.contrast:
            losses["contrast"] = CONTRAST_WEIGHT * supervised_contrast(directions, target)
        return losses


def disagreement(signs: Tensor, directions: Tensor) -> Tensor:
    """Mean squared difference of the cosines of all pairs, by code (N × bits) and by features (N × D, which learn nothing from it)."""
    codes = functional.normalize(signs)
    wanted = directions.detach()
    return (codes @ codes.T - wanted @ wanted.T).square().mean()


def supervised_contrast(directions: Tensor, target: Tensor) -> Tensor:
    """Khosla et al., NeurIPS 2020, with shares of classes: pairs count by how much of their classes they have in common."""
    similarity = directions @ directions.T / CONTRAST_TEMPERATURE
    others = ~torch.eye(len(directions), dtype=torch.bool, device=directions.device)
    likelihood = similarity - torch.logsumexp(similarity.masked_fill(~others, -torch.inf), 1, keepdim=True)
    common = (target @ target.T) * others
    return -((common * likelihood).sum(1) / common.sum(1).clamp_min(1e-3)).mean()
