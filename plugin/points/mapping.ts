/**
 * A frame of ours as a Qdrant point, and back. Everything that Qdrant would take in silence and answer wrongly later
 * (another model's sizes, NaN, a field that the payload does not have) is refused here, before a byte is sent.
 */
import type { Schemas } from "@qdrant/js-client-rest";
import {
  codeToHex,
  DafhError,
  type Embedding,
  type InstancePayload,
  type ModelInfo,
  PAYLOAD_FIELDS,
  type PayloadFieldKind,
  packCode,
} from "../../schemas/index.js";
import { checkPointIds, isPayloadField } from "../plan/index.js";
import { toUnitLength } from "./unit-length.js";

/** One frame to store. */
export interface DafhPoint {
  /** `pointId` of the instance and the frame. */
  readonly id: string;
  readonly embedding: Embedding;
  /** What is known of it; `code` and `modelDigest` are filled in from the embedding and the model. */
  readonly payload: InstancePayload;
}

/** One frame as it is stored. */
export interface StoredInstance {
  readonly id: string;
  readonly payload: InstancePayload;
  /** The hash as it was given; the features scaled to length 1 and rounded to float16. Absent unless asked for. */
  readonly embedding?: Embedding;
}

/** @throws DafhError MODEL_MISMATCH, BAD_OPTION, UNKNOWN_FIELD, BAD_REQUEST */
export function checkPoint(point: DafhPoint, model: ModelInfo): void {
  checkPointIds([point.id]);
  checkEmbedding(point.embedding, model);
  checkPayload(point.payload);
  const { modelDigest } = point.payload;
  if (modelDigest === undefined || modelDigest === model.digest) return;
  throw new DafhError("MODEL_MISMATCH", `The payload says that another model than ${model.name} made its code.`, {
    field: "modelDigest",
  });
}

/** A point that `checkPoint` let through, as Qdrant takes it. */
export function toQdrantPoint(point: DafhPoint, model: ModelInfo): Schemas["PointStruct"] {
  const code = codeToHex(packCode(point.embedding.hash));
  return {
    id: point.id,
    vector: { hash: Array.from(point.embedding.hash), features: toUnitLength(point.embedding.features) },
    payload: { ...point.payload, code, modelDigest: model.digest },
  };
}

/** @throws DafhError INTERNAL where the collection holds a point that this product did not write */
export function fromQdrantPoint(point: Schemas["Record"]): StoredInstance {
  const id = String(point.id);
  const payload = toPayload(point.payload);
  const vectors = point.vector;
  if (vectors === undefined || vectors === null) return { id, payload };
  if (Array.isArray(vectors)) throw new DafhError("INTERNAL", `Point ${id} has no named vectors.`);
  return { id, payload, embedding: { hash: dense(vectors, "hash", id), features: dense(vectors, "features", id) } };
}

/** Qdrant's payload is what `toQdrantPoint` sent, whose fields were checked then: hence the cast. */
export function toPayload(payload: Schemas["Record"]["payload"]): InstancePayload {
  return (payload ?? {}) as InstancePayload;
}

function dense(vectors: object, name: string, id: string): Float32Array {
  const vector: unknown = Reflect.get(vectors, name);
  if (!Array.isArray(vector)) throw new DafhError("INTERNAL", `Point ${id} has no vector ${name}.`);
  return Float32Array.from(vector as number[]);
}

/** @throws DafhError MODEL_MISMATCH where a size is not the model's, BAD_OPTION where a value is no number or all are 0 */
export function checkEmbedding(embedding: Embedding, model: ModelInfo): void {
  checkVector("hash", embedding.hash, model.hashBits, model);
  checkVector("features", embedding.features, model.featureSize, model);
  if (embedding.features.every((value) => value === 0)) {
    throw new DafhError("BAD_OPTION", "The features are all 0 and point nowhere: nothing can be compared with them.", {
      field: "features",
    });
  }
}

function checkVector(name: "hash" | "features", vector: Float32Array, size: number, model: ModelInfo): void {
  if (vector.length !== size) {
    const message = `The ${name} has ${vector.length} values; those of model ${model.name} have ${size}.`;
    throw new DafhError("MODEL_MISMATCH", message, { field: name });
  }
  for (let at = 0; at < size; at++) {
    if (Number.isFinite(vector[at])) continue;
    throw new DafhError("BAD_OPTION", `Value ${at} of the ${name} is not a finite number.`, { field: name });
  }
}

/** @throws DafhError UNKNOWN_FIELD or BAD_OPTION; the message never holds a value */
export function checkPayload(payload: InstancePayload): void {
  for (const [name, value] of Object.entries(payload)) {
    if (!isPayloadField(name)) {
      const message = "The payload to store has a field that is not one of the payload's.";
      throw new DafhError("UNKNOWN_FIELD", message, { field: name.slice(0, 40) });
    }
    if (value === undefined) continue;
    const { kind, many } = PAYLOAD_FIELDS[name];
    const fits = many ? Array.isArray(value) && value.every((one) => isOfKind(one, kind)) : isOfKind(value, kind);
    if (fits) continue;
    throw new DafhError("BAD_OPTION", `${name} must be ${many ? "a list of " : "of kind "}${kind}.`, { field: name });
  }
}

function isOfKind(value: unknown, kind: PayloadFieldKind): boolean {
  switch (kind) {
    case "keyword":
      return typeof value === "string";
    case "datetime":
      return typeof value === "string" && !Number.isNaN(Date.parse(value));
    case "integer":
      return Number.isSafeInteger(value);
    case "float":
      return Number.isFinite(value);
    case "bool":
      return typeof value === "boolean";
  }
}
