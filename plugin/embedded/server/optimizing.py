"""
Optimizing a collection while it is in use. The engine's `optimize()` keeps Python's interpreter lock until it is done,
minutes for an HNSW index over a million points, and nothing else would be answered. So a process of its own optimizes
a copy; what is written meanwhile goes to the collection and into a list; at the end the list is applied to the copy,
which takes the collection's place. Cut off at any moment, the collection is what it was.

    python optimizing.py PACKAGES FOLDER ENGINE_PID    is that process.
"""

import asyncio
import ctypes
import os
import shutil
import signal
import sys

_MAX_JOURNAL_BYTES = 256 * 1024 * 1024


class Abandoned(Exception):
    """It cannot be done now, and nothing has changed."""


async def optimize(collection, write, packages: str) -> bool:
    """
    True if anything was optimized. `write(function, *arguments)` runs it in turn with the writes.
    """
    if collection.optimizing is not None:
        return await asyncio.shield(collection.optimizing)
    collection.optimizing = asyncio.get_running_loop().create_task(_optimize(collection, write, packages))
    try:
        return await asyncio.shield(collection.optimizing)
    finally:
        collection.optimizing = None


async def _optimize(collection, write, packages: str) -> bool:
    copy = await write(collection.begin_copy)
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", os.path.abspath(__file__), packages, copy, str(os.getpid())),
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


def main(packages: str, folder: str, engine_pid: str) -> int:
    # Ends with the engine: nobody else waits for what this does.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.name != "nt" and os.getppid() != int(engine_pid):
        return 1  # it ended before that
    if hasattr(os, "nice"):
        os.nice(5)
    sys.path.append(packages)
    import qdrant_edge

    shard = qdrant_edge.EdgeShard.load(folder)
    changed = shard.optimize()
    shard.close()
    return 0 if changed else _NOTHING_TO_DO


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
