"""Trains the network on the frozen stages' views: seeded, resumable after any epoch, with its curves in `curves.jsonl`.

First the stages and the features, then the codes of these. What the views are is `views.py`'s matter, how batches are
drawn `sampling.py`'s, what is minimised `objective.py`'s and `codes.py`'s.
"""

import copy
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dafh_training.backbone import EfficientNetLite0, pretrained_backbone
from dafh_training.codes import CodeObjective, CodeParts, balance, fit_codes, hashes_of
from dafh_training.foreign import ForeignScore, map_statistics
from dafh_training.inputs import LabelledInputs
from dafh_training.metrics import cosine_distances, retrieval_score
from dafh_training.network import (
    FROZEN_OUTPUTS,
    LAST_FROZEN_STAGE,
    DafhNetwork,
    FrozenStages,
    HashingHead,
    NetworkParts,
    NetworkShape,
    TrainedStages,
)
from dafh_training.objective import FeatureObjective, JointObjective, LossParts
from dafh_training.published import published_objective
from dafh_training.sampling import draw_views, mix, sampling_weights
from dafh_training.views import Views, frozen_views

EMBEDDING_BATCH = 64


@dataclass(frozen=True)
class TrainingSettings:
    seed: int = 0
    epochs: int = 16
    batch: int = 64
    # Of the pretrained stages, and of what begins from random weights.
    backbone_rate: float = 5e-4
    head_rate: float = 2e-3
    weight_decay: float = 1e-2
    dropout: float = 0.3
    # Maps of two images are mixed, and their classes with them, in shares drawn from Beta(m, m).
    mixing: float = 0.3
    # Augmented views of each training image beside the image itself, and the seed that they are drawn by.
    views: int = 8
    views_seed: int = 1
    # Codes are fitted to the images as they are and to so many of these views, to the former in so many of the draws.
    code_views: int = 2
    code_unchanged_share: float = 0.75
    # How often the image is taken as it is instead of an augmented view.
    unchanged_share: float = 0.2
    # Between 0 (every class as often as every other) and 1 (as often as it is).
    class_sampling: float = 0.5
    # The same for the images of one group: 0.5 shows a patient of 100 slices ten times as often as one of a single slice.
    group_sampling: float = 0.5
    # What is kept is a running mean of the weights, by so much a step.
    averaging: float = 0.99
    # 4, or a later stage to train less and faster: those before it keep ImageNet's weights.
    first_trained_stage: int = LAST_FROZEN_STAGE + 1
    network: NetworkParts = field(default_factory=NetworkParts)
    loss: LossParts = field(default_factory=LossParts)
    codes: CodeParts = field(default_factory=CodeParts)
    # "dafh", or one of `published.py`'s, for the comparison.
    objective: str = "dafh"


@dataclass(frozen=True)
class Embedded:
    """Of every image: hash N × K and features N × D."""

    hashes: np.ndarray
    features: np.ndarray


def train(inputs: LabelledInputs, run: Path, views_folder: Path, settings: TrainingSettings, device: str) -> DafhNetwork:
    run.mkdir(parents=True, exist_ok=True)
    check_settings(run, settings, inputs)
    frozen = FrozenStages(pretrained_backbone()).eval().requires_grad_(False)
    views = frozen_views(frozen, inputs, views_folder, settings.views, settings.views_seed)
    trained = train_stages(inputs, views, run, settings, device, on_epoch=_show_epochs(run, settings.epochs))
    seen = [embed(trained, views, inputs.rows("train"), device, view).features for view in range(1 + min(settings.code_views, views.augmented))]
    losses = code_features(trained.head, seen, inputs, settings)
    print(f"codes fitted to the features: {json.dumps(losses)}", file=sys.stderr)
    network = DafhNetwork(frozen, trained.cpu(), fitted_foreign(inputs, views)).eval()
    save(network.state_dict(), run / "network.pt")
    return network


def code_features(head: HashingHead, views: list[np.ndarray], inputs: LabelledInputs, settings: TrainingSettings) -> dict[str, float]:
    """Fits the codes to the features of the images of `train`, N × D for each view of them, the images as they are first, by which the
    codes are balanced. @returns the last losses"""
    rows = inputs.rows("train")
    objective = CodeObjective(NetworkShape(), _class_shares(inputs, rows), settings.codes)
    changed = len(views) - 1
    shares = [settings.code_unchanged_share, *([(1 - settings.code_unchanged_share) / changed] * changed if changed else [])]
    weights = torch.cat([share * _weights(inputs, rows, settings) for share in shares])
    targets = _targets(inputs, rows).repeat(len(views), 1)
    losses = fit_codes(head, np.concatenate(views), targets, weights, objective, settings.seed)
    balance(head, hashes_of(head, views[0]), objective.class_bits)
    return losses


def load_network(run: Path) -> DafhNetwork:
    file = run / "network.pt"
    if not file.exists():
        raise SystemExit("this run has no trained network yet: run `train` to its end first")
    settings = json.loads((run / "settings.json").read_text())
    state = torch.load(file, weights_only=True)
    network = DafhNetwork(
        FrozenStages(EfficientNetLite0()),
        TrainedStages(EfficientNetLite0(), NetworkShape(), NetworkParts(**settings["network"]), dropout=0),
        ForeignScore(frozen_channels(), len(state["foreign.centres"])),
    )
    network.load_state_dict(state)
    return network.eval()


def frozen_channels() -> int:
    return sum(channels for channels, _ in FROZEN_OUTPUTS.values())


def fitted_foreign(inputs: LabelledInputs, views: Views, without: str | None = None) -> ForeignScore:
    """@param without a modality that is left out, to see whether it is told apart then"""
    statistics = all_statistics(inputs, views)
    known = np.array([not label.startswith(f"{without}/") for label in inputs.labels])
    rows, calibration = (rows[known[rows]] for rows in (inputs.rows("train"), inputs.rows("val")))
    foreign = ForeignScore(frozen_channels(), len(np.unique(inputs.labels[rows])))
    foreign.fit(statistics[rows], inputs.labels[rows], statistics[calibration if len(calibration) > 0 else rows])
    return foreign


def all_statistics(inputs: LabelledInputs, views: Views) -> np.ndarray:
    """Of every image as it is, what `ForeignScore` goes by."""
    parts = np.array_split(np.arange(len(inputs.labels)), max(1, len(inputs.labels) // EMBEDDING_BATCH))
    return np.concatenate([map_statistics(*views.batch(np.zeros(len(rows), int), rows)).numpy() for rows in parts])


def train_stages(
    inputs: LabelledInputs,
    views: Views,
    run: Path,
    settings: TrainingSettings,
    device: str,
    on_epoch: Callable[[dict[str, object]], None],
) -> TrainedStages:
    """Trains from the run's checkpoint where there is one. @returns the running mean of the weights"""
    torch.manual_seed(settings.seed)
    rows = inputs.rows("train")
    targets = _targets(inputs, rows)
    weights = _weights(inputs, rows, settings)
    backbone = pretrained_backbone() if settings.network.pretraining else EfficientNetLite0()
    for block in backbone.blocks_before(settings.first_trained_stage):
        block.requires_grad_(False)
    trained = TrainedStages(backbone, NetworkShape(), settings.network, settings.dropout).to(device)
    objective = _objective(settings, _class_shares(inputs, rows)).to(device)
    mean = copy.deepcopy(trained)
    optimiser, schedule = _optimiser(trained, objective, settings, len(rows))
    parts = {"trained": trained, "mean": mean, "objective": objective, "optimiser": optimiser, "schedule": schedule}
    first_epoch = _restore(run / "checkpoint.pt", parts, device)
    for epoch in range(first_epoch, settings.epochs):
        # Each epoch draws from a seed of its own, so that a resumed run sees what an unbroken one would have seen.
        torch.manual_seed(settings.seed * 100_000 + epoch)
        trained.train()
        sums: dict[str, float] = {}
        steps = _steps(len(rows), settings)
        for step in range(steps):
            drawn = torch.multinomial(weights, settings.batch, replacement=True)
            maps = views.batch(draw_views(views, settings.batch, settings.unchanged_share), rows[drawn.numpy()])
            mixed, shares = mix(maps, targets[drawn], settings.mixing)
            hashes, features = trained(*(each.to(device, memory_format=torch.channels_last) for each in mixed))
            losses = objective(hashes, features, shares.to(device))
            optimiser.zero_grad()
            torch.stack(list(losses.values())).sum().backward()
            optimiser.step()
            schedule.step()
            _average(mean, trained, settings.averaging, epoch * steps + step)
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + loss.item() / steps
        line: dict[str, object] = {"epoch": epoch + 1, "losses": {name: round(value, 4) for name, value in sums.items()}}
        if (epoch + 1) % 5 == 0 or epoch + 1 == settings.epochs:
            line["val"] = _validate(mean, views, inputs, device)
        save({name: part.state_dict() for name, part in parts.items()} | {"epoch": epoch + 1}, run / "checkpoint.pt")
        on_epoch(line)
    return mean.eval()


def embed(trained: TrainedStages, views: Views, rows: np.ndarray, device: str, view: int = 0) -> Embedded:
    """Of the images `rows`, as they are or as another view has them."""
    trained.eval()
    hashes: list[np.ndarray] = []
    features: list[np.ndarray] = []
    for start in range(0, len(rows), EMBEDDING_BATCH):
        batch = rows[start : start + EMBEDDING_BATCH]
        with torch.inference_mode():
            maps = views.batch(np.full(len(batch), view), batch)
            some_hashes, some_features = trained(*(each.to(device, memory_format=torch.channels_last) for each in maps))
        hashes.append(some_hashes.cpu().numpy())
        features.append(some_features.cpu().numpy())
    return Embedded(np.concatenate(hashes), np.concatenate(features))


def _objective(settings: TrainingSettings, class_shares: np.ndarray) -> nn.Module:
    if settings.objective != "dafh":
        return published_objective(settings.objective, NetworkShape(), len(class_shares))
    parts: list[nn.Module] = []
    if settings.loss.features:
        parts.append(FeatureObjective(NetworkShape(), len(class_shares)))
    if settings.loss.codes:
        parts.append(CodeObjective(NetworkShape(), class_shares, settings.codes))
    return JointObjective(parts)


def _targets(inputs: LabelledInputs, rows: np.ndarray) -> Tensor:
    """Rows × classes, 1 at the class of each."""
    classes, numbers = np.unique(inputs.labels[rows], return_inverse=True)
    return torch.eye(len(classes))[numbers]


def _class_shares(inputs: LabelledInputs, rows: np.ndarray) -> np.ndarray:
    return np.unique(inputs.labels[rows], return_counts=True)[1] / len(rows)


def _weights(inputs: LabelledInputs, rows: np.ndarray, settings: TrainingSettings) -> Tensor:
    return torch.from_numpy(
        sampling_weights(inputs.labels[rows], inputs.groups[rows], settings.class_sampling, settings.group_sampling)
    )


def _steps(images: int, settings: TrainingSettings) -> int:
    return max(1, images // settings.batch)


def _optimiser(
    trained: TrainedStages, objective: nn.Module, settings: TrainingSettings, images: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    pretrained = list(trained.backbone.parameters())
    known = {id(parameter) for parameter in pretrained}
    new = [parameter for parameter in trained.parameters() if id(parameter) not in known]
    optimiser = torch.optim.AdamW(
        [{"params": pretrained, "lr": settings.backbone_rate}, {"params": [*new, *objective.parameters()], "lr": settings.head_rate}],
        weight_decay=settings.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        [settings.backbone_rate, settings.head_rate],
        total_steps=_steps(images, settings) * settings.epochs,
        pct_start=0.15,
    )
    return optimiser, schedule


def _show_epochs(run: Path, epochs: int) -> Callable[[dict[str, object]], None]:
    started = time.monotonic()
    shown = 0

    def show(line: dict[str, object]) -> None:
        nonlocal shown
        shown += 1
        with (run / "curves.jsonl").open("a") as curves:
            curves.write(json.dumps(line) + "\n")
        left = (time.monotonic() - started) / shown * (epochs - int(str(line["epoch"])))
        print(f"epoch {line['epoch']} of {epochs}, {left:.0f} s left: {json.dumps(line)}", file=sys.stderr)

    return show


def _average(mean: nn.Module, current: nn.Module, averaging: float, step: int) -> None:
    """The first steps count for little: weights that began at random have nothing to keep."""
    kept = min(averaging, (1 + step) / (10 + step))
    with torch.no_grad():
        for old, new in zip(mean.state_dict().values(), current.state_dict().values(), strict=True):
            if old.dtype.is_floating_point:
                old.lerp_(new, 1 - kept)
            else:
                old.copy_(new)


def _validate(trained: TrainedStages, views: Views, inputs: LabelledInputs, device: str) -> dict[str, object]:
    """MAP@10 of queries of `val` against `train` by the features, micro and macro; the codes come later."""
    database, queries = inputs.rows("train"), inputs.rows("val")
    if len(queries) == 0:
        return {}
    asked, stored = (embed(trained, views, rows, device).features for rows in (queries, database))
    score = retrieval_score(cosine_distances(asked, stored), inputs.labels[queries], inputs.labels[database])
    return {"float": [round(score.micro, 4), round(score.macro, 4)]}


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


def save(state: dict[str, object], file: Path) -> None:
    partial = file.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, file)
