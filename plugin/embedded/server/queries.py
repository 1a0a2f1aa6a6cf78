"""
Query bodies as Qdrant Edge's query objects: prefetches nested to any depth, points named by id replaced by their
vectors and left out of the results, as the server does. Running the query is `collection.py`'s matter.
"""

from dataclasses import dataclass
from math import inf

import qdrant_edge as edge

from answers import read_with_payload, read_with_vector
from errors import bad_request, format_error, invalid, not_found, unsupported, wrong_input
from filters import FilterReader, excluding, merge
from formula import read_formula
from reading import (
    as_bool,
    as_integer,
    as_list,
    as_number,
    as_number_within,
    as_object,
    as_point_id,
    as_string,
    choice,
    optional,
    refuse_shard_key,
    required,
)
from vectors import average, read_sparse

_DIRECTIONS = {"asc": edge.Direction.Asc, "desc": edge.Direction.Desc}
_DEFAULT_LIMIT = 10


@dataclass
class Query:
    """A query, read. Groups run it several times with another `limit` and further filters."""

    body: dict
    scoring: object
    prefetches: list
    filter: "edge.Filter | None"
    limit: int

    def request(self):
        """The engine's request."""
        return self._request(
            self.limit,
            optional(self.body, "offset", as_integer, default=0),
            self.filter,
            read_with_payload(self.body.get("with_payload"), False),
            read_with_vector(self.body),
        )

    def round(self, limit: int, also: "edge.Filter | None", path: str):
        """The engine's request for one round of grouping by the field `path`; an offset is passed over."""
        return self._request(limit, 0, merge(self.filter, also), [path.split("[]")[0]], False)

    def _request(self, limit: int, offset: int, filter, with_payload, with_vector):
        return edge.QueryRequest(
            limit=limit,
            offset=offset,
            query=self.scoring,
            prefetches=self.prefetches,
            filter=filter,
            score_threshold=optional(self.body, "score_threshold", as_number),
            params=read_params(self.body.get("params")),
            with_payload=with_payload,
            with_vector=with_vector,
        )


class Reader:
    """
    Reads one query on one collection. `sizes` has the size of each dense vector and None for each sparse one;
    `vector_of(id, using)` gives a stored vector, None where the point has none of that name; `widen` multiplies the
    limits of all prefetches, for groups.
    """

    def __init__(self, sizes: dict, filters: FilterReader, vector_of, widen: int = 1):
        self.sizes = sizes
        self.filters = filters
        self.vector_of = vector_of
        self.widen = widen
        self.referenced: set = set()

    def query(self, value) -> Query:
        """The root of a query. Ids named in it, at any depth, are left out of the results."""
        body = as_object(value, "query")
        limit, scoring, prefetches = self._stage(body)
        filters = merge(self.filters.filter(body.get("filter")), excluding(self.referenced))
        return Query(body, scoring, prefetches, filters, limit)

    def _stage(self, body: dict):
        """What the root and a prefetch have in common: limit, scoring and prefetches."""
        self._check(body)
        limit = optional(body, "limit", as_integer, 1, default=_DEFAULT_LIMIT)
        prefetches = body.get("prefetch")
        if prefetches is None:
            prefetches = []
        elif type(prefetches) is not list:
            prefetches = [prefetches]
        return limit, self._scoring(body, limit), [self._prefetch(as_object(one, "prefetch")) for one in prefetches]

    def _prefetch(self, body: dict):
        limit, scoring, prefetches = self._stage(body)
        return edge.Prefetch(
            limit=limit * self.widen,
            query=scoring,
            prefetches=prefetches,
            params=read_params(body.get("params")),
            filter=self.filters.filter(body.get("filter")),
            score_threshold=optional(body, "score_threshold", as_number),
        )

    def _check(self, body: dict):
        refuse_shard_key(body)
        if body.get("lookup_from") is not None:
            raise unsupported("`lookup_from`")
        query = body.get("query")
        if query is None and body.get("prefetch"):
            raise bad_request(
                "A query is needed to merge the prefetches. Can't have prefetches without defining a query."
            )
        if body.get("score_threshold") is not None:
            if query is None:
                raise bad_request(
                    "A query is needed to use the score_threshold. Can't have score_threshold without defining a query."
                )
            if type(query) is dict and "order_by" in query:
                raise bad_request("Can't use score_threshold with an order_by query.")
        if type(query) is dict and ("fusion" in query or "rrf" in query) and body.get("using"):
            raise bad_request("Fusion queries cannot be combined with the 'using' field.")

    def _scoring(self, body: dict, limit: int):
        query = body.get("query")
        if query is None:
            return None
        using = optional(body, "using", as_string, default="")
        if type(query) is not dict or "indices" in query:
            return edge.Query.Nearest(self._vector(query, using), using=using)
        if "nearest" in query:
            vector = self._vector(query["nearest"], using)
            if query.get("mmr") is not None:
                return self._mmr(as_object(query["mmr"], "mmr"), vector, using, limit)
            return edge.Query.Nearest(vector, using=using)
        if "recommend" in query:
            return self._recommend(as_object(query["recommend"], "recommend"), using)
        if "discover" in query:
            discover = as_object(query["discover"], "discover")
            target = self._vector(required(discover, "target"), using)
            return edge.Query.Discover(
                edge.DiscoverQuery(target, self._pairs(required(discover, "context"), using)), using=using
            )
        if "context" in query:
            return edge.Query.Context(edge.ContextQuery(self._pairs(query["context"], using)), using=using)
        if "order_by" in query:
            return read_order_by(query["order_by"])
        if "fusion" in query:
            return choice(query["fusion"], "fusion", {"rrf": edge.Fusion.Rrf(k=2), "dbsf": edge.Fusion.Dbsf()})
        if "rrf" in query:
            rrf = as_object(query["rrf"], "rrf")
            weights = [as_number(one, "weights") for one in rrf["weights"]] if rrf.get("weights") is not None else None
            return edge.Fusion.Rrf(k=optional(rrf, "k", as_integer, 1, default=2), weights=weights)
        if "formula" in query:
            return read_formula(query, self.filters)
        if "sample" in query:
            return choice(query["sample"], "sample", {"random": edge.Sample.Random})
        for name in ("relevance_feedback", "text", "image", "object", "model"):
            if name in query:
                raise unsupported(f"the query `{name}`" if name == "relevance_feedback" else "inference")
        raise format_error("data did not match any variant of untagged enum QueryInterface in `query`")

    def _mmr(self, mmr: dict, vector, using: str, limit: int):
        diversity = optional(mmr, "diversity", as_number_within, 0.0, 1.0, default=0.5)
        candidates = optional(mmr, "candidates_limit", as_integer, default=limit)
        return edge.Mmr(vector=vector, lambda_=1.0 - diversity, candidates_limit=candidates, using=using)

    def _recommend(self, body: dict, using: str):
        if not body.get("positive") and not body.get("negative"):
            raise invalid("query.recommend", "At least one positive or negative vector/id must be provided")
        positives = self._examples(body.get("positive") or [], using)
        negatives = self._examples(body.get("negative") or [], using)
        strategy = body.get("strategy") or "average_vector"
        if strategy == "average_vector":
            return edge.Query.Nearest(average(positives, negatives), using=using)
        make = choice(
            strategy,
            "strategy",
            {"best_score": edge.Query.RecommendBestScore, "sum_scores": edge.Query.RecommendSumScores},
        )
        return make(edge.RecommendQuery(positives, negatives), using=using)

    def _pairs(self, value, using: str) -> list:
        pairs = [] if value is None else value if type(value) is list else [value]
        return [
            edge.ContextPair(
                self._vector(required(as_object(one, "context"), "positive"), using),
                self._vector(required(one, "negative"), using),
            )
            for one in pairs
        ]

    def _vector(self, value, using: str):
        """A vector given by its numbers, by its indices and values, or by the id of a stored point."""
        if using not in self.sizes:
            raise wrong_input(f"Not existing vector name error: {using}")
        size = self.sizes[using]
        if type(value) is list:
            if value and type(value[0]) is list:
                raise unsupported("a multivector query")
            if size is None:
                raise wrong_input("Conversion between sparse and regular vectors failed")
            if len(value) != size:
                raise wrong_input(f"Vector dimension error: expected dim: {size}, got {len(value)}")
            return value
        if type(value) is dict:
            if "indices" in value and "values" in value:
                if size is not None:
                    raise wrong_input("Conversion between sparse and regular vectors failed")
                return read_sparse(value)
            raise unsupported("inference")
        vector = self._stored(value, using)
        if vector is None:
            raise not_found(f'Vector with name "{using}" for point not found')
        return vector

    def _stored(self, value, using: str):
        identifier = as_point_id(value, "query")
        self.referenced.add(identifier)
        return self.vector_of(identifier, using)

    def _examples(self, values, using: str) -> list:
        """Vectors to recommend by; stored points without one are passed over."""
        vectors = []
        for value in as_list(values, "recommend"):
            vector = self._vector(value, using) if type(value) in (list, dict) else self._stored(value, using)
            if vector is not None:
                vectors.append(vector)
        return vectors


def read_order_by(value):
    """`order_by`: a key, or a key with a direction and a start."""
    if type(value) is str:
        return edge.OrderBy(value)
    body = as_object(value, "order_by")
    direction = body.get("direction")
    if type(body.get("start_from")) not in (int, float, str, type(None)):
        raise format_error("data did not match any variant of untagged enum StartFrom in `order_by`")
    return edge.OrderBy(
        as_string(required(body, "key"), "key"),
        direction=None if direction is None else choice(direction, "direction", _DIRECTIONS),
        start_from=body.get("start_from"),
    )


def read_params(value):
    """`params` of a search."""
    if value is None:
        return None
    body = as_object(value, "params")
    quantization = optional(body, "quantization", as_object)
    acorn = optional(body, "acorn", as_object)
    return edge.SearchParams(
        hnsw_ef=optional(body, "hnsw_ef", as_integer),
        exact=optional(body, "exact", as_bool, default=False),
        indexed_only=optional(body, "indexed_only", as_bool, default=False),
        quantization=None
        if quantization is None
        else edge.QuantizationSearchParams(
            ignore=optional(quantization, "ignore", as_bool, default=False),
            rescore=optional(quantization, "rescore", as_bool),
            oversampling=optional(quantization, "oversampling", as_number_within, 1.0, inf),
        ),
        acorn=None
        if acorn is None
        else edge.AcornSearchParams(
            enable=optional(acorn, "enable", as_bool, default=False),
            max_selectivity=optional(acorn, "max_selectivity", as_number_within, 0.0, 1.0),
        ),
    )
