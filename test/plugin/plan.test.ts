/** Planning: what is asked becomes what Qdrant is sent, and nothing that Qdrant would answer wrongly gets through. */
import assert from "node:assert/strict";
import { planRetrieval, toQdrantQuery } from "../../plugin/plan/index.js";
import { DafhError, type ErrorCode, type SearchRequest } from "../../schemas/index.js";
import { generator } from "./generated.js";

const embedding = generator(1).embedding();
const scan = { hashBits: 64, graph: false };
const plan = (options: Omit<SearchRequest, "query"> = {}) => planRetrieval({ query: { embedding }, ...options }, 64);
const body = (options: Omit<SearchRequest, "query"> = {}, stage = scan) =>
  toQdrantQuery(plan(options), embedding, stage).body;

function refuses(options: object, code: ErrorCode, field: string): void {
  assert.throws(
    () => planRetrieval({ query: { embedding }, ...options } as SearchRequest, 64),
    (error) => {
      assert.ok(error instanceof DafhError, String(error));
      assert.equal(error.code, code, error.message);
      assert.equal(error.where.field, field);
      return true;
    },
    JSON.stringify(options),
  );
}

describe("the plan of a search", () => {
  it("asks for 10 results in two stages over 200 candidates unless told", () => {
    assert.deepEqual(plan(), {
      mode: "two-stage",
      limit: 10,
      candidateLimit: 200,
      hammingRadius: null,
      filter: null,
      grouping: null,
    });
  });

  it("puts Hamming candidates and their float order into one request", () => {
    assert.deepEqual(body({ limit: 5, candidateLimit: 50 }), {
      prefetch: {
        query: Array.from(embedding.hash),
        using: "hash",
        params: { quantization: { rescore: false } },
        limit: 50,
      },
      query: Array.from(embedding.features),
      using: "features",
      with_payload: true,
      with_vector: false,
      limit: 5,
    });
  });

  it("asks for one result more in mode hamming, to know about ties", () => {
    const { limit, using, params } = body({ mode: "hamming", limit: 7 }) as Record<string, unknown>;
    assert.deepEqual(
      { limit, using, params },
      { limit: 8, using: "hash", params: { quantization: { rescore: false } } },
    );
  });

  it("compares every point exactly in mode float", () => {
    const { using, params, prefetch } = body({ mode: "float" });
    assert.deepEqual({ using, params, prefetch }, { using: "features", params: { exact: true }, prefetch: undefined });
  });

  it("cuts by a score between the radius and the next distance", () => {
    assert.equal(body({ mode: "hamming", hammingRadius: 10 }).score_threshold, 43);
    const { prefetch } = body({ hammingRadius: 0 });
    assert.equal(Reflect.get(prefetch ?? {}, "score_threshold"), 63);
  });

  it("joins modality, the caller's filter and the query's own id", () => {
    const id = "5f0c4a3e-0000-5000-8000-000000000001";
    const filter = { must_not: [{ key: "patientSex", match: { value: "M" } }] };
    assert.deepEqual(planRetrieval({ query: { id }, modality: ["CT", "MR"], filter }, 64).filter, {
      must: [{ key: "modality", match: { any: ["CT", "MR"] } }, filter],
      must_not: [{ has_id: [id] }],
    });
    assert.deepEqual(planRetrieval({ query: { id } }, 64).filter, { must_not: [{ has_id: [id] }] });
  });

  it("filters the candidates, in every mode", () => {
    const filter = { must: [{ key: "modality", match: { any: ["PT"] } }] };
    assert.deepEqual(body({ mode: "hamming", modality: ["PT"] }).filter, filter);
    assert.deepEqual(body({ mode: "float", modality: ["PT"] }).filter, filter);
    assert.deepEqual(Reflect.get(body({ modality: ["PT"] }).prefetch ?? {}, "filter"), filter);
  });

  it("asks for ACORN where a graph is walked under a filter, and only there", () => {
    const graph = { hashBits: 64, graph: true };
    const params = (stage: typeof graph, modality?: string[]) =>
      body({ mode: "hamming", ...(modality ? { modality } : {}) }, stage).params;
    assert.deepEqual(params(graph, ["CT"]), { quantization: { rescore: false }, acorn: { enable: true } });
    assert.deepEqual(params(graph), { quantization: { rescore: false } });
    assert.deepEqual(params(scan, ["CT"]), { quantization: { rescore: false } });
  });

  it("groups by the field that series, study and patient are, and takes enough candidates for the groups", () => {
    const query = toQdrantQuery(plan({ groupBy: "study", limit: 100 }), embedding, scan);
    assert.equal(query.kind, "groups");
    const { group_by, group_size, limit, prefetch } = query.body as Record<string, unknown>;
    assert.deepEqual({ group_by, group_size, limit }, { group_by: "studyInstanceUid", group_size: 3, limit: 100 });
    assert.equal(Reflect.get(prefetch as object, "limit"), 300);
    assert.equal(plan({ groupBy: "series" }).grouping?.field, "seriesInstanceUid");
    assert.equal(plan({ groupBy: "patient" }).grouping?.field, "patientKey");
  });

  it("refuses what is out of range, saying which option", () => {
    for (const limit of [0, -1, 1.5, 1001, 1e9, Number.NaN, "10"]) refuses({ limit }, "BAD_OPTION", "limit");
    for (const candidateLimit of [0, 9, 10_001]) refuses({ candidateLimit }, "BAD_OPTION", "candidateLimit");
    for (const hammingRadius of [-1, 65, 0.5]) refuses({ hammingRadius }, "BAD_OPTION", "hammingRadius");
    for (const groupSize of [0, 101]) refuses({ groupBy: "series", groupSize }, "BAD_OPTION", "groupSize");
    refuses({ groupBy: "series", groupSize: 100, limit: 101 }, "BAD_OPTION", "groupSize");
    refuses({ groupSize: 3 }, "BAD_OPTION", "groupSize");
    refuses({ groupBy: "ward" }, "BAD_OPTION", "groupBy");
    refuses({ mode: "fast" }, "BAD_OPTION", "mode");
    refuses({ mode: "float", hammingRadius: 3 }, "BAD_OPTION", "hammingRadius");
    for (const modality of [[], ["ct"], ["a-very-long-modality"], "CT", [5]]) {
      refuses({ modality }, "BAD_OPTION", "modality");
    }
    assert.throws(
      () => planRetrieval({ query: { id: "17" } }, 64),
      (error) => error instanceof DafhError && error.code === "BAD_REQUEST",
    );
  });
});
