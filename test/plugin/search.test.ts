/**
 * What a search answers, in every mode, held against the same thing recomputed outside the engine: every Hamming
 * distance, every score, the candidates, the order, the cut.
 */
import assert from "node:assert/strict";
import { codeToHex, type Embedding, packCode, type SearchHit, type SearchRequest } from "../../schemas/index.js";
import { errorOf, TARGETS } from "./engine.js";
import { ascending, DUPLICATES, FilledCollection, POINTS, points, queries } from "./filled-collection.js";
import { TEST_MODEL } from "./generated.js";
import { cosineOf, SCORE_ERROR, scaledQuery } from "./recomputed.js";

const K = TEST_MODEL.hashBits;

/** So few points are scanned even where the collection has a graph; what is held to there is that its queries work. */
const CASES = TARGETS.flatMap(({ what, open }) => [0, 16].map((hashGraphLinks) => ({ what, open, hashGraphLinks })));

for (const { what, open, hashGraphLinks } of CASES) {
  describe(`a search in ${what}, ${hashGraphLinks === 0 ? "without" : "with"} a graph of codes`, function () {
    this.timeout(120_000);
    let filled: FilledCollection;

    before(async () => {
      filled = await FilledCollection.open(await open(), hashGraphLinks);
    });
    after(async () => {
      await filled?.close();
    });

    it("has every point to search in, with the code of its hash", () => {
      assert.equal(filled.stored.size, POINTS);
      for (const point of points) {
        const found = filled.stored.get(point.id);
        assert.ok(found !== undefined);
        assert.equal(found.payload.code, codeToHex(packCode(Float32Array.from(found.hash))));
        assert.equal(found.payload.modelDigest, TEST_MODEL.digest);
      }
    });

    it("by the code alone gives the nearest codes, scored K − 2 · Hamming, and tells whether the cut goes through a tie", async () => {
      const ties: (boolean | null)[] = [];
      for (const embedding of queries) {
        for (const limit of [1, 10, 100]) {
          const { hits, plan } = await filled.collection.search({ query: { embedding }, mode: "hamming", limit });
          filled.assertHits(hits, embedding);
          for (const hit of hits) assert.equal(hit.score, K - 2 * hit.hammingDistance);
          const nearest = filled.nearest(embedding);
          assert.deepEqual(
            hits.map((hit) => hit.hammingDistance),
            nearest.slice(0, limit),
          );
          assert.equal(plan.cutThroughTie, nearest[limit - 1] === nearest[limit]);
          ties.push(plan.cutThroughTie);
        }
      }
      assert.ok(ties.includes(true) && ties.includes(false), "the test saw both");
    });

    it("in two stages takes the nearest codes and orders them by the cosine of their features", async () => {
      for (const embedding of queries) {
        for (const candidateLimit of [50, 200]) {
          const request: SearchRequest = { query: { embedding }, limit: candidateLimit, candidateLimit };
          const { hits } = await filled.collection.search(request);
          filled.assertHits(hits, embedding);
          assert.equal(hits.length, candidateLimit);
          assertCandidates(hits, embedding, candidateLimit);
          filled.assertCosines(hits, embedding);
          const first = await filled.collection.search({ ...request, limit: 10 });
          assert.deepEqual(
            first.hits.map((hit) => hit.score),
            hits.slice(0, 10).map((hit) => hit.score),
          );
        }
      }
    });

    /** All that is nearer than the last candidate, nothing that is further, and of those as near as it any. */
    function assertCandidates(hits: readonly SearchHit[], query: Embedding, candidateLimit: number): void {
      const all = filled.distances(query);
      const edge = all.map(({ distance }) => distance).sort(ascending)[candidateLimit - 1];
      assert.ok(edge !== undefined);
      const found = new Set(hits.map((hit) => hit.id));
      for (const { point, distance } of all) {
        if (distance < edge) assert.ok(found.has(point.id), `a candidate at ${distance} of ${edge} is missing`);
        if (distance > edge) assert.ok(!found.has(point.id), `a candidate at ${distance} of ${edge} is too far`);
      }
    }

    it("by the features alone finds the nearest of all points", async () => {
      for (const embedding of queries) {
        const { hits, plan } = await filled.collection.search({ query: { embedding }, mode: "float", limit: 50 });
        filled.assertHits(hits, embedding);
        filled.assertCosines(hits, embedding);
        assert.equal(plan.candidateLimit, null);
        const found = new Set(hits.map((hit) => hit.id));
        const scaled = scaledQuery(embedding);
        const last = Math.min(...hits.map((hit) => hit.score));
        for (const point of filled.stored.values()) {
          if (cosineOf(scaled, point) > last + 2 * SCORE_ERROR)
            assert.ok(found.has(point.id), "a nearer one is missing");
        }
      }
    });

    it("within a Hamming radius finds all there is and nothing beyond", async () => {
      for (const embedding of queries) {
        for (const hammingRadius of [0, 6, 9, 64]) {
          const within = filled.distances(embedding).filter(({ distance }) => distance <= hammingRadius);
          const ids = within.map(({ point }) => point.id).sort();
          const request = { query: { embedding }, hammingRadius, limit: 1_000 };
          const hamming = await filled.collection.search({ ...request, mode: "hamming" });
          const staged = await filled.collection.search({ ...request, candidateLimit: POINTS });
          for (const { hits } of [hamming, staged]) {
            filled.assertHits(hits, embedding);
            assert.ok(hits.every((hit) => hit.hammingDistance <= hammingRadius));
            if (within.length <= 1_000) assert.deepEqual(hits.map((hit) => hit.id).sort(), ids);
            else assert.equal(hits.length, 1_000);
          }
        }
      }
    });

    it("of a stored code finds its exact duplicates at distance 0", async () => {
      const [first] = points;
      assert.ok(first !== undefined);
      const request: SearchRequest = { query: { embedding: first.embedding }, mode: "hamming", hammingRadius: 0 };
      const { hits } = await filled.collection.search(request);
      assert.deepEqual(
        hits.map((hit) => hit.id).sort(),
        points
          .slice(0, DUPLICATES)
          .map((point) => point.id)
          .sort(),
      );
    });

    it("by the id of a stored instance uses what is stored and leaves the instance itself out", async () => {
      const [first, second] = points;
      assert.ok(first !== undefined && second !== undefined);
      const { hits } = await filled.collection.search({ query: { id: first.id }, limit: 100, candidateLimit: 100 });
      assert.ok(!hits.some((hit) => hit.id === first.id));
      assert.ok(hits.slice(0, 2).every((hit) => hit.hammingDistance === 0 && hit.score > 0.999));
      const [fetched] = await filled.collection.fetch([first.id], { withEmbedding: true });
      assert.ok(fetched?.embedding !== undefined);
      const byEmbedding = await filled.collection.search({
        query: { embedding: fetched.embedding },
        filter: { must_not: [{ has_id: [first.id] }] },
        limit: 100,
        candidateLimit: 100,
      });
      assert.deepEqual(
        hits.map((hit) => hit.score),
        byEmbedding.hits.map((hit) => hit.score),
      );
      const unknown = "00000000-0000-5000-8000-000000000000";
      await assert.rejects(filled.collection.search({ query: { id: unknown } }), errorOf("INSTANCE_NOT_FOUND"));
    });

    it("says how long it took, Qdrant and all together", async () => {
      const [embedding] = queries;
      assert.ok(embedding !== undefined);
      const { timingsMs, plan } = await filled.collection.search({ query: { embedding } });
      assert.ok(timingsMs.engine > 0 && timingsMs.engine <= timingsMs.total);
      assert.deepEqual(plan, {
        mode: "two-stage",
        limit: 10,
        candidateLimit: 200,
        hammingRadius: null,
        groupBy: null,
        cutThroughTie: null,
      });
    });

    it("is refused for an embedding of another model's size", async () => {
      const [embedding] = queries;
      assert.ok(embedding !== undefined);
      const short = { ...embedding, hash: embedding.hash.slice(0, 32) };
      await assert.rejects(filled.collection.search({ query: { embedding: short } }), errorOf("MODEL_MISMATCH"));
    });
  });
}
