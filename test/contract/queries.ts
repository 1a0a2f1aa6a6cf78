/** The contract of queries: the Hamming stage, two stages in one request, what comes with a result, and batches. */
import assert from "node:assert/strict";
import {
  ALL_IDS,
  ALL_ONES,
  byCode,
  type Case,
  cosine,
  featuresOf,
  HAMMING,
  HASH_BITS,
  hashOf,
  idsOf,
  near,
  POINTS,
  query,
  UUID_A,
  UUID_B,
  vectorOf,
} from "./fixture.js";

export const QUERY_CASES: readonly Case[] = [
  {
    title: "query: the score of the Hamming stage is K − 2 · Hamming, for every point",
    run: async (contract) => {
      const { points } = await query(contract, byCode(100));
      assert.deepEqual(
        points.map((point) => point.score),
        POINTS.map((_, n) => HASH_BITS - 2 * n),
      );
    },
  },
  {
    title: "query: a bit is 1 only above zero; zero and below are 0, in the query too",
    run: async (contract) => {
      const zeros = ALL_ONES.map((_, bit) => (bit < 8 ? 0 : 1));
      const negatives = ALL_ONES.map((_, bit) => (bit < 8 ? -3 : 1));
      const [one, other] = await Promise.all(
        [zeros, negatives].map((code) => query(contract, { ...byCode(100), query: code })),
      );
      assert.deepEqual(one?.points, other?.points);
      assert.equal(one?.points[0]?.id, POINTS[8]?.id);
      assert.equal(one?.points[0]?.score, HASH_BITS);
    },
  },
  {
    title: "query: with rescoring, the floats themselves rank",
    run: async (contract) => {
      const { points } = await query(contract, {
        ...byCode(3),
        params: { quantization: { rescore: true, oversampling: 10 } },
      });
      const dot = (n: number): number => hashOf(n).reduce((sum, value) => sum + value, 0);
      const best = POINTS.map(({ id }, n) => ({ id, score: dot(n) })).sort((a, b) => b.score - a.score);
      assert.equal(points[0]?.id, best[0]?.id);
      near(points[0]?.score, best[0]?.score ?? Number.NaN, 1e-5);
    },
  },
  {
    title: "query: exact switches quantization off",
    run: async (contract) => {
      const { points } = await query(contract, { ...byCode(1), params: { exact: true } });
      near(points[0]?.score, Math.max(...POINTS.map((_, n) => hashOf(n).reduce((sum, value) => sum + value, 0))), 1e-5);
    },
  },
  {
    title: "query: quantization.ignore compares the floats",
    run: async (contract) => {
      const ignored = await query(contract, { ...byCode(12), params: { quantization: { ignore: true } } });
      const exact = await query(contract, { ...byCode(12), params: { exact: true } });
      assert.deepEqual(ignored.points, exact.points);
    },
  },
  {
    title: "query: a score threshold is exclusive: K − 2r − 1 cuts by the Hamming radius r, K − 2r within it",
    run: async (contract) => {
      const cut = async (score_threshold: number) => idsOf(await query(contract, { ...byCode(100), score_threshold }));
      assert.deepEqual(await cut(HASH_BITS - 2 * 3 - 1), [1, 2, 3, 4]);
      assert.deepEqual(await cut(HASH_BITS - 2 * 3), [1, 2, 3]);
    },
  },
  {
    title: "query: limit and offset",
    run: async (contract) => assert.deepEqual(idsOf(await query(contract, { ...byCode(3), offset: 2 })), [3, 4, 5]),
  },
  {
    title: "query: ten results unless told, without payload and vectors",
    run: async (contract) => {
      const { points } = await query(contract, { query: ALL_ONES, using: "hash", params: HAMMING });
      assert.equal(points.length, 10);
      assert.ok(points.every((point) => !point.payload && !point.vector && typeof point.version === "number"));
    },
  },
  {
    title: "query: payload and vectors on request, the cosine vectors normalised",
    run: async (contract) => {
      const { points } = await query(contract, { ...byCode(2), with_payload: true, with_vector: ["features"] });
      assert.deepEqual(points[1]?.payload, POINTS[1]?.payload);
      near(vectorOf(points[1], "features")[0], cosine(10));
      assert.deepEqual(Object.keys(points[1]?.vector as object), ["features"]);
    },
  },
  {
    title: "query: payload fields by list, by include and by exclude",
    run: async (contract) => {
      const of = async (with_payload: string[] | { include: string[] } | { exclude: string[] }) =>
        (await query(contract, { ...byCode(1), with_payload })).points[0]?.payload;
      assert.deepEqual(await of(["modality", "device.maker"]), { modality: "CT", device: { maker: "Acme" } });
      assert.deepEqual(await of({ include: ["frame"] }), { frame: 1 });
      const rest = await of({ exclude: ["findings", "note", "device"] });
      assert.ok(rest && "modality" in rest && !("note" in rest) && !("device" in rest));
    },
  },
  {
    title: "query: cosine over features, whatever the vectors' lengths",
    run: async (contract) => {
      const { points } = await query(contract, { query: [7, 0, 0, 0], using: "features", limit: 3 });
      assert.deepEqual(
        points.map((point) => point.id),
        [1, 2, 3],
      );
      near(points[2]?.score, cosine(20));
    },
  },
  {
    title: "query: a filter narrows the Hamming stage",
    run: async (contract) => {
      const filter = { must: [{ key: "modality", match: { value: "MR" } }] };
      assert.deepEqual(idsOf(await query(contract, { ...byCode(10), filter })), [4, 5, 6, UUID_A]);
    },
  },
  {
    title: "query: two stages: Hamming candidates, ranked by their features",
    run: async (contract) => {
      const answer = await query(contract, {
        prefetch: byCode(5),
        query: featuresOf(10),
        using: "features",
        limit: 10,
      });
      assert.deepEqual(idsOf(answer), [5, 4, 3, 2, 1]);
      for (const [rank, point] of answer.points.entries()) near(point.score, cosine(60 + 10 * rank));
    },
  },
  {
    title: "query: two stages: the root's filter narrows the candidates already",
    run: async (contract) => {
      const filter = { must: [{ key: "modality", match: { value: "PT" } }] };
      const answer = await query(contract, {
        prefetch: byCode(2),
        query: featuresOf(10),
        using: "features",
        filter,
        limit: 10,
      });
      assert.deepEqual(idsOf(answer), [8, 7]);
    },
  },
  {
    title: "query: two stages: a prefetch's own filter and threshold",
    run: async (contract) => {
      const filter = { must_not: [{ has_id: [2] }] };
      const prefetch = { ...byCode(100), filter, score_threshold: HASH_BITS - 2 * 4 - 1 };
      assert.deepEqual(
        idsOf(await query(contract, { prefetch, query: featuresOf(0), using: "features" })),
        [1, 3, 4, 5],
      );
    },
  },
  {
    title: "query: prefetches may be nested",
    run: async (contract) => {
      const prefetch = { prefetch: byCode(6), query: featuresOf(5), using: "features", limit: 2 };
      assert.deepEqual(
        idsOf(await query(contract, { prefetch, query: ALL_ONES, using: "hash", params: HAMMING })),
        [5, 6],
      );
    },
  },
  {
    title: "query: a stored point by its id, which is then left out",
    run: async (contract) => {
      assert.deepEqual(idsOf(await query(contract, { query: 3, using: "features", limit: 2 })).sort(), [2, 4]);
      const byUuid = await query(contract, { query: UUID_A, using: "hash", params: HAMMING, limit: 20 });
      assert.ok(!idsOf(byUuid).includes(UUID_A));
      assert.equal(byUuid.points.length, ALL_IDS.length - 1);
    },
  },
  {
    title: "query: two stages by a stored point's id in both: left out of the candidates and of the results",
    run: async (contract) => {
      const prefetch = { query: 1, using: "hash", limit: 4, params: HAMMING };
      assert.deepEqual(idsOf(await query(contract, { prefetch, query: 1, using: "features" })), [2, 3, 4, 5]);
    },
  },
  {
    title: "query: nearest written out is nearest",
    run: async (contract) => {
      const written = await query(contract, { ...byCode(4), query: { nearest: ALL_ONES } });
      assert.deepEqual(written.points, (await query(contract, byCode(4))).points);
    },
  },
  {
    title: "query: without a query, points in the order of their ids",
    run: async (contract) => assert.deepEqual(idsOf(await query(contract, { limit: 3 })), [1, 2, 3]),
  },
  {
    title: "query batch: one answer a query, in their order",
    run: async ({ client, collection }) => {
      const answers = await client.queryBatch(collection, {
        searches: [byCode(2), { query: featuresOf(11), using: "features", limit: 1 }],
      });
      assert.deepEqual(
        answers.map((answer) => answer.points.map((point) => point.id)),
        [[1, 2], [UUID_B]],
      );
    },
  },
];
