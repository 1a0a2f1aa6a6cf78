"""
Filters and conditions of the REST interface as Qdrant Edge's objects. Both are one language: this only translates,
and refuses what neither knows. A filter's meaning is the engine's.
"""

import qdrant_edge as edge

from errors import format_error, invalid
from reading import as_bool, as_integer, as_list, as_number, as_object, as_point_id, as_string, optional, required

_CLAUSES = ("should", "min_should", "must", "must_not")


class FilterReader:
    """
    Reads the filters of a collection. `has_text_index(field)` says whether a field has a text index: without one, a
    server looks for the text as it stands, where Qdrant Edge would look for its words.
    """

    def __init__(self, has_text_index, prefix: str = ""):
        self.has_text_index = has_text_index
        self.prefix = prefix

    def filter(self, value, where: str = "filter") -> "edge.Filter | None":
        """A filter, or None where there is none."""
        if value is None:
            return None
        body = as_object(value, where)
        for key in body:
            if key not in _CLAUSES:
                raise format_error(
                    f"unknown field `{key}`, expected one of `should`, `min_should`, `must`, `must_not` in `{where}`"
                )
        return edge.Filter(
            must=self._conditions(body.get("must")),
            should=self._conditions(body.get("should")),
            must_not=self._conditions(body.get("must_not")),
            min_should=self._min_should(body.get("min_should")),
        )

    def condition(self, value):
        """One condition of a clause."""
        body = as_object(value, "condition")
        if "key" in body:
            return self._field(body)
        if "is_empty" in body:
            return edge.IsEmptyCondition(_payload_field(body["is_empty"], "is_empty"))
        if "is_null" in body:
            return edge.IsNullCondition(_payload_field(body["is_null"], "is_null"))
        if "has_id" in body:
            return edge.HasIdCondition({as_point_id(one, "has_id") for one in as_list(body["has_id"], "has_id")})
        if "has_vector" in body:
            return edge.HasVectorCondition(as_string(body["has_vector"], "has_vector"))
        if "nested" in body:
            return self._nested(as_object(body["nested"], "nested"))
        if any(clause in body for clause in _CLAUSES) or not body:
            return self.filter(body)
        raise format_error("data did not match any variant of untagged enum Condition")

    def _conditions(self, value):
        if value is None:
            return None
        # One condition may stand without its list.
        return [self.condition(one) for one in (value if type(value) is list else [value])]

    def _min_should(self, value):
        if value is None:
            return None
        body = as_object(value, "min_should")
        conditions = [self.condition(one) for one in as_list(required(body, "conditions"), "conditions")]
        count = as_integer(required(body, "min_count"), "min_count")
        return edge.MinShould(conditions, count) if conditions else None  # none to hold: the server passes it over

    def _nested(self, body: dict):
        key = as_string(required(body, "key"), "nested.key")
        inner = FilterReader(self.has_text_index, f"{self.prefix}{key.removesuffix('[]')}[].")
        return edge.NestedCondition(key, inner.filter(required(body, "filter")) or edge.Filter())

    def _field(self, body: dict):
        key = as_string(body["key"], "key")
        match = optional(body, "match", as_object)
        parts = {
            "match": None if match is None else self._match(match, key),
            "range": optional(body, "range", _range),
            "geo_bounding_box": optional(body, "geo_bounding_box", _bounding_box),
            "geo_radius": optional(body, "geo_radius", _radius),
            "geo_polygon": optional(body, "geo_polygon", _polygon),
            "values_count": optional(body, "values_count", _values_count),
            "is_empty": optional(body, "is_empty", as_bool),
            "is_null": optional(body, "is_null", as_bool),
        }
        if all(part is None for part in parts.values()):
            raise invalid("filter", "At least one field condition must be specified")
        if type(parts["match"]) is list:
            # Any of several texts as they stand: one condition each.
            return edge.Filter(should=[edge.FieldCondition(key, **(parts | {"match": one})) for one in parts["match"]])
        return edge.FieldCondition(key, **parts)

    def _match(self, body: dict, key: str):
        if "value" in body:
            return _match_value(body["value"])
        for kind, make in _TEXTS.items():
            if kind in body:
                text = as_string(body[kind], kind)
                if self.has_text_index(self.prefix + key):
                    return make(text)
                if kind == "text_any":
                    return [edge.MatchSubstring(word) for word in text.split()]
                return edge.MatchSubstring(text)
        if "any" in body:
            return edge.MatchAny(_variants(body["any"], "any"))
        if "except" in body:
            return edge.MatchExcept(_variants(body["except"], "except"))
        raise format_error("data did not match any variant of untagged enum Match in a condition")


_TEXTS = {"text": edge.MatchText, "text_any": edge.MatchTextAny, "phrase": edge.MatchPhrase}


def merge(*filters: "edge.Filter | None") -> "edge.Filter | None":
    """All of the filters at once; None where there is none."""
    present = [one for one in filters if one is not None]
    if len(present) <= 1:
        return present[0] if present else None
    return edge.Filter(must=present)


def excluding(ids) -> "edge.Filter | None":
    """A filter that leaves out the points of these ids; None for no ids."""
    return edge.Filter(must_not=[edge.HasIdCondition(set(ids))]) if ids else None


def _payload_field(value, where: str) -> str:
    return as_string(required(as_object(value, where), "key"), f"{where}.key")


class _Boolean:
    """
    True or false for `edge.MatchValue`, which takes Python's own for the integers 1 and 0. It takes NumPy's booleans
    for what they are, and knows them by their name: this bears it.
    """

    def __init__(self, value: bool):
        self.value = value

    def __bool__(self) -> bool:
        return self.value


_Boolean.__module__, _Boolean.__name__ = "numpy", "bool_"


def _match_value(value):
    if type(value) is bool:
        return edge.MatchValue(_Boolean(value))
    if type(value) is not str and type(value) is not int:
        raise format_error("the `value` of a match is no string, integer or boolean in a condition")
    return edge.MatchValue(value)


def _variants(value, where: str) -> list:
    values = as_list(value, where)
    if all(type(one) is str for one in values) or all(type(one) is int for one in values):
        return values
    raise format_error(
        f"data did not match any variant of untagged enum AnyVariants in `{where}`: all strings or all integers"
    )


def _range(value, where: str):
    body = as_object(value, where)
    bounds = {key: body[key] for key in ("gte", "gt", "lte", "lt") if body.get(key) is not None}
    if any(type(bound) is str for bound in bounds.values()):
        try:
            return edge.RangeDateTime(**{key: as_string(bound, f"range.{key}") for key, bound in bounds.items()})
        except ValueError as error:
            raise format_error(f"{error} in a condition's `range`") from error
    return edge.RangeFloat(**{key: as_number(bound, f"range.{key}") for key, bound in bounds.items()})


def _values_count(value, where: str):
    body = as_object(value, where)
    bounds = {key: as_integer(body[key], key) for key in ("lt", "gt", "lte", "gte") if body.get(key) is not None}
    return edge.ValuesCount(**bounds)


def geo_point(value, where: str):
    """A point on the globe."""
    body = as_object(value, where)
    return edge.GeoPoint(as_number(required(body, "lon"), "lon"), as_number(required(body, "lat"), "lat"))


def _bounding_box(value, where: str):
    body = as_object(value, where)
    return edge.GeoBoundingBox(
        geo_point(required(body, "top_left"), "top_left"), geo_point(required(body, "bottom_right"), "bottom_right")
    )


def _radius(value, where: str):
    body = as_object(value, where)
    return edge.GeoRadius(geo_point(required(body, "center"), "center"), as_number(required(body, "radius"), "radius"))


def _polygon(value, where: str):
    body = as_object(value, where)
    return edge.GeoPolygon(_ring(required(body, "exterior")), [_ring(one) for one in body.get("interiors") or []])


def _ring(value) -> list:
    body = as_object(value, "line")
    return [geo_point(one, "points") for one in as_list(required(body, "points"), "points")]
