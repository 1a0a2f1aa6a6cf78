"""The trained network as one ONNX file and the description that the encoder reads beside it."""

import hashlib
import json
import warnings
from pathlib import Path

import onnx
import torch

from dafh_training.network import DafhNetwork, NetworkShape

OPSET = 17


def export_onnx(network: DafhNetwork, size: int, file: Path) -> None:
    """Input `image` N × 1 × S × S in [0, 1], outputs `hash` N × K and `features` N × D, any N."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own notes on its age and on constant folding
        torch.onnx.export(
            network.eval(),
            (torch.zeros(2, 1, size, size),),
            str(file),
            input_names=["image"],
            output_names=["hash", "features"],
            dynamic_axes={name: {0: "batch"} for name in ("image", "hash", "features")},
            opset_version=OPSET,
            dynamo=False,
        )
    onnx.checker.check_model(str(file))


def write_description(onnx_file: Path, name: str, size: int, pixels_version: str, trained_on: dict[str, object]) -> Path:
    shape = NetworkShape()
    description = {
        "name": name,
        "file": onnx_file.name,
        "sha256": hashlib.sha256(onnx_file.read_bytes()).hexdigest(),
        "hashBits": shape.hash_bits,
        "prefixBits": list(shape.prefix_bits),
        "featureSize": shape.feature_size,
        "inputSize": size,
        "pixelsVersion": pixels_version,
        "opset": OPSET,
        "trainedOn": trained_on,
    }
    file = onnx_file.with_suffix(".json")
    file.write_text(json.dumps(description, indent=2) + "\n")
    return file


def described_model(folder: Path) -> tuple[Path, dict[str, object]]:
    """The ONNX file and the description of a model folder."""
    files = sorted(folder.glob("*.json"))
    if len(files) != 1:
        raise SystemExit(f"the model folder has {len(files)} JSON descriptions instead of one")
    description = json.loads(files[0].read_text())
    return folder / description["file"], description
