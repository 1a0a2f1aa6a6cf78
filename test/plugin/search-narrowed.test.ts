/**
 * Searches narrowed to a part of what is stored, by filter, by modality and by group, held against the same thing worked
 * out outside the engine.
 */
import assert from "node:assert/strict";
import type { QdrantFilter } from "../../schemas/index.js";
import { TARGETS } from "./engine.js";
import { ascending, FilledCollection, POINTS, points, queries } from "./filled-collection.js";
import { TEST_MODEL } from "./generated.js";
import type { Stored } from "./recomputed.js";

const [tenth] = points.slice(10);
const FILTERS: [what: string, filter: QdrantFilter, holds: (point: Stored) => boolean][] = [
  [
    "must",
    {
      must: [
        { key: "modality", match: { value: "CT" } },
        { key: "patientSex", match: { value: "F" } },
      ],
    },
    ({ payload }) => payload.modality === "CT" && payload.patientSex === "F",
  ],
  [
    "should",
    {
      should: [
        { key: "bodyPartExamined", match: { any: ["HEAD"] } },
        { key: "manufacturer", match: { value: "A" } },
      ],
    },
    ({ payload }) => payload.bodyPartExamined === "HEAD" || payload.manufacturer === "A",
  ],
  [
    "must_not",
    { must_not: [{ key: "modality", match: { any: ["CT", "MR"] } }] },
    ({ payload }) => payload.modality === "PT",
  ],
  [
    "a range of numbers",
    { must: [{ key: "sliceThickness", range: { gte: 1.25, lt: 5 } }] },
    ({ payload }) => (payload.sliceThickness ?? 0) >= 1.25 && (payload.sliceThickness ?? 0) < 5,
  ],
  [
    "a range of days",
    { must: [{ key: "studyDate", range: { gte: "2015-01-01", lt: "2020-01-01" } }] },
    ({ payload }) => Number(payload.studyDate?.slice(0, 4)) >= 2015 && Number(payload.studyDate?.slice(0, 4)) < 2020,
  ],
  [
    "filters in a filter",
    {
      must: [
        {
          should: [
            { key: "modality", match: { value: "CT" } },
            { key: "modality", match: { value: "PT" } },
          ],
        },
        { must_not: [{ key: "patientAgeYears", range: { lt: 50 } }] },
      ],
    },
    ({ payload }) => payload.modality !== "MR" && (payload.patientAgeYears ?? 0) >= 50,
  ],
  ["has_id", { must: [{ has_id: [tenth?.id ?? ""] }] }, (point) => point.id === tenth?.id],
  ["is_empty", { must: [{ is_empty: { key: "label" } }] }, ({ payload }) => payload.label === undefined],
  [
    "a field without an index",
    { must: [{ key: "instanceNumber", range: { lt: 5 } }] },
    ({ payload }) => (payload.instanceNumber ?? 9) < 5,
  ],
];

for (const { what, open } of TARGETS) {
  describe(`a narrowed search in ${what}`, function () {
    this.timeout(120_000);
    let filled: FilledCollection;

    before(async () => {
      filled = await FilledCollection.open(await open(), 0);
    });
    after(async () => {
      await filled?.close();
    });

    for (const [what, filter, holds] of FILTERS) {
      it(`under a filter finds what matches and nothing else: ${what}`, async () => {
        const matching = [...filled.stored.values()].filter(holds);
        assert.ok(matching.length > 0 && matching.length < POINTS + 1);
        assert.equal(await filled.collection.count(filter), matching.length);
        for (const embedding of queries.slice(0, 4)) {
          const nearest = filled.nearest(embedding, holds);
          const hamming = await filled.collection.search({ query: { embedding }, mode: "hamming", limit: 50, filter });
          filled.assertHits(hamming.hits, embedding);
          assert.deepEqual(
            hamming.hits.map((hit) => hit.hammingDistance),
            nearest.slice(0, 50),
          );
          for (const mode of ["two-stage", "float"] as const) {
            const { hits } = await filled.collection.search({ query: { embedding }, mode, limit: 50, filter });
            filled.assertHits(hits, embedding);
            filled.assertCosines(hits, embedding);
            assert.equal(hits.length, Math.min(50, matching.length));
            assert.ok(hits.every((hit) => holds(filled.at(hit))));
          }
        }
      });
    }

    it("of some modalities finds none of another, also together with a filter", async () => {
      const filter = { must_not: [{ key: "bodyPartExamined", match: { value: "HEAD" } }] };
      for (const mode of ["two-stage", "hamming", "float"] as const) {
        for (const embedding of queries.slice(0, 3)) {
          const request = { query: { embedding }, mode, modality: ["MR", "PT"], filter, limit: 100 };
          const { hits } = await filled.collection.search(request);
          assert.equal(hits.length, 100);
          assert.ok(hits.every(({ payload }) => payload.modality !== "CT" && payload.bodyPartExamined !== "HEAD"));
        }
      }
    });

    for (const [groupBy, field] of [
      ["series", "seriesInstanceUid"],
      ["study", "studyInstanceUid"],
      ["patient", "patientKey"],
    ] as const) {
      it(`grouped by ${groupBy} ranks groups by their best hit and gives each one's best`, async () => {
        for (const embedding of queries.slice(0, 4)) {
          const request = { query: { embedding }, groupBy, groupSize: 2, limit: 5 } as const;
          const { hits, groups = [], plan } = await filled.collection.search({ ...request, mode: "hamming" });
          assert.deepEqual(hits, []);
          assert.equal(plan.groupBy, groupBy);
          assert.equal(groups.length, 5);
          const best = new Map<string, number[]>();
          for (const { point, distance } of filled.distances(embedding)) {
            const key = String(point.payload[field]);
            best.set(key, [...(best.get(key) ?? []), distance].sort(ascending).slice(0, 2));
          }
          for (const group of groups) {
            filled.assertHits(group.hits, embedding);
            assert.ok(group.hits.every((hit) => hit.payload[field] === group.key));
            assert.deepEqual(
              group.hits.map((hit) => hit.hammingDistance),
              best.get(group.key),
            );
          }
          assert.deepEqual(
            groups.map((group) => group.hits[0]?.hammingDistance),
            [...best.values()]
              .map(([nearest = TEST_MODEL.hashBits]) => nearest)
              .sort(ascending)
              .slice(0, 5),
          );
          const staged = await filled.collection.search({ ...request, candidateLimit: 100 });
          const scores = staged.groups?.map((group) => group.hits[0]?.score ?? -1) ?? [];
          assert.equal(scores.length, 5);
          assert.deepEqual(
            scores,
            [...scores].sort((left, right) => right - left),
          );
          for (const group of staged.groups ?? []) {
            filled.assertHits(group.hits, embedding);
            filled.assertCosines(group.hits, embedding);
            assert.ok(group.hits.length <= 2 && group.hits.every((hit) => hit.payload[field] === group.key));
          }
        }
      });
    }
  });
}
