"""Sparse vectors as Qdrant Edge takes them, and the average of examples that recommending searches by."""

import qdrant_edge as edge

from errors import invalid, wrong_input
from reading import as_integer, as_list, as_number, required


def read_sparse(body: dict):
    """A sparse vector."""
    indices = [as_integer(one, "indices") for one in as_list(required(body, "indices"), "indices")]
    values = [as_number(one, "values") for one in as_list(required(body, "values"), "values")]
    if len(indices) != len(values):
        raise invalid("vector.values", "must be the same length as indices")
    if len(set(indices)) != len(indices):
        raise invalid("vector.indices", "must be unique")
    return edge.SparseVector(indices, values)


def average(positives: list, negatives: list):
    """The vector to search by: the mean of the positive examples, moved away from the mean of the negative ones."""
    if not positives:
        raise wrong_input("Positive vectors should not be empty with `average` strategy")
    if type(positives[0]) is list:
        mean = _mean(positives)
        return mean if not negatives else [2 * near - far for near, far in zip(mean, _mean(negatives))]
    towards, away = _sparse_mean(positives), _sparse_mean(negatives)
    if negatives:
        towards = {index: 2 * towards.get(index, 0.0) - away.get(index, 0.0) for index in towards | away}
    return edge.SparseVector(list(towards), list(towards.values()))


def _mean(vectors: list) -> list:
    return [sum(column) / len(vectors) for column in zip(*vectors)]


def _sparse_mean(vectors: list) -> dict:
    sums: dict = {}
    for vector in vectors:
        for index, value in zip(vector.indices, vector.values):
            sums[index] = sums.get(index, 0.0) + value / len(vectors)
    return sums
