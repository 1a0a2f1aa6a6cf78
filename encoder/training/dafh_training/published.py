"""Published deep-hashing losses over the same network and views, for the comparison in docs/model.md.

Each trains the whole code of K bits with its own loss and nothing else; they take and give what `FeatureObjective` does.
Formulas: HashNet (Cao et al., ICCV 2017), DPSH (Li et al., IJCAI 2016), CSQ (Yuan et al., CVPR 2020), OrthoHash (Hoe et al., NeurIPS 2021).
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dafh_training.network import NetworkShape

QUANTIZATION_WEIGHT = 0.1
CSQ_QUANTIZATION_WEIGHT = 1e-4
# HashNet's α of 10 / K keeps the products of long codes where the logistic function is not flat.
HASHNET_ALPHA = 10.0
ORTHO_SCALE = 8.0
ORTHO_MARGIN = 0.2


class PairwiseObjective(nn.Module):
    """Codes of one class alike, of two classes unlike, by the likelihood of their inner products: DPSH, and HashNet with its weighting of rare pairs."""

    def __init__(self, shape: NetworkShape, weighted: bool) -> None:
        super().__init__()
        self.weighted = weighted
        self.alpha = HASHNET_ALPHA / shape.hash_bits if weighted else 0.5

    def forward(self, hashes: Tensor, features: Tensor, target: Tensor) -> dict[str, Tensor]:
        codes = torch.tanh(hashes) if self.weighted else hashes
        alike = (target @ target.T > 0.5).float()
        product = self.alpha * codes @ codes.T
        losses = functional.softplus(product) - alike * product
        off_diagonal = ~torch.eye(len(codes), dtype=torch.bool, device=codes.device)
        pairs = losses[off_diagonal]
        if self.weighted:
            of_pair = alike[off_diagonal]
            share = of_pair.mean().clamp(1e-3, 1 - 1e-3)
            pairs = pairs * torch.where(of_pair > 0, 0.5 / share, 0.5 / (1 - share))
            return {"pairs": pairs.mean()}
        return {"pairs": pairs.mean(), "quantization": QUANTIZATION_WEIGHT * (hashes - hashes.sign()).square().mean()}


class CentreObjective(nn.Module):
    """Each class has a row of a Hadamard matrix as its code: CSQ (bit by bit), or OrthoHash (by the angle to it, with a margin)."""

    def __init__(self, shape: NetworkShape, classes: int, by_angle: bool) -> None:
        super().__init__()
        self.by_angle = by_angle
        self.register_buffer("centres", torch.from_numpy(hadamard(shape.hash_bits)[1 : classes + 1]))

    def forward(self, hashes: Tensor, features: Tensor, target: Tensor) -> dict[str, Tensor]:
        if self.by_angle:
            cosine = functional.normalize(hashes) @ functional.normalize(self.centres).T
            return {"angles": functional.cross_entropy(ORTHO_SCALE * (cosine - ORTHO_MARGIN * target), target)}
        codes = torch.tanh(hashes)
        wanted = (target @ self.centres + 1) / 2
        return {
            "bits": functional.binary_cross_entropy((codes + 1) / 2, wanted),
            "quantization": CSQ_QUANTIZATION_WEIGHT * (codes.abs() - 1).square().mean(),
        }


def hadamard(size: int) -> np.ndarray:
    """Sylvester's construction: rows of ±1, any two of which differ in half of their places. `size` is a power of two."""
    matrix = np.ones((1, 1), np.float32)
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


def published_objective(name: str, shape: NetworkShape, classes: int) -> nn.Module:
    if name == "hashnet":
        return PairwiseObjective(shape, weighted=True)
    if name == "dpsh":
        return PairwiseObjective(shape, weighted=False)
    if name == "csq":
        return CentreObjective(shape, classes, by_angle=False)
    if name == "orthohash":
        return CentreObjective(shape, classes, by_angle=True)
    raise ValueError(f"no published objective is called {name}")


PUBLISHED = ("hashnet", "dpsh", "csq", "orthohash")
