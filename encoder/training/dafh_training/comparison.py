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
from dafh_training.inputs import LabelledInputs
from dafh_training.metrics import RetrievalScore, cosine_distances, hamming_distances, retrieval_score
from dafh_training.network import FrozenStages, NetworkParts, NetworkShape
from dafh_training.objective import LossParts
from dafh_training.published import PUBLISHED
from dafh_training.trainer import Embedded, TrainingSettings, all_statistics, embed, fitted_foreign, train_stages
from dafh_training.views import frozen_views

SPLITS_OF_QUERIES = ("val", "test")


def variants(base: TrainingSettings) -> dict[str, TrainingSettings]:
    return {
        "ours": base,
        "without fusion of scales": replace(base, network=NetworkParts(fusion=False)),
        "without pretraining of what is trained": replace(base, network=NetworkParts(pretraining=False)),
        "without nesting": replace(base, loss=LossParts(nesting=False)),
        "without metric loss": replace(base, loss=LossParts(metric=False)),
        "without agreement of code and features": replace(base, loss=LossParts(agreement=False)),
        "with channel attention": replace(base, network=NetworkParts(channel_attention=True)),
        "with spatial attention": replace(base, network=NetworkParts(spatial_attention=True)),
        "with supervised contrast": replace(base, loss=LossParts(contrast=True)),
        **{f"{name} loss": replace(base, objective=name, mixing=0.0) for name in PUBLISHED},
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
            if only and name not in only:
                continue
            run = folder / f"{name.replace(' ', '-')}-{seed}"
            if (run / "figures.json").exists():
                continue
            run.mkdir(exist_ok=True)
            trained = train_stages(inputs, views, run, replace(settings, seed=seed), device, on_epoch=lambda _: None)
            figures = split_figures(inputs, embed(trained, views, np.arange(len(inputs.labels)), device))
            (run / "figures.json").write_text(json.dumps(figures) + "\n")
            (run / "checkpoint.pt").unlink()
            print(f"{name}, seed {seed}: test {json.dumps(figures['test']['macro'])}", file=sys.stderr)
    return summary(folder, list(variants(base)), seeds)


def untrained(inputs: LabelledInputs, seeds: list[int]) -> dict[str, object]:
    """ImageNet's features as floats, and codes of them by random hyperplanes (LSH) and by ITQ, fitted to `train`."""
    features = imagenet_features(pretrained_backbone(), inputs, torch.get_num_threads())
    found: dict[str, object] = {}
    for name, codes in (("LSH", random_codes), ("ITQ", itq_codes)):
        per_seed = []
        for seed in seeds:
            coded = {bits: codes(features, inputs.rows("train"), bits, seed) for bits in NetworkShape().prefix_bits}
            per_seed.append({split: _means(_code_scores(inputs, split, coded)) for split in SPLITS_OF_QUERIES})
        found[name] = spread(per_seed)
    floats = {split: _means({"float": _score(inputs, split, _cosine, features, 0)}) for split in SPLITS_OF_QUERIES}
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
        scores = _code_scores(inputs, split, dict.fromkeys(NetworkShape().prefix_bits, embedded.hashes))
        scores["float"] = _score(inputs, split, _cosine, embedded.features, 0)
        figures[split] = _means(scores)
    return figures


def _code_scores(inputs: LabelledInputs, split: str, codes: dict[int, np.ndarray]) -> dict[str, RetrievalScore]:
    """By the bits of each prefix, and the hashes that it is taken from."""
    return {f"hash{bits}": _score(inputs, split, hamming_distances, code, bits) for bits, code in codes.items()}


def _score(inputs: LabelledInputs, split: str, distances, values: np.ndarray, bits: int) -> RetrievalScore:
    queries, database = inputs.rows(split), inputs.rows("train")
    return retrieval_score(distances(values[queries], values[database], bits), inputs.labels[queries], inputs.labels[database])


def _cosine(queries: np.ndarray, database: np.ndarray, _bits: int) -> np.ndarray:
    return cosine_distances(queries, database)


def _means(scores: dict[str, RetrievalScore]) -> dict[str, object]:
    return {
        "micro": {way: round(score.micro, 4) for way, score in scores.items()},
        "macro": {way: round(score.macro, 4) for way, score in scores.items()},
        "perClass": {
            way: {name: round(value, 4) for name, value in score.per_class.items()} for way, score in scores.items()
        },
    }


def summary(folder: Path, names: list[str], seeds: list[int]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in names:
        files = [folder / f"{name.replace(' ', '-')}-{seed}" / "figures.json" for seed in seeds]
        done = [json.loads(file.read_text()) for file in files if file.exists()]
        if done:
            found[name] = spread(done)
    return found


def spread(per_seed: list[dict[str, object]]) -> dict[str, object]:
    """Mean and standard deviation over the seeds, of micro and macro of each way."""
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
            for mean in ("micro", "macro")
        }
    return result


def as_markdown(result: dict[str, object], split: str) -> str:
    ways = [*(f"hash{bits}" for bits in NetworkShape().prefix_bits), "float"]
    lines = [f"| {split}, micro / macro | " + " | ".join(ways) + " |", "|---" * (len(ways) + 1) + "|"]
    for name, of_variant in result.items():
        micro, macro = of_variant[split]["micro"], of_variant[split]["macro"]
        cells = [f"{micro[way][0]:.3f} / {macro[way][0]:.3f} ± {macro[way][1]:.3f}" if way in macro else "–" for way in ways]
        lines.append(f"| {name} ({of_variant['seeds']}) | " + " | ".join(cells) + " |")
    return "\n".join(lines)
