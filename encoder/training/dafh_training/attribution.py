"""Which places of an image its features come from: the attention map of the network.

Fusion, pooling and projection are linear once the scales' shares are known, so how far the features reach in their own
direction is a sum over the places of the scales' maps. Each place's part of that sum is what it counts for.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

# How far under a channel's maximum a place still has a part in it, falling to none: with a sharp edge, rounding would decide
# which of two like places the maximum belongs to.
NEARLY_MAXIMUM = 0.05


def contributions(maps: Tensor, standardise: nn.BatchNorm1d, projection: nn.Linear, direction: Tensor, share: Tensor) -> Tensor:
    """One scale's part, place by place.

    @param maps N × C × H × W, pooled to means and maxima, which `standardise` brings to one spread and `projection` takes to D
    @param direction N × D, along which is counted
    @param share N, how much the scale counts
    @returns N × H × W; their sum is `direction` · (share × the scale's projection without its bias)
    """
    pull = direction @ projection.weight * (share[:, None] / torch.sqrt(standardise.running_var + standardise.eps))
    of_mean, of_maximum = (each[:, :, None, None] for each in pull.chunk(2, 1))
    usual_mean, usual_maximum = (each[None, :, None, None] for each in standardise.running_mean.chunk(2))
    maximum = maps.amax((2, 3), keepdim=True)
    nearness = functional.relu(1 - (maximum - maps) / NEARLY_MAXIMUM)
    places = maps.shape[2] * maps.shape[3]
    from_means = (maps - usual_mean) * of_mean / places
    # Where a maximum is reached at several places, each has its share of it.
    from_maxima = nearness * (of_maximum * (maximum - usual_maximum) / nearness.sum((2, 3), keepdim=True))
    return (from_means + from_maxima).sum(1)


def fused_places(scales: list[Tensor], size: torch.Size) -> Tensor:
    """Contributions of the scales (N × H × W each, of any H and W) on one grid: what speaks for the features, the most is 1."""
    on_grid = [
        functional.interpolate(each[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
        * (each.shape[1] * each.shape[2] / (size[0] * size[1]))
        for each in scales
    ]
    fused = functional.relu(torch.stack(on_grid).sum(0))
    return fused / fused.amax((1, 2), keepdim=True).clamp_min(1e-6)
