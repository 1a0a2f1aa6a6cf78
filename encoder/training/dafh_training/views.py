"""The frozen stages' maps of every image and of augmented views of the training images, kept on disk as float16.

Training reads these instead of images, so the frozen stages run once a view and not once an epoch. Runs with the same
inputs, size of views and seed share one folder; one that was stopped goes on with the view that it was at.
"""

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dafh_training.augmentation import augment
from dafh_training.export import export_module
from dafh_training.inputs import LabelledInputs
from dafh_training.network import FROZEN_OUTPUTS, FrozenStages
from dafh_training.serving import onnx_session

BATCH = 64


@dataclass(frozen=True)
class Views:
    """`maps[o]`: (1 + augmented) × images × channels × height × width float16, one array for each of FROZEN_OUTPUTS.

    View 0 is every image as it is; the others have the rows of `train` only, and zeros elsewhere.
    """

    maps: list[np.ndarray]

    @property
    def augmented(self) -> int:
        return len(self.maps[0]) - 1

    def batch(self, views: np.ndarray, rows: np.ndarray) -> list[torch.Tensor]:
        """Image `rows[i]` as view `views[i]` has it, as float32."""
        return [
            torch.from_numpy(np.stack([array[view, row] for view, row in zip(views, rows, strict=True)]).astype(np.float32))
            for array in self.maps
        ]


def frozen_views(frozen: FrozenStages, inputs: LabelledInputs, folder: Path, augmented: int, seed: int) -> Views:
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {
        "images": len(inputs.labels),
        "size": inputs.size,
        "pixelsVersion": inputs.pixels_version,
        "seed": seed,
        "augmented": augmented,
    }
    kept = folder / "views.json"
    done = json.loads(kept.read_text()) if kept.exists() else {**wanted, "done": 0}
    if {name: done[name] for name in wanted} != wanted:
        raise SystemExit("the folder of views was made from other inputs or another seed: use another folder")
    maps = [_opened(folder / f"maps-{output}.npy", shape, bool(done["done"])) for output, shape in _shapes(inputs, augmented).items()]
    if done["done"] <= augmented:
        run = _runner(frozen, inputs.size)
        for view in range(int(done["done"]), augmented + 1):
            _write_view(run, inputs, maps, view, augmented, seed)
            for array in maps:
                array.flush()
            kept.write_text(json.dumps({**wanted, "done": view + 1}))
    return Views(maps)


def _shapes(inputs: LabelledInputs, augmented: int) -> dict[str, tuple[int, ...]]:
    return {
        name: (augmented + 1, len(inputs.labels), channels, inputs.size // stride, inputs.size // stride)
        for name, (channels, stride) in FROZEN_OUTPUTS.items()
    }


def _opened(file: Path, shape: tuple[int, ...], exists: bool) -> np.ndarray:
    if exists:
        return np.load(file, mmap_mode="r+")
    return np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=shape)


def _runner(frozen: FrozenStages, size: int):
    """Through ONNX Runtime, which runs these stages five times as fast as PyTorch on a CPU, and as the product will."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "frozen.onnx")
        export_module(frozen, {"image": torch.zeros(2, 1, size, size)}, file, list(FROZEN_OUTPUTS))
        session = onnx_session(file, torch.get_num_threads())
    return lambda images: session.run(list(FROZEN_OUTPUTS), {"image": images})


def _write_view(run, inputs: LabelledInputs, maps: list[np.ndarray], view: int, augmented: int, seed: int) -> None:
    rows = inputs.rows("train") if view > 0 else np.arange(len(inputs.labels))
    generator = torch.Generator().manual_seed(seed * 1000 + view)
    started = time.monotonic()
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        images = torch.from_numpy(np.array(inputs.tensors[batch], dtype=np.float32))
        if view > 0:
            images = augment(images, generator)
        for array, output in zip(maps, run(images.numpy()), strict=True):
            array[view, batch] = output.astype(np.float16)
    rate = len(rows) / (time.monotonic() - started)
    print(f"frozen stages, view {view} of {augmented}: {len(rows)} images, {rate:.0f} images/s", file=sys.stderr)
