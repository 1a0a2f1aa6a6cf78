"""Runs an exported network through ONNX Runtime, as the product does."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Since 1.29 the runtime reports to its maker unless this is set before it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime  # noqa: E402

OUTPUTS = ("hash", "features", "attention", "foreign")


@dataclass(frozen=True)
class Outputs:
    """N × K, N × D, N × S/16 × S/16, N."""

    hash: np.ndarray
    features: np.ndarray
    attention: np.ndarray
    foreign: np.ndarray


def onnx_session(file: Path, threads: int | None = None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


class OnnxNetwork:
    def __init__(self, file: Path) -> None:
        self._session = onnx_session(file)

    def __call__(self, images: np.ndarray, batch: int = 16) -> Outputs:
        """N × 1 × S × S in [0, 1]."""
        parts = [
            self._session.run(list(OUTPUTS), {"image": np.array(images[start : start + batch], np.float32)})
            for start in range(0, len(images), batch)
        ]
        return Outputs(*(np.concatenate(part) for part in zip(*parts, strict=True)))
