"""Runs an exported network through ONNX Runtime, as the product does."""

from pathlib import Path

import numpy as np
import os

# Since 1.29 the runtime reports to its maker unless this is set before it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime  # noqa: E402


class OnnxNetwork:
    def __init__(self, file: Path) -> None:
        self._session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])

    def __call__(self, images: np.ndarray, batch: int = 16) -> tuple[np.ndarray, np.ndarray]:
        """N × 1 × S × S → hash N × K, features N × D."""
        parts = [
            self._session.run(["hash", "features"], {"image": np.array(images[start : start + batch], np.float32)})
            for start in range(0, len(images), batch)
        ]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
