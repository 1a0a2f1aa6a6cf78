"""The trained network as one ONNX file and the description that the encoder reads beside it."""

import copy
import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dafh_training.backbone import EfficientNetLite0
from dafh_training.network import ATTENTION_STRIDE, DafhNetwork, NetworkShape
from dafh_training.serving import OUTPUTS

OPSET = 17
# Initializers of fewer values are not worth a node.
SMALLEST_HALVED = 1024


def export_onnx(network: DafhNetwork, size: int, file: Path) -> None:
    """Input `image` N × 1 × S × S in [0, 1]; outputs as `serving.Outputs` has them; any N.

    @param network as `as_served` gives it: its weights are stored as float16 and computed with as float32, half the file
    """
    export_module(network, {"image": torch.zeros(2, 1, size, size)}, file, list(OUTPUTS))
    model = onnx.load(str(file))
    _store_halved(model.graph)
    onnx.save(model, str(file))
    onnx.checker.check_model(str(file))


def as_served(network: DafhNetwork) -> DafhNetwork:
    """A copy whose batch norms are folded into the convolutions before them, and whose weights are rounded to what float16 holds."""
    served = copy.deepcopy(network).eval()
    for module in served.modules():
        if isinstance(module, EfficientNetLite0):
            fold_norms(module)
    with torch.no_grad():
        for weights in [*served.parameters(), *served.buffers()]:
            if weights.dim() >= 2:
                weights.copy_(weights.half().float())
    return served


def fold_norms(backbone: EfficientNetLite0) -> None:
    _fold(backbone, "_conv_stem", "_bn0")
    _fold(backbone, "_conv_head", "_bn1")
    for block in backbone._blocks:
        if block.expands:
            _fold(block, "_expand_conv", "_bn0")
        _fold(block, "_depthwise_conv", "_bn1")
        _fold(block, "_project_conv", "_bn2")


def _fold(module: torch.nn.Module, convolution: str, norm: str) -> None:
    setattr(module, convolution, fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm)))
    setattr(module, norm, torch.nn.Identity())


def _store_halved(graph: onnx.GraphProto) -> None:
    """Each float32 initializer that float16 holds without loss becomes one of float16 with a Cast behind it, which is folded at loading."""
    for initializer in list(graph.initializer):
        if initializer.data_type != onnx.TensorProto.FLOAT:
            continue
        values = onnx.numpy_helper.to_array(initializer)
        halved = values.astype(np.float16)
        if values.size < SMALLEST_HALVED or not np.array_equal(halved.astype(np.float32), values):
            continue
        name = initializer.name
        initializer.CopyFrom(onnx.numpy_helper.from_array(halved, f"{name}.half"))
        graph.node.insert(0, onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))


def export_module(module: torch.nn.Module, inputs: dict[str, torch.Tensor], file: Path, outputs: list[str]) -> None:
    """@param inputs examples of two rows; the file takes any number"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own notes on its age and on constant folding
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            str(file),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in [*inputs, *outputs]},
            opset_version=OPSET,
            dynamo=False,
        )


def write_description(onnx_file: Path, name: str, size: int, pixels_version: str, trained_on: dict[str, object]) -> Path:
    shape = NetworkShape()
    description = {
        "name": name,
        "file": onnx_file.name,
        "sha256": hashlib.sha256(onnx_file.read_bytes()).hexdigest(),
        "hashBits": shape.hash_bits,
        "prefixBits": list(shape.prefix_bits),
        "featureSize": shape.feature_size,
        "attentionSize": size // ATTENTION_STRIDE,
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
