"""
The shape of a collection: the create body as Qdrant Edge's objects, and the `config` that the server answers with.
What a collection holds and where it is kept is `store.py`'s matter.
"""

import qdrant_edge as edge

from errors import format_error, invalid, unsupported
from reading import as_bool, as_integer, as_number_within, as_object, choice, known, optional, required

_DISTANCES = {
    "Cosine": edge.Distance.Cosine,
    "Euclid": edge.Distance.Euclid,
    "Dot": edge.Distance.Dot,
    "Manhattan": edge.Distance.Manhattan,
}
_DATATYPES = {
    "float32": edge.VectorStorageDatatype.Float32,
    "float16": edge.VectorStorageDatatype.Float16,
    "uint8": edge.VectorStorageDatatype.Uint8,
}
_HNSW_DEFAULTS = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000, "max_indexing_threads": 0}
_HNSW_KEYS = {
    "m": (as_integer, {}),
    "ef_construct": (as_integer, {"minimum": 4}),
    "full_scan_threshold": (as_integer, {"minimum": 10}),
    "max_indexing_threads": (as_integer, {}),
    "on_disk": (as_bool, {}),
    "payload_m": (as_integer, {}),
    "inline_storage": (as_bool, {}),
}
_OPTIMIZER_KEYS = {
    "deleted_threshold": (as_number_within, {"lowest": 0.0, "highest": 1.0}),
    "vacuum_min_vector_number": (as_integer, {"minimum": 100}),
    "default_segment_number": (as_integer, {}),
    "max_segment_size": (as_integer, {"minimum": 1}),
    "indexing_threshold": (as_integer, {}),
    "prevent_unoptimized": (as_bool, {}),
}
_OPTIMIZER_DEFAULTS = {
    "deleted_threshold": 0.2,
    "vacuum_min_vector_number": 1000,
    "default_segment_number": 0,
    "max_segment_size": None,
    "indexing_threshold": 10000,
}
# One node with one copy of the data: these may be given, as 1.
_ALWAYS_ONE = ("shard_number", "replication_factor", "write_consistency_factor")
_UNSUPPORTED = ("sharding_method", "wal_config", "strict_mode_config", "init_from")


def read_collection(body: dict) -> dict:
    """The create body, checked, without what is absent: what is kept beside the data and answered as `config`."""
    for name in _UNSUPPORTED:
        if body.get(name) is not None:
            raise unsupported(f"`{name}`")
    for name in _ALWAYS_ONE:
        if optional(body, name, as_integer, 1, default=1) != 1:
            raise unsupported(f"`{name}` other than 1")
    vectors = body.get("vectors") or {}
    if "size" in as_object(vectors, "vectors") and type(vectors["size"]) is int:
        vectors = {"": vectors}
        single = True
    else:
        single = False
    sparse = optional(body, "sparse_vectors", as_object, default={})
    if not vectors and not sparse:
        raise unsupported("a collection without vectors")
    config = {
        "vectors": {name: _vector(as_object(params, name or "vectors"), name) for name, params in vectors.items()},
        "single": single,
        "sparse_vectors": {name: _sparse(as_object(params, name)) for name, params in sparse.items()},
        "on_disk_payload": optional(body, "on_disk_payload", as_bool, default=True),
        "hnsw_config": _HNSW_DEFAULTS | _hnsw(optional(body, "hnsw_config", as_object, default={})),
        "optimizer_config": _OPTIMIZER_DEFAULTS
        | _optimizers(optional(body, "optimizers_config", as_object, default={})),
        "quantization_config": optional(body, "quantization_config", _quantization),
    }
    edge_config(config)  # what the engine itself refuses is refused before anything is written
    return config


def _vector(body: dict, name: str) -> dict:
    if body.get("multivector_config") is not None:
        raise unsupported("`multivector_config`")
    if body.get("datatype") == "turbo4":
        raise unsupported("datatype `turbo4`")
    # The server reads the size as a number that is not zero: 0 is of the wrong form, too large is out of range.
    size = as_integer(required(body, "size"), "size", shape_minimum=1)
    if size > 65536:
        raise invalid(
            f"vectors.{name}.size" if name else "vectors.size", f"value {size} invalid, must be from 1 to 65536"
        )
    params = {"size": size, "distance": required(body, "distance")}
    choice(params["distance"], "distance", _DISTANCES)
    if body.get("datatype") is not None:
        choice(body["datatype"], "datatype", _DATATYPES)
        params["datatype"] = body["datatype"]
    if body.get("on_disk") is not None:
        params["on_disk"] = as_bool(body["on_disk"], "on_disk")
    if body.get("hnsw_config") is not None:
        params["hnsw_config"] = _hnsw(as_object(body["hnsw_config"], "hnsw_config"))
    if body.get("quantization_config") is not None:
        params["quantization_config"] = _quantization(body["quantization_config"], "quantization_config")
    return params


def _sparse(body: dict) -> dict:
    params = {}
    if body.get("modifier") is not None:
        choice(body["modifier"], "modifier", {"idf": True, "none": True})
        params["modifier"] = body["modifier"]
    if body.get("index") is not None:
        index = as_object(body["index"], "index")
        if index.get("datatype") not in (None, "float32"):
            raise unsupported("a sparse index `datatype` other than float32")
        params["index"] = known(index, {"full_scan_threshold": (as_integer, {}), "on_disk": (as_bool, {})})
    return params


def _hnsw(body: dict) -> dict:
    return known(body, _HNSW_KEYS)


def _optimizers(body: dict) -> dict:
    for name in ("memmap_threshold", "max_optimization_threads", "flush_interval_sec"):
        if body.get(name) is not None:
            raise unsupported(f"`optimizers_config.{name}`")
    return known(body, _OPTIMIZER_KEYS)


def _quantization(value, where: str) -> dict:
    body = as_object(value, where)
    if "binary" in body:
        binary = as_object(body["binary"], "binary")
        for name in ("encoding", "query_encoding"):
            if binary.get(name) is not None:
                choice(binary[name], name, _ENCODINGS if name == "encoding" else _QUERY_ENCODINGS)
        return {
            "binary": {
                key: binary[key] for key in ("always_ram", "encoding", "query_encoding") if binary.get(key) is not None
            }
        }
    if "scalar" in body:
        scalar = as_object(body["scalar"], "scalar")
        choice(required(scalar, "type"), "type", {"int8": True})
        optional(scalar, "quantile", as_number_within, 0.5, 1.0)
        return {
            "scalar": {key: scalar[key] for key in ("type", "quantile", "always_ram") if scalar.get(key) is not None}
        }
    for name in ("product", "turbo"):
        if name in body:
            raise unsupported(f"`{name}` quantization")
    raise format_error("data did not match any variant of untagged enum QuantizationConfig")


_ENCODINGS = {
    "one_bit": edge.BinaryQuantizationEncoding.OneBit,
    "two_bits": edge.BinaryQuantizationEncoding.TwoBits,
    "one_and_half_bits": edge.BinaryQuantizationEncoding.OneAndHalfBits,
}
_QUERY_ENCODINGS = {
    "default": edge.BinaryQuantizationQueryEncoding.Default,
    "binary": edge.BinaryQuantizationQueryEncoding.Binary,
    "scalar4bits": edge.BinaryQuantizationQueryEncoding.Scalar4Bits,
    "scalar8bits": edge.BinaryQuantizationQueryEncoding.Scalar8Bits,
}


def edge_config(config: dict) -> "edge.EdgeConfig":
    """The engine's configuration of a collection that `read_collection` read."""
    return edge.EdgeConfig(
        vectors={name: _edge_vector(params, config["hnsw_config"]) for name, params in config["vectors"].items()},
        sparse_vectors={name: _edge_sparse(params) for name, params in config["sparse_vectors"].items()},
        on_disk_payload=config["on_disk_payload"],
        hnsw_config=edge.HnswIndexConfig(**config["hnsw_config"]),
        quantization_config=_edge_quantization(config["quantization_config"]),
        optimizers=edge.EdgeOptimizersConfig(**config["optimizer_config"]),
    )


def _edge_vector(params: dict, hnsw: dict):
    return edge.EdgeVectorParams(
        size=params["size"],
        distance=_DISTANCES[params["distance"]],
        on_disk=params.get("on_disk"),
        datatype=_DATATYPES.get(params.get("datatype")),
        quantization_config=_edge_quantization(params.get("quantization_config")),
        hnsw_config=edge.HnswIndexConfig(**(hnsw | params["hnsw_config"])) if "hnsw_config" in params else None,
    )


def _edge_sparse(params: dict):
    index = params.get("index", {})
    return edge.EdgeSparseVectorParams(
        full_scan_threshold=index.get("full_scan_threshold"),
        on_disk=index.get("on_disk"),
        modifier=edge.Modifier.Idf if params.get("modifier") == "idf" else None,
    )


def _edge_quantization(config):
    if config is None:
        return None
    if "binary" in config:
        binary = config["binary"]
        return edge.BinaryQuantizationConfig(
            always_ram=binary.get("always_ram"),
            encoding=_ENCODINGS.get(binary.get("encoding")),
            query_encoding=_QUERY_ENCODINGS.get(binary.get("query_encoding")),
        )
    scalar = config["scalar"]
    return edge.ScalarQuantizationConfig(edge.ScalarType.Int8, scalar.get("quantile"), scalar.get("always_ram"))


def answered_config(config: dict, metadata: dict) -> dict:
    """`config` of the collection's description."""
    params = {
        "vectors": config["vectors"][""] if config["single"] else config["vectors"],
        "shard_number": 1,
        "replication_factor": 1,
        "write_consistency_factor": 1,
        "on_disk_payload": config["on_disk_payload"],
    }
    if config["sparse_vectors"]:
        params["sparse_vectors"] = config["sparse_vectors"]
    answer = {
        "params": params,
        "hnsw_config": config["hnsw_config"],
        "optimizer_config": config["optimizer_config"],
        "quantization_config": config["quantization_config"],
    }
    return answer | ({"metadata": metadata} if metadata else {})


def read_metadata(value) -> dict:
    return as_object(value, "metadata")
