"""The codes: fitted to the features once these are trained.

The first bits of a code say the class, each class having a code of its own far from the others' (as CSQ's, Yuan et al.,
CVPR 2020); the bits behind them say how alike two images are, within a class too: the cosine of two codes is to be that
of their features. Class bits alone would be as good by MAP and useless to find the likest of a thousand images of one class.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dafh_training.network import HashingHead, NetworkShape

# tanh(1.5 h) stands for the sign of h while training: steep enough to decide, flat enough to learn through.
SIGN_STEEPNESS = 1.5
LIKENESS_WEIGHT = 10.0
CORRELATION_WEIGHT = 0.15
RATE = 3e-3
WEIGHT_DECAY = 1e-2
STEPS = 1200
BATCH = 128
# Quantiles of a bit's floats between which its threshold may lie: 32 to 68 % ones.
BALANCED_SHARES = (0.32, 0.68)
# Of the search for the classes' codes: how much two close ones count, and a bit that few classes or two bits alike have.
CLOSENESS_STEEPNESS = 4.0
IMBALANCE_WEIGHT = 3.0
COPY_WEIGHT = 1.0
SEARCHES = 4


@dataclass(frozen=True)
class CodeParts:
    """What the comparison takes away, one at a time."""

    # Without it no bit says the class.
    classes: bool = True
    # Without it every bit says the class.
    likeness: bool = True
    # Without it nothing keeps two bits from saying the same.
    decorrelation: bool = True


class CodeObjective(nn.Module):
    def __init__(self, shape: NetworkShape, class_shares: np.ndarray, parts: CodeParts) -> None:
        super().__init__()
        self.parts = parts
        self.class_bits = 0 if not parts.classes else shape.class_bits if parts.likeness else shape.hash_bits
        self.register_buffer("class_codes", torch.from_numpy(class_codes(class_shares, self.class_bits)))

    def forward(self, hashes: Tensor, features: Tensor, target: Tensor) -> dict[str, Tensor]:
        """As `FeatureObjective`; the features learn nothing from it but through the hashes."""
        own = self.class_bits
        signs = torch.tanh(SIGN_STEEPNESS * hashes)
        losses: dict[str, Tensor] = {}
        if own > 0:
            wanted = (target @ self.class_codes + 1) / 2
            losses["classes"] = functional.binary_cross_entropy_with_logits(SIGN_STEEPNESS * hashes[:, :own], wanted)
        if own < hashes.shape[1]:
            losses["likeness"] = LIKENESS_WEIGHT * disagreement(signs[:, own:], features)
        if self.parts.decorrelation:
            correlation = signs.T @ signs / len(signs)
            losses["correlation"] = CORRELATION_WEIGHT * torch.triu(correlation, 1).square().sum() * 2 / signs.shape[1]
        return losses


def disagreement(signs: Tensor, features: Tensor) -> Tensor:
    """Mean squared difference of the cosines of all pairs, by bits (N × bits) and by features (N × D)."""
    codes = functional.normalize(signs)
    wanted = functional.normalize(features.detach())
    return (codes @ codes.T - wanted @ wanted.T).square().mean()


def fit_codes(
    head: HashingHead, features: np.ndarray, targets: Tensor, weights: Tensor, objective: CodeObjective, seed: int
) -> dict[str, float]:
    """Trains the head's layers behind the features, on features of the training images.

    @param features N × D @param targets N × classes @param weights how often each image is drawn
    @returns the means of the losses over the last tenth of the steps
    """
    torch.manual_seed(seed)
    device = head.hash_layer.weight.device
    known, wanted = torch.from_numpy(features).to(device), targets.to(device)
    layers = [parameter for module in head.code_layers() for parameter in module.parameters()]
    optimiser = torch.optim.AdamW(layers, RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    objective.to(device)
    head.train()
    last: dict[str, float] = {}
    for step in range(STEPS):
        drawn = torch.multinomial(weights, BATCH, replacement=True)
        losses = objective(head.code(known[drawn]), known[drawn], wanted[drawn])
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
        schedule.step()
        if step >= STEPS * 9 // 10:
            for name, loss in losses.items():
                last[name] = last.get(name, 0.0) + loss.item() / (STEPS // 10)
    head.eval()
    return {name: round(loss, 4) for name, loss in last.items()}


def hashes_of(head: HashingHead, features: np.ndarray) -> np.ndarray:
    """N × D → N × K, by a head that is in evaluation."""
    with torch.inference_mode():
        return head.code(torch.from_numpy(features).to(head.hash_layer.weight.device)).cpu().numpy()


def balance(head: HashingHead, hashes: np.ndarray, class_bits: int) -> None:
    """Moves the threshold of each lopsided bit behind the class bits, by as little as makes it lean no more over these images.

    The batches of training have the rare classes oftener than the images have, so what is balanced there need not be here.
    Class bits lean as little as the classes allow: a threshold moved into a class would tear it.
    """
    low, high = (torch.from_numpy(np.quantile(hashes, share, axis=0)).float() for share in BALANCED_SHARES)
    # Where the share of ones is within bounds, 0 lies between the two quantiles.
    shift = low.clamp_min(0) + high.clamp_max(0)
    shift[:class_bits] = 0
    norm = head.hash_norm
    norm.running_mean += shift.to(norm.running_mean.device) * torch.sqrt(norm.running_var + norm.eps)


def class_codes(shares: np.ndarray, bits: int) -> np.ndarray:
    """A code of ±1 for each class, classes × bits float32: far from each other, with every bit set for about half of the images and no two bits alike.

    Flips of single bits as long as one helps, from several beginnings that are the same every time.
    """
    if bits == 0:
        return np.zeros((len(shares), 0), np.float32)
    draw = np.random.default_rng(0)
    found = [_improved(draw.choice([-1.0, 1.0], (len(shares), bits)), shares / shares.sum()) for _ in range(SEARCHES)]
    return min(found, key=lambda candidate: candidate[0])[1].astype(np.float32)


def _improved(codes: np.ndarray, shares: np.ndarray) -> tuple[float, np.ndarray]:
    cost = _cost(codes, shares)
    improves = True
    while improves:
        improves = False
        for place in np.ndindex(codes.shape):
            codes[place] *= -1
            changed = _cost(codes, shares)
            if changed < cost - 1e-9:
                cost, improves = changed, True
            else:
                codes[place] *= -1
    return cost, codes


def _cost(codes: np.ndarray, shares: np.ndarray) -> float:
    classes, bits = codes.shape
    closeness = np.exp(CLOSENESS_STEEPNESS * (codes @ codes.T) / bits)
    pairs = max(1, classes * (classes - 1))
    means = shares @ codes
    covariance = codes.T @ (shares[:, None] * codes) - np.outer(means, means)
    copies = (covariance**4).sum() - (np.diag(covariance) ** 4).sum()
    return float(
        (closeness.sum() - np.trace(closeness)) / pairs + IMBALANCE_WEIGHT * (means**2).mean() + COPY_WEIGHT * copies / bits
    )
