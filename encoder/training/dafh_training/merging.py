"""Joins the trained stages of several runs into one network: their features side by side, and one hash layer over them.

Runs that differ in their seed err on different images, so together they err less. The features of each run are brought to
length 1, put side by side and turned to their main directions, which keeps every cosine between training images. The hash layer
is trained anew on the joined features of all views, which takes a minute.
"""

import copy
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dafh_training.backbone import EfficientNetLite0
from dafh_training.export import export_module, fold_norms
from dafh_training.foreign import ForeignScore
from dafh_training.inputs import LabelledInputs
from dafh_training.network import FROZEN_OUTPUTS, DafhNetwork, FrozenStages, NetworkParts, NetworkShape, TrainedStages
from dafh_training.objective import HashingObjective, LossParts
from dafh_training.serving import onnx_session
from dafh_training.trainer import EMBEDDING_BATCH, TrainingSettings, frozen_channels, sampling_weights, save
from dafh_training.views import Views


# Quantiles of a bit's floats between which its threshold may lie: 33 to 67 % ones.
BALANCED_SHARES = (0.33, 0.67)


@dataclass(frozen=True)
class MergingSettings:
    seed: int = 0
    epochs: int = 15
    batch: int = 256
    rate: float = 5e-3
    weight_decay: float = 1e-3
    dropout: float = 0.1
    mixing: float = 0.3
    unchanged_share: float = 0.2


class MergedStages(nn.Module):
    """As `TrainedStages`: the frozen stages' maps → hash, features and where each scale of each run looked."""

    def __init__(self, branches: list[TrainedStages], shape: NetworkShape, dropout: float = 0) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.turn = nn.Linear(shape.feature_size * len(branches), shape.feature_size, bias=False)
        self.standardise = nn.BatchNorm1d(shape.feature_size, affine=False)
        self.dropout = nn.Dropout(dropout)
        self.hash_layer = nn.Linear(shape.feature_size, shape.hash_bits)
        self.hash_norm = nn.BatchNorm1d(shape.hash_bits, affine=False)

    def forward(self, fine: Tensor, middle: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        results = [branch(fine, middle) for branch in self.branches]
        features = self.joined([features for _, features, _ in results])
        return self.hashed(features), features, [places for _, _, each in results for places in each]

    def joined(self, features: list[Tensor]) -> Tensor:
        return self.turn(torch.cat([functional.normalize(each) for each in features], 1))

    def hashed(self, features: Tensor) -> Tensor:
        return self.hash_norm(self.hash_layer(self.dropout(self.standardise(features))))


def merge(inputs: LabelledInputs, views: Views, runs: list[Path], out: Path, settings: MergingSettings) -> DafhNetwork:
    out.mkdir(parents=True, exist_ok=True)
    networks = [load_network(run) for run in runs]
    merged = MergedStages([network.trained for network in networks], NetworkShape(), settings.dropout).eval()
    rows = inputs.rows("train")
    features = [_view_features(network.trained, views, rows, run) for network, run in zip(networks, runs, strict=True)]
    joined = np.concatenate([each / np.linalg.norm(each, axis=2, keepdims=True) for each in features], 2)
    directions = np.linalg.svd(joined[0], full_matrices=False)[2][: NetworkShape().feature_size]
    with torch.no_grad():
        merged.turn.weight.copy_(torch.as_tensor(directions))
    _train_hash(merged, torch.as_tensor(joined @ directions.T), inputs, rows, settings)
    network = DafhNetwork(networks[0].frozen, merged.eval(), networks[0].foreign)
    save(network.state_dict(), out / "network.pt")
    of_runs = [json.loads((run / "settings.json").read_text()) for run in runs]
    (out / "settings.json").write_text(json.dumps({"merging": asdict(settings), "runs": of_runs}, indent=2) + "\n")
    return network


def _view_features(trained: TrainedStages, views: Views, rows: np.ndarray, run: Path) -> np.ndarray:
    """Views × images × D, kept in the run's folder."""
    kept = run / "view-features.npy"
    if kept.exists():
        return np.load(kept)
    run_stages = _runner(trained, views)
    all_views: list[np.ndarray] = []
    for view in range(views.augmented + 1):
        parts = []
        for start in range(0, len(rows), EMBEDDING_BATCH):
            batch = rows[start : start + EMBEDDING_BATCH]
            fine, middle = views.batch(np.full(len(batch), view), batch)
            parts.append(run_stages(fine.numpy(), middle.numpy()))
        all_views.append(np.concatenate(parts))
        print(f"features of view {view} of {views.augmented}", file=sys.stderr)
    result = np.stack(all_views)
    np.save(kept, result)
    return result


def _runner(trained: TrainedStages, views: Views) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Maps → features, through ONNX Runtime, which is several times as fast as PyTorch on a CPU."""
    folded = copy.deepcopy(trained).eval()
    fold_norms(folded.backbone)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "stages.onnx")
        examples = views.batch(np.zeros(2, int), np.arange(2))
        names = ["hash", "features", *(f"places{scale}" for scale in range(len(trained.scales)))]
        export_module(folded, dict(zip(FROZEN_OUTPUTS, examples, strict=True)), file, names)
        session = onnx_session(file, torch.get_num_threads())
    return lambda fine, middle: session.run(["features"], {"fine": fine, "middle": middle})[0]


def _train_hash(merged: MergedStages, features: Tensor, inputs: LabelledInputs, rows: np.ndarray, settings: MergingSettings) -> None:
    """`features`: views × images × D."""
    torch.manual_seed(settings.seed)
    merged.hash_layer.reset_parameters()
    labels = inputs.labels[rows]
    classes = np.unique(labels)
    targets = torch.eye(len(classes))[np.searchsorted(classes, labels)]
    weights = torch.from_numpy(sampling_weights(labels, inputs.groups[rows], TrainingSettings()))
    objective = HashingObjective(NetworkShape(), len(classes), LossParts(metric=False))
    trained = [merged.standardise, merged.dropout, merged.hash_layer, merged.hash_norm]
    for part in trained:
        part.train()
    optimiser = torch.optim.AdamW(
        [*merged.hash_layer.parameters(), *objective.parameters()], settings.rate, weight_decay=settings.weight_decay
    )
    steps = max(1, len(rows) // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=steps * settings.epochs)
    for _ in range(steps * settings.epochs):
        drawn = torch.multinomial(weights, settings.batch, replacement=True)
        unchanged = torch.rand(settings.batch) < settings.unchanged_share
        view = torch.where(unchanged, 0, torch.randint(0, len(features), (settings.batch,)))
        share = torch.distributions.Beta(settings.mixing, settings.mixing).sample((settings.batch, 1))
        partner = torch.randperm(settings.batch)
        mixed = share * features[view, drawn] + (1 - share) * features[view, drawn][partner]
        target = share * targets[drawn] + (1 - share) * targets[drawn][partner]
        losses = objective(merged.hashed(mixed), mixed, target)
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
        schedule.step()
    for part in trained:
        part.eval()
    _balance(merged, features[0])


def _balance(merged: MergedStages, features: Tensor) -> None:
    """Moves the threshold of each bit that is lopsided over the training images, by as little as makes it lean no more.

    The batches of training have the rare classes oftener than the images have, so what is balanced there need not be here.
    """
    with torch.inference_mode():
        hashes = merged.hashed(features)
        lowest, highest = (torch.quantile(hashes, share, dim=0) for share in BALANCED_SHARES)
        # Where the share of ones is within bounds, 0 lies between the two quantiles.
        shift = lowest.clamp_min(0) + highest.clamp_max(0)
        merged.hash_norm.running_mean += shift * torch.sqrt(merged.hash_norm.running_var + merged.hash_norm.eps)


def load_network(run: Path) -> DafhNetwork:
    """Of a run of `train` or of `merge`."""
    file = run / "network.pt"
    if not file.exists():
        raise SystemExit("this run has no trained network yet: run `train` or `merge` to its end first")
    settings = json.loads((run / "settings.json").read_text())
    state = torch.load(file, weights_only=True)
    stages = (
        MergedStages([_empty_stages(of_run) for of_run in settings["runs"]], NetworkShape())
        if "runs" in settings
        else _empty_stages(settings)
    )
    foreign = ForeignScore(frozen_channels(), len(state["foreign.centres"]))
    network = DafhNetwork(FrozenStages(EfficientNetLite0()), stages, foreign)
    network.load_state_dict(state)
    return network.eval()


def _empty_stages(settings: dict[str, object]) -> TrainedStages:
    return TrainedStages(EfficientNetLite0(), NetworkShape(), NetworkParts(**settings["network"]), dropout=0)
