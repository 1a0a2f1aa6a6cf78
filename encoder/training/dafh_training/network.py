"""The DAFH network: grey image in; hash, features, attention map and a score for foreign images out.

Its parts stand in the order in which an image passes them; how they are trained is the trainer's matter.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from dafh_training.attention import ChannelAttention, SpatialAttention
from dafh_training.attribution import contributions, fused_places
from dafh_training.backbone import HEAD_CHANNELS, STAGES, EfficientNetLite0
from dafh_training.foreign import ForeignScore

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)

# Stages 0 to 3 stay as ImageNet left them: what they see (edges, texture) is not what the labels are about, and their
# outputs can be kept on disk.
LAST_FROZEN_STAGE = 3
# The frozen stages' outputs: channels, and how much smaller than the image their sides are.
FROZEN_OUTPUTS = {"fine": (STAGES[2].channels, 8), "middle": (STAGES[3].channels, 16)}
# What is fused: the outputs of stages 2, 4, 6 and of the head. Texture that tells lung from lung or tumour from tumour
# is gone at the head.
FUSED_CHANNELS = (STAGES[2].channels, STAGES[4].channels, STAGES[6].channels, HEAD_CHANNELS)
ATTENTION_STRIDE = 16


@dataclass(frozen=True)
class NetworkShape:
    feature_size: int = 256
    hash_bits: int = 64
    # Each prefix of the code of so many bits is a good code itself; the last is the whole code.
    prefix_bits: tuple[int, ...] = (16, 32, 48, 64)
    # So many of the first bits say the class, the others how alike two images are: see `codes.py`.
    class_bits: int = 16


@dataclass(frozen=True)
class NetworkParts:
    """What the comparison adds or takes away, one at a time."""

    channel_attention: bool = False
    spatial_attention: bool = False
    # Without it the features see the backbone's head alone.
    fusion: bool = True
    # Without it the stages that are trained start from random weights; the frozen ones keep theirs.
    pretraining: bool = True
    # Without it the code is a linear function of the features.
    hidden_layer: bool = True


class ImageNetNormalisation(nn.Module):
    """N × 1 × S × S in [0, 1] → N × 3 × S × S as the backbone was trained on: the same grey in each colour."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(IMAGENET_DEVIATION).reshape(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return (image - self.mean) / self.deviation


class FrozenStages(nn.Module):
    """Image → the maps of FROZEN_OUTPUTS."""

    def __init__(self, backbone: EfficientNetLite0) -> None:
        super().__init__()
        self.normalise = ImageNetNormalisation()
        self.backbone = backbone

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.backbone.stages(0, 2, self.backbone.stem(self.normalise(image)))
        return fine, self.backbone.stages(3, LAST_FROZEN_STAGE, fine)


class ScaleReader(nn.Module):
    """One scale's maps → a vector: mean and maximum of each channel, standardised."""

    def __init__(self, channels: int, parts: NetworkParts) -> None:
        super().__init__()
        self.channels = ChannelAttention(channels) if parts.channel_attention else None
        self.places = SpatialAttention() if parts.spatial_attention else None
        self.standardise = nn.BatchNorm1d(2 * channels, affine=False)

    def attended(self, maps: Tensor) -> Tensor:
        if self.channels is not None:
            maps = self.channels(maps)
        return maps if self.places is None else self.places(maps)

    def forward(self, attended: Tensor) -> Tensor:
        return self.standardise(torch.cat([attended.mean((2, 3)), attended.amax((2, 3))], 1))


class ScaleFusion(nn.Module):
    """The scales' vectors → one of D, and the scales' shares (N × scales): each is projected, and the image itself decides how much each counts."""

    def __init__(self, sizes: list[int], feature_size: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.projections = nn.ModuleList(nn.Linear(size, feature_size) for size in sizes)
        self.scores = nn.ModuleList(nn.Linear(feature_size, 1) for _ in sizes)

    def forward(self, vectors: list[Tensor]) -> tuple[Tensor, Tensor]:
        projected = [project(self.dropout(vector)) for project, vector in zip(self.projections, vectors, strict=True)]
        scores = [score(functional.relu(each)) for score, each in zip(self.scores, projected, strict=True)]
        shares = torch.softmax(torch.cat(scores, 1), 1)
        return (torch.stack(projected, 1) * shares[:, :, None]).sum(1), shares


class HashingHead(nn.Module):
    """Fused vector → hash (N × K), a nested code, bit i set where hash i is above 0, and features (N × D)."""

    def __init__(self, shape: NetworkShape, parts: NetworkParts) -> None:
        super().__init__()
        self.feature_norm = nn.BatchNorm1d(shape.feature_size)
        self.hidden = nn.Sequential(nn.Linear(shape.feature_size, shape.feature_size), nn.ReLU()) if parts.hidden_layer else nn.Identity()
        self.hash_layer = nn.Linear(shape.feature_size, shape.hash_bits)
        # Without a shift of its own: the mean of each bit over the training images is 0, which keeps bits balanced.
        self.hash_norm = nn.BatchNorm1d(shape.hash_bits, affine=False)

    def forward(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        features = self.feature_norm(fused)
        return self.code(features), features

    def code(self, features: Tensor) -> Tensor:
        """By their direction alone, as features are compared; brought to the length that the norm gives them on the average."""
        directions = functional.normalize(features) * math.sqrt(features.shape[1])
        return self.hash_norm(self.hash_layer(self.hidden(directions)))

    def code_layers(self) -> list[nn.Module]:
        return [self.hidden, self.hash_layer]


class TrainedStages(nn.Module):
    """The frozen stages' maps → hash and features."""

    def __init__(self, backbone: EfficientNetLite0, shape: NetworkShape, parts: NetworkParts, dropout: float) -> None:
        super().__init__()
        self.parts = parts
        self.backbone = backbone
        channels = FUSED_CHANNELS if parts.fusion else FUSED_CHANNELS[-1:]
        self.scales = nn.ModuleList(ScaleReader(count, parts) for count in channels)
        self.fusion = ScaleFusion([2 * count for count in channels], shape.feature_size, dropout)
        self.head = HashingHead(shape, parts)

    def forward(self, fine: Tensor, middle: Tensor) -> tuple[Tensor, Tensor]:
        fused, _ = self.fused(self.scale_maps(fine, middle))
        return self.head(fused)

    def scale_maps(self, fine: Tensor, middle: Tensor) -> list[Tensor]:
        """What is fused, finest first: the maps of each scale."""
        coarse = self.backbone.stages(4, 4, middle)
        coarsest = self.backbone.stages(5, 6, coarse)
        maps = [fine, coarse, coarsest, self.backbone.head(coarsest)]
        return [scale.attended(each) for scale, each in zip(self.scales, maps[-len(self.scales) :], strict=True)]

    def fused(self, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        return self.fusion([scale(each) for scale, each in zip(self.scales, maps, strict=True)])

    def contributions(self, maps: list[Tensor], shares: Tensor, features: Tensor) -> list[Tensor]:
        """How much each place of each scale counts for the features, N × H × W: see `attribution.py`."""
        norm = self.head.feature_norm
        direction = functional.normalize(features) * (norm.weight / torch.sqrt(norm.running_var + norm.eps))
        return [
            contributions(each, scale.standardise, projection, direction, shares[:, index])
            for index, (each, scale, projection) in enumerate(zip(maps, self.scales, self.fusion.projections, strict=True))
        ]

    def train(self, mode: bool = True) -> "TrainedStages":
        """Pretrained batch norms keep ImageNet's statistics: batches of a few classes would pull them to and fro."""
        super().train(mode)
        if self.parts.pretraining:
            self.backbone.eval()
        return self


class DafhNetwork(nn.Module):
    """N × 1 × S × S float32 in [0, 1] → hash (N × K), features (N × D), attention (N × S/16 × S/16, what counts most is 1) and foreign (N)."""

    def __init__(self, frozen: FrozenStages, trained: TrainedStages, foreign: ForeignScore) -> None:
        super().__init__()
        self.frozen = frozen
        self.trained = trained
        self.foreign = foreign

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        fine, middle = self.frozen(image)
        maps = self.trained.scale_maps(fine, middle)
        fused, shares = self.trained.fused(maps)
        hashes, features = self.trained.head(fused)
        attention = fused_places(self.trained.contributions(maps, shares, features), middle.shape[2:])
        return hashes, features, attention, self.foreign(fine, middle)
