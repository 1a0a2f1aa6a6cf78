/** The contract of points: written, read, changed and removed. */
import assert from "node:assert/strict";
import { type Case, type Contract, featuresOf, hashOf, type Id, POINTS, sorted, UUID_A, vectorOf } from "./fixture.js";

const point = (n: number, id: Id, payload: Record<string, unknown> = {}) => ({
  id,
  payload,
  vector: { hash: hashOf(n), features: featuresOf(n) },
});
const CT = { must: [{ key: "modality", match: { value: "CT" } }] };
const payloadOf = async ({ client }: Contract, name: string, id: Id) =>
  (await client.retrieve(name, { ids: [id] }))[0]?.payload;
const count = async ({ client }: Contract, name: string): Promise<number> =>
  (await client.count(name, { exact: true })).count;

export const POINT_CASES: readonly Case[] = [
  {
    title: "upsert: waits, answers with an operation and is seen at once",
    run: async (contract) => {
      const name = await contract.scratch();
      const answer = await contract.client.upsert(name, { wait: true, points: [point(1, 7, { a: 1 })] });
      assert.equal(answer.status, "completed");
      assert.equal(typeof answer.operation_id, "number");
      assert.deepEqual(await payloadOf(contract, name, 7), { a: 1 });
    },
  },
  {
    title: "upsert: without waiting it is acknowledged",
    run: async (contract) => {
      const name = await contract.scratch();
      assert.equal((await contract.client.upsert(name, { wait: false, points: [point(1, 7)] })).status, "acknowledged");
    },
  },
  {
    title: "upsert: the same id again replaces vectors and payload",
    run: async (contract) => {
      const name = await contract.scratch();
      await contract.client.upsert(name, { wait: true, points: [point(1, 7, { a: 1 })] });
      await contract.client.upsert(name, { wait: true, points: [point(5, 7, { b: 2 })] });
      const [stored] = await contract.client.retrieve(name, { ids: [7], with_vector: ["hash"] });
      assert.deepEqual(stored?.payload, { b: 2 });
      assert.deepEqual(
        vectorOf(stored, "hash").map((value) => value > 0),
        hashOf(5).map((value) => value > 0),
      );
      assert.equal(await count(contract, name), 1);
    },
  },
  {
    title: "upsert: in columns",
    run: async (contract) => {
      const name = await contract.scratch();
      await contract.client.upsert(name, {
        wait: true,
        batch: {
          ids: [1, UUID_A],
          vectors: { hash: [hashOf(0), hashOf(1)], features: [featuresOf(0), featuresOf(1)] },
          payloads: [{ a: 1 }, null],
        },
      });
      assert.deepEqual(await payloadOf(contract, name, 1), { a: 1 });
      assert.deepEqual((await payloadOf(contract, name, UUID_A)) ?? {}, {});
    },
  },
  {
    title: "upsert: payload of every JSON type comes back as it was",
    run: async (contract) => {
      const name = await contract.scratch();
      const payload = {
        text: "Ä “quoted” \\ \u0000 🩻",
        integer: -9007199254740991,
        large: 1e300,
        fraction: 0.1,
        yes: true,
        nothing: null,
        list: [1, "a", [2.5, null], {}],
        object: { deep: { deeper: ["x"] } },
      };
      await contract.client.upsert(name, { wait: true, points: [point(0, 1, payload)] });
      assert.deepEqual(await payloadOf(contract, name, 1), payload);
    },
  },
  {
    title: "upsert: many points whose payloads have much in common come back each as it was",
    run: async (contract) => {
      const name = await contract.scratch();
      const common = {
        a: "x",
        b: 1,
        c: 1.5,
        d: true,
        e: ["p", "q"],
        f: [1, 2],
        g: "y",
        h: null,
        i: { deep: 1 },
        j: "1",
        k: "2",
        l: 3,
      };
      const payloads: Record<string, unknown>[] = Array.from({ length: 40 }, (_, n) => ({ n, ...common }));
      payloads[10] = { n: 10, ...common, b: true, d: 1, f: [1, 2.5], e: ["q", "p"] };
      payloads[11] = { n: 11 };
      payloads[12] = {};
      for (let n = 20; n < 40; n++) payloads[n] = { n, ...common, a: "z", g: "w", e: [], extra: n % 2 };
      const points = payloads.map((payload, n) => point(n % 12, n, payload));
      await contract.client.upsert(name, { wait: true, points: [...points, point(0, 5, { last: "wins" })] });
      const stored = await contract.client.retrieve(name, { ids: payloads.map((_, n) => n) });
      for (const { id, payload } of stored)
        assert.deepEqual(payload, id === 5 ? { last: "wins" } : payloads[Number(id)]);
      await contract.client.upsert(name, { wait: true, points });
      const again = await contract.client.retrieve(name, { ids: payloads.map((_, n) => n) });
      for (const { id, payload } of again) assert.deepEqual(payload, payloads[Number(id)]);
      assert.equal(again.length, 40);
    },
  },
  {
    title: "upsert: a point may have only some of the vectors",
    run: async (contract) => {
      const name = await contract.scratch();
      await contract.client.upsert(name, { wait: true, points: [{ id: 1, vector: { hash: hashOf(0) } }, point(1, 2)] });
      const found = await contract.client.query(name, { query: featuresOf(0), using: "features", limit: 10 });
      assert.deepEqual(
        found.points.map((one) => one.id),
        [2],
      );
    },
  },
  {
    title: "upsert: float32 values come back bit for bit",
    run: async (contract) => {
      const name = await contract.scratch();
      const hash = [...Float32Array.from(hashOf(3), (value, bit) => value + Math.fround(Math.PI * (bit + 1)))];
      await contract.client.upsert(name, { wait: true, points: [{ id: 1, vector: { hash } }] });
      const [stored] = await contract.client.retrieve(name, { ids: [1], with_vector: ["hash"] });
      assert.deepEqual(vectorOf(stored, "hash").map(Math.fround), hash);
    },
  },
  {
    title: "upsert: insert_only leaves what is there, update_only adds nothing",
    run: async (contract) => {
      const name = await contract.scratch();
      await contract.client.upsert(name, { wait: true, points: [point(0, 1, { a: 1 })] });
      const put = (update_mode: string, points: unknown[]) =>
        contract.raw("PUT", `/collections/${name}/points?wait=true`, { points, update_mode });
      await put("insert_only", [point(0, 1, { a: 2 }), point(0, 2, { a: 2 })]);
      await put("update_only", [point(0, 2, { a: 3 }), point(0, 3, { a: 3 })]);
      assert.deepEqual(await payloadOf(contract, name, 1), { a: 1 });
      assert.deepEqual(await payloadOf(contract, name, 2), { a: 3 });
      assert.equal(await count(contract, name), 2);
    },
  },
  {
    title: "retrieve: by ids; those that are not there are absent",
    run: async ({ client, collection }) => {
      const found = await client.retrieve(collection, { ids: [2, 999, UUID_A], with_payload: ["modality"] });
      assert.deepEqual(sorted(found.map((one) => one.id)), [2, UUID_A]);
      assert.deepEqual(found.find((one) => one.id === 2)?.payload, { modality: "CT" });
      assert.ok(found.every((one) => one.vector === undefined || one.vector === null));
    },
  },
  {
    title: "retrieve: one point by its address, with all its vectors",
    run: async ({ raw, collection }) => {
      const { status, result } = await raw("GET", `/collections/${collection}/points/${UUID_A}`);
      assert.equal(status, 200);
      const one = result as { id: string; payload: unknown; vector: Record<string, unknown> };
      assert.equal(one.id, UUID_A);
      assert.deepEqual(one.payload, POINTS[10]?.payload);
      assert.deepEqual(Object.keys(one.vector).sort(), ["features", "hash", "text"]);
      assert.deepEqual(one.vector.text, { indices: [1, 20], values: [1, 0.5] });
    },
  },
  {
    title: "set payload: merges by ids",
    run: async (contract) => {
      const name = await contract.scratch(true);
      await contract.client.setPayload(name, { wait: true, payload: { label: "cyst", extra: 1 }, points: [4] });
      assert.deepEqual(await payloadOf(contract, name, 4), { ...POINTS[3]?.payload, label: "cyst", extra: 1 });
    },
  },
  {
    title: "set payload: by filter, and what is indexed is found by it",
    run: async (contract) => {
      const name = await contract.scratch(true);
      await contract.client.setPayload(name, { wait: true, payload: { region: "LEG" }, filter: CT });
      const { points } = await contract.client.scroll(name, {
        filter: { must: [{ key: "region", match: { value: "LEG" } }] },
      });
      assert.equal(points.length, 5);
    },
  },
  {
    title: "set payload: below a key",
    run: async (contract) => {
      const name = await contract.scratch(true);
      await contract.client.setPayload(name, { wait: true, payload: { model: "Three" }, key: "device", points: [1] });
      assert.deepEqual((await payloadOf(contract, name, 1))?.device, { maker: "Acme", model: "Three" });
    },
  },
  {
    title: "overwrite payload: nothing of the old stays",
    run: async (contract) => {
      const name = await contract.scratch(true);
      await contract.client.overwritePayload(name, { wait: true, payload: { only: 1 }, points: [1] });
      assert.deepEqual(await payloadOf(contract, name, 1), { only: 1 });
    },
  },
  {
    title: "delete payload: single keys",
    run: async (contract) => {
      const name = await contract.scratch(true);
      await contract.client.deletePayload(name, { wait: true, keys: ["region", "device.maker"], points: [1] });
      const payload = await payloadOf(contract, name, 1);
      assert.ok(payload && !("region" in payload));
      assert.deepEqual(payload.device, { model: "One" });
    },
  },
  {
    title: "clear payload: by filter",
    run: async (contract) => {
      const name = await contract.scratch(true);
      await contract.client.clearPayload(name, { wait: true, filter: CT });
      assert.deepEqual((await payloadOf(contract, name, 1)) ?? {}, {});
      assert.equal((await contract.client.count(name, { filter: CT, exact: true })).count, 0);
      assert.equal(await count(contract, name), POINTS.length);
    },
  },
  {
    title: "update vectors: the others and the payload stay",
    run: async (contract) => {
      const name = await contract.scratch(true);
      await contract.client.updateVectors(name, { wait: true, points: [{ id: 1, vector: { hash: hashOf(11) } }] });
      const [stored] = await contract.client.retrieve(name, { ids: [1], with_vector: true });
      const vector = stored?.vector as { hash: number[]; features: number[] };
      assert.deepEqual(
        vector.hash.map((value) => value > 0),
        hashOf(11).map((value) => value > 0),
      );
      assert.ok(Math.abs((vector.features[0] ?? 0) - 1) < 1e-3);
      assert.deepEqual(stored?.payload, POINTS[0]?.payload);
    },
  },
  {
    title: "delete vectors: the point stays",
    run: async (contract) => {
      const name = await contract.scratch(true);
      await contract.client.deleteVectors(name, { wait: true, points: [1], vector: ["text"] });
      const { count: left } = await contract.client.count(name, {
        filter: { must: [{ has_vector: "text" }] },
        exact: true,
      });
      assert.equal(left, 5);
      assert.equal(await count(contract, name), POINTS.length);
    },
  },
  {
    title: "delete: by ids, those that are not there make no difference",
    run: async (contract) => {
      const name = await contract.scratch(true);
      assert.equal((await contract.client.delete(name, { wait: true, points: [1, UUID_A, 999] })).status, "completed");
      assert.equal(await count(contract, name), POINTS.length - 2);
      assert.deepEqual(await contract.client.retrieve(name, { ids: [1] }), []);
    },
  },
  {
    title: "delete: by filter",
    run: async (contract) => {
      const name = await contract.scratch(true);
      await contract.client.delete(name, { wait: true, filter: CT });
      const { points } = await contract.client.scroll(name, { limit: 100 });
      assert.ok(points.length === 7 && points.every((one) => one.payload?.modality !== "CT"));
    },
  },
  {
    title: "batch: operations in their order",
    run: async (contract) => {
      const name = await contract.scratch(true);
      const answers = await contract.client.batchUpdate(name, {
        wait: true,
        operations: [
          { upsert: { points: [point(1, 50, { a: 1 })] } },
          { set_payload: { payload: { b: 2 }, points: [50] } },
          { delete: { points: [1] } },
          { delete_payload: { keys: ["a"], points: [50] } },
        ],
      });
      assert.deepEqual(
        answers.map((answer) => answer.status),
        ["completed", "completed", "completed", "completed"],
      );
      assert.deepEqual(await payloadOf(contract, name, 50), { b: 2 });
      assert.equal(await count(contract, name), POINTS.length);
    },
  },
];
