/** The contract of what else ranks: examples, fusions, formulas, words, payload fields, chance. */
import assert from "node:assert/strict";
import {
  ALL_IDS,
  byCode,
  type Case,
  featuresOf,
  HASH_BITS,
  idsOf,
  near,
  query,
  sorted,
  UUID_A,
  UUID_B,
} from "./fixture.js";

export const RANKING_CASES: readonly Case[] = [
  {
    title: "query: recommend by the average of examples",
    run: async (contract) => {
      const recommend = { positive: [1, 3] };
      const answer = await query(contract, { query: { recommend }, using: "features", limit: 1 });
      assert.deepEqual(idsOf(answer), [2]);
      near(answer.points[0]?.score, 1);
    },
  },
  {
    title: "query: recommend away from negative examples",
    run: async (contract) => {
      // 2 · (40°) − (70°) points at 16°: the nearest is at 20°.
      const towards = await query(contract, {
        query: { recommend: { positive: [5], negative: [8] } },
        using: "features",
        limit: 1,
      });
      assert.deepEqual(idsOf(towards), [3]);
    },
  },
  {
    title: "query: recommend by the best score",
    run: async (contract) => {
      const recommend = { positive: [1, featuresOf(9)], strategy: "best_score" as const };
      const answer = await query(contract, { query: { recommend }, using: "features", limit: 4 });
      assert.equal(answer.points[0]?.id, 10);
      assert.deepEqual(sorted(idsOf(answer)), [2, 9, 10, UUID_A]);
    },
  },
  {
    title: "query: recommend passes over examples that have no such vector",
    run: async (contract) => {
      // Point 2 has no words, point 1 has.
      const answer = await query(contract, { query: { recommend: { positive: [2, 1] } }, using: "text", limit: 3 });
      assert.ok(answer.points.length === 3 && !idsOf(answer).includes(1));
    },
  },
  {
    title: "query: discover towards a target, within the context of a pair",
    run: async (contract) => {
      const discover = { target: featuresOf(0), context: [{ positive: featuresOf(0), negative: featuresOf(9) }] };
      assert.deepEqual(idsOf(await query(contract, { query: { discover }, using: "features", limit: 3 })), [1, 2, 3]);
    },
  },
  {
    title: "query: maximal marginal relevance spreads the results",
    run: async (contract) => {
      const mmr = { diversity: 0.9, candidates_limit: 12 };
      const answer = await query(contract, { query: { nearest: featuresOf(0), mmr }, using: "features", limit: 2 });
      assert.deepEqual(idsOf(answer), [1, UUID_B]);
      assert.ok(answer.points.every((point) => !point.vector));
    },
  },
  {
    title: "query: reciprocal rank fusion of two lists",
    run: async (contract) => {
      const prefetch = [byCode(3), { query: featuresOf(2), using: "features", limit: 3 }];
      const answer = await query(contract, { prefetch, query: { fusion: "rrf" }, limit: 10 });
      assert.deepEqual(sorted(idsOf(answer)), [1, 2, 3, 4]);
      // Point 3 is third by code and first by features: 1 / (2 + 2) + 1 / (2 + 0).
      near(answer.points.find((point) => point.id === 3)?.score, 0.75, 1e-6);
    },
  },
  {
    title: "query: reciprocal rank fusion with a k of one's own",
    run: async (contract) => {
      const prefetch = [byCode(3), { query: featuresOf(2), using: "features", limit: 3 }];
      const answer = await query(contract, { prefetch, query: { rrf: { k: 60 } }, limit: 10 });
      near(answer.points.find((point) => point.id === 3)?.score, 1 / 62 + 1 / 60, 1e-6);
    },
  },
  {
    title: "query: distribution-based score fusion",
    run: async (contract) => {
      const prefetch = [byCode(4), { query: featuresOf(0), using: "features", limit: 4 }];
      const answer = await query(contract, { prefetch, query: { fusion: "dbsf" }, limit: 10 });
      assert.deepEqual(idsOf(answer), [1, 2, 3, 4]);
    },
  },
  {
    title: "query: a formula over the score and the payload",
    run: async (contract) => {
      const formula = { sum: ["$score", { mult: [100, { key: "modality", match: { value: "MR" } }] }] };
      const answer = await query(contract, {
        prefetch: byCode(5),
        query: { formula },
        limit: 2,
        with_payload: ["modality"],
      });
      assert.deepEqual(idsOf(answer), [4, 5]);
      near(answer.points[0]?.score, 100 + HASH_BITS - 6, 1e-4);
    },
  },
  {
    title: "query: sparse vectors",
    run: async (contract) => {
      const answer = await query(contract, { query: { indices: [1, 14], values: [1, 2] }, using: "text", limit: 10 });
      assert.equal(answer.points.length, 6);
      assert.equal(answer.points[0]?.id, 5);
      near(answer.points[0]?.score, 2, 1e-6);
    },
  },
  {
    title: "query: order_by a payload field, those without it left out",
    run: async (contract) => {
      const answer = await query(contract, { query: { order_by: { key: "thickness", direction: "desc" } }, limit: 3 });
      assert.deepEqual(idsOf(answer), [UUID_B, UUID_A, 2]);
      assert.equal((await query(contract, { query: { order_by: "thickness" }, limit: 100 })).points.length, 11);
    },
  },
  {
    title: "query: order_by among Hamming candidates",
    run: async (contract) => {
      const answer = await query(contract, { prefetch: byCode(4), query: { order_by: "thickness" }, limit: 2 });
      assert.deepEqual(idsOf(answer), [3, 1]);
    },
  },
  {
    title: "query: a random sample holds distinct stored points",
    run: async (contract) => {
      const ids = idsOf(await query(contract, { query: { sample: "random" }, limit: 8 }));
      assert.equal(new Set(ids).size, 8);
      assert.ok(ids.every((id) => ALL_IDS.includes(id)));
    },
  },
];
