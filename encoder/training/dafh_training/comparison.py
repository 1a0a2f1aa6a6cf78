"""The comparison of docs/model.md: the network with each part taken away, published losses, and what needs no training.

Every variant is trained from the same views with the same settings, by several seeds; a finished one is kept in its folder,
so the command goes on where it was stopped.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from dafh_training.backbone import pretrained_backbone
from dafh_training.baselines import imagenet_features, itq_codes, random_codes
from dafh_training.codes import CodeParts, hashes_of
from dafh_training.inputs import LabelledInputs
from dafh_training.metrics import RetrievalScore, cosine_distances, hamming_distances, kept_neighbours, retrieval_score
from dafh_training.network import FrozenStages, HashingHead, NetworkParts, NetworkShape
from dafh_training.objective import LossParts
from dafh_training.published import PUBLISHED
from dafh_training.trainer import Embedded, TrainingSettings, all_statistics, code_features, embed, fitted_foreign, train_stages
from dafh_training.views import Views, frozen_views

SPLITS_OF_QUERIES = ("val", "test")
OURS = "ours"
ITQ = "ITQ of our features"


def variants(base: TrainingSettings) -> dict[str, TrainingSettings]:
    """What trains stages of its own."""
    without_hidden = NetworkParts(hidden_layer=False)
    return {
        OURS: base,
        "without fusion of scales": replace(base, network=NetworkParts(fusion=False)),
        "without pretraining of what is trained": replace(base, network=NetworkParts(pretraining=False)),
        "without mixing of images": replace(base, mixing=0.0),
        "without metric loss: codes train the stages": replace(base, loss=LossParts(features=False, codes=True)),
        "codes train the stages too": replace(base, loss=LossParts(codes=True)),
        "with channel attention": replace(base, network=NetworkParts(channel_attention=True)),
        "with spatial attention": replace(base, network=NetworkParts(spatial_attention=True)),
        **{f"{name} loss": replace(base, objective=name, mixing=0.0, network=without_hidden) for name in PUBLISHED},
    }


def code_variants(base: TrainingSettings) -> dict[str, TrainingSettings]:
    """Other codes of the features of OURS."""
    return {
        "without likeness bits: all say the class": replace(base, codes=CodeParts(likeness=False)),
        "without class bits: all say likeness": replace(base, codes=CodeParts(classes=False)),
        "without decorrelation": replace(base, codes=CodeParts(decorrelation=False)),
        "without hidden layer": replace(base, network=NetworkParts(hidden_layer=False)),
    }


def compare(
    inputs: LabelledInputs,
    folder: Path,
    views_folder: Path,
    base: TrainingSettings,
    seeds: list[int],
    only: list[str],
    device: str,
) -> dict[str, object]:
    folder.mkdir(parents=True, exist_ok=True)
    frozen = FrozenStages(pretrained_backbone()).eval().requires_grad_(False)
    views = frozen_views(frozen, inputs, views_folder, base.views, base.views_seed)
    # Seeds outside, variants inside: a comparison that is cut short has every variant.
    for seed in seeds:
        for name, settings in variants(base).items():
            if not only or name in only:
                _train_variant(inputs, views, _run(folder, name, seed), replace(settings, seed=seed), device)
        features = _run(folder, OURS, seed) / "features.npy"
        for name, settings in code_variants(base).items():
            if features.exists() and (not only or name in only):
                _code_variant(inputs, np.load(features), _run(folder, name, seed), replace(settings, seed=seed))
        if features.exists() and (not only or ITQ in only):
            _itq_variant(inputs, np.load(features), _run(folder, ITQ, seed), seed)
    return summary(folder, [*variants(base), *code_variants(base), ITQ], seeds)


def _run(folder: Path, name: str, seed: int) -> Path:
    return folder / f"{name.replace(':', '').replace(' ', '-')}-{seed}"


def _train_variant(inputs: LabelledInputs, views: Views, run: Path, settings: TrainingSettings, device: str) -> None:
    if (run / "figures.json").exists():
        return
    run.mkdir(exist_ok=True)
    trained = train_stages(inputs, views, run, settings, device, on_epoch=lambda _: None)
    embedded = embed(trained, views, np.arange(len(inputs.labels)), device)
    np.save(run / "features.npy", embedded.features)
    if settings.objective == "dafh" and not settings.loss.codes:
        embedded = _coded(trained.head.cpu(), embedded.features, inputs, settings)
    _write_figures(run, split_figures(inputs, embedded))
    (run / "checkpoint.pt").unlink()


def _code_variant(inputs: LabelledInputs, features: np.ndarray, run: Path, settings: TrainingSettings) -> None:
    if not (run / "figures.json").exists():
        torch.manual_seed(settings.seed)
        head = HashingHead(NetworkShape(), settings.network)
        _write_figures(run, split_figures(inputs, _coded(head, features, inputs, settings)))


def _itq_variant(inputs: LabelledInputs, features: np.ndarray, run: Path, seed: int) -> None:
    if (run / "figures.json").exists():
        return
    directions = features / np.linalg.norm(features, axis=1, keepdims=True)
    codes = {bits: itq_codes(directions, inputs.rows("train"), bits, seed) for bits in NetworkShape().prefix_bits}
    _write_figures(run, {split: _means(_code_scores(inputs, split, codes), _kept(inputs, split, codes, features)) for split in SPLITS_OF_QUERIES})


def _coded(head: HashingHead, features: np.ndarray, inputs: LabelledInputs, settings: TrainingSettings) -> Embedded:
    # Of the images as they are alone: for each variant to have views as well would take longer than it shows.
    code_features(head, [features[inputs.rows("train")]], inputs, settings)
    return Embedded(hashes_of(head, features), features)


def _write_figures(run: Path, figures: dict[str, object]) -> None:
    run.mkdir(exist_ok=True)
    (run / "figures.json").write_text(json.dumps(figures) + "\n")
    print(f"{run.name}: test {json.dumps(figures['test']['macro'])}", file=sys.stderr)


def untrained(inputs: LabelledInputs, seeds: list[int]) -> dict[str, object]:
    """ImageNet's features as floats, and codes of them by random hyperplanes (LSH) and by ITQ, fitted to `train`."""
    features = imagenet_features(pretrained_backbone(), inputs, torch.get_num_threads())
    found: dict[str, object] = {}
    for name, codes in (("LSH", random_codes), ("ITQ", itq_codes)):
        per_seed = []
        for seed in seeds:
            coded = {bits: codes(features, inputs.rows("train"), bits, seed) for bits in NetworkShape().prefix_bits}
            per_seed.append({split: _means(_code_scores(inputs, split, coded), _kept(inputs, split, coded, features)) for split in SPLITS_OF_QUERIES})
        found[name] = spread(per_seed)
    floats = {split: _means({"float": _score(inputs, split, _cosine, features, 0)}, {}) for split in SPLITS_OF_QUERIES}
    return {"ImageNet features": spread([floats])} | found


def held_out_modalities(inputs: LabelledInputs, views_folder: Path, base: TrainingSettings) -> dict[str, object]:
    """For each modality: how well queries of it are told from the others' by a score that was fitted and calibrated without it."""
    frozen = FrozenStages(pretrained_backbone()).eval().requires_grad_(False)
    views = frozen_views(frozen, inputs, views_folder, base.views, base.views_seed)
    statistics = torch.from_numpy(all_statistics(inputs, views))
    modality = np.array([label.split("/")[0] for label in inputs.labels])
    found: dict[str, object] = {}
    for name in np.unique(modality):
        scores = fitted_foreign(inputs, views, without=str(name)).score(statistics).numpy()
        of_split = {}
        for split in SPLITS_OF_QUERIES:
            rows = inputs.rows(split)
            known, foreign = scores[rows[modality[rows] != name]], scores[rows[modality[rows] == name]]
            of_split[split] = {
                "auroc": round(float((foreign[:, None] > known[None]).mean()), 4),
                "calledForeign": round(float((foreign > 1).mean()), 4),
                "knownCalledForeign": round(float((known > 1).mean()), 4),
            }
        found[str(name)] = of_split
    return found


def split_figures(inputs: LabelledInputs, embedded: Embedded) -> dict[str, object]:
    figures: dict[str, object] = {}
    for split in SPLITS_OF_QUERIES:
        codes = dict.fromkeys(NetworkShape().prefix_bits, embedded.hashes)
        scores = _code_scores(inputs, split, codes)
        scores["float"] = _score(inputs, split, _cosine, embedded.features, 0)
        figures[split] = _means(scores, _kept(inputs, split, codes, embedded.features))
    return figures


def _code_scores(inputs: LabelledInputs, split: str, codes: dict[int, np.ndarray]) -> dict[str, RetrievalScore]:
    """By the bits of each prefix, and the hashes that it is taken from."""
    return {f"hash{bits}": _score(inputs, split, hamming_distances, code, bits) for bits, code in codes.items()}


def _score(inputs: LabelledInputs, split: str, distances, values: np.ndarray, bits: int) -> RetrievalScore:
    queries, database = inputs.rows(split), inputs.rows("train")
    return retrieval_score(distances(values[queries], values[database], bits), inputs.labels[queries], inputs.labels[database])


def _kept(inputs: LabelledInputs, split: str, codes: dict[int, np.ndarray], features: np.ndarray) -> dict[str, float]:
    queries, database = inputs.rows(split), inputs.rows("train")
    near = cosine_distances(features[queries], features[database])
    return {f"hash{bits}": kept_neighbours(hamming_distances(code[queries], code[database], bits), near) for bits, code in codes.items()}


def _cosine(queries: np.ndarray, database: np.ndarray, _bits: int) -> np.ndarray:
    return cosine_distances(queries, database)


def _means(scores: dict[str, RetrievalScore], kept: dict[str, float]) -> dict[str, object]:
    return {
        "kept": {way: round(share, 4) for way, share in kept.items()},
        "micro": {way: round(score.micro, 4) for way, score in scores.items()},
        "macro": {way: round(score.macro, 4) for way, score in scores.items()},
        "perClass": {
            way: {name: round(value, 4) for name, value in score.per_class.items()} for way, score in scores.items()
        },
    }


def summary(folder: Path, names: list[str], seeds: list[int]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in names:
        files = [_run(folder, name, seed) / "figures.json" for seed in seeds]
        done = [json.loads(file.read_text()) for file in files if file.exists()]
        if done:
            found[name] = spread(done)
    return found


def spread(per_seed: list[dict[str, object]]) -> dict[str, object]:
    """Mean and standard deviation over the seeds, of micro, macro and neighbours kept of each way."""
    result: dict[str, object] = {"seeds": len(per_seed)}
    for split in SPLITS_OF_QUERIES:
        result[split] = {
            mean: {
                way: [
                    round(float(np.mean([each[split][mean][way] for each in per_seed])), 4),
                    round(float(np.std([each[split][mean][way] for each in per_seed], ddof=1 if len(per_seed) > 1 else 0)), 4),
                ]
                for way in per_seed[0][split][mean]
            }
            for mean in ("micro", "macro", "kept")
        }
    return result


def as_markdown(result: dict[str, object], split: str) -> str:
    ways = [*(f"hash{bits}" for bits in NetworkShape().prefix_bits), "float"]
    last = f"hash{NetworkShape().hash_bits}"
    lines = [f"| {split}, micro / macro | " + " | ".join(ways) + f" | kept by {last} |", "|---" * (len(ways) + 2) + "|"]
    for name, of_variant in result.items():
        micro, macro = of_variant[split]["micro"], of_variant[split]["macro"]
        cells = [f"{micro[way][0]:.3f} / {macro[way][0]:.3f} ± {macro[way][1]:.3f}" if way in macro else "–" for way in ways]
        kept = of_variant[split]["kept"]
        cells.append(f"{kept[last][0]:.3f} ± {kept[last][1]:.3f}" if last in kept else "–")
        lines.append(f"| {name} ({of_variant['seeds']}) | " + " | ".join(cells) + " |")
    return "\n".join(lines)
