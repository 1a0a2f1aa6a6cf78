"""The network that is trained, exported and served: grey image in, hash and features out.

Its parts stand in the order in which an image passes them; how they are trained is the trainer's matter.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dafh_training.backbone import HEAD_CHANNELS, STAGES, EfficientNetLite0

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)

# Which outputs of the backbone are pooled: 1/8, 1/16 and 1/32 of the input's side, and the head. Texture that tells
# lung from lung or tumour from tumour is gone at the head; with the head alone the hard classes of `val` lose .1.
POOLED_OUTPUTS = (2, 4, 6, 7)
_OUTPUT_CHANNELS = tuple(stage.channels for stage in STAGES) + (HEAD_CHANNELS,)
POOLED_SIZE = 2 * sum(_OUTPUT_CHANNELS[output] for output in POOLED_OUTPUTS)


@dataclass(frozen=True)
class NetworkShape:
    feature_size: int = 256
    hash_bits: int = 64
    # Each prefix of the code of so many bits is a good code itself; the last is the whole code.
    prefix_bits: tuple[int, ...] = (16, 32, 48, 64)


class ImageNetNormalisation(nn.Module):
    """N × 1 × S × S in [0, 1] → N × 3 × S × S as the backbone was trained on: the same grey in each colour."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(IMAGENET_DEVIATION).reshape(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return (image - self.mean) / self.deviation


class MultiScalePooling(nn.Module):
    """Outputs of the backbone at several scales → one vector: of each channel its mean and its maximum over the image."""

    def forward(self, outputs: list[Tensor]) -> Tensor:
        parts: list[Tensor] = []
        for output in POOLED_OUTPUTS:
            parts += [outputs[output].mean((2, 3)), outputs[output].amax((2, 3))]
        return torch.cat(parts, 1)


class HashingHead(nn.Module):
    """Pooled vector → features (N × D) and hash (N × K): a nested code, bit i set where hash i is above 0."""

    def __init__(self, shape: NetworkShape, dropout: float) -> None:
        super().__init__()
        self.standardise = nn.BatchNorm1d(POOLED_SIZE, affine=False)
        self.dropout = nn.Dropout(dropout)
        self.feature_layer = nn.Linear(POOLED_SIZE, shape.feature_size)
        self.feature_norm = nn.BatchNorm1d(shape.feature_size)
        self.hash_layer = nn.Linear(shape.feature_size, shape.hash_bits)
        # Without a shift of its own: the mean of each bit over the training images is 0, which keeps bits balanced.
        self.hash_norm = nn.BatchNorm1d(shape.hash_bits, affine=False)

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        features = self.feature_norm(self.feature_layer(self.dropout(self.standardise(pooled))))
        return self.hash_norm(self.hash_layer(features)), features


class Trunk(nn.Module):
    """Everything before the layers that are trained: image → pooled vector."""

    def __init__(self, backbone: EfficientNetLite0) -> None:
        super().__init__()
        self.normalise = ImageNetNormalisation()
        self.backbone = backbone
        self.pool = MultiScalePooling()

    def forward(self, image: Tensor) -> Tensor:
        return self.pool(self.backbone(self.normalise(image)))


class DafhNetwork(nn.Module):
    """N × 1 × S × S float32 in [0, 1] → hash (N × K) and features (N × D), in this order."""

    def __init__(self, trunk: Trunk, head: HashingHead) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.head(self.trunk(image))
