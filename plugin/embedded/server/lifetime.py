"""
How long the engine runs. Every process that uses it holds a lease: an answer that never ends. The system closes the
connection when that process ends, however it ends. When the last lease is gone for a while, the engine stops.
"""

import asyncio
import time
from urllib.parse import parse_qs

import orjson


class Lifetime:
    """`stop()` is called once, when nobody has held a lease for `linger_seconds`."""

    def __init__(self, identity: dict, linger_seconds: float, first_lease_seconds: float, stop):
        self.identity = identity
        self.linger_seconds = linger_seconds
        self.stop = stop
        self.leases = 0
        self.unused_until = time.monotonic() + first_lease_seconds
        self.closing = asyncio.Event()

    async def watch(self) -> None:
        """Runs until the engine is to stop."""
        while not self.closing.is_set():
            left = self.unused_until - time.monotonic()
            if self.leases == 0 and left <= 0:
                self.stop("nobody uses it")
                return
            try:
                await asyncio.wait_for(
                    self.closing.wait(), timeout=max(0.02, min(left, 0.25) if self.leases == 0 else 0.25)
                )
            except asyncio.TimeoutError:
                continue

    async def lease(self, scope, receive, send) -> None:
        """Answers with who this is and keeps the answer open. Another version's client is told, and gets no lease."""
        version = parse_qs(scope["query_string"].decode()).get("version", [""])[-1]
        fits = version == self.identity["version"] and not self.closing.is_set()
        line = orjson.dumps(self.identity | {"leases": self.leases}) + b"\n"
        headers = [(b"content-type", b"application/x-ndjson")]
        await send({"type": "http.response.start", "status": 200 if fits else 409, "headers": headers})
        await send({"type": "http.response.body", "body": line, "more_body": fits})
        if not fits:
            if self.leases == 0:
                self.stop("another version asks for the folder")
            return
        self.leases += 1
        left = asyncio.ensure_future(self._left(receive))
        closing = asyncio.ensure_future(self.closing.wait())
        try:
            await asyncio.wait((left, closing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
            closing.cancel()
            self.leases -= 1
            self.unused_until = time.monotonic() + self.linger_seconds

    @staticmethod
    async def _left(receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
