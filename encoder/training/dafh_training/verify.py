"""Shows that PyTorch and ONNX Runtime agree, and that an image's result does not depend on what else is in its batch."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from dafh_training.inputs import LabelledInputs
from dafh_training.network import DafhNetwork
from dafh_training.serving import OnnxNetwork, Outputs

FEATURE_TOLERANCE = 1e-4
LEAST_EQUAL_BITS = 0.999


@dataclass(frozen=True)
class Agreement:
    images: int
    # As part of the length of the image's features, which only their direction is used of.
    largestFeatureDifference: float  # noqa: N815 - as in the report
    largestHashDifference: float  # noqa: N815
    largestAttentionDifference: float  # noqa: N815
    largestForeignDifference: float  # noqa: N815
    equalBits: float  # noqa: N815
    # Between batches of 1 and of 16, through ONNX Runtime.
    largestBatchDifference: float  # noqa: N815
    bitsThatBatchesFlip: int  # noqa: N815

    @property
    def holds(self) -> bool:
        return (
            self.largestFeatureDifference <= FEATURE_TOLERANCE
            and self.equalBits >= LEAST_EQUAL_BITS
            and self.bitsThatBatchesFlip == 0
        )

    def as_json(self) -> dict[str, object]:
        return asdict(self) | {"holds": self.holds}


def agreement(network: DafhNetwork, onnx_file: Path, inputs: LabelledInputs, images: int, seed: int) -> Agreement:
    """Over `images` inputs drawn from all splits."""
    count = min(images, len(inputs.labels))
    rows = np.sort(np.random.default_rng(seed).choice(len(inputs.labels), count, replace=False))
    tensors = np.array(inputs.tensors[rows])
    with torch.inference_mode():
        parts = [network(torch.from_numpy(tensors[start : start + 16])) for start in range(0, count, 16)]
    trained = Outputs(*(torch.cat(part).numpy() for part in zip(*parts, strict=True)))
    served = OnnxNetwork(onnx_file)
    one, many = served(tensors, batch=1), served(tensors, batch=16)
    return Agreement(
        images=count,
        largestFeatureDifference=_largest_part(trained.features, one.features),
        largestHashDifference=_largest_difference(trained.hash, one.hash),
        largestAttentionDifference=_largest_difference(trained.attention, one.attention),
        largestForeignDifference=_largest_difference(trained.foreign, one.foreign),
        equalBits=float(((trained.hash > 0) == (one.hash > 0)).mean()),
        largestBatchDifference=max(
            _largest_part(one.features, many.features), _largest_difference(one.hash, many.hash)
        ),
        bitsThatBatchesFlip=int(((one.hash > 0) != (many.hash > 0)).sum()),
    )


def _largest_part(one: np.ndarray, other: np.ndarray) -> float:
    return float((np.abs(one - other).max(1) / np.linalg.norm(one, axis=1)).max())


def _largest_difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max())
