"""
The REST interface: from request to answer. Reads run where they arrive; writes run one after another in a thread of
their own, so that a large body being read does not keep the others waiting. Routes below `/embedded/` are this
engine's own: a Qdrant server has none of them.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from hmac import compare_digest
from shutil import disk_usage, rmtree
from urllib.parse import unquote

import orjson

import optimizing
from errors import ApiError, from_edge
from reading import as_point_id
from store import Store
from wire import answer_with, check_timeout, parse, read, waits

_LEAST_FREE_BYTES = 128 * 1024 * 1024
_OPEN_TO_ALL = ("/", "/healthz", "/livez", "/readyz")

# Path below /collections/{name} and method → what answers. Reads give the result; writes give how many operations.
_READS = {
    ("POST", "points/query"): "query",
    ("POST", "points/query/batch"): "query_batch",
    ("POST", "points/query/groups"): "query_groups",
    ("POST", "points/scroll"): "scroll",
    ("POST", "points/count"): "count",
    ("POST", "points"): "retrieve",
    ("POST", "facet"): "facet",
}
_WRITES = {
    ("PUT", "points"): "upsert",
    ("POST", "points/delete"): "delete",
    ("POST", "points/payload"): "set_payload",
    ("PUT", "points/payload"): "overwrite_payload",
    ("POST", "points/payload/delete"): "delete_payload",
    ("POST", "points/payload/clear"): "clear_payload",
    ("PUT", "points/vectors"): "update_vectors",
    ("POST", "points/vectors/delete"): "delete_vectors",
    ("POST", "points/batch"): "batch",
    ("PUT", "index"): "create_index",
}


class App:
    """The ASGI application. `lifetime` counts who uses the engine (see `lifetime.py`)."""

    def __init__(self, store: Store, packages: str, key: str, identity: dict, lifetime, log):
        self.store = store
        self.packages = packages
        self.key = key.encode()
        self.identity = identity
        self.lifetime = lifetime
        self.log = log
        self.background: "set[asyncio.Task]" = set()
        self.writer = ThreadPoolExecutor(1, thread_name_prefix="writer")

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        path = scope["raw_path"].decode("latin-1")
        if path not in _OPEN_TO_ALL and not self._authorised(scope["headers"]):
            await answer_with(send, 401, b"Must provide an API key or an Authorization bearer token", b"text/plain")
            return
        if path == "/embedded/lease":
            await self.lifetime.lease(scope, receive, send)
            return
        if path in ("/healthz", "/livez", "/readyz"):
            await answer_with(
                send,
                200,
                b"all shards are ready" if path == "/readyz" else f"{path[1:]} check passed".encode(),
                b"text/plain",
            )
            return
        try:
            body = await read(receive)
            status, result = 200, await self._answer(scope["method"], path, scope["query_string"], body)
            answer = result if result is self.identity else {"result": result, "status": "ok"}
        except asyncio.CancelledError:
            raise
        except BaseException as thrown:  # the one seam at which anything thrown becomes an answer
            error = thrown if isinstance(thrown, ApiError) else from_edge(thrown)
            if not isinstance(thrown, Exception):
                # The engine panicked, and what it holds in memory can no longer be trusted. Its log can.
                self.lifetime.stop("the engine panicked")
            if error.status >= 500:
                self._log_failure(scope["method"], thrown)
            status, answer = error.status, {"status": {"error": error.message}}
        if answer is not self.identity:
            answer["time"] = time.perf_counter() - started
        await answer_with(send, status, orjson.dumps(answer, option=orjson.OPT_NON_STR_KEYS))

    async def _answer(self, method: str, path: str, query: bytes, body: bytes):
        if path == "/" and method == "GET":
            return self.identity
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts == ["collections"] and method == "GET":
            return self.store.names()
        if parts[:2] == ["embedded", "collections"] and len(parts) == 4 and method == "POST":
            if parts[3] in ("optimize", "rebuild"):
                return await self.optimize(self.store.get(parts[2]), rebuild=parts[3] == "rebuild")
        if parts[0] != "collections" or len(parts) < 2:
            raise ApiError(404, "Not found: there is nothing at this address")
        return await self._in_collection(method, parts[1], parts[2:], query, body)

    async def _in_collection(self, method: str, name: str, rest: list, query: bytes, body: bytes):
        route = (method, "/".join(rest))
        if query:
            check_timeout(query)
        if route in _READS:
            collection = self.store.get(name)
            with collection.reading:
                return getattr(collection.reads, _READS[route])(parse(body))
        if route in _WRITES:
            return await self.write(self._update, name, _WRITES[route], body, waits(query))
        if not rest:
            return await self._collection(method, name, body)
        if route == ("GET", "exists"):
            return {"exists": self.store.exists(name)}
        if method == "GET" and rest[0] == "points" and len(rest) == 2:
            identifier = int(rest[1]) if rest[1].isdecimal() else rest[1]
            collection = self.store.get(name)
            with collection.reading:
                return collection.reads.point(as_point_id(identifier))
        if method == "DELETE" and rest[0] == "index" and len(rest) == 2:
            return await self.write(self._delete_index, name, rest[1], waits(query))
        raise ApiError(
            404,
            f"Not found: {method} /collections/{{name}}/{'/'.join(rest[:2])} is not supported by the embedded engine",
        )

    async def _collection(self, method: str, name: str, body: bytes):
        if method == "GET":
            return self.store.get(name).info()
        if method == "PUT":
            await self.write(self.store.create, name, parse(body))
            self.log("created a collection")
            return True
        if method == "DELETE":
            return await self._delete(name)
        if method == "PATCH":
            await self.write(lambda: self.store.get(name).patch(parse(body)))
            return True
        raise ApiError(405, f"Method {method} is not allowed here")

    async def _delete(self, name: str) -> bool:
        removed = await self.write(self.store.delete, name)
        if removed is None:
            return False
        collection, folder = removed
        if collection is not None:
            if collection.optimizing is not None:
                collection.optimizing.cancel()
                await asyncio.gather(collection.optimizing, return_exceptions=True)
            collection.close()  # here, where reads run: none is under way
        await asyncio.to_thread(rmtree, folder, True)
        return True

    def _update(self, name: str, operation: str, body: bytes, waits: bool) -> dict:
        collection = self.store.get(name)
        self._check_space()
        parsed = parse(body)
        if operation == "batch":
            done = collection.batch(parsed, len(body))
        elif operation == "create_index":
            done = collection.create_index(parsed, len(body))
        else:
            done = collection.update(operation, parsed, body)
        last = collection.operations - 1
        status = "completed" if waits else "acknowledged"
        if operation == "batch":
            return [{"operation_id": last - done + 1 + index, "status": status} for index in range(done)]
        return {"operation_id": last, "status": status}

    def _delete_index(self, name: str, field: str, waits: bool) -> dict:
        collection = self.store.get(name)
        collection.delete_index(field)
        return {"operation_id": max(0, collection.operations - 1), "status": "completed" if waits else "acknowledged"}

    async def optimize(self, collection, rebuild: bool = False) -> bool:
        """True if anything was optimized; the collection is in use meanwhile."""
        started = time.monotonic()
        try:
            changed = await optimizing.optimize(collection, self.write, self.packages, rebuild)
        except optimizing.Abandoned as error:
            raise ApiError(409, f"Bad request: {error}") from error
        if changed:
            self.log(f"{'rebuilt' if rebuild else 'optimized'} a collection in {time.monotonic() - started:.1f} s")
        return changed

    def optimize_unasked(self, collection) -> None:
        """Begins it; a failure is written to the log and tried again after more was written."""

        def ended(task: asyncio.Task) -> None:
            self.background.discard(task)
            if not task.cancelled() and task.exception() is not None:
                self.log(f"optimizing failed: {type(task.exception()).__name__}")

        task = asyncio.get_running_loop().create_task(self.optimize(collection))
        self.background.add(task)
        task.add_done_callback(ended)

    async def close(self) -> None:
        """Ends what runs in the background, then flushes and closes the collections."""
        running = [one.optimizing for one in self.store.opened.values() if one.optimizing is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, *self.background, return_exceptions=True)
        for collection in self.store.opened.values():
            await asyncio.to_thread(collection.sync)
        self.writer.shutdown(wait=True)
        self.store.close()

    async def flush(self, collection) -> None:
        try:
            await asyncio.to_thread(collection.sync)
            await self.write(self._flush, collection)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            # The log has what was acknowledged; a new process reads it again.
            self.log(f"flushing failed: {type(error).__name__}")
            self.lifetime.stop("it cannot put its data on disk")

    def _flush(self, collection) -> None:
        # Here, in turn with the writes, of which removing a collection is one.
        if self.store.holds(collection):
            collection.flush()

    def _check_space(self) -> None:
        # The log is written through memory: on a full disk the system would end the process instead of failing.
        if disk_usage(self.store.folder).free < _LEAST_FREE_BYTES:
            raise ApiError(
                500, "Service internal error: No space left on device: WAL buffer size exceeds available disk space"
            )

    async def write(self, function, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self.writer, function, *arguments)

    def _authorised(self, headers) -> bool:
        for name, value in headers:
            if name == b"api-key" and compare_digest(value, self.key):
                return True
            if name == b"authorization" and compare_digest(value, b"Bearer " + self.key):
                return True
        return False

    def _log_failure(self, method: str, thrown: BaseException) -> None:
        # Where it happened and of what kind it was: a message could hold what was sent.
        place = thrown.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = (
            f"{place.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{place.tb_lineno}" if place is not None else "?"
        )
        self.log(f"{method} failed: {type(thrown).__name__} at {where}")
