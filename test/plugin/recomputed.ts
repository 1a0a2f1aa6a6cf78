/**
 * Everything a search answers, worked out a second time outside the engine and outside the plugin: from the vectors as
 * they are stored (fetched back by Qdrant's own client), with slow and obvious arithmetic in float64.
 */
import assert from "node:assert/strict";
import type { QdrantClient } from "@qdrant/js-client-rest";
import type { Embedding, InstancePayload } from "../../schemas/index.js";

/** A point as it lies in Qdrant. */
export interface Stored {
  readonly id: string;
  readonly payload: InstancePayload;
  readonly hash: readonly number[];
  /** Length 1, float16: what Qdrant made of the features. */
  readonly features: readonly number[];
}

/**
 * How far Qdrant's float32 sum over D = 256 products may lie from the exact sum (256 · 2⁻²⁴ for vectors of length 1),
 * plus what one unlucky rounding of the query to float16 adds.
 */
export const SCORE_ERROR = 5e-5;

export async function fetchEverything(client: QdrantClient, collection: string): Promise<Map<string, Stored>> {
  const everything = new Map<string, Stored>();
  let offset: unknown = null;
  do {
    const page = await client.scroll(collection, {
      limit: 500,
      with_payload: true,
      with_vector: true,
      ...(offset === null ? {} : { offset: offset as string }),
    });
    for (const point of page.points) {
      const { hash, features } = point.vector as { hash: number[]; features: number[] };
      const id = String(point.id);
      everything.set(id, { id, payload: point.payload as InstancePayload, hash, features });
    }
    offset = page.next_page_offset ?? null;
  } while (offset !== null);
  return everything;
}

/** Signs compared one by one. */
export function hammingOf(query: Embedding, stored: Stored): number {
  assert.equal(query.hash.length, stored.hash.length);
  return stored.hash.filter((value, bit) => value > 0 !== (query.hash[bit] ?? 0) > 0).length;
}

/** Qdrant scales a query to length 1 and rounds it to the type of the stored vectors. */
export function scaledQuery(query: Embedding): number[] {
  const length = Math.hypot(...query.features);
  return Array.from(query.features, (value) => toFloat16(value / length));
}

export function cosineOf(scaled: readonly number[], stored: Stored): number {
  return stored.features.reduce((sum, value, at) => sum + value * (scaled[at] ?? 0), 0);
}

/** To the nearest float16, ties to even (IEEE 754 binary16; no value here is near its largest). */
export function toFloat16(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.abs(value))));
  const step = 2 ** (exponent - 10);
  const steps = value / step;
  const below = Math.floor(steps);
  const rest = steps - below;
  return (rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below) * step;
}

/** The order holds wherever two exact scores are further apart than both may be wrong. */
export function assertOrdered(exactScores: readonly number[]): void {
  let least = Number.POSITIVE_INFINITY;
  for (const [rank, score] of exactScores.entries()) {
    assert.ok(score <= least + 2 * SCORE_ERROR, `rank ${rank + 1} belongs above an earlier one (${score} > ${least})`);
    least = Math.min(least, score);
  }
}
