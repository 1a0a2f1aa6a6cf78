/** From text fields and JSON to the domain's request: what is taken, what is refused, and as what. */
import assert from "node:assert/strict";
import { plainFromFields } from "../../gateway/mapping/fields.js";
import { toEmbedding, toSearchRequest } from "../../gateway/mapping/search-request.js";
import { validated } from "../../gateway/mapping/validated.js";
import { EmbeddingBody, FacetsQuery, SearchBody } from "../../schemas/dto.js";
import { DafhError, type ErrorCode, type ModelInfo } from "../../schemas/index.js";

const MODEL: ModelInfo = { name: "test", digest: "00", hashBits: 4, prefixBits: [4], featureSize: 2 };

describe("fields of a form", () => {
  it("become numbers, flags, lists and objects", () => {
    const fields = {
      limit: "5",
      queryPreview: "true",
      modality: ["CT", "MR,PT"],
      filter: '{"must":[]}',
      mode: "float",
    };
    assert.deepEqual(plainFromFields(fields), {
      limit: 5,
      queryPreview: true,
      modality: ["CT", "MR", "PT"],
      filter: { must: [] },
      mode: "float",
    });
  });

  it("that were left empty are as if they were absent", () => {
    assert.deepEqual(plainFromFields({ limit: "", filter: "", groupBy: "" }), {});
  });

  it("that are no numbers stay text, for the validation to refuse", () => {
    for (const text of ["NaN", "1e3", "0x10", " 5", "5.5", "Infinity"]) {
      assert.equal(plainFromFields({ limit: text }).limit, text);
    }
  });

  it("with a filter that is not JSON are refused", () => {
    refused(() => plainFromFields({ filter: "{must" }), "BAD_FILTER", "filter");
  });
});

describe("a search's body", () => {
  it("keeps a filter as it came, whatever its keys are", () => {
    const filter = {
      must: [{ key: "modality", match: { any: ["CT"] } }],
      min_should: { conditions: [], min_count: 1 },
    };
    assert.deepEqual(toSearchRequest(validated(SearchBody, { filter }), { id: "x" }), { query: { id: "x" }, filter });
  });

  it("asks for every modality with an empty list", () => {
    const body = validated(SearchBody, { modality: [], limit: null });
    assert.deepEqual(toSearchRequest(body, { id: "x" }), { query: { id: "x" } });
  });

  const refusals: [string, unknown, ErrorCode, string | undefined][] = [
    ["a limit of 0", { limit: 0 }, "BAD_OPTION", "limit"],
    ["a limit of 10⁹", { limit: 1e9 }, "BAD_OPTION", "limit"],
    ["a limit that is text", { limit: "10" }, "BAD_OPTION", "limit"],
    ["half a frame", { frame: 1.5 }, "BAD_OPTION", "frame"],
    ["an unknown mode", { mode: "fast" }, "BAD_OPTION", "mode"],
    ["an unknown group", { groupBy: "ward" }, "BAD_OPTION", "groupBy"],
    ["a modality that DICOM could not write", { modality: ["ct"] }, "BAD_OPTION", "modality"],
    ["an id that is no UUID", { id: "1" }, "BAD_OPTION", "id"],
    ["a filter that is a list", { filter: [] }, "BAD_FILTER", "filter"],
    ["a field that it does not have", { limits: 5 }, "BAD_REQUEST", "limits"],
    [
      "such a field in an embedding",
      { embedding: { hash: "", features: "", code: "" } },
      "BAD_REQUEST",
      "embedding.code",
    ],
    ["half an embedding", { embedding: { hash: "AAAA" } }, "BAD_OPTION", "embedding.features"],
    ["a list in place of an object", [], "BAD_REQUEST", undefined],
    ["nothing", null, "BAD_REQUEST", undefined],
  ];
  for (const [what, body, code, field] of refusals) {
    it(`is refused with ${what}`, () => refused(() => validated(SearchBody, body), code, field));
  }

  it("takes nothing from __proto__ or constructor", () => {
    const body = validated(SearchBody, JSON.parse('{"__proto__":{"limit":5},"constructor":{"prototype":{"limit":6}}}'));
    assert.equal(body.limit, undefined);
    assert.equal(body.constructor, SearchBody);
  });

  it("of a hundred thousand brackets is refused without a stack overflow", () => {
    const deep: unknown = JSON.parse(`{"filter":${'{"must":['.repeat(100_000)}${"]}".repeat(100_000)}}`);
    refused(() => validated(SearchBody, deep), "BAD_REQUEST");
  });
});

describe("a facet's query", () => {
  it("is refused for a field that the payload does not have", () => {
    refused(() => validated(FacetsQuery, { field: "patientName" }), "UNKNOWN_FIELD", "field");
  });
});

describe("a base64 embedding", () => {
  const base64 = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer).toString("base64");
  const body = (hash: string, features: string) => Object.assign(new EmbeddingBody(), { hash, features });

  it("is read as float32, little endian", () => {
    const { hash, features } = toEmbedding(body(base64(1, -2, 0.5, 0), base64(3, 4)), MODEL);
    assert.deepEqual([...hash], [1, -2, 0.5, 0]);
    assert.deepEqual([...features], [3, 4]);
  });

  it("is refused where a vector has another length than the model's", () => {
    refused(() => toEmbedding(body(base64(1, 2, 3), base64(3, 4)), MODEL), "BAD_OPTION", "embedding.hash");
    refused(() => toEmbedding(body(base64(1, 2, 3, 4), "AAA="), MODEL), "BAD_OPTION", "embedding.features");
  });

  it("is refused with NaN or infinity in it", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      refused(() => toEmbedding(body(base64(1, 2, 3, bad), base64(3, 4)), MODEL), "BAD_OPTION", "embedding.hash");
    }
  });
});

function refused(work: () => unknown, code: ErrorCode, field?: string): void {
  assert.throws(work, (thrown) => {
    assert.ok(thrown instanceof DafhError, String(thrown));
    assert.equal(thrown.code, code, thrown.message);
    if (field !== undefined) assert.equal(thrown.where.field, field);
    return true;
  });
}
