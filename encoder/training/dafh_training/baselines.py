"""What the trained network is compared with: ImageNet's features as they are, and unsupervised codes of them."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dafh_training.backbone import EfficientNetLite0
from dafh_training.export import export_module
from dafh_training.inputs import LabelledInputs
from dafh_training.network import ImageNetNormalisation
from dafh_training.serving import onnx_session

BATCH = 64
ITQ_ROUNDS = 50


class _Pooled(nn.Module):
    def __init__(self, backbone: EfficientNetLite0) -> None:
        super().__init__()
        self.normalise = ImageNetNormalisation()
        self.backbone = backbone

    def forward(self, image: Tensor) -> Tensor:
        inner = self.backbone.stages(0, 6, self.backbone.stem(self.normalise(image)))
        return self.backbone.head(inner).mean((2, 3))


def imagenet_features(backbone: EfficientNetLite0, inputs: LabelledInputs, threads: int) -> np.ndarray:
    """The mean of the head's channels, N × 1280, as the classifier of ImageNet sees an image."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pooled.onnx")
        example = torch.zeros(2, 1, inputs.size, inputs.size)
        export_module(_Pooled(backbone).eval(), {"image": example}, file, ["pooled"])
        session = onnx_session(file, threads)
    tensors = inputs.tensors
    return np.concatenate(
        [session.run(["pooled"], {"image": np.array(tensors[start : start + BATCH])})[0] for start in range(0, len(tensors), BATCH)]
    )


def random_codes(features: np.ndarray, train: np.ndarray, bits: int, seed: int) -> np.ndarray:
    """LSH for angles (Charikar, STOC 2002), around the mean of `train`."""
    directions = np.random.default_rng(seed).normal(size=(features.shape[1], bits))
    return (features - features[train].mean(0)) @ directions


def itq_codes(features: np.ndarray, train: np.ndarray, bits: int, seed: int) -> np.ndarray:
    """Iterative quantization (Gong et al., TPAMI 2013): the main directions of `train`, turned until their signs fit best."""
    centred = features - features[train].mean(0)
    main = np.linalg.svd(centred[train], full_matrices=False)[2][:bits].T
    reduced = centred @ main
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(bits, bits)))[0]
    for _ in range(ITQ_ROUNDS):
        left, _, right = np.linalg.svd(np.sign(reduced[train] @ rotation).T @ reduced[train])
        rotation = right.T @ left.T
    return reduced @ rotation
