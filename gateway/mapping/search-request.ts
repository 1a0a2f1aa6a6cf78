/** SearchBody → the domain's SearchRequest, and base64 → an embedding of the collection's own shape. */
import type { EmbeddingBody, SearchBody } from "../../schemas/dto.js";
import { DafhError, type Embedding, type ModelInfo, type SearchRequest } from "../../schemas/index.js";

export function toSearchRequest(body: SearchBody, query: SearchRequest["query"]): SearchRequest {
  const { mode, limit, candidateLimit, hammingRadius, modality, filter, groupBy, groupSize } = body;
  const options = { mode, limit, candidateLimit, hammingRadius, modality, filter, groupBy, groupSize };
  // null and absent are the same in a request; an empty list of modalities asks for all.
  const given = Object.entries(options).filter(
    ([, value]) => value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0),
  );
  // The cast: entries of `options` without the absent ones, whose types SearchBody already has.
  return { query, ...(Object.fromEntries(given) as Omit<SearchRequest, "query">) };
}

/** @throws DafhError BAD_OPTION where a vector has another length than the model's, or a value that is not finite */
export function toEmbedding(body: EmbeddingBody, model: ModelInfo): Embedding {
  return {
    hash: floats(body.hash, model.hashBits, "embedding.hash"),
    features: floats(body.features, model.featureSize, "embedding.features"),
  };
}

function floats(base64: string, length: number, field: string): Float32Array {
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length !== length * 4) {
    throw new DafhError(
      "BAD_OPTION",
      `${field} has ${bytes.length} bytes, not the ${length * 4} of ${length} floats.`,
      {
        field,
      },
    );
  }
  const values = Float32Array.from({ length }, (_, index) => bytes.readFloatLE(index * 4));
  if (!values.every(Number.isFinite)) {
    throw new DafhError("BAD_OPTION", `${field} has a value that is not a finite number.`, { field });
  }
  return values;
}
