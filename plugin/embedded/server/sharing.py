"""
What the payloads of neighbouring points have in common. Of an image's payload most is the same all through its
series; turning a payload into the engine's form is half the cost of storing a point, and what is shared needs it once.
"""

# Below these it costs more than it saves: fields that are shared, and points that share them.
_LEAST_FIELDS = 6
_LEAST_POINTS = 6
# A run of points ends where so many more fields would fall out of what they share: another series begins.
_MOST_LOST = 2


def split(payloads: list) -> "tuple[list, list]":
    """
    The payloads without what is shared, and what is shared: runs of neighbours as (first, end, fields). Each payload
    is what is left of it and the fields of its run, together; no field is in both.
    """
    own, shared = list(payloads), []
    for first, end, fields in _runs(payloads):
        if end - first >= _LEAST_POINTS and len(fields) >= _LEAST_FIELDS:
            shared.append((first, end, fields))
            own[first:end] = [
                {key: value for key, value in payload.items() if key not in fields} for payload in payloads[first:end]
            ]
    return own, shared


def _runs(payloads: list):
    first, fields = 0, None
    for index, payload in enumerate(payloads):
        candidate = payload if type(payload) is dict else {}
        if fields is None:
            fields = {key: value for key, value in candidate.items() if _may_be_shared(value)}
            continue
        lost = [key for key, value in fields.items() if key not in candidate or not _same(value, candidate[key])]
        # What two neighbours differ in is no sign of a border, what a longer run begins to differ in is.
        if len(lost) > _MOST_LOST and index - first > 1 or len(fields) - len(lost) < _LEAST_FIELDS:
            yield first, index, fields
            first = index
            fields = {key: value for key, value in candidate.items() if _may_be_shared(value)}
        elif lost:
            fields = {key: value for key, value in fields.items() if key not in lost}
    if fields is not None:
        yield first, len(payloads), fields


def _may_be_shared(value) -> bool:
    # Null would remove the field when it is added to a payload; objects are too costly to compare.
    return value is not None and type(value) is not dict


def _same(one, other) -> bool:
    """Equal as JSON is: 1, 1.0 and true are three values."""
    if type(one) is not type(other):
        return False
    if type(one) is list:
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other
