"""Trains the head on pooled vectors: seeded, resumable after any epoch, with its curves in `curves.jsonl`.

What the vectors are is `pooled.py`'s matter, what is minimised `objective.py`'s.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dafh_training.backbone import pretrained_backbone
from dafh_training.inputs import LabelledInputs
from dafh_training.metrics import cosine_distances, hamming_distances, retrieval_score
from dafh_training.network import DafhNetwork, HashingHead, NetworkShape
from dafh_training.objective import HashingObjective
from dafh_training.pooled import new_trunk, pooled_copies


@dataclass(frozen=True)
class TrainingSettings:
    seed: int = 0
    epochs: int = 30
    batch: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    dropout: float = 0.5
    # Vectors of two images are mixed, and their classes with them, in shares drawn from Beta(m, m).
    mixing: float = 0.3
    # Augmented copies of each training image beside the image itself.
    copies: int = 2
    # How often an augmented copy is drawn instead of the image as it is. More makes the code steadier under changes of
    # window, gamma and position, and costs precision on `val`: a frozen backbone cannot unlearn what they change.
    augmented_share: float = 0.05
    # Between 0 (every class as often as every other) and 1 (as often as it is).
    class_sampling: float = 0.5
    # The same for the images of one group: 0.5 shows a patient of 100 slices ten times as often as one of a single slice.
    group_sampling: float = 0.5


def train(inputs: LabelledInputs, run: Path, settings: TrainingSettings, device: str) -> DafhNetwork:
    run.mkdir(parents=True, exist_ok=True)
    check_settings(run, settings, inputs)
    torch.manual_seed(settings.seed)
    shape = NetworkShape()
    trunk = new_trunk(pretrained_backbone())
    copies = pooled_copies(trunk, inputs, run / "pooled", settings.copies, settings.seed, device)
    head = train_head(inputs, copies, run, shape, settings, device, on_epoch=_show_epochs(run, settings.epochs))
    network = DafhNetwork(trunk, head).eval().cpu()
    _save(network.state_dict(), run / "network.pt")
    return network


def load_network(run: Path) -> DafhNetwork:
    file = run / "network.pt"
    if not file.exists():
        raise SystemExit("this run has no trained network yet: run `train` to its end first")
    network = DafhNetwork(new_trunk(pretrained_backbone()), HashingHead(NetworkShape(), dropout=0))
    network.load_state_dict(torch.load(file, weights_only=True))
    return network.eval()


def train_head(
    inputs: LabelledInputs,
    copies: list[np.ndarray],
    run: Path,
    shape: NetworkShape,
    settings: TrainingSettings,
    device: str,
    on_epoch: Callable[[dict[str, object]], None],
) -> HashingHead:
    """Trains on `copies` (each images × P; the first is of the images as they are), from the run's checkpoint where there is one."""
    train_rows = inputs.rows("train")
    classes = np.unique(inputs.labels[train_rows])
    targets = torch.eye(len(classes))[np.searchsorted(classes, inputs.labels[train_rows])]
    vectors = torch.from_numpy(np.stack([copy[train_rows] for copy in copies]))
    weights = torch.from_numpy(_sampling_weights(inputs.labels[train_rows], inputs.groups[train_rows], settings))
    head = HashingHead(shape, settings.dropout).to(device)
    objective = HashingObjective(shape, len(classes)).to(device)
    optimiser = torch.optim.AdamW(
        [*head.parameters(), *objective.parameters()], settings.learning_rate, weight_decay=settings.weight_decay
    )
    steps = max(1, len(train_rows) // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=steps * settings.epochs)
    parts = {"head": head, "objective": objective, "optimiser": optimiser, "schedule": schedule}
    first_epoch = _restore(run / "head.pt", parts, device)
    for epoch in range(first_epoch, settings.epochs):
        # Each epoch draws from a seed of its own, so that a resumed run sees what an unbroken one would have seen.
        torch.manual_seed(settings.seed * 100_000 + epoch)
        head.train()
        sums: dict[str, float] = {}
        for _ in range(steps):
            drawn = torch.multinomial(weights, settings.batch, replacement=True)
            copy = _draw_copies(len(copies), settings)
            mixed, shares = _mix(vectors[copy, drawn], targets[drawn], settings.mixing)
            hashes, features = head(mixed.to(device))
            losses = objective(hashes, features, shares.to(device))
            optimiser.zero_grad()
            torch.stack(list(losses.values())).sum().backward()
            optimiser.step()
            schedule.step()
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + loss.item() / steps
        line: dict[str, object] = {"epoch": epoch + 1, "losses": {name: round(value, 4) for name, value in sums.items()}}
        if (epoch + 1) % 10 == 0 or epoch + 1 == settings.epochs:
            line["val"] = _validate(head, copies[0], inputs, shape, device)
        _save({name: part.state_dict() for name, part in parts.items()} | {"epoch": epoch + 1}, run / "head.pt")
        on_epoch(line)
    return head


def _show_epochs(run: Path, epochs: int) -> Callable[[dict[str, object]], None]:
    started = time.monotonic()
    shown = 0

    def show(line: dict[str, object]) -> None:
        nonlocal shown
        shown += 1
        with (run / "curves.jsonl").open("a") as curves:
            curves.write(json.dumps(line) + "\n")
        left = (time.monotonic() - started) / shown * (epochs - int(str(line["epoch"])))
        print(f"head, epoch {line['epoch']} of {epochs}, {left:.0f} s left: {json.dumps(line)}", file=sys.stderr)

    return show


def _draw_copies(copies: int, settings: TrainingSettings) -> Tensor:
    """Which copy of each image of a batch: the image as it is, or one of the augmented ones."""
    if copies == 1:
        return torch.zeros(settings.batch, dtype=torch.long)
    augmented = torch.rand(settings.batch) < settings.augmented_share
    return torch.where(augmented, torch.randint(1, copies, (settings.batch,)), 0)


def _mix(vectors: Tensor, targets: Tensor, mixing: float) -> tuple[Tensor, Tensor]:
    """Each image with another of its batch: vectors between theirs, and the share of each class."""
    share = torch.from_numpy(np.random.default_rng(int(torch.randint(2**31, ()))).beta(mixing, mixing, (len(vectors), 1))).float()
    partner = torch.randperm(len(vectors))
    return share * vectors + (1 - share) * vectors[partner], share * targets + (1 - share) * targets[partner]


def _sampling_weights(labels: np.ndarray, groups: np.ndarray, settings: TrainingSettings) -> np.ndarray:
    """How often each image is drawn, before scaling to a sum of 1."""
    _, label_numbers, label_counts = np.unique(labels, return_inverse=True, return_counts=True)
    _, group_numbers, group_counts = np.unique(groups, return_inverse=True, return_counts=True)
    return label_counts[label_numbers] ** (settings.class_sampling - 1.0) * group_counts[group_numbers] ** (
        settings.group_sampling - 1.0
    )


def _validate(head: HashingHead, pooled: np.ndarray, inputs: LabelledInputs, shape: NetworkShape, device: str) -> dict[str, object]:
    """MAP@10 of queries of `val` against `train`."""
    head.eval()
    database, queries = inputs.rows("train"), inputs.rows("val")
    if len(queries) == 0:
        return {}
    with torch.inference_mode():
        hashes, features = (result.cpu().numpy() for result in head(torch.from_numpy(pooled).to(device)))
    labels = inputs.labels[queries], inputs.labels[database]
    result: dict[str, object] = {}
    for bits in shape.prefix_bits:
        score = retrieval_score(hamming_distances(hashes[queries], hashes[database], bits), *labels)
        result[f"hash{bits}"] = [round(score.micro, 4), round(score.macro, 4)]
    score = retrieval_score(cosine_distances(features[queries], features[database]), *labels)
    result["float"] = [round(score.micro, 4), round(score.macro, 4)]
    return result


def check_settings(run: Path, settings: TrainingSettings, inputs: LabelledInputs) -> None:
    """A run folder belongs to one set of settings and inputs: going on with others would be neither run."""
    wanted = {**asdict(settings), "inputSize": inputs.size, "pixelsVersion": inputs.pixels_version, "images": len(inputs.labels)}
    file = run / "settings.json"
    if not file.exists():
        file.write_text(json.dumps(wanted, indent=2) + "\n")
        return
    kept = json.loads(file.read_text())
    if kept != wanted:
        changed = ", ".join(name for name in wanted if kept.get(name) != wanted[name])
        raise SystemExit(f"the run folder was begun with other settings ({changed}): use another folder, or those settings")


def _restore(file: Path, parts: dict[str, object], device: str) -> int:
    """@returns the epochs that are done"""
    if not file.exists():
        return 0
    saved = torch.load(file, map_location=device, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    return int(saved["epoch"])


def _save(state: dict[str, object], file: Path) -> None:
    partial = file.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, file)
