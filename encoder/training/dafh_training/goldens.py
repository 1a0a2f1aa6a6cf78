"""PyTorch's outputs for generated images, for the test that runs the committed ONNX file through the product's runtime.

The images are made here, out of nothing but a seed: no image that the network was trained or tested on is among them.
"""

import base64
import json
from pathlib import Path

import numpy as np
import torch

from dafh_training.network import DafhNetwork

GRID = 16
IMAGES = 32


def generated_grids(seed: int) -> np.ndarray:
    """IMAGES × GRID × GRID, 8-bit: bright ellipses, one within another, on a dark ground, with grain."""
    random = np.random.default_rng(seed)
    axis = (np.arange(GRID) - (GRID - 1) / 2) / (GRID / 2)
    x, y = np.meshgrid(axis, axis)
    grids = np.zeros((IMAGES, GRID, GRID))
    for grid in grids:
        for _ in range(4):
            centre_x, centre_y = random.uniform(-0.4, 0.4, 2)
            radius_x, radius_y = random.uniform(0.2, 0.9, 2)
            inside = ((x - centre_x) / radius_x) ** 2 + ((y - centre_y) / radius_y) ** 2 < 1
            grid[inside] = random.uniform(0, 255)
        grid += random.normal(0, random.uniform(0, 20), grid.shape)
    return np.rint(grids.clip(0, 255)).astype(np.uint8)


def to_inputs(grids: np.ndarray, size: int) -> np.ndarray:
    """Each cell of the grid becomes a square of equal pixels: float32 in [0, 1], N × 1 × size × size."""
    side = size // GRID
    return (grids.astype(np.float32) / np.float32(255)).repeat(side, 1).repeat(side, 2)[:, None]


def write_goldens(network: DafhNetwork, description: dict[str, object], file: Path, seed: int) -> None:
    grids = generated_grids(seed)
    with torch.inference_mode():
        hashes, features, attention, foreign = network(torch.from_numpy(to_inputs(grids, int(description["inputSize"]))))
    golden = {
        "model": description["name"],
        "sha256": description["sha256"],
        "grid": GRID,
        "images": IMAGES,
        "pixels": _base64(grids),
        "hash": _base64(hashes.numpy().astype("<f4")),
        "features": _base64(features.numpy().astype("<f4")),
        "attention": _base64(attention.numpy().astype("<f4")),
        "foreign": _base64(foreign.numpy().astype("<f4")),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(golden, indent=2) + "\n")


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()
