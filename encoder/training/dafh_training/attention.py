"""Attention inside a scale, by channel and by place, as CBAM has it (Woo et al., ECCV 2018).

Neither earned its place in the comparison of docs/model.md, so the network has neither: they stay so that it can be run again.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class ChannelAttention(nn.Module):
    """Each channel times 0 to 2, by what the whole map's channels are (a bottleneck of an eighth); 1 before training."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = max(8, channels // 8)
        self.squeeze = nn.Linear(2 * channels, narrow)
        self.excite = nn.Linear(narrow, channels)
        nn.init.zeros_(self.excite.weight)
        nn.init.zeros_(self.excite.bias)

    def forward(self, maps: Tensor) -> Tensor:
        pooled = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1)
        weights = 2 * torch.sigmoid(self.excite(functional.relu(self.squeeze(pooled))))
        return maps * weights[:, :, None, None]


class SpatialAttention(nn.Module):
    """Each place times 0 to 2, by the mean and the maximum over the channels around it; 1 before training."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv2d(2, 1, 5, padding=2)
        nn.init.zeros_(self.look.weight)
        nn.init.zeros_(self.look.bias)

    def forward(self, maps: Tensor) -> Tensor:
        pooled = torch.cat([maps.mean(1, keepdim=True), maps.amax(1, keepdim=True)], 1)
        return maps * (2 * torch.sigmoid(self.look(pooled)))
