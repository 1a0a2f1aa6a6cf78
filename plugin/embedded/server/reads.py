"""
What is asked of a collection: each method takes the body of a route and gives its result.
"""

import qdrant_edge as edge

import groups
from answers import ranked, read_with_payload, read_with_vector, record, scored
from errors import bad_request, not_found, wrong_input
from queries import Query, Reader, read_order_by
from reading import as_bool, as_integer, as_list, as_object, as_point_id, as_string, optional, required


class Reads:
    """`collection` has the shard, which may be exchanged at any time, its vectors' sizes and its reader of filters."""

    def __init__(self, collection):
        self.collection = collection

    def query(self, body) -> dict:
        return self._run(self._read(body))

    def query_batch(self, body) -> list:
        # All are read before any runs: a batch with a fault answers with it and nothing else.
        queries = [self._read(one) for one in as_list(required(as_object(body, "body"), "searches"), "searches")]
        return [self._run(query) for query in queries]

    def _run(self, query: Query) -> dict:
        try:
            points = self.collection.shard.query(query.request())
        except Exception as error:
            # The engine stops the whole query without saying why when a formula fails for one point.
            if isinstance(query.scoring, edge.Formula) and "cancelled" in str(error):
                raise wrong_input(
                    "Expected a number for every variable of the formula, in payload or defaults, and a finite result"
                ) from error
            raise
        answers = [scored(point) for point in points]
        if isinstance(query.scoring, edge.Mmr) and not read_with_vector(query.body):
            for answer in answers:
                answer.pop("vector", None)  # the engine gives the vectors that it compared
        return {"points": answers}

    def query_groups(self, body) -> dict:
        path, size, limit = groups.read_grouping(as_object(body, "body"))
        query = self._read(body, widen=size)
        found = groups.group(
            lambda count, also: self.collection.shard.query(query.round(count, also, path)),
            path,
            size,
            limit,
            self._rank(query),
        )
        ids = list(dict.fromkeys(point.id for _, points in found for point in points))
        payload, vector = read_with_payload(body.get("with_payload"), False), read_with_vector(body)
        records = {one.id: record(one) for one in self.collection.shard.retrieve(ids, payload, vector)}
        return {
            "groups": [
                {"id": key, "hits": [ranked(point) | records[point.id] for point in points if point.id in records]}
                for key, points in found
            ]
        }

    def _read(self, body, widen: int = 1) -> Query:
        return Reader(self.collection.sizes, self.collection.filters, self._vector_of, widen).query(body)

    def _vector_of(self, identifier, using: str):
        found = self.collection.shard.retrieve([identifier], False, [using] if using else True)
        if not found:
            raise not_found(f"No point with id {identifier} found")
        vector = found[0].vector
        return vector.get(using) if type(vector) is dict else vector

    def _rank(self, query: Query):
        """What makes a hit of this query better than another, smaller being better."""
        if isinstance(query.scoring, edge.Mmr | edge.Sample):
            return lambda point: 0  # in the order in which they come
        asked = query.body.get("query")
        if isinstance(query.scoring, edge.OrderBy):
            descending = type(asked["order_by"]) is dict and asked["order_by"].get("direction") == "desc"
            return lambda point: -point.order_value if descending else point.order_value
        vector = self.collection.description["config"]["vectors"].get(query.body.get("using") or "", {})
        if vector.get("distance") in ("Euclid", "Manhattan") and _scores_by_distance(asked):
            return lambda point: point.score
        return lambda point: -point.score

    def scroll(self, body) -> dict:
        body = as_object(body, "body")
        order_by = body.get("order_by")
        offset = optional(body, "offset", as_point_id)
        if order_by is not None and offset is not None:
            raise bad_request("Cannot use an `offset` when using `order_by`: page by `order_by.start_from` instead")
        points, following = self.collection.shard.scroll(
            edge.ScrollRequest(
                offset=offset,
                limit=optional(body, "limit", as_integer, 1, default=10),
                filter=self.collection.filters.filter(body.get("filter")),
                with_payload=read_with_payload(body.get("with_payload"), True),
                with_vector=read_with_vector(body),
                order_by=None if order_by is None else read_order_by(order_by),
            )
        )
        return {"points": [record(point) for point in points], "next_page_offset": following}

    def count(self, body) -> dict:
        body = as_object(body, "body")
        exact = optional(body, "exact", as_bool, default=True)
        return {
            "count": self.collection.shard.count(
                edge.CountRequest(exact=exact, filter=self.collection.filters.filter(body.get("filter")))
            )
        }

    def facet(self, body) -> dict:
        body = as_object(body, "body")
        response = self.collection.shard.facet(
            edge.FacetRequest(
                key=as_string(required(body, "key"), "key"),
                limit=optional(body, "limit", as_integer, 1, default=10),
                exact=optional(body, "exact", as_bool, default=False),
                filter=self.collection.filters.filter(body.get("filter")),
            )
        )
        return {"hits": [{"value": hit.value, "count": hit.count} for hit in response.hits]}

    def retrieve(self, body) -> list:
        body = as_object(body, "body")
        ids = [as_point_id(one, "ids") for one in as_list(required(body, "ids"), "ids")]
        payload = read_with_payload(body.get("with_payload"), False)
        return [record(one) for one in self.collection.shard.retrieve(ids, payload, read_with_vector(body))]

    def point(self, identifier) -> dict:
        found = self.collection.shard.retrieve([identifier], True, True)
        if not found:
            raise not_found(f"Point with id {identifier} does not exists!")
        return record(found[0])


def _scores_by_distance(asked) -> bool:
    """Is the score of this query the distance itself, so that less is better?"""
    if type(asked) is not dict or "nearest" in asked or "indices" in asked:
        return asked is not None
    return (asked.get("recommend") or {"strategy": "none"}).get("strategy") in (None, "average_vector")
