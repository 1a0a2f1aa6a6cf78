"""The formula query: expressions of the REST interface as Qdrant Edge's. Only translates."""

import qdrant_edge as edge

from errors import format_error
from filters import FilterReader, geo_point
from reading import as_list, as_number, as_object, as_string, optional, required

_UNARY = {
    "neg": edge.Expression.Neg,
    "abs": edge.Expression.Abs,
    "sqrt": edge.Expression.Sqrt,
    "exp": edge.Expression.Exp,
    "log10": edge.Expression.Log10,
    "ln": edge.Expression.Ln,
}
_DECAY = {"lin_decay": edge.DecayKind.Lin, "exp_decay": edge.DecayKind.Exp, "gauss_decay": edge.DecayKind.Gauss}


def read_formula(body: dict, filters: FilterReader):
    """`{formula, defaults}`."""
    return edge.Formula(_expression(body["formula"], filters), optional(body, "defaults", as_object, default={}))


def _expression(value, filters: FilterReader):
    if type(value) in (int, float):
        return edge.Expression.Constant(float(value))
    if type(value) is str:
        return edge.Expression.Variable(value)
    body = as_object(value, "formula")
    if len(body) == 1:
        ((name, inner),) = body.items()
        if name in _UNARY:
            return _UNARY[name](_expression(inner, filters))
        if name in ("mult", "sum"):
            terms = [_expression(one, filters) for one in as_list(inner, name)]
            return edge.Expression.Mult(terms) if name == "mult" else edge.Expression.Sum(terms)
        if name == "div":
            return edge.Expression.Div(
                _expression(required(inner, "left"), filters),
                _expression(required(inner, "right"), filters),
                optional(inner, "by_zero_default", as_number),
            )
        if name == "pow":
            return edge.Expression.Pow(
                _expression(required(inner, "base"), filters), _expression(required(inner, "exponent"), filters)
            )
        if name == "geo_distance":
            return edge.Expression.GeoDistance(
                geo_point(required(inner, "origin"), "origin"), as_string(required(inner, "to"), "to")
            )
        if name == "datetime":
            return edge.Expression.Datetime(as_string(inner, name))
        if name == "datetime_key":
            return edge.Expression.DatetimeKey(as_string(inner, name))
        if name in _DECAY:
            target = inner.get("target")
            return edge.Expression.Decay(
                _DECAY[name],
                _expression(required(inner, "x"), filters),
                None if target is None else _expression(target, filters),
                optional(inner, "midpoint", as_number),
                optional(inner, "scale", as_number),
            )
    if any(
        key in body
        for key in (
            "key",
            "must",
            "should",
            "must_not",
            "min_should",
            "is_empty",
            "is_null",
            "has_id",
            "has_vector",
            "nested",
        )
    ):
        return edge.Expression.Condition(filters.condition(body))
    raise format_error("data did not match any variant of untagged enum Expression")
