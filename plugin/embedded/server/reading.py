"""
Readers of JSON values: each gives the value in the type asked for or raises the server's "Format error".
What the values mean is left to the modules that call them.
"""

from math import inf
from uuid import UUID

from errors import format_error, invalid, unsupported

_KINDS = {bool: "boolean", int: "integer", float: "floating point", str: "string", list: "sequence", dict: "map"}


def _mismatch(value, expected: str, where: str):
    found = "null" if value is None else _KINDS.get(type(value), type(value).__name__)
    return format_error(f"invalid type: {found}, expected {expected} in `{where}`")


def as_object(value, where: str) -> dict:
    if type(value) is not dict:
        raise _mismatch(value, "a map", where)
    return value


def as_list(value, where: str) -> list:
    if type(value) is not list:
        raise _mismatch(value, "a sequence", where)
    return value


def as_string(value, where: str) -> str:
    if type(value) is not str:
        raise _mismatch(value, "a string", where)
    return value


def as_bool(value, where: str) -> bool:
    if type(value) is not bool:
        raise _mismatch(value, "a boolean", where)
    return value


def as_number(value, where: str) -> float:
    if type(value) is not float and type(value) is not int:
        raise _mismatch(value, "a number", where)
    return value


def as_number_within(value, where: str, lowest: float, highest: float) -> float:
    """A number of a range, bounds included."""
    if not lowest <= as_number(value, where) <= highest:
        span = f"{lowest} or larger" if highest == inf else f"from {lowest} to {highest}"
        raise invalid(where, f"value {value} invalid, must be {span}")
    return value


def as_integer(value, where: str, minimum: int = 0, *, shape_minimum: int = 0) -> int:
    """An integer. Below `shape_minimum` the form is wrong (400); below `minimum` the value is (422)."""
    if type(value) is not int:
        raise _mismatch(value, "an integer", where)
    if value < shape_minimum:
        raise format_error(f"invalid value: integer `{value}`, expected an unsigned integer in `{where}`")
    if value < minimum:
        raise invalid(where, f"value {value} invalid, must be {minimum} or larger")
    return value


def as_point_id(value, where: str = "id"):
    """A point id as Qdrant Edge takes it: an unsigned integer or a UUID."""
    if type(value) is int and 0 <= value < 1 << 64:
        return value
    if type(value) is str:
        try:
            return UUID(value)
        except ValueError:
            pass  # falls through to the error below
    raise format_error(
        f"value {value} is not a valid point ID, valid values are either an unsigned integer or a UUID ({where})"
    )


def optional(body: dict, key: str, read, *arguments, default=None, **options):
    """The value of `key` by the reader `read`, or `default` where it is absent or null."""
    value = body.get(key)
    return default if value is None else read(value, key, *arguments, **options)


def required(body: dict, key: str):
    if key not in body:
        raise format_error(f"missing field `{key}`")
    return body[key]


def refuse_shard_key(body: dict) -> None:
    """One shard holds it all: a key that chooses between shards cannot be followed."""
    if body.get("shard_key") is not None:
        raise unsupported("`shard_key`")


def choice(value, where: str, names: dict):
    """The value of a fixed name."""
    if type(value) is not str or value not in names:
        raise format_error(
            f"unknown variant `{value}`, expected one of {', '.join(f'`{name}`' for name in names)} in `{where}`"
        )
    return names[value]


def known(body: dict, keys: dict) -> dict:
    """Those of a body's values whose reader and its options `keys` names; absent and null ones are left out."""
    return {key: read(body[key], key, **options) for key, (read, options) in keys.items() if body.get(key) is not None}


def string_list(value, where: str) -> list:
    """A list of strings, such as field names."""
    return [as_string(one, where) for one in as_list(value, where)]
