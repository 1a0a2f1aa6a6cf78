"""Retrieval figures of an exported network: queries of one split against the database `train`."""

import numpy as np

from dafh_training.inputs import LabelledInputs
from dafh_training.metrics import (
    DEPTH,
    MINIMUM_QUERIES,
    RetrievalScore,
    code_health,
    cosine_distances,
    hamming_distances,
    retrieval_score,
)
from dafh_training.network import NetworkShape

DEFINITION = (
    f"AP@{DEPTH}: precision summed at the hits among the {DEPTH}, over the number of hits among them, 0 where there is none; "
    f"its expectation over all orders of equal Hamming distance. micro: mean over queries; "
    f"macro: mean over the classes with at least {MINIMUM_QUERIES} queries. A class is a modality and a label."
)


def quality_report(inputs: LabelledInputs, hashes: np.ndarray, features: np.ndarray, splits: list[str]) -> dict[str, object]:
    database = inputs.rows("train")
    report: dict[str, object] = {
        "definition": DEFINITION,
        "database": {"split": "train", "images": len(database)},
        "bits": code_health(hashes[database]),
    }
    for split in splits:
        queries = inputs.rows(split)
        labels = inputs.labels[queries], inputs.labels[database]
        scores: dict[str, RetrievalScore] = {
            f"hash{bits}": retrieval_score(hamming_distances(hashes[queries], hashes[database], bits), *labels)
            for bits in NetworkShape().prefix_bits
        }
        scores["float"] = retrieval_score(cosine_distances(features[queries], features[database]), *labels)
        report[split] = {
            "queries": len(queries),
            "queriesPerClass": scores["float"].queries,
            **{name: score.as_json() for name, score in scores.items()},
        }
    return report


def as_table(report: dict[str, object], split: str) -> str:
    """Lines of: what, micro, macro; then each class."""
    part = report[split]
    ways = [name for name in part if name.startswith("hash") or name == "float"]
    width = max(len(name) for name in part["queriesPerClass"])
    lines = [f"{split}: {part['queries']} queries against {report['database']['images']} images of train (MAP@{DEPTH})"]
    lines.append(f"{'':{width}} {'queries':>8} " + " ".join(f"{way:>7}" for way in ways))
    for mean in ("micro", "macro"):
        lines.append(f"{mean:{width}} {'':>8} " + " ".join(f"{part[way][mean]:7.3f}" for way in ways))
    for name, count in part["queriesPerClass"].items():
        figures = " ".join(f"{part[way]['perClass'][name]:7.3f}" for way in ways)
        lines.append(f"{name:{width}} {count:8} {figures}")
    return "\n".join(lines)
