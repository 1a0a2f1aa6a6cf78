"""Retrieval quality and health of the codes, from arrays alone.

AP@10 here: the precision at each hit among the ten, summed, over the number of hits among the ten; 0 where there is
none. Images at one Hamming distance have no order of their own, so AP@10 is its expectation over all orders of a tie.
"""

from dataclasses import dataclass
from math import comb

import numpy as np

DEPTH = 10
MINIMUM_QUERIES = 10  # a class with fewer queries says too little for the macro mean and is listed apart


@dataclass(frozen=True)
class RetrievalScore:
    """Means of AP@10: over the queries, and over the classes with at least MINIMUM_QUERIES of them."""

    micro: float
    macro: float
    per_class: dict[str, float]
    queries: dict[str, int]

    def as_json(self) -> dict[str, object]:
        return {
            "micro": round(self.micro, 4),
            "macro": round(self.macro, 4),
            "perClass": {name: round(value, 4) for name, value in sorted(self.per_class.items())},
        }


def expected_average_precision(distances: np.ndarray, relevant: np.ndarray, depth: int = DEPTH) -> float:
    """Distances of one query to the database, and which of the database is relevant: expected AP@depth over the orders of ties."""
    cut = np.partition(distances, depth - 1)[depth - 1] if len(distances) > depth else np.inf
    near = distances <= cut
    near_distances, near_relevant = distances[near], relevant[near]
    hits_before, position = 0, 0
    precisions_before = 0.0
    levels = np.unique(near_distances)
    for level in levels:
        tied = near_relevant[near_distances == level]
        size, hits = len(tied), int(tied.sum())
        slots = min(size, depth - position)
        if slots < size:
            # Only some of the tie is seen: how many hits are among them is hypergeometric.
            expected = 0.0
            for seen in range(max(0, slots - (size - hits)), min(hits, slots) + 1):
                total = hits_before + seen
                if total == 0:
                    continue
                probability = comb(hits, seen) * comb(size - hits, slots - seen) / comb(size, slots)
                precisions = precisions_before + _precisions_of_tie(position, hits_before, slots, seen)
                expected += probability * precisions / total
            return expected
        precisions_before += _precisions_of_tie(position, hits_before, size, hits)
        hits_before += hits
        position += size
    return precisions_before / hits_before if hits_before > 0 else 0.0


def _precisions_of_tie(position: int, hits_before: int, slots: int, hits: int) -> float:
    """Expected sum of the precisions at the hits of a tie that fills `slots` ranks after `position`, `hits` of them relevant, all orders alike."""
    if hits == 0:
        return 0.0
    ranks = np.arange(1, slots + 1)
    others = (ranks - 1) * (hits - 1) / (slots - 1) if slots > 1 else np.zeros(1)
    return float((hits / slots * (hits_before + 1 + others) / (position + ranks)).sum())


def hamming_distances(queries: np.ndarray, database: np.ndarray, bits: int) -> np.ndarray:
    """Hash layers' floats (N × K) → distances of the first `bits` bits, Q × M. A bit is set where the float is above 0."""
    left = np.where(queries[:, :bits] > 0, 1, -1).astype(np.float32)
    right = np.where(database[:, :bits] > 0, 1, -1).astype(np.float32)
    return np.rint((bits - left @ right.T) / 2).astype(np.int32)


def cosine_distances(queries: np.ndarray, database: np.ndarray) -> np.ndarray:
    left = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    right = database / np.linalg.norm(database, axis=1, keepdims=True)
    return 1 - left @ right.T


def kept_neighbours(by_code: np.ndarray, by_features: np.ndarray, candidates: int = 100) -> float:
    """Share of each query's DEPTH nearest by features that are among its `candidates` nearest by code: its expectation over the orders of ties."""
    nearest = np.argpartition(by_features, DEPTH - 1, axis=1)[:, :DEPTH]
    kept = 0.0
    for row, own in zip(by_code, nearest, strict=True):
        ordered = np.sort(row)
        nearer, not_farther = (np.searchsorted(ordered, row[own], side) for side in ("left", "right"))
        kept += np.clip((candidates - nearer) / (not_farther - nearer), 0, 1).mean()
    return float(kept / len(by_code))


def retrieval_score(distances: np.ndarray, query_labels: np.ndarray, database_labels: np.ndarray) -> RetrievalScore:
    precisions = np.array(
        [
            expected_average_precision(row, database_labels == label)
            for row, label in zip(distances, query_labels, strict=True)
        ]
    )
    names, counts = np.unique(query_labels, return_counts=True)
    per_class = {str(name): float(precisions[query_labels == name].mean()) for name in names}
    queries = {str(name): int(count) for name, count in zip(names, counts, strict=True)}
    large = [per_class[name] for name, count in queries.items() if count >= MINIMUM_QUERIES]
    macro = float(np.mean(large)) if large else float("nan")
    return RetrievalScore(float(precisions.mean()), macro, per_class, queries)


def code_health(hashes: np.ndarray) -> dict[str, float]:
    """Share of ones of the least balanced bits, and the largest correlation of two bits, over the given images."""
    bits = (hashes > 0).astype(np.float64)
    share = bits.mean(axis=0)
    spread = bits.std(axis=0)
    centred = (bits - share) / np.where(spread > 0, spread, 1)
    correlation = np.abs(centred.T @ centred / len(bits))
    np.fill_diagonal(correlation, 0)
    return {
        "leastOnes": round(float(share.min()), 4),
        "mostOnes": round(float(share.max()), 4),
        "largestCorrelation": round(float(correlation.max()), 4),
    }
