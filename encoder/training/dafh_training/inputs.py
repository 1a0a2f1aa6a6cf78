"""Network inputs written by the product's own pixel pipeline (`write-inputs.ts`), joined with the manifest's labels.

A class is a modality and a label together: the same tumour in CT and MR is two classes.
"""

import csv
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SPLITS = ("train", "val", "test")
REQUIRED_COLUMNS = ("path", "modality", "label", "split")
INPUT_WRITER = Path(__file__).parents[3] / "dist/encoder/training/write-inputs.js"


@dataclass(frozen=True)
class LabelledInputs:
    """Row i of each belongs to image i. `tensors`: N × 1 × S × S float32 in [0, 1], read from disk as it is used."""

    tensors: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    # Patient or study: images of one group are near-duplicates, so sampling counts groups rather than slices.
    groups: np.ndarray
    pixels_version: str

    @property
    def size(self) -> int:
        return int(self.tensors.shape[-1])

    def rows(self, split: str) -> np.ndarray:
        return np.flatnonzero(self.splits == split)


def read_manifest(path: Path) -> list[dict[str, str]]:
    """CSV rows with at least path, modality, label and split; `group` and `frame` (from 1) where there are such columns."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise SystemExit(f"{path.name}: the manifest has no rows")
    missing = [column for column in REQUIRED_COLUMNS if column not in rows[0]]
    if missing:
        raise SystemExit(f"{path.name}: the manifest has no column {', '.join(missing)}")
    for number, row in enumerate(rows, start=2):
        if row["split"] not in SPLITS:
            raise SystemExit(f"{path.name}, line {number}: split is \"{row['split']}\", not one of {', '.join(SPLITS)}")
    return rows


def _key(row: dict[str, str]) -> tuple[str, int]:
    return row["path"], int(row.get("frame") or 1)


def write_inputs(images: Path, manifest: Path, out: Path, writer: Path, size: int | None) -> None:
    """Runs the pixel pipeline over every image of the manifest. Refused files are named and left out."""
    if not writer.exists():
        raise SystemExit("the package is not built: run `npm run build` first, or name the built writer by --writer")
    listed = "".join(f"{path}\t{frame}\n" for path, frame in map(_key, read_manifest(manifest)))
    command = ["node", str(writer), str(images), str(out), *([] if size is None else [str(size)])]
    finished = subprocess.run(command, input=listed, text=True, check=False)
    if finished.returncode not in (0, 3):
        raise SystemExit(f"writing the inputs failed with exit code {finished.returncode}")
    (out / "manifest.csv").write_bytes(manifest.read_bytes())


def read_inputs(folder: Path) -> LabelledInputs:
    index = json.loads((folder / "inputs.json").read_text())
    size = index["size"]
    rows = {_key(row): row for row in read_manifest(folder / "manifest.csv")}
    images = [rows[image["path"], image["frame"]] for image in index["images"]]
    tensors = np.memmap(folder / "inputs.f32", dtype="<f4", mode="r", shape=(len(images), 1, size, size))
    if index["refused"]:
        print(f"{len(index['refused'])} images were refused and are left out", file=sys.stderr)
    return LabelledInputs(
        tensors=tensors,
        labels=np.array([f"{row['modality']}/{row['label']}" for row in images]),
        splits=np.array([row["split"] for row in images]),
        groups=np.array([row.get("group") or row["path"] for row in images]),
        pixels_version=index["pixelsVersion"],
    )
