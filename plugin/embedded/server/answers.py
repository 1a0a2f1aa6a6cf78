"""
Points as the REST interface shows them, and what of a point is to be shown. The engine gives floats of 32 bits as
Python's of 64: every digit of the stored value is kept.
"""

import qdrant_edge as edge

from errors import format_error
from reading import as_list, as_string


def read_with_payload(value, default: bool):
    """`with_payload` as the engine takes it."""
    if value is None:
        return default
    if type(value) is bool:
        return value
    if type(value) is list:
        return [as_string(one, "with_payload") for one in value]
    if type(value) is dict and len(value) == 1:
        ((kind, keys),) = value.items()
        if kind in ("include", "exclude"):
            fields = [as_string(one, kind) for one in as_list(keys, kind)]
            return edge.PayloadSelector.Include(fields) if kind == "include" else edge.PayloadSelector.Exclude(fields)
    raise format_error("data did not match any variant of untagged enum WithPayloadInterface")


def read_with_vector(body: dict):
    """`with_vector`, which may be called `with_vectors` too, as the engine takes it."""
    value = body.get("with_vector", body.get("with_vectors"))
    if value is None:
        return False
    if type(value) is bool:
        return value
    if type(value) is list:
        return [as_string(one, "with_vector") for one in value]
    raise format_error("data did not match any variant of untagged enum WithVector")


def _vector(vector):
    if type(vector) is dict:
        return {name: _vector(one) for name, one in vector.items()}
    if isinstance(vector, edge.SparseVector):
        return {"indices": vector.indices, "values": vector.values}
    return vector


def _add_optional(answer: dict, point) -> dict:
    payload = point.payload
    if payload is not None:
        answer["payload"] = payload
    vector = point.vector
    if vector is not None:
        answer["vector"] = _vector(vector)
    order_value = point.order_value
    if order_value is not None:
        answer["order_value"] = order_value
    return answer


def scored(point) -> dict:
    """A point of a query's answer."""
    return _add_optional({"id": point.id, "version": point.version, "score": point.score}, point)


def ranked(point) -> dict:
    """How a point of a query's answer ranks, without what it holds."""
    answer = {"id": point.id, "version": point.version, "score": point.score}
    return answer if point.order_value is None else answer | {"order_value": point.order_value}


def record(point) -> dict:
    """A point that was asked for by id or scrolled over."""
    return _add_optional({"id": point.id}, point)
