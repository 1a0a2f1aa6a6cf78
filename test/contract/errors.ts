/** The contract of errors: each row is a request, its status, and what the error's text says. */
import assert from "node:assert/strict";
import { ALL_ONES, type Case, COLLECTION_SHAPE, featuresOf, hashOf } from "./fixture.js";

interface Row {
  readonly title: string;
  readonly method?: string;
  /** Below the fixture's collection; an absolute path where it begins with "/". */
  readonly path: string;
  readonly body?: unknown;
  readonly status: number;
  readonly says: RegExp;
}

const filtering = (title: string, filter: unknown, says: RegExp, status = 400): Row => ({
  title: `filter: ${title}`,
  path: "points/scroll",
  body: { filter },
  status,
  says,
});
const putting = (title: string, points: unknown, says: RegExp, status = 400): Row => ({
  title: `upsert: ${title}`,
  method: "PUT",
  path: "points?wait=true",
  body: { points },
  status,
  says,
});
const querying = (title: string, body: unknown, says: RegExp, status = 400): Row => ({
  title: `query: ${title}`,
  path: "points/query",
  body,
  status,
  says,
});
const good = { hash: hashOf(0), features: featuresOf(0) };

const ROWS: readonly Row[] = [
  {
    title: "a collection that is not there: query",
    path: "/collections/contract-nowhere/points/query",
    body: { query: ALL_ONES },
    status: 404,
    says: /contract-nowhere.*doesn't exist/,
  },
  {
    title: "a collection that is not there: description",
    method: "GET",
    path: "/collections/contract-nowhere",
    status: 404,
    says: /doesn't exist/,
  },
  {
    title: "a collection that is not there: upsert",
    method: "PUT",
    path: "/collections/contract-nowhere/points?wait=true",
    body: { points: [{ id: 1, vector: good }] },
    status: 404,
    says: /doesn't exist/,
  },
  {
    title: "a collection that is there already",
    method: "PUT",
    path: "",
    body: COLLECTION_SHAPE,
    status: 409,
    says: /already exists/,
  },
  {
    title: "a collection without a known distance",
    method: "PUT",
    path: "/collections/contract-bad",
    body: { vectors: { size: 4, distance: "Near" } },
    status: 400,
    says: /Near|VectorsConfig/,
  },
  {
    title: "a collection of vectors without size",
    method: "PUT",
    path: "/collections/contract-bad",
    body: { vectors: { size: 0, distance: "Dot" } },
    status: 400,
    says: /size|VectorsConfig/,
  },
  { title: "a point that is not there", method: "GET", path: "points/999", status: 404, says: /999/ },
  {
    title: "an index of an unknown type",
    method: "PUT",
    path: "index?wait=true",
    body: { field_name: "x", field_schema: "colour" },
    status: 400,
    says: /field_schema|untagged enum|variant/,
  },
  {
    title: "an index without a field",
    method: "PUT",
    path: "index?wait=true",
    body: { field_schema: "keyword" },
    status: 400,
    says: /field_name/,
  },
  putting("a vector of another size", [{ id: 1, vector: { hash: [1, 2, 3] } }], /expected dim: 16, got 3/),
  putting("a vector of an unknown name", [{ id: 1, vector: { colour: [1, 2, 3, 4] } }], /colour/),
  putting(
    "one bad point spoils the batch",
    [
      { id: 500, vector: good },
      { id: 501, vector: { hash: [1] } },
    ],
    /expected dim/,
  ),
  putting("an id that is neither an integer nor a UUID", [{ id: "seven", vector: good }], /seven/),
  putting("a negative id", [{ id: -1, vector: good }], /-1/),
  putting("no id", [{ vector: good }], /id|untagged/),
  putting("no vector", [{ id: 1 }], /vector|untagged/),
  putting("a vector that is text", [{ id: 1, vector: { hash: "1,2,3" } }], /vector|untagged|sequence/i),
  putting("an empty vector", [{ id: 1, vector: { hash: [] } }], /vector/, 422),
  putting(
    "a number that is none",
    [{ id: 1, vector: { hash: [...ALL_ONES.slice(1), "x"] } }],
    /untagged|vector|points/,
  ),
  {
    title: "upsert: columns of different lengths",
    method: "PUT",
    path: "points?wait=true",
    body: { batch: { ids: [1, 2], vectors: { hash: [hashOf(0)] } } },
    status: 422,
    says: /ids and vectors must be equal/,
  },
  {
    title: "upsert: no points at all",
    method: "PUT",
    path: "points?wait=true",
    body: {},
    status: 400,
    says: /points|batch|PointInsertOperations/,
  },
  {
    title: "upsert: a body that is not JSON",
    method: "PUT",
    path: "points?wait=true",
    body: "{points:",
    status: 400,
    says: /JSON body/,
  },
  putting("an empty list", [], /Empty update request/),
  {
    title: "delete: an empty list",
    path: "points/delete?wait=true",
    body: { points: [] },
    status: 400,
    says: /Empty update request/,
  },
  {
    title: "update vectors: an empty list",
    method: "PUT",
    path: "points/vectors?wait=true",
    body: { points: [] },
    status: 422,
    says: /points/,
  },
  {
    title: "upsert: a wait that is neither true nor false",
    method: "PUT",
    path: "points?wait=maybe",
    body: { points: [{ id: 1, vector: good }] },
    status: 400,
    says: /query parameters/,
  },
  { title: "a time-out of zero", path: "points/scroll?timeout=0", body: {}, status: 400, says: /query parameters/ },
  {
    title: "delete: neither ids nor a filter",
    path: "points/delete?wait=true",
    body: {},
    status: 400,
    says: /points|filter|untagged/i,
  },
  {
    title: "set payload: neither ids nor a filter",
    path: "points/payload?wait=true",
    body: { payload: { a: 1 } },
    status: 400,
    says: /point|filter/,
  },
  filtering("a clause that there is not", { musst: [] }, /musst/),
  filtering("not an object", [1], /filter|sequence|map|array/i),
  filtering("a condition that there is not", { must: [{ like: "x" }] }, /condition/i),
  filtering("a field with nothing to hold", { must: [{ key: "modality" }] }, /condition/i, 422),
  filtering("a match that there is not", { must: [{ key: "modality", match: { like: "C%" } }] }, /match|condition/i),
  filtering(
    "a range with a bound that is neither number nor date",
    { must: [{ key: "thickness", range: { gte: "thick" } }] },
    /thick|date/i,
  ),
  filtering("has_id with what is no id", { must: [{ has_id: ["seven"] }] }, /condition|seven/i),
  querying("a vector of another size", { query: [1, 2], using: "hash" }, /expected dim: 16, got 2/),
  querying("a vector that there is not", { query: ALL_ONES, using: "colour" }, /colour/),
  querying("a limit of zero", { query: ALL_ONES, using: "hash", limit: 0 }, /limit/, 422),
  querying("a negative limit", { query: ALL_ONES, using: "hash", limit: -1 }, /limit|-1|invalid value/),
  querying("a point that is not there", { query: 999, using: "hash" }, /999/, 404),
  querying(
    "prefetches and nothing to merge them",
    { prefetch: { query: ALL_ONES, using: "hash", limit: 3 } },
    /query is needed/i,
  ),
  querying("a threshold and nothing to score", { score_threshold: 3 }, /score_threshold/),
  querying(
    "fusion with a vector's name",
    { prefetch: { query: ALL_ONES, using: "hash" }, query: { fusion: "rrf" }, using: "hash" },
    /using/,
  ),
  querying(
    "an unknown fusion",
    { prefetch: { query: ALL_ONES, using: "hash" }, query: { fusion: "sum" } },
    /type of query|fusion/,
  ),
  querying("order_by a field without a fitting index", { query: { order_by: "note" } }, /order_by|range index/i),
  querying(
    "oversampling below one",
    { query: ALL_ONES, using: "hash", params: { quantization: { oversampling: 0.5 } } },
    /oversampling/,
    422,
  ),
  querying(
    "a formula over a field that is not there",
    { prefetch: { query: ALL_ONES, using: "hash" }, query: { formula: { sum: ["$score", "nowhere"] } } },
    /Expected|number/,
  ),
  querying("an empty body", "", /JSON body/),
  querying(
    "recommend without an example",
    { query: { recommend: { positive: [], negative: [] } }, using: "features" },
    /positive/i,
    422,
  ),
  {
    title: "groups: no field to group by",
    path: "points/query/groups",
    body: { query: ALL_ONES, using: "hash" },
    status: 400,
    says: /group_by/,
  },
  {
    title: "groups: a group size of zero",
    path: "points/query/groups",
    body: { query: ALL_ONES, using: "hash", group_by: "series", group_size: 0 },
    status: 422,
    says: /group_size/,
  },
  {
    title: "scroll: order_by and offset together",
    path: "points/scroll",
    body: { order_by: "thickness", offset: 3 },
    status: 400,
    says: /offset/i,
  },
  { title: "scroll: a limit of zero", path: "points/scroll", body: { limit: 0 }, status: 422, says: /limit/ },
  {
    title: "facet: a field without an index",
    path: "facet",
    body: { key: "device.maker" },
    status: 400,
    says: /index/,
  },
  { title: "facet: no key", path: "facet", body: {}, status: 400, says: /key/ },
  { title: "retrieve: no ids", path: "points", body: {}, status: 400, says: /ids/ },
  {
    title: "batch: an operation that there is not",
    path: "points/batch?wait=true",
    body: { operations: [{ explode: {} }] },
    status: 400,
    says: /UpdateOperation|explode/,
  },
];

export const ERROR_CASES: readonly Case[] = [
  ...ROWS.map(
    ({ title, method = "POST", path, body, status, says }): Case => ({
      title: `error: ${title}`,
      run: async ({ raw, collection, client }) => {
        const below = `/collections/${collection}${path === "" ? "" : `/${path}`}`;
        const answer = await raw(method, path.startsWith("/") ? path : below, body);
        assert.equal(answer.status, status, answer.error);
        assert.match(answer.error, says);
        // Refused as a whole: nothing of it was stored.
        assert.equal((await client.count(collection, { exact: true })).count, 12);
      },
    }),
  ),
  {
    title: "unknown keys of a body are passed over",
    run: async ({ raw, collection }) => {
      const { status } = await raw("POST", `/collections/${collection}/points/scroll`, { limit: 1, colour: "red" });
      assert.equal(status, 200);
    },
  },
];
