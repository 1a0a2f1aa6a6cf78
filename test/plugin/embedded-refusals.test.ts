/** What a Qdrant server has and the embedded engine lacks: refused by its name, never passed over. */
import assert from "node:assert/strict";
import { openEmbedded, type RunningEngine } from "../support/engine.js";

const QUERY = { query: [1, 0], using: "a" };
const VECTORS = { a: { size: 2, distance: "Dot" } };

const REFUSED: readonly (readonly [what: string, method: string, path: string, body: unknown, named: RegExp])[] = [
  ["more than one shard", "PUT", "/collections/other", { vectors: VECTORS, shard_number: 2 }, /`shard_number`/],
  ["replicas", "PUT", "/collections/other", { vectors: VECTORS, replication_factor: 2 }, /`replication_factor`/],
  [
    "sharding by key",
    "PUT",
    "/collections/other",
    { vectors: VECTORS, sharding_method: "custom" },
    /`sharding_method`/,
  ],
  [
    "a log of one's own size",
    "PUT",
    "/collections/other",
    { vectors: VECTORS, wal_config: { wal_capacity_mb: 1 } },
    /`wal_config`/,
  ],
  [
    "strict mode",
    "PUT",
    "/collections/other",
    { vectors: VECTORS, strict_mode_config: { enabled: true } },
    /`strict_mode_config`/,
  ],
  [
    "multivectors",
    "PUT",
    "/collections/other",
    { vectors: { a: { ...VECTORS.a, multivector_config: { comparator: "max_sim" } } } },
    /`multivector_config`/,
  ],
  [
    "product quantization",
    "PUT",
    "/collections/other",
    { vectors: VECTORS, quantization_config: { product: { compression: "x4" } } },
    /`product`/,
  ],
  [
    "a memmap threshold",
    "PUT",
    "/collections/other",
    { vectors: VECTORS, optimizers_config: { memmap_threshold: 1 } },
    /memmap_threshold/,
  ],
  ["a collection without vectors", "PUT", "/collections/other", {}, /without vectors/],
  ["changing a collection's index", "PATCH", "/collections/one", { hnsw_config: { m: 8 } }, /`hnsw_config`/],
  ["shard keys", "POST", "/collections/one/points/query", { ...QUERY, shard_key: "x" }, /`shard_key`/],
  ["shard keys of an upsert", "PUT", "/collections/one/points", { points: [], shard_key: "x" }, /`shard_key`/],
  ["shard keys of a scroll", "POST", "/collections/one/points/scroll", { shard_key: "x" }, /`shard_key`/],
  [
    "looking vectors up elsewhere",
    "POST",
    "/collections/one/points/query",
    { ...QUERY, lookup_from: { collection: "x" } },
    /`lookup_from`/,
  ],
  [
    "looking groups up elsewhere",
    "POST",
    "/collections/one/points/query/groups",
    { ...QUERY, group_by: "k", with_lookup: "x" },
    /`with_lookup`/,
  ],
  ["inference", "POST", "/collections/one/points/query", { query: { text: "x", model: "y" }, using: "a" }, /inference/],
  [
    "inference in an upsert",
    "PUT",
    "/collections/one/points",
    { points: [{ id: 1, vector: { a: { text: "x", model: "y" } } }] },
    /inference/,
  ],
  ["a multivector", "PUT", "/collections/one/points", { points: [{ id: 1, vector: { a: [[1, 2]] } }] }, /multivector/],
  [
    "stop words of a text index",
    "PUT",
    "/collections/one/index",
    { field_name: "t", field_schema: { type: "text", stopwords: "english" } },
    /`stopwords`/,
  ],
  ["the older search route", "POST", "/collections/one/points/search", { vector: [1, 0], limit: 1 }, /points\/search/],
  ["snapshots", "POST", "/collections/one/snapshots", {}, /snapshots/],
  ["aliases", "GET", "/collections/one/aliases", undefined, /aliases/],
];

describe("what the embedded engine does not support", function () {
  this.timeout(30_000);
  let engine: RunningEngine;

  before(async () => {
    engine = await openEmbedded();
    await engine.client.createCollection("one", { vectors: { a: { size: 2, distance: "Dot" } } });
  });

  after(() => engine.close());

  for (const [what, method, path, body, named] of REFUSED) {
    it(`refuses ${what} by name`, async () => {
      const response = await fetch(`${engine.url}${path}`, {
        method,
        headers: { "api-key": engine.apiKey ?? "", "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const answer = (await response.json()) as { status: { error: string } };
      assert.ok(response.status >= 400 && response.status < 500, `status ${response.status}`);
      assert.match(answer.status.error, named);
      assert.match(answer.status.error, /not supported by the embedded engine/);
      assert.deepEqual(
        (await engine.client.getCollections()).collections.map(({ name }) => name),
        ["one"],
      );
    });
  }

  it("refuses a body that is larger than a server takes, and stays", async () => {
    const response = await fetch(`${engine.url}/collections/one/points`, {
      method: "PUT",
      headers: { "api-key": engine.apiKey ?? "", "content-type": "application/json" },
      body: `{"points":[${" ".repeat(33 * 1024 * 1024)}]}`,
    });
    assert.ok(response.status >= 400 && response.status < 500);
    await response.text();
    assert.equal((await engine.client.count("one", {})).count, 0);
  });
});
