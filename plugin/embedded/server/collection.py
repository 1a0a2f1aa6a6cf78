"""
One collection: its shard of Qdrant Edge, what is written to it, and its upkeep. The engine holds Python's interpreter
lock for the whole of a call, so calls never overlap. What is asked of it is in `reads.py`; where the folder lies and
which collections there are is `store.py`'s matter.
"""

import json
import os
import shutil
import threading
import time

import qdrant_edge as edge

import indexes
import schema
import updates
from errors import ApiError, bad_request, format_error
from filters import FilterReader
from optimizing import Abandoned, Journal
from reading import as_list, as_object, refuse_shard_key, required
from reads import Reads


class Collection:
    """
    A collection that is open. `description` is what `store.py` keeps in its file; `save` keeps it again. The shard
    lies in the folder that the description names.
    """

    def __init__(self, folder: str, shard: "edge.EdgeShard", description: dict, save, log):
        self.folder = folder
        self.shard = shard
        self.description = description
        self.save = save
        self.log = log
        config = description["config"]
        self.sizes = {name: params["size"] for name, params in config["vectors"].items()}
        self.sizes |= {name: None for name in config["sparse_vectors"]}
        self.filters = FilterReader(self._has_text_index)
        self.reads = Reads(self)
        self.operations = 0
        self.unflushed_bytes = 0
        self.last_write = time.monotonic()
        self.examined_at = -1  # the number of operations when it was last seen whether it wants optimizing
        # The task that optimizes a copy, and what is written meanwhile.
        self.optimizing = None
        self.journal: "Journal | None" = None
        # Held while what belongs together is written, and by who reads.
        self.reading = threading.Lock()
        self._restore_indexes()
        self._apply_redo()

    def info(self) -> dict:
        info = self.shard.info()
        points = {field: index.points for field, index in info.payload_schema.items()}
        config = self.description["config"]
        return {
            "status": self._status(info),
            "optimizer_status": "ok",
            "indexed_vectors_count": info.indexed_vectors_count,
            "points_count": info.points_count,
            "segments_count": info.segments_count,
            "config": schema.answered_config(config, self.description["metadata"]),
            "payload_schema": {
                field: indexes.answered_index(index, points.get(field, 0))
                for field, index in self.description["indexes"].items()
            },
        }

    def _status(self, info) -> str:
        """Green: nothing to be done. Grey: indexing is due and has not begun. Yellow: it is going on."""
        if self.optimizing is not None:
            return "yellow"
        return "grey" if self.unindexed_points(info) > 0 else "green"

    def unindexed_points(self, info=None) -> int:
        """Points that the configuration wants in an HNSW index and that are in none; 0 below its threshold."""
        info = info or self.shard.info()
        config = self.description["config"]
        default_m = config["hnsw_config"]["m"]
        indexable = [one for one in config["vectors"].values() if one.get("hnsw_config", {}).get("m", default_m) > 0]
        threshold_kb = config["optimizer_config"]["indexing_threshold"]
        if not indexable or not threshold_kb:
            return 0
        missing = max(0, info.points_count - info.indexed_vectors_count // len(config["vectors"]))
        return missing if missing * max(one["size"] for one in indexable) * 4 / 1024 > threshold_kb else 0

    def wants_optimizing(self) -> bool:
        """Is indexing due, and was this not said since the last write?"""
        if self.optimizing is not None or self.examined_at == self.operations:
            return False
        self.examined_at = self.operations
        return self.unindexed_points() > 0

    def _has_text_index(self, field: str) -> bool:
        index = self.description["indexes"].get(field)
        return index == "text" or (type(index) is dict and index["type"] == "text")

    # Writes

    def update(self, kind: str, body, raw: bytes) -> None:
        """One of `updates.OPERATIONS`, from its body as it was read and as it came."""
        operations = self._operations(kind, as_object(body, "body"), share=True)
        if len(operations) == 1:
            self._apply(operations[0], len(raw))
            return
        # They belong together: the body is kept until all are applied, so that a process that is killed in between
        # leaves it to the next one to apply them all; and nobody reads in between.
        with open(self._redo(), "wb") as file:
            file.write(raw)
        try:
            with self.reading:
                self._apply_together(operations, body, len(raw))
        except Exception:
            os.unlink(self._redo())  # the client is told, and what it writes next must stand
            raise
        os.unlink(self._redo())

    def _apply_together(self, operations: list, body: dict, size: int) -> None:
        """An upsert's operations; where one fails, the upsert as it came, so that no point lacks what it shares."""
        try:
            for operation in operations:
                self._apply(operation, size // len(operations))
        except Exception as error:
            self.log(f"an upsert in parts failed and is done as a whole: {type(error).__name__}")
            for operation in self._operations("upsert", body, share=False):
                self._apply(operation, size)

    def _operations(self, kind: str, body: dict, share: bool) -> list:
        refuse_shard_key(body)
        if kind == "upsert":
            return updates.upsert(body, self.sizes, self.filters, share)
        return [updates.OPERATIONS[kind](body, self.sizes, self.filters)]

    def _redo(self) -> str:
        return os.path.join(self.folder, "redo.json")

    def _apply_redo(self) -> None:
        """Completes the upsert that the process before was killed in; one that fails is set aside."""
        try:
            with open(self._redo(), "rb") as file:
                body = json.load(file)
        except FileNotFoundError:
            return
        except ValueError:
            pass  # cut off while it was written: nothing of it was applied, or acknowledged
        else:
            try:
                for operation in self._operations("upsert", body, share=False):
                    self._apply(operation)
                self.shard.flush()
            except BaseException as error:
                os.replace(self._redo(), os.path.join(self.folder, "redo.failed.json"))
                self.log(f"an upsert that was cut off cannot be completed and is set aside: {type(error).__name__}")
                if not isinstance(error, Exception):
                    raise  # the engine panicked; the next process opens the collection without it
                return
        os.unlink(self._redo())

    def batch(self, body, size: int) -> int:
        """
        Several operations in their order, and how many. One that does not fit the collection ends it, and those before
        it stay; a body of the wrong form is refused as a whole.
        """
        operations, fault = [], None
        for one in as_list(required(as_object(body, "body"), "operations"), "operations"):
            named = [name for name in updates.OPERATIONS if name in as_object(one, "operations")]
            if len(named) != 1:
                raise format_error("data did not match any variant of untagged enum UpdateOperation")
            try:
                operations += self._operations(named[0], as_object(one[named[0]], named[0]), share=False)
            except ApiError as error:
                if not error.message.startswith("Wrong input"):
                    raise
                fault = error
                break
        for operation in operations:
            self._apply(operation, size)
            size = 0  # counted once
        if fault is not None:
            raise fault
        return len(operations)

    def create_index(self, body, size: int) -> None:
        field, index = indexes.read_index(as_object(body, "body"))
        operation = edge.UpdateOperation.create_field_index(field, indexes.edge_index(index))
        # Kept first: an index that was kept and not built is built when the collection is opened next.
        self.description["indexes"][field] = index
        self.save(self.description)
        self._apply(operation, size)

    def delete_index(self, field: str) -> None:
        operation = edge.UpdateOperation.delete_field_index(field)
        if self.description["indexes"].pop(field, None) is not None:
            self.save(self.description)
            self._apply(operation)

    def patch(self, body) -> None:
        body = as_object(body, "body")
        for name in (
            "vectors",
            "optimizers_config",
            "params",
            "hnsw_config",
            "quantization_config",
            "sparse_vectors",
            "strict_mode_config",
        ):
            if body.get(name) is not None:
                raise bad_request(f"changing `{name}` of a collection is not supported by the embedded engine")
        if body.get("metadata") is not None:
            added = schema.read_metadata(body["metadata"])
            merged = self.description["metadata"] | added
            self.description["metadata"] = {key: value for key, value in merged.items() if value is not None}
            self.save(self.description)

    def _apply(self, operation, size: int = 1024) -> None:
        self.shard.update(operation)
        self.operations += 1
        self.unflushed_bytes += size
        self.last_write = time.monotonic()
        if self.journal is not None:
            self.journal.add(operation, size)

    def _restore_indexes(self) -> None:
        built = self.shard.info().payload_schema
        for field, index in self.description["indexes"].items():
            if field not in built:
                self.shard.update(edge.UpdateOperation.create_field_index(field, indexes.edge_index(index)))
        for field in built:
            if field not in self.description["indexes"]:
                self.shard.update(edge.UpdateOperation.delete_field_index(field))

    # Upkeep

    def sync(self) -> None:
        """
        Puts the shard's files on disk without the interpreter lock, so that `flush`, which the engine does under the
        lock, finds little left to wait for.
        """
        for path in self._files():
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue  # the engine removed it meanwhile
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def flush(self) -> None:
        """Segments complete on disk, after which the log is short."""
        self.unflushed_bytes = 0
        self.shard.flush()

    def begin_copy(self) -> str:
        """A copy of the shard, for optimizing; from here on writes are kept for it as well."""
        self.flush()
        # The copy, and as much again for what is built from it.
        needed = 2 * sum(os.path.getsize(path) for path in self._files())
        if shutil.disk_usage(self.folder).free < needed:
            raise Abandoned("the disk has not twice the room that the collection takes")
        copy = os.path.join(self.folder, f"shard-{time.time_ns()}")
        shutil.copytree(self._shard_folder(), copy)
        self.journal = Journal()
        return copy

    def adopt_copy(self, copy: str) -> "tuple[edge.EdgeShard, str]":
        """
        The optimized copy takes the shard's place, with what was written meanwhile. Gives the old shard, to be closed
        where no read is under way, and its folder.
        """
        shard = edge.EdgeShard.load(copy)
        try:
            self.journal.replay(shard)
        except BaseException:
            shard.close()
            raise
        replaced, old = self.shard, self._shard_folder()
        self.save(self.description | {"shard": os.path.basename(copy)})
        self.description["shard"] = os.path.basename(copy)
        self.shard = shard
        return replaced, old

    def end_copy(self, copy: str) -> None:
        """Ends the keeping of writes; a copy that did not take the shard's place is removed."""
        self.journal = None
        if os.path.basename(copy) != self.description["shard"]:
            shutil.rmtree(copy, ignore_errors=True)
            shutil.rmtree(f"{copy}.new", ignore_errors=True)  # half rebuilt

    def _files(self) -> "list[str]":
        return [os.path.join(folder, name) for folder, _, names in os.walk(self._shard_folder()) for name in names]

    def _shard_folder(self) -> str:
        return os.path.join(self.folder, self.description["shard"])

    def close(self) -> None:
        self.shard.close()  # flushes
