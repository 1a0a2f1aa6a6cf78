"""Payload indexes: their schemas as Qdrant Edge's objects, and as the description of a collection shows them."""

import qdrant_edge as edge

from errors import bad_request, invalid, unsupported
from reading import as_bool, as_integer, as_object, as_string, choice, known, required

_PLAIN_TYPES = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "integer": edge.PayloadSchemaType.Integer,
    "float": edge.PayloadSchemaType.Float,
    "geo": edge.PayloadSchemaType.Geo,
    "text": edge.PayloadSchemaType.Text,
    "bool": edge.PayloadSchemaType.Bool,
    "datetime": edge.PayloadSchemaType.Datetime,
    "uuid": edge.PayloadSchemaType.Uuid,
}
_FLAG = (as_bool, {})
_SHARED = {"on_disk": _FLAG, "enable_hnsw": _FLAG}
_INDEX_PARAMS = {
    "keyword": (edge.KeywordIndexParams, {"is_tenant": _FLAG}),
    "integer": (edge.IntegerIndexParams, {"lookup": _FLAG, "range": _FLAG, "is_principal": _FLAG}),
    "float": (edge.FloatIndexParams, {"is_principal": _FLAG}),
    "geo": (edge.GeoIndexParams, {}),
    "bool": (edge.BoolIndexParams, {}),
    "datetime": (edge.DatetimeIndexParams, {"is_principal": _FLAG}),
    "uuid": (edge.UuidIndexParams, {"is_tenant": _FLAG}),
    "text": (
        edge.TextIndexParams,
        {
            "min_token_len": (as_integer, {}),
            "max_token_len": (as_integer, {}),
            "lowercase": _FLAG,
            "ascii_folding": _FLAG,
            "phrase_matching": _FLAG,
        },
    ),
}
_TOKENIZERS = {
    "prefix": edge.TokenizerType.Prefix,
    "whitespace": edge.TokenizerType.Whitespace,
    "word": edge.TokenizerType.Word,
    "multilingual": edge.TokenizerType.Multilingual,
}


def read_index(body: dict) -> "tuple[str, object]":
    """Field name and schema (a type's name or its parameters) of a body that creates a payload index."""
    field = as_string(required(body, "field_name"), "field_name")
    schema = body.get("field_schema", body.get("field_type"))
    if schema is None:
        raise bad_request("Unable to infer type of the field, please specify `field_schema`")
    edge_index(schema)
    return field, schema


def edge_index(schema):
    """The engine's form of a payload index's schema."""
    if type(schema) is str:
        return choice(schema, "field_schema", _PLAIN_TYPES)
    body = as_object(schema, "field_schema")
    kind = required(body, "type")
    choice(kind, "type", _PLAIN_TYPES)
    make, own = _INDEX_PARAMS[kind]
    params = known(body, _SHARED | own)
    if kind == "integer" and params.get("lookup") is False and params.get("range") is False:
        raise invalid("field_schema.lookup", "the 'lookup' and 'range' capabilities can't be both disabled")
    if kind == "text":
        for name in ("stopwords", "stemmer"):
            if body.get(name) is not None:
                raise unsupported(f"`{name}` of a text index")
        if body.get("tokenizer") is not None:
            params["tokenizer"] = choice(body["tokenizer"], "tokenizer", _TOKENIZERS)
    return make(**params)


def answered_index(schema, points: int) -> dict:
    """One entry of `payload_schema`."""
    if type(schema) is str:
        return {"data_type": schema, "points": points}
    return {"data_type": schema["type"], "params": schema, "points": points}
