"""
Update bodies as Qdrant Edge's operations. Everything is checked before the engine sees it: the engine writes an
operation to its log before it applies it, so a faulty one must not get that far.
"""

import qdrant_edge as edge

import sharing
from errors import bad_request, format_error, invalid, unsupported, wrong_input
from filters import FilterReader
from reading import as_list, as_object, as_point_id, as_string, choice, optional, required, string_list
from vectors import read_sparse

_MODES = {"upsert": None, "insert_only": edge.UpdateMode.InsertOnly, "update_only": edge.UpdateMode.UpdateOnly}


def upsert(body: dict, sizes: dict, filters: FilterReader, share: bool) -> list:
    """
    Points as a list or in columns (`batch`). The first operation stores the points; with `share`, those after it add
    what several payloads have in common, where that is worth it, and belong to it.
    """
    if "batch" in body:
        points = _columns(as_object(body["batch"], "batch"))
    else:
        points = as_list(required(body, "points"), "points")
    if not points:
        raise bad_request("Empty update request")
    condition = filters.filter(body.get("update_filter"), "update_filter")
    mode = body.get("update_mode")
    mode = None if mode is None else choice(mode, "update_mode", _MODES)
    payloads = [point.get("payload") if type(point) is dict else None for point in points]
    shared = []
    if share and condition is None and mode is None and _are_distinct(points):
        payloads, shared = sharing.split(payloads)
    stored = [_point(point, payload, sizes) for point, payload in zip(points, payloads)]
    operations = [edge.UpdateOperation.upsert_points(stored, condition=condition, update_mode=mode)]
    for first, end, fields in shared:
        operations.append(edge.UpdateOperation.set_payload([point.id for point in stored[first:end]], fields))
    return operations


def _are_distinct(points: list) -> bool:
    identifiers = [point.get("id") if type(point) is dict else None for point in points]
    return all(type(one) in (str, int) for one in identifiers) and len(set(identifiers)) == len(points)


def _point(body, payload, sizes: dict):
    # The way of every ingested image: as few steps as can be.
    try:
        identifier, vector = body["id"], body["vector"]
    except (KeyError, TypeError):
        body = as_object(body, "points")
        required(body, "id")
        required(body, "vector")
        raise
    if type(identifier) is bool:
        as_point_id(identifier)
    try:
        return edge.Point(identifier, _vectors(vector, sizes), payload)
    except (TypeError, ValueError, OverflowError) as error:
        as_point_id(identifier)
        raise format_error(f"{error} in `points`") from error


def _vectors(value, sizes: dict):
    """A point's vectors, checked against the collection's: by name, or the one that has no name."""
    if type(value) is list:
        return _vector(value, "", sizes)
    checked = {}
    for name, vector in as_object(value, "vector").items():
        if type(vector) is list and len(vector) == sizes.get(name):
            checked[name] = vector
        else:
            checked[name] = _vector(vector, name, sizes)
    return checked


def _vector(value, name: str, sizes: dict):
    if name not in sizes:
        raise wrong_input(f"Not existing vector name error: {name}")
    size = sizes[name]
    if type(value) is dict:
        if "indices" not in value:
            raise unsupported("inference")
        if size is not None:
            raise wrong_input("Conversion between sparse and regular vectors failed")
        return read_sparse(value)
    as_list(value, "vector")
    if value and type(value[0]) is list:
        raise unsupported("a multivector")
    if not value:
        raise invalid("vector", "vector must not be empty")
    if size is None:
        raise wrong_input("Conversion between sparse and regular vectors failed")
    if len(value) != size:
        raise wrong_input(f"Vector dimension error: expected dim: {size}, got {len(value)}")
    return value


def _columns(batch: dict) -> list:
    """The points of a batch in columns, as a list."""
    ids = as_list(required(batch, "ids"), "ids")
    vectors = required(batch, "vectors")
    if type(vectors) is dict:
        for column in vectors.values():
            _same_length(ids, as_list(column, "vectors"), "vectors")
        rows = [
            {name: column[row] for name, column in vectors.items() if column[row] is not None}
            for row in range(len(ids))
        ]
    else:
        rows = as_list(vectors, "vectors")
        _same_length(ids, rows, "vectors")
    payloads = batch.get("payloads")
    if payloads is None:
        payloads = [None] * len(ids)
    _same_length(ids, as_list(payloads, "payloads"), "payloads")
    return [{"id": one, "vector": row, "payload": payload} for one, row, payload in zip(ids, rows, payloads)]


def _same_length(ids: list, column: list, what: str) -> None:
    if len(ids) != len(column):
        raise invalid("batch", f"number of ids and {what} must be equal ({len(ids)} != {len(column)})")


def delete(body: dict, sizes: dict, filters: FilterReader):
    """Points by their ids or by a filter."""
    return _by(body, filters, edge.UpdateOperation.delete_points, edge.UpdateOperation.delete_points_by_filter)


def set_payload(body: dict, sizes: dict, filters: FilterReader):
    return _payload(body, filters, edge.UpdateOperation.set_payload, edge.UpdateOperation.set_payload_by_filter)


def overwrite_payload(body: dict, sizes: dict, filters: FilterReader):
    return _payload(
        body, filters, edge.UpdateOperation.overwrite_payload, edge.UpdateOperation.overwrite_payload_by_filter
    )


def _payload(body: dict, filters: FilterReader, by_ids, by_filter):
    payload = as_object(required(body, "payload"), "payload")
    key = optional(body, "key", as_string)
    return _by(
        body, filters, lambda ids: by_ids(ids, payload, key), lambda condition: by_filter(condition, payload, key)
    )


def delete_payload(body: dict, sizes: dict, filters: FilterReader):
    keys = string_list(required(body, "keys"), "keys")
    return _by(
        body,
        filters,
        lambda ids: edge.UpdateOperation.delete_payload(ids, keys),
        lambda condition: edge.UpdateOperation.delete_payload_by_filter(condition, keys),
    )


def clear_payload(body: dict, sizes: dict, filters: FilterReader):
    return _by(body, filters, edge.UpdateOperation.clear_payload, edge.UpdateOperation.clear_payload_by_filter)


def update_vectors(body: dict, sizes: dict, filters: FilterReader):
    points = [as_object(one, "points") for one in as_list(required(body, "points"), "points")]
    if not points:
        raise invalid("points", "must specify points to update")
    for index, one in enumerate(points):
        if one.get("vector") == {}:
            raise invalid(f"points[{index}].vector", "must specify vectors to update for point")
    return edge.UpdateOperation.update_vectors(
        [
            edge.PointVectors(as_point_id(required(one, "id")), _vectors(required(one, "vector"), sizes))
            for one in points
        ],
        condition=filters.filter(body.get("update_filter"), "update_filter"),
    )


def delete_vectors(body: dict, sizes: dict, filters: FilterReader):
    names = string_list(required(body, "vector"), "vector")
    if not names:
        raise invalid("vector", "must specify vector names to delete")
    for name in names:
        if name not in sizes:
            raise wrong_input(f"Not existing vector name error: {name}")
    return _by(
        body,
        filters,
        lambda ids: edge.UpdateOperation.delete_vectors(ids, names),
        lambda condition: edge.UpdateOperation.delete_vectors_by_filter(condition, names),
    )


def _by(body: dict, filters: FilterReader, by_ids, by_filter):
    """The operation on `points` where they are given, else on what `filter` selects."""
    if body.get("points") is not None:
        ids = [as_point_id(one, "points") for one in as_list(body["points"], "points")]
        if not ids:
            raise bad_request("Empty update request")
        return by_ids(ids)
    if body.get("filter") is not None:
        return by_filter(filters.filter(body["filter"]))
    raise wrong_input("Either list of point ids or filter must be provided")


# The name of each operation and how its body is read: to one operation, to several for an upsert that may share.
OPERATIONS = {
    "upsert": upsert,
    "delete": delete,
    "set_payload": set_payload,
    "overwrite_payload": overwrite_payload,
    "delete_payload": delete_payload,
    "clear_payload": clear_payload,
    "update_vectors": update_vectors,
    "delete_vectors": delete_vectors,
}
