/**
 * Sends points in batches, a few at a time: while the engine stores one, the next is being written as JSON. What
 * sending means (retries, waiting for the acknowledgement) is the caller's function.
 */
import type { Schemas } from "@qdrant/js-client-rest";
import type { ModelInfo } from "../../schemas/index.js";
import { checkPoint, type DafhPoint, toQdrantPoint } from "./mapping.js";

const UPLOAD = {
  /** Measured with `bench/ingest.ts`: beyond it batches only grow, below it each costs its request. */
  pointsPerBatch: 256,
  /** A server takes 32 MB at most; a quarter of that leaves room for whatever a payload adds. */
  bytesPerBatch: 8_000_000,
  batchesAtOnce: 3,
} as const;

/** Widest in JSON, comma included: a float32 of the hash, a whole number of the features, a usual payload. */
const BYTES = { hashValue: 24, featureValue: 10, payload: 2_000 } as const;

type QdrantPoint = Schemas["PointStruct"];

/** How many points of that model a batch holds. */
export function batchSize(model: ModelInfo): number {
  const bytesPerPoint = model.hashBits * BYTES.hashValue + model.featureSize * BYTES.featureValue + BYTES.payload;
  return Math.max(1, Math.min(UPLOAD.pointsPerBatch, Math.floor(UPLOAD.bytesPerBatch / bytesPerPoint)));
}

/**
 * Of points with the same id the last one is sent. Every point is checked before the first batch leaves.
 * @throws what `checkPoint` throws, and the first failure of `send`, once no batch is under way any more
 */
export async function uploadPoints(
  points: readonly DafhPoint[],
  model: ModelInfo,
  send: (batch: QdrantPoint[]) => Promise<void>,
): Promise<void> {
  for (const point of points) checkPoint(point, model);
  const latest = [...new Map(points.map((point) => [point.id, point])).values()];
  const size = batchSize(model);
  let next = 0;
  let failure: { readonly thrown: unknown } | null = null;
  const lane = async () => {
    while (next < latest.length && failure === null) {
      const batch = latest.slice(next, next + size);
      next += size;
      try {
        await send(batch.map((point) => toQdrantPoint(point, model)));
      } catch (thrown) {
        failure ??= { thrown };
      }
    }
  };
  await Promise.all(Array.from({ length: UPLOAD.batchesAtOnce }, lane));
  if (failure !== null) throw (failure as { thrown: unknown }).thrown;
}
