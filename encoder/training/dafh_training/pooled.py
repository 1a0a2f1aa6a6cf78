"""The frozen trunk's output for every image and for augmented copies of the training images, kept on disk.

The head trains on these in minutes; the backbone runs once an image and copy. A run that was stopped goes on with
the copy that it was at.
"""

import copy
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dafh_training.augmentation import augment
from dafh_training.backbone import EfficientNetLite0
from dafh_training.inputs import LabelledInputs
from dafh_training.network import Trunk

BATCH = 32


def pooled_copies(trunk: Trunk, inputs: LabelledInputs, folder: Path, copies: int, seed: int, device: str) -> list[np.ndarray]:
    """Copy 0 has every row of `train` and `val` as it is, the others the rows of `train`, augmented. Rows not asked for are 0."""
    folder.mkdir(parents=True, exist_ok=True)
    runner = _fused(trunk).to(device, memory_format=torch.channels_last)
    train = inputs.rows("train")
    arrays: list[np.ndarray] = []
    for number in range(copies + 1):
        file = folder / f"copy-{number}.npy"
        if not file.exists():
            rows = train if number > 0 else np.sort(np.concatenate([train, inputs.rows("val")]))
            generator = torch.Generator().manual_seed(seed * 1000 + number) if number > 0 else None
            pooled = _run(runner, inputs, rows, generator, device, f"backbone, copy {number} of {copies}")
            partial = folder / "partial.npy"
            np.save(partial, pooled)
            partial.rename(file)
        arrays.append(np.load(file))
    return arrays


def _run(
    runner: nn.Module, inputs: LabelledInputs, rows: np.ndarray, generator: torch.Generator | None, device: str, title: str
) -> np.ndarray:
    pooled: np.ndarray | None = None
    started = time.monotonic()
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        images = torch.from_numpy(np.array(inputs.tensors[batch], dtype=np.float32))
        if generator is not None:
            images = augment(images, generator)
        with torch.inference_mode():
            result = runner(images.to(device, memory_format=torch.channels_last)).cpu().numpy()
        if pooled is None:
            pooled = np.zeros((len(inputs.labels), result.shape[1]), np.float32)
        pooled[batch] = result
        done = start + len(batch)
        if done % (BATCH * 10) == 0 or done == len(rows):
            rate = done / (time.monotonic() - started)
            left = (len(rows) - done) / rate
            print(f"{title}: {done} of {len(rows)} images, {rate:.0f} images/s, {left:.0f} s left", file=sys.stderr)
    if pooled is None:
        raise SystemExit("there are no training images")
    return pooled


def _fused(trunk: Trunk) -> Trunk:
    """The same function with each batch norm folded into its convolution: twice as fast on a CPU."""
    fused = copy.deepcopy(trunk).eval()
    backbone = fused.backbone
    _fold(backbone, "_conv_stem", "_bn0")
    _fold(backbone, "_conv_head", "_bn1")
    for block in backbone._blocks:
        if block.expands:
            _fold(block, "_expand_conv", "_bn0")
        _fold(block, "_depthwise_conv", "_bn1")
        _fold(block, "_project_conv", "_bn2")
    return fused


def _fold(module: nn.Module, convolution: str, norm: str) -> None:
    setattr(module, convolution, fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm)))
    setattr(module, norm, nn.Identity())


def new_trunk(backbone: EfficientNetLite0) -> Trunk:
    return Trunk(backbone).eval().requires_grad_(False)
