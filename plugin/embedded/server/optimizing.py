"""
Optimizing a collection while it is in use. The engine's `optimize()` keeps Python's interpreter lock until it is done,
minutes for an HNSW index over a million points, and nothing else would be answered. So a process of its own optimizes
a copy; what is written meanwhile goes to the collection and into a list; at the end the list is applied to the copy,
which takes the collection's place. Cut off at any moment, the collection is what it was.

Rebuilding does the same with a shard that is made anew from the copy's points: segments keep what was deleted in them,
and the engine's log its last 64 MB, whatever `optimize()` does.

    python optimizing.py PACKAGES FOLDER ENGINE_PID [rebuild]    is that process.
"""

import asyncio
import ctypes
import json
import os
import shutil
import signal
import sys

_MAX_JOURNAL_BYTES = 256 * 1024 * 1024
_POINTS_AT_ONCE = 256
_FLUSH_AFTER_POINTS = 100 * _POINTS_AT_ONCE  # after which the log is short again


class Abandoned(Exception):
    """It cannot be done now, and nothing has changed."""


async def optimize(collection, write, packages: str, rebuild: bool = False) -> bool:
    """
    True if anything was optimized. `write(function, *arguments)` runs it in turn with the writes.
    """
    while collection.optimizing is not None:
        if not rebuild:
            return await asyncio.shield(collection.optimizing)
        await asyncio.wait([collection.optimizing])
    task = asyncio.get_running_loop().create_task(_optimize(collection, write, packages, rebuild))
    collection.optimizing = task
    # The first to hear of its end, so that who waited finds the place free.
    task.add_done_callback(lambda _: setattr(collection, "optimizing", None))
    return await asyncio.shield(task)


async def _optimize(collection, write, packages: str, rebuild: bool) -> bool:
    copy = await write(collection.begin_copy)
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", os.path.abspath(__file__), packages, copy, str(os.getpid())),
            *(["rebuild"] if rebuild else []),
            stdin=asyncio.subprocess.DEVNULL,
        )
        try:
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
        if status == _NOTHING_TO_DO:
            return False
        if status != 0:
            raise RuntimeError(f"the optimizing process ended with status {status}")
        replaced, old = await write(collection.adopt_copy, copy)
        replaced.close()  # here, where reads run: none is under way
        await asyncio.to_thread(shutil.rmtree, old, True)
        return True
    finally:
        await write(collection.end_copy, copy)


_NOTHING_TO_DO = 3
_PR_SET_PDEATHSIG = 1


class Journal:
    """What was written to a collection since it was copied."""

    def __init__(self):
        self.operations: list = []
        self.size = 0
        self.overflowed = False

    def add(self, operation, size: int) -> None:
        self.size += size
        if self.size > _MAX_JOURNAL_BYTES:
            self.overflowed = True
            self.operations.clear()
        if not self.overflowed:
            self.operations.append(operation)

    def replay(self, shard) -> None:
        if self.overflowed:
            raise Abandoned("more was written while it was being optimized than is kept for that time")
        for operation in self.operations:
            shard.update(operation)


def rebuild(folder: str) -> None:
    """The shard's points and indexes in a new shard, which takes its place."""
    import qdrant_edge as edge

    # Which Python leaves out where it runs isolated.
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    import indexes
    import schema

    with open(os.path.join(os.path.dirname(folder), "collection.json"), encoding="utf-8") as file:
        description = json.load(file)
    new = f"{folder}.new"
    os.makedirs(new, mode=0o700)
    source, target = edge.EdgeShard.load(folder), edge.EdgeShard.create(new, schema.edge_config(description["config"]))
    for field, index in description["indexes"].items():
        target.update(edge.UpdateOperation.create_field_index(field, indexes.edge_index(index)))
    offset, unflushed = None, 0
    while True:
        request = edge.ScrollRequest(offset=offset, limit=_POINTS_AT_ONCE, with_payload=True, with_vector=True)
        records, offset = source.scroll(request)
        points = [edge.Point(one.id, one.vector, one.payload) for one in records]
        if points:
            target.update(edge.UpdateOperation.upsert_points(points))
        unflushed += len(points)
        if unflushed >= _FLUSH_AFTER_POINTS:
            target.flush()
            unflushed = 0
        if offset is None:
            break
    source.close()
    target.close()
    shutil.rmtree(folder)
    os.rename(new, folder)


def main(packages: str, folder: str, engine_pid: str, work: str = "optimize") -> int:
    # Ends with the engine: nobody else waits for what this does.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.name != "nt" and os.getppid() != int(engine_pid):
        return 1  # it ended before that
    if hasattr(os, "nice"):
        os.nice(5)
    sys.path.append(packages)
    import qdrant_edge

    if work == "rebuild":
        rebuild(folder)
    shard = qdrant_edge.EdgeShard.load(folder)
    changed = shard.optimize()
    shard.close()
    return 0 if changed or work == "rebuild" else _NOTHING_TO_DO


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
