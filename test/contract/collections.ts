/** The contract of collections: made, described, indexed, removed; who is let in. */
import assert from "node:assert/strict";
import { type Case, COLLECTION_SHAPE, HASH_BITS, INDEXES, POINTS } from "./fixture.js";

export const COLLECTION_CASES: readonly Case[] = [
  {
    title: "collection: exists, and is in the list",
    run: async ({ client, collection }) => {
      assert.equal((await client.collectionExists(collection)).exists, true);
      assert.equal((await client.collectionExists("contract-nowhere")).exists, false);
      assert.ok((await client.getCollections()).collections.some(({ name }) => name === collection));
    },
  },
  {
    title: "collection: describes its vectors as they were asked for",
    run: async ({ client, collection }) => {
      const { config } = await client.getCollection(collection);
      const vectors = config.params.vectors as Record<string, Record<string, unknown>>;
      assert.deepEqual(vectors.hash, COLLECTION_SHAPE.vectors.hash);
      assert.deepEqual(vectors.features, COLLECTION_SHAPE.vectors.features);
      assert.deepEqual(config.params.sparse_vectors, COLLECTION_SHAPE.sparse_vectors);
    },
  },
  {
    title: "collection: counts its points and says that it is well",
    run: async ({ client, collection }) => {
      const info = await client.getCollection(collection);
      assert.equal(info.points_count, POINTS.length);
      assert.equal(info.optimizer_status, "ok");
      assert.ok(["green", "yellow", "grey"].includes(info.status));
      assert.equal(typeof info.segments_count, "number");
      assert.equal(typeof info.indexed_vectors_count, "number");
    },
  },
  {
    title: "collection: keeps its metadata",
    run: async ({ client, collection }) =>
      assert.deepEqual((await client.getCollection(collection)).config.metadata, { model: "fixture", bits: HASH_BITS }),
  },
  {
    title: "collection: metadata can be changed: what is given is merged in",
    run: async ({ client, raw, scratch }) => {
      const name = await scratch();
      assert.deepEqual(
        (await raw("PATCH", `/collections/${name}`, { metadata: { bits: 32, more: [1] } })).result,
        true,
      );
      assert.deepEqual((await client.getCollection(name)).config.metadata, { model: "fixture", bits: 32, more: [1] });
      // As 1.18.3 does it; its documentation says that an empty object removes it all.
      await raw("PATCH", `/collections/${name}`, { metadata: {} });
      assert.deepEqual((await client.getCollection(name)).config.metadata, { model: "fixture", bits: 32, more: [1] });
    },
  },
  {
    title: "collection: lists its payload indexes with their types and points",
    run: async ({ client, collection }) => {
      const { payload_schema } = await client.getCollection(collection);
      for (const [field, type] of Object.entries(INDEXES)) assert.equal(payload_schema[field]?.data_type, type, field);
      assert.equal(payload_schema.modality?.points, POINTS.length);
      assert.equal(payload_schema.date?.points, 4);
    },
  },
  {
    title: "collection: one vector without a name",
    run: async ({ client, raw, scratch }) => {
      const name = `${await scratch()}-single`;
      try {
        await client.createCollection(name, { vectors: { size: 2, distance: "Euclid" } });
        const points = [
          { id: 1, vector: [0, 0] },
          { id: 2, vector: [3, 4] },
        ];
        await client.upsert(name, { wait: true, points });
        const found = await client.query(name, { query: [0, 1], limit: 2, with_vector: true });
        assert.deepEqual(
          found.points.map((point) => [point.id, Math.fround(point.score), point.vector]),
          [
            [1, 1, [0, 0]],
            [2, Math.fround(Math.sqrt(18)), [3, 4]],
          ],
        );
        const { config } = await client.getCollection(name);
        assert.deepEqual(config.params.vectors, { size: 2, distance: "Euclid" });
      } finally {
        assert.equal((await raw("DELETE", `/collections/${name}`)).result, true);
      }
    },
  },
  {
    title: "collection: removed, it is gone, and removing it again removes nothing",
    run: async ({ client, raw, scratch }) => {
      const name = await scratch(true);
      assert.equal(await client.deleteCollection(name), true);
      assert.equal((await client.collectionExists(name)).exists, false);
      assert.deepEqual(await raw("DELETE", `/collections/${name}`), { status: 200, error: "", result: false });
    },
  },
  {
    title: "collection: made anew under the same name, it is empty",
    run: async ({ client, scratch }) => {
      const name = await scratch(true);
      await client.deleteCollection(name);
      await client.createCollection(name, COLLECTION_SHAPE);
      assert.equal((await client.count(name, {})).count, 0);
    },
  },
  {
    title: "index: made over points that are there, then filters and facets use it",
    run: async ({ client, scratch }) => {
      const name = await scratch(true);
      assert.equal(
        (await client.createPayloadIndex(name, { field_name: "device.model", field_schema: "keyword", wait: true }))
          .status,
        "completed",
      );
      const { payload_schema } = await client.getCollection(name);
      assert.equal(payload_schema["device.model"]?.points, 3);
      assert.deepEqual((await client.facet(name, { key: "device.model", exact: true })).hits, [
        { value: "One", count: 2 },
        { value: "Two", count: 1 },
      ]);
    },
  },
  {
    title: "index: with parameters, which the description repeats",
    run: async ({ client, scratch }) => {
      const name = await scratch();
      const field_schema = { type: "integer" as const, lookup: true, range: false };
      await client.createPayloadIndex(name, { field_name: "frame", field_schema, wait: true });
      const { payload_schema } = await client.getCollection(name);
      assert.equal(payload_schema.frame?.data_type, "integer");
      assert.deepEqual({ ...payload_schema.frame?.params, ...field_schema }, payload_schema.frame?.params);
    },
  },
  {
    title: "index: removed, filters still work and facets do not",
    run: async ({ client, raw, scratch }) => {
      const name = await scratch(true);
      await client.deletePayloadIndex(name, "modality", { wait: true });
      assert.equal((await client.getCollection(name)).payload_schema.modality, undefined);
      const filter = { must: [{ key: "modality", match: { value: "PT" } }] };
      assert.equal((await client.count(name, { filter, exact: true })).count, 3);
      const { status, error } = await raw("POST", `/collections/${name}/facet`, { key: "modality" });
      assert.equal(status, 400);
      assert.match(error, /index/);
    },
  },
  {
    title: "health: healthz, livez and readyz answer without a key",
    run: async ({ url }) => {
      for (const path of ["/healthz", "/livez", "/readyz"]) assert.equal((await fetch(url + path)).status, 200, path);
    },
  },
  {
    title: "version: the root names a title and a version",
    run: async ({ client }) => {
      const { title, version } = await client.versionInfo();
      assert.equal(typeof title, "string");
      assert.match(version, /^1\.18\./);
    },
  },
  {
    title: "key: without it, or with another, nothing is told",
    run: async ({ url, apiKey, collection }) => {
      if (apiKey === undefined) return; // this engine asks for none
      for (const headers of [{}, { "api-key": `${apiKey}x` }, { "api-key": "" }]) {
        const response = await fetch(`${url}/collections/${collection}`, { headers });
        assert.equal(response.status, 401);
        assert.ok(!(await response.text()).includes("hash"));
      }
    },
  },
  {
    title: "key: as a bearer token too",
    run: async ({ url, apiKey }) => {
      const headers = { authorization: `Bearer ${apiKey ?? ""}` };
      assert.equal((await fetch(`${url}/collections`, { headers })).status, 200);
    },
  },
];
