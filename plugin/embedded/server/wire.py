"""What comes over the wire and goes back: bodies, parameters of an address, answers. What they say is `app.py`'s."""

from urllib.parse import parse_qs

import orjson

from errors import ApiError, format_error
from reading import refuse_shard_key

_MAX_BODY_BYTES = 32 * 1024 * 1024


def parse(body: bytes):
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise format_error(str(error)) from error
    if type(value) is dict:
        refuse_shard_key(value)
    return value


def check_timeout(query: bytes) -> None:
    # Nothing here takes long enough to be given up; a server refuses what is no number of seconds.
    value = parse_qs(query.decode()).get("timeout", ["1"])[-1]
    if not value.isdecimal() or int(value) < 1:
        raise ApiError(
            400, f"Deserialize error in query parameters: invalid value `{value}`, expected a nonzero u64 in `timeout`"
        )


def waits(query: bytes) -> bool:
    value = parse_qs(query.decode()).get("wait", ["false"])[-1]
    if value not in ("true", "false"):
        raise ApiError(400, "Deserialize error in query parameters: provided string was not `true` or `false`")
    return value == "true"


async def read(receive) -> bytes:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError(400, "Bad request: the client left before the body was complete")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= _MAX_BODY_BYTES:
            chunks.append(chunk)
        if not message.get("more_body"):
            break
    if size > _MAX_BODY_BYTES:
        raise ApiError(413, f"JSON payload ({size} bytes) is larger than allowed (limit: {_MAX_BODY_BYTES} bytes).")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def answer_with(send, status: int, body: bytes, content_type: bytes = b"application/json") -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", content_type), (b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})
