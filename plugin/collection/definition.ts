/**
 * What a collection is in Qdrant: the two vectors, the indexed payload fields, the metadata that names the model; and
 * what of it differs in a collection that is already there. Pure: `open.ts` sends and asks.
 */
import type { Schemas } from "@qdrant/js-client-rest";
import {
  DafhError,
  type ModelInfo,
  PAYLOAD_FIELDS,
  type PayloadFieldKind,
  type PayloadFieldName,
} from "../../schemas/index.js";

/** Rises when a collection of an earlier version can no longer be read as it is. */
const SCHEMA_VERSION = 1;

/**
 * @param hashGraphLinks `m` of the hash's HNSW graph; 0 = no graph, every code is compared. A scan is exact and takes
 * 2–4 ms for 100,000 codes; a graph pays from about a million on.
 */
export function collectionDefinition(model: ModelInfo, hashGraphLinks: number): Schemas["CreateCollection"] {
  return {
    vectors: vectorDefinitions(model, hashGraphLinks),
    metadata: {
      modelName: model.name,
      modelDigest: model.digest,
      hashBits: model.hashBits,
      featureSize: model.featureSize,
      schemaVersion: SCHEMA_VERSION,
    },
  };
}

function vectorDefinitions(model: ModelInfo, hashGraphLinks: number) {
  return {
    hash: {
      size: model.hashBits,
      distance: "Dot",
      // The codes are in RAM; the floats behind them are read only to search by a stored instance.
      on_disk: true,
      quantization_config: { binary: { always_ram: true } },
      hnsw_config: { m: hashGraphLinks },
    },
    // Read for rescoring only, hence no graph; from disk a candidate would cost 30 times as much.
    features: {
      size: model.featureSize,
      distance: "Cosine",
      datatype: "float16",
      on_disk: false,
      hnsw_config: { m: 0 },
    },
  } satisfies Record<string, Schemas["VectorParams"]>;
}

/** Index types of Qdrant by the kind of field. */
const INDEX_TYPES = {
  keyword: "keyword",
  integer: "integer",
  float: "float",
  datetime: "datetime",
  bool: "bool",
} as const satisfies Record<PayloadFieldKind, Schemas["PayloadSchemaType"]>;

/** The payload fields that Qdrant indexes, with the type of their index. */
export function payloadIndexes(): { field: PayloadFieldName; type: Schemas["PayloadSchemaType"] }[] {
  const names = Object.keys(PAYLOAD_FIELDS) as PayloadFieldName[]; // Object.keys forgets the keys' type.
  return names
    .filter((field) => PAYLOAD_FIELDS[field].indexed)
    .map((field) => ({ field, type: INDEX_TYPES[PAYLOAD_FIELDS[field].kind] }));
}

/**
 * Holds a collection that is there to the definition. The hash's graph may differ: it changes speed, not answers.
 * @returns whether its hash has a graph
 * @throws DafhError COLLECTION_MISMATCH naming the first difference, MODEL_MISMATCH naming both models
 */
export function checkCollection(name: string, info: Schemas["CollectionInfo"], model: ModelInfo): { graph: boolean } {
  const wrong = (difference: string) =>
    new DafhError("COLLECTION_MISMATCH", `Collection ${JSON.stringify(name)} ${difference}.`);
  const metadata: Record<string, unknown> = info.config.metadata ?? {};
  if (metadata.schemaVersion !== SCHEMA_VERSION) {
    throw wrong(
      metadata.schemaVersion === undefined
        ? "carries no metadata of this product: something else made it, or a Qdrant older than 1.16 that keeps none"
        : `has schema version ${String(metadata.schemaVersion)}, where this version makes ${SCHEMA_VERSION}`,
    );
  }
  if (metadata.modelDigest !== model.digest) {
    throw new DafhError(
      "MODEL_MISMATCH",
      `Collection ${JSON.stringify(name)} holds codes of model ${String(metadata.modelName)} ` +
        `(${String(metadata.modelDigest).slice(0, 12)}…); this is ${model.name} (${model.digest.slice(0, 12)}…).`,
    );
  }
  const wanted = vectorDefinitions(model, 0);
  const hash = checkVector("hash", wanted.hash, info, wrong);
  checkVector("features", wanted.features, info, wrong);
  // In RAM or on disk is a matter of speed; a hash that is not quantized would score by something else than bits.
  if (!("binary" in (hash.quantization_config ?? {}))) throw wrong("has a vector hash without binary quantization");
  return { graph: hash.hnsw_config?.m !== 0 };
}

function checkVector(
  name: "hash" | "features",
  wanted: Schemas["VectorParams"],
  info: Schemas["CollectionInfo"],
  wrong: (difference: string) => DafhError,
): Schemas["VectorParams"] {
  // A collection with one unnamed vector has that vector's parameters here instead of a record: it then has no `name`.
  const vectors = (info.config.params.vectors ?? {}) as Record<string, Schemas["VectorParams"] | undefined>;
  const found = vectors[name];
  if (found === undefined) throw wrong(`has no vector ${name}`);
  for (const parameter of ["size", "distance", "datatype"] as const) {
    const should = wanted[parameter] ?? "float32";
    const is = found[parameter] ?? "float32";
    if (should !== is) throw wrong(`has a vector ${name} of ${parameter} ${is} instead of ${should}`);
  }
  return found;
}
