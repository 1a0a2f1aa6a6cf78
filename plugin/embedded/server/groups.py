"""
Results by group. The server runs the query up to five times to find enough groups and up to five times more to fill
them, each time leaving out what it has; this follows the same rounds, so that the same groups come out.
"""

import qdrant_edge as edge

from errors import unsupported
from filters import merge
from reading import as_integer, as_string, optional, required

_ROUNDS = 5


def read_grouping(body: dict) -> "tuple[str, int, int]":
    """Field, hits a group, groups."""
    if body.get("with_lookup") is not None:
        raise unsupported("`with_lookup`")
    return (
        as_string(required(body, "group_by"), "group_by"),
        optional(body, "group_size", as_integer, 1, default=3),
        optional(body, "limit", as_integer, 1, default=10),
    )


class _Groups:
    """The groups found so far. A group's hits are kept by id; the best groups are those of the best hit."""

    def __init__(self, path: str, size: int, limit: int, rank):
        self.path = path
        self.size = size
        self.limit = limit
        self.rank = rank
        self.hits: dict = {}
        self.best: dict = {}
        self.ids: set = set()

    def add(self, points: list) -> None:
        for point in points:
            for key in _keys(point.payload, self.path):
                self.hits.setdefault(key, {}).setdefault(point.id, point)
                self.ids.add(point.id)
                if key not in self.best or self.rank(point) < self.rank(self.best[key]):
                    self.best[key] = point

    def full(self) -> list:
        return [key for key, hits in self.hits.items() if len(hits) >= self.size]

    def best_keys(self) -> list:
        return sorted(self.best, key=lambda key: self.rank(self.best[key]))[: self.limit]

    def unfilled(self) -> list:
        return [key for key in self.best_keys() if len(self.hits[key]) < self.size]

    def is_complete(self) -> bool:
        return sum(1 for key in self.best_keys() if len(self.hits[key]) >= self.size) >= self.limit

    def result(self) -> list:
        """The key and the ranked hits of each of the best groups."""
        return [(key, sorted(self.hits[key].values(), key=self.rank)[: self.size]) for key in self.best_keys()]


def group(run, path: str, size: int, limit: int, rank) -> list:
    """
    The best `limit` groups by the field `path`, each with its best `size` hits: pairs of key and points with scores.
    `run(limit, filter)` runs the query; `rank(point)` is smaller for a better hit.
    """
    groups = _Groups(path, size, limit, rank)
    present = edge.Filter(must_not=[edge.IsEmptyCondition(path)])

    def round_of(narrowing) -> bool:
        seen = edge.Filter(must_not=[edge.HasIdCondition(groups.ids)]) if groups.ids else None
        points = run(limit * size, merge(present, narrowing, seen))
        groups.add(points)
        return bool(points)

    for _ in range(_ROUNDS):
        full = groups.full()
        if not round_of(edge.Filter(must=_matches(path, full, edge.MatchExcept)) if full else None):
            break
        if groups.is_complete():
            return groups.result()
    for _ in range(_ROUNDS):
        unfilled = groups.unfilled()
        if not round_of(edge.Filter(must=_matches(path, unfilled, edge.MatchAny)) if unfilled else None):
            break
        if groups.is_complete():
            break
    return groups.result()


def _matches(path: str, keys: list, make) -> list:
    kinds = ([key for key in keys if type(key) is int], [key for key in keys if type(key) is str])
    return [edge.FieldCondition(path, match=make(values)) for values in kinds if values]


def _keys(payload: "dict | None", path: str) -> list:
    """The values of the field that may name a group: strings and integers. Any other value means no group at all."""
    values = []
    for value in values_at(payload or {}, path):
        values.extend(value if type(value) is list else [value])
    if any(type(value) not in (str, int) for value in values):
        return []
    return list(dict.fromkeys(values))


def values_at(value, path: str) -> list:
    """Every value at a path such as `a.b[].c`."""
    found = [value]
    for part in path.replace("[]", ".[]").split("."):
        step = []
        for one in found:
            if part == "[]":
                step.extend(one if type(one) is list else [])
            elif type(one) is dict and part.strip('"') in one:
                step.append(one[part.strip('"')])
        found = step
    return found
