/** Filters: all of Qdrant's grammar over known fields is let through unchanged; the rest is refused with its place. */
import assert from "node:assert/strict";
import { mergeFilter } from "../../plugin/plan/index.js";
import { DafhError, type ErrorCode, type QdrantFilter } from "../../schemas/index.js";

const ID = "5f0c4a3e-0000-5000-8000-000000000001";
const field = (key: string, predicate: object) => ({ must: [{ key, ...predicate }] });

const SOUND: Record<string, object> = {
  "no condition at all": {},
  "must, should and must_not": {
    must: [{ key: "modality", match: { value: "CT" } }],
    should: [{ key: "label", match: { any: ["a", "b"] } }],
    must_not: [{ key: "manufacturer", match: { except: ["A"] } }],
  },
  "a single condition instead of a list": { must: { key: "modality", match: { value: "CT" } } },
  "clauses that are null": { must: null, should: null },
  min_should: { min_should: { conditions: [{ key: "frame", match: { value: 1 } }], min_count: 1 } },
  "a filter in a filter": { must: [{ should: [{ must_not: [{ key: "synthetic", match: { value: true } }] }] }] },
  "a range of decimals": field("sliceThickness", { range: { gte: 1, lt: 2.5 } }),
  "a range of days and times": field("studyDate", { range: { gte: "2020-01-01", lt: "2021-06-01T12:00:00+02:00" } }),
  "a range open above": field("patientAgeYears", { range: { gte: 40, lte: null } }),
  "text in a keyword": field("manufacturer", { match: { text: "Sie" } }),
  "one element of a list": field("imageType[0]", { match: { value: "ORIGINAL" } }),
  "each element of a list": field("imageType[]", { match: { value: "AXIAL" } }),
  values_count: field("pixelSpacingMm", { values_count: { gte: 2 } }),
  "is_empty as a condition": { must: [{ is_empty: { key: "label" } }] },
  "is_null as a condition": { must_not: [{ is_null: { key: "label" } }] },
  "is_empty of a field": field("label", { is_empty: true }),
  has_id: { must_not: [{ has_id: [ID] }] },
  has_vector: { must: [{ has_vector: "features" }] },
  nested: { must: [{ nested: { key: "imageType", filter: { must: [{ has_id: [ID] }] } } }] },
};

const FAULTY: [what: string, filter: unknown, code: ErrorCode, place: string][] = [
  ["a list", [], "BAD_FILTER", "filter"],
  ["text", "modality=CT", "BAD_FILTER", "filter"],
  ["null", null, "BAD_FILTER", "filter"],
  ["a clause of another language", { filter: [] }, "BAD_FILTER", "filter"],
  ["a clause that is text", { must: "CT" }, "BAD_FILTER", "filter.must"],
  ["a condition that says nothing", { must: [{}] }, "BAD_FILTER", "filter.must[0]"],
  ["a field that is not one", field("patientName", { match: { value: "x" } }), "UNKNOWN_FIELD", "filter.must[0].key"],
  [
    "an inherited property as a field",
    field("constructor", { match: { value: "x" } }),
    "UNKNOWN_FIELD",
    "filter.must[0].key",
  ],
  ["a key that is a number", { must: [{ key: 5, match: { value: 1 } }] }, "BAD_FILTER", "filter.must[0].key"],
  [
    "brackets after a single value",
    field("modality[]", { match: { value: "CT" } }),
    "BAD_FILTER",
    "filter.must[0].key",
  ],
  ["a field without a predicate", field("modality", {}), "BAD_FILTER", "filter.must[0]"],
  ["two predicates", field("frame", { match: { value: 1 }, range: { gt: 0 } }), "BAD_FILTER", "filter.must[0]"],
  ["a predicate that is not one", field("frame", { equals: 1 }), "BAD_FILTER", "filter.must[0]"],
  ["a place on Earth", field("label", { geo_radius: {} }), "BAD_FILTER", "filter.must[0].geo_radius"],
  ["a match of nothing", field("modality", { match: {} }), "BAD_FILTER", "filter.must[0].match"],
  ["a number for a keyword", field("modality", { match: { value: 5 } }), "BAD_FILTER", "filter.must[0].match.value"],
  [
    "a number among keywords",
    field("label", { match: { any: ["a", 1] } }),
    "BAD_FILTER",
    "filter.must[0].match.any[1]",
  ],
  ["a decimal matched exactly", field("kvp", { match: { value: 120 } }), "BAD_FILTER", "filter.must[0].match.value"],
  [
    "a time matched exactly",
    field("studyDate", { match: { value: "2020" } }),
    "BAD_FILTER",
    "filter.must[0].match.value",
  ],
  ["text in a number", field("frame", { match: { text: "1" } }), "BAD_FILTER", "filter.must[0].match.text"],
  ["a range over a keyword", field("modality", { range: { gt: 1 } }), "BAD_FILTER", "filter.must[0].range"],
  ["a range without a bound", field("frame", { range: {} }), "BAD_FILTER", "filter.must[0].range"],
  ["a bound that is not one", field("frame", { range: { above: 1 } }), "BAD_FILTER", "filter.must[0].range"],
  ["a bound that is text", field("frame", { range: { gt: "1" } }), "BAD_FILTER", "filter.must[0].range.gt"],
  ["a day that is none", field("studyDate", { range: { gt: "2020-13-45" } }), "BAD_FILTER", "filter.must[0].range.gt"],
  ["an id that is none", { must: [{ has_id: ["1.2.3"] }] }, "BAD_FILTER", "filter.must[0].has_id[0]"],
  ["a vector that is none", { must: [{ has_vector: "text" }] }, "BAD_FILTER", "filter.must[0].has_vector"],
  [
    "nested in a field that is none",
    { must: [{ nested: { key: "x", filter: {} } }] },
    "UNKNOWN_FIELD",
    "filter.must[0].nested.key",
  ],
  [
    "emptiness of a field that is none",
    { should: [{ is_empty: { key: "x" } }] },
    "UNKNOWN_FIELD",
    "filter.should[0].is_empty.key",
  ],
  ["min_should without a count", { min_should: { conditions: [] } }, "BAD_FILTER", "filter.min_should.min_count"],
];

function refusal(filter: unknown): DafhError {
  try {
    mergeFilter(filter as QdrantFilter, undefined);
  } catch (error) {
    if (error instanceof DafhError) return error;
    throw error;
  }
  assert.fail(`was let through: ${JSON.stringify(filter)}`);
}

describe("a filter", () => {
  for (const [what, filter] of Object.entries(SOUND)) {
    it(`may hold ${what}, and is sent as it is`, () => {
      assert.deepEqual(mergeFilter(filter as QdrantFilter, undefined), { must: [filter] });
    });
  }

  for (const [what, filter, code, place] of FAULTY) {
    it(`is refused for ${what}`, () => {
      const error = refusal(filter);
      assert.equal(error.code, code, error.message);
      assert.equal(error.where.field, place);
    });
  }

  it("is refused when it is too deep or too wide", () => {
    let deep: object = { must: [] };
    for (let level = 0; level < 9; level++) deep = { must: [deep] };
    assert.equal(refusal(deep).code, "BAD_FILTER");
    const condition = { key: "frame", match: { value: 1 } };
    assert.equal(refusal({ should: Array.from({ length: 257 }, () => condition) }).code, "BAD_FILTER");
    assert.equal(
      refusal(field("label", { match: { any: Array.from({ length: 10_001 }, () => "a") } })).code,
      "BAD_FILTER",
    );
  });

  it("is never quoted in the refusal: a value may be about a patient", () => {
    const secret = "Jane-Doe-1970";
    for (const filter of [
      field("frame", { match: { value: secret } }),
      field("studyDate", { range: { gt: secret } }),
      { must: [{ has_id: [secret] }] },
      { must: secret },
    ]) {
      assert.doesNotMatch(JSON.stringify(refusal(filter).toBody()), /Jane/);
    }
  });
});
