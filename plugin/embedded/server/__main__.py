"""
The embedded engine's process: takes the folder's lock, listens on 127.0.0.1, says where and with which key in
`endpoint.json`, keeps the collections in good order and leaves when nobody uses it. Started by `plugin/embedded/`; a
second one ends at once.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import socket
import sys
import time

LOCKED = 75  # the exit status that says: another process serves this folder
_FLUSH_AFTER_IDLE_SECONDS = 1.0
_FLUSH_AFTER_BYTES = 256 * 1024 * 1024
_OPTIMIZE_AFTER_IDLE_SECONDS = 5.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="dafh-engine")
    parser.add_argument("--packages", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--linger-seconds", type=float, required=True)
    options = parser.parse_args()
    os.umask(0o077)
    sys.path.append(options.packages)
    lock = take_lock(os.path.join(options.folder, "lock"))
    if lock is None:
        return LOCKED
    from log import Log

    log = Log(os.path.join(options.folder, "engine.log"))
    try:
        return asyncio_run(serve(options, log))
    finally:
        os.close(lock)


def take_lock(path: str) -> "int | None":
    """The open lock file, or None where another process has it. The system frees it when this process ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    except OSError:
        os.close(descriptor)
        return None


def asyncio_run(coroutine) -> int:
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return asyncio.run(coroutine)
    return uvloop.run(coroutine)


def listen(previous: "int | None") -> socket.socket:
    """A socket of 127.0.0.1: on the port of the process before this one where that is free, else on any."""
    for port in ([previous] if previous else []) + [0]:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            return listener
        except OSError:
            listener.close()
    raise OSError("no port of 127.0.0.1 is free")


def previous_port(path: str) -> "int | None":
    try:
        with open(path, encoding="utf-8") as file:
            port = json.load(file)["port"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # the first start, or a file that is of no use
    return port if type(port) is int and 1024 <= port <= 65535 else None


async def serve(options, log) -> int:
    import uvicorn

    from app import App
    from lifetime import Lifetime
    from store import Store, write_atomically

    endpoint = os.path.join(options.folder, "endpoint.json")
    # Another one each time, beside the port it belongs to: what a process that is gone left behind opens nothing,
    # whoever listens on its port now.
    key = secrets.token_hex(32)
    listener = listen(previous_port(endpoint))
    port = listener.getsockname()[1]
    identity = {"title": "dafh embedded engine", "version": "1.18.3", "engine": options.version, "pid": os.getpid()}

    class Server(uvicorn.Server):
        async def startup(self, sockets=None):
            await super().startup(sockets)
            content = {"version": options.version, "pid": os.getpid(), "port": port, "key": key}
            write_atomically(endpoint, json.dumps(content).encode())

        def handle_exit(self, sig, frame):
            stop(signal.Signals(sig).name)

    def stop(reason: str) -> None:
        if not lifetime.closing.is_set():
            log(f"stops: {reason}")
            lifetime.closing.set()
        server.should_exit = True

    store = Store(options.folder, log)
    lifetime = Lifetime(
        {"version": options.version, "pid": os.getpid()},
        options.linger_seconds,
        max(10.0, options.linger_seconds),
        stop,
    )
    app = App(store, options.packages, key, identity, lifetime, log)
    server = Server(
        uvicorn.Config(
            app,
            loop="none",
            http="httptools",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            # Clients keep their connections; closing one under a request would cost it.
            timeout_keep_alive=3600,
            timeout_graceful_shutdown=30,
        )
    )
    log(f"starts: version {options.version}, process {os.getpid()}, port {port}")
    tasks = [asyncio.ensure_future(lifetime.watch()), asyncio.ensure_future(keep_up(app, lifetime.closing))]
    try:
        await server.serve(sockets=[listener])
        await asyncio.gather(*tasks)
    finally:
        await app.close()
        if os.path.exists(endpoint):
            os.unlink(endpoint)
        log("stopped")
    return 0


async def keep_up(app, closing: asyncio.Event) -> None:
    """
    Flushes a collection when it has been written to and rests, or when its log has grown long; optimizes one that has
    rested for longer and of which more is unindexed than its configuration wants.
    """
    while not closing.is_set():
        try:
            await asyncio.wait_for(closing.wait(), timeout=0.5)
            return
        except asyncio.TimeoutError:
            pass
        for collection in list(app.store.opened.values()):
            try:
                await keep_up_one(app, collection)
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                app.log(f"the upkeep of a collection failed: {type(error).__name__}")
                if not isinstance(error, Exception):
                    app.lifetime.stop("the engine panicked")


async def keep_up_one(app, collection) -> None:
    idle = time.monotonic() - collection.last_write
    if collection.unflushed_bytes > 0 and (
        idle > _FLUSH_AFTER_IDLE_SECONDS or collection.unflushed_bytes > _FLUSH_AFTER_BYTES
    ):
        await app.flush(collection)
    # It may have been removed while others, or it, were flushed.
    if idle > _OPTIMIZE_AFTER_IDLE_SECONDS and app.store.holds(collection) and collection.wants_optimizing():
        app.optimize_unasked(collection)


if __name__ == "__main__":
    sys.exit(main())
