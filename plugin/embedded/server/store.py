"""
The collections of a data folder: which there are, made, opened when first asked for, and removed. A collection is a
folder with `collection.json`, written last when it is made, and the shard that it names, which is Qdrant Edge's own.
"""

import json
import os
import shutil
import threading
import time
from urllib.parse import quote, unquote

import qdrant_edge as edge

import schema
from collection import Collection
from errors import ApiError, invalid, not_found
from reading import as_object, optional

_DESCRIPTION = "collection.json"
_FORBIDDEN = '<>:"/\\|?*\0\x1f'
_GONE = ".gone-"


def write_atomically(path: str, content: bytes, mode: int = 0o600) -> None:
    """The file with this content, whole or not at all, also when the machine stops."""
    temporary = f"{path}.{os.getpid()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)
    sync_folder(os.path.dirname(path))


def sync_folder(folder: str) -> None:
    if os.name == "nt":
        return  # a folder cannot be opened there
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Store:
    def __init__(self, folder: str, log):
        self.folder = os.path.join(folder, "collections")
        self.log = log
        self.opened: "dict[str, Collection]" = {}
        self.opening = threading.Lock()  # a read and a write may be the first to ask
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        for entry in os.listdir(self.folder):
            # What was being removed or made when the process before this one ended.
            if entry.startswith(_GONE) or not os.path.exists(os.path.join(self.folder, entry, _DESCRIPTION)):
                shutil.rmtree(os.path.join(self.folder, entry), ignore_errors=True)
        self.known = {unquote(entry) for entry in os.listdir(self.folder)}

    def names(self) -> dict:
        return {"collections": [{"name": name} for name in sorted(self.known)]}

    def exists(self, name: str) -> bool:
        return name in self.known

    def holds(self, collection: Collection) -> bool:
        """Is it open still, and not removed?"""
        return self.opened.get(collection.description["name"]) is collection

    def get(self, name: str) -> Collection:
        found = self.opened.get(name)
        if found is not None:
            return found
        with self.opening:
            if name not in self.known:
                raise not_found(f"Collection `{name}` doesn't exist!")
            if name not in self.opened:
                self.opened[name] = self._open(name)
            return self.opened[name]

    def create(self, name: str, body) -> None:
        body = as_object(body, "body")
        if not 1 <= len(name) <= 255:
            raise invalid("collection_name", f"value {name} invalid, must be from 1 to 255 characters")
        forbidden = next((character for character in name if character in _FORBIDDEN), None)
        if forbidden is not None:
            raise ApiError(
                422,
                "Validation error in path parameters: "
                f'[collection_name: collection name cannot contain "{forbidden}" char]',
            )
        config = schema.read_collection(body)
        metadata = optional(body, "metadata", as_object, default={})
        if name in self.known:
            raise ApiError(409, f"Wrong input: Collection `{name}` already exists!")
        folder = self._folder(name)
        shutil.rmtree(folder, ignore_errors=True)
        description = {"name": name, "shard": "shard", "config": config, "metadata": metadata, "indexes": {}}
        os.makedirs(os.path.join(folder, description["shard"]), mode=0o700)
        shard = edge.EdgeShard.create(os.path.join(folder, description["shard"]), schema.edge_config(config))
        self._save(folder, description)
        sync_folder(self.folder)
        collection = self._collection(folder, shard, description)
        with self.opening:  # known and opened at once: who asks in between would open it a second time
            self.opened[name] = collection
            self.known.add(name)

    def delete(self, name: str) -> "tuple[Collection | None, str] | None":
        """
        Takes the collection out of the store: what is left to be closed, and the folder to be removed after that.
        None where there is none of that name.
        """
        with self.opening:
            if name not in self.known:
                return None
            gone = os.path.join(self.folder, f"{_GONE}{os.getpid()}-{time.monotonic_ns()}")
            os.rename(self._folder(name), gone)
            self.known.discard(name)
            sync_folder(self.folder)
            return self.opened.pop(name, None), gone

    def close(self) -> None:
        for name, collection in list(self.opened.items()):
            started = time.monotonic()
            try:
                collection.close()
                self.log(f"closed a collection in {time.monotonic() - started:.3f} s")
            except BaseException as error:  # a panic of the engine: the others are to be closed all the same
                self.log(f"closing a collection failed: {type(error).__name__}")
            del self.opened[name]

    def _folder(self, name: str) -> str:
        return os.path.join(self.folder, quote(name, safe=""))

    def _open(self, name: str) -> Collection:
        folder = self._folder(name)
        with open(os.path.join(folder, _DESCRIPTION), encoding="utf-8") as file:
            description = json.load(file)
        for entry in os.listdir(folder):
            # Copies that were being optimized, or were replaced, when the process before this one ended.
            if entry.startswith("shard") and entry != description["shard"]:
                shutil.rmtree(os.path.join(folder, entry), ignore_errors=True)
        started = time.monotonic()
        shard = edge.EdgeShard.load(os.path.join(folder, description["shard"]))
        self.log(f"opened a collection of {shard.info().points_count} points in {time.monotonic() - started:.3f} s")
        return self._collection(folder, shard, description)

    def _collection(self, folder: str, shard, description: dict) -> Collection:
        return Collection(folder, shard, description, lambda changed: self._save(folder, changed), self.log)

    def _save(self, folder: str, description: dict) -> None:
        write_atomically(os.path.join(folder, _DESCRIPTION), json.dumps(description).encode())
