/**
 * A collection with 3,000 generated points in a real engine, half of them in merged segments and half as they were
 * written, and what a search over it must hold to. Shared by the tests of searching.
 */
import assert from "node:assert/strict";
import { DafhCollection } from "../../plugin/index.js";
import type { Embedding, SearchHit } from "../../schemas/index.js";
import type { TestTarget } from "./engine.js";
import { generator, TEST_MODEL } from "./generated.js";
import {
  assertOrdered,
  cosineOf,
  fetchEverything,
  hammingOf,
  SCORE_ERROR,
  type Stored,
  scaledQuery,
} from "./recomputed.js";

export const POINTS = 3_000;
/** Of them, the first have one and the same embedding. */
export const DUPLICATES = 3;

export const ascending = (left: number, right: number) => left - right;

const generated = generator(21);

export const points = Array.from({ length: POINTS }, (_, index) => generated.point(index));
export const queries = Array.from({ length: 12 }, () => generated.embedding());

const [first] = points;
for (const at of [1, 2]) {
  const point = points[at];
  if (point !== undefined && first !== undefined) points[at] = { ...point, embedding: first.embedding };
}

export class FilledCollection {
  private constructor(
    readonly collection: DafhCollection,
    /** Every point as it lies in Qdrant. */
    readonly stored: ReadonlyMap<string, Stored>,
    readonly close: () => Promise<void>,
  ) {}

  static async open(target: TestTarget, hashGraphLinks: number): Promise<FilledCollection> {
    const { connection, name, client } = target;
    const collection = await DafhCollection.open({ connection, name, model: TEST_MODEL, create: true, hashGraphLinks });
    await collection.upsert(points);
    await collection.optimize();
    await collection.upsert(points.slice(POINTS / 2));
    return new FilledCollection(collection, await fetchEverything(client, name), async () => {
      await collection.close();
      await target.close();
    });
  }

  /** Every stored point that a search may find, with its distance. */
  distances(query: Embedding, among = (_: Stored) => true): { point: Stored; distance: number }[] {
    const found = [...this.stored.values()].filter(among);
    return found.map((point) => ({ point, distance: hammingOf(query, point) }));
  }

  /** Ascending. */
  nearest(query: Embedding, among = (_: Stored) => true): number[] {
    return this.distances(query, among)
      .map(({ distance }) => distance)
      .sort(ascending);
  }

  at(hit: SearchHit): Stored {
    const point = this.stored.get(hit.id);
    assert.ok(point !== undefined, `hit ${hit.id} is not stored`);
    return point;
  }

  /** Ranks, payloads, and every Hamming distance counted anew from the stored hash. */
  assertHits(hits: readonly SearchHit[], query: Embedding): void {
    assert.equal(new Set(hits.map((hit) => hit.id)).size, hits.length, "a point appears twice");
    for (const [index, hit] of hits.entries()) {
      assert.equal(hit.rank, index + 1);
      assert.equal(hit.hammingDistance, hammingOf(query, this.at(hit)));
      assert.deepEqual(hit.payload, this.at(hit).payload);
    }
  }

  /** The scores are the cosines of the stored features, and the order is theirs. */
  assertCosines(hits: readonly SearchHit[], query: Embedding): void {
    const scaled = scaledQuery(query);
    const exact = hits.map((hit) => cosineOf(scaled, this.at(hit)));
    for (const [index, hit] of hits.entries()) {
      assert.ok(Math.abs(hit.score - (exact[index] ?? 0)) <= SCORE_ERROR, `${hit.score} is not ${exact[index]}`);
      assert.ok(hit.score <= (hits[index - 1]?.score ?? 2), "not in the order of the scores");
    }
    assertOrdered(exact);
  }
}
