/** What the embedded engine acknowledged is there after a kill at any moment; it optimizes without standing in the way. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { QdrantClient } from "@qdrant/js-client-rest";
import { type EmbeddedEngine, type EngineEvent, openEmbeddedEngine } from "../../plugin/embedded/index.js";
import { engineGone } from "../support/engine.js";

const COLLECTION = "kept";
const SIZE = 16;
/** As in a series of images, most of the payload is the same from point to point. */
const SHARED = { a: "1", b: "2", c: "3", d: "4", e: ["5", "6"], f: 7, g: 0.5, h: true };

describe("the embedded engine's data", function () {
  this.timeout(120_000);
  let dataDir: string;
  let engine: EmbeddedEngine;
  let events: EngineEvent[];

  const open = async () => {
    events = [];
    engine = await openEmbeddedEngine({ dataDir, lingerMs: 200, onEvent: (event) => events.push(event) });
  };
  const close = async () => {
    const { url } = await engine.endpoint();
    await engine.release();
    await engineGone(url);
  };
  const client = async (): Promise<QdrantClient> => {
    const { url, apiKey } = await engine.endpoint();
    return new QdrantClient({ url, checkCompatibility: false, headers: { "api-key": apiKey } });
  };
  const kill = (): void => {
    const began = events.findLast((event) => event.kind === "started");
    assert.ok(began && "pid" in began);
    process.kill(began.pid, "SIGKILL");
  };
  const lost = async (times: number): Promise<void> => {
    while (events.filter((event) => event.kind === "lost").length < times)
      await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const points = (from: number, count: number) =>
    Array.from({ length: count }, (_, n) => ({
      id: from + n,
      vector: { hash: Array.from({ length: SIZE }, (_, bit) => Math.sin((from + n) * (bit + 1))) },
      payload: { number: from + n, parity: (from + n) % 2 === 0 ? "even" : "odd", ...SHARED },
    }));
  const create = async (shape: Record<string, unknown> = {}) => {
    const api = (await client()).api();
    await api.createCollection({
      collection_name: COLLECTION,
      vectors: { hash: { size: SIZE, distance: "Dot", quantization_config: { binary: {} } } },
      metadata: { model: "m" },
      ...shape,
    });
    await (await client()).createPayloadIndex(COLLECTION, {
      field_name: "parity",
      field_schema: "keyword",
      wait: true,
    });
  };
  const idsStored = async (): Promise<Set<number>> => {
    const all = await (await client()).scroll(COLLECTION, { limit: 100_000, with_payload: { exclude: ["parity"] } });
    // Also what was not acknowledged is there as a whole or not at all.
    for (const point of all.points) assert.deepEqual(point.payload, { number: point.id, ...SHARED });
    return new Set(all.points.map((point) => Number(point.id)));
  };

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), "dafh-data-"));
    await open();
  });

  afterEach(async () => {
    await close();
    // It listens no longer, and may still be putting its collections on disk.
    await rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  });

  it("keeps every acknowledged point through ten kills in the middle of writing", async () => {
    await create();
    const acknowledged = new Set<number>();
    let next = 1;
    for (let round = 1; round <= 10; round++) {
      // Spread over the time that a handful of batches takes.
      const timer = setTimeout(kill, 5 + Math.random() * 150);
      for (;;) {
        const batch = points(next, 200);
        try {
          await (await client()).upsert(COLLECTION, { wait: true, points: batch });
        } catch {
          break; // killed
        }
        for (const point of batch) acknowledged.add(point.id);
        next += batch.length;
      }
      clearTimeout(timer);
      await lost(round);
      const stored = await idsStored();
      const missing = [...acknowledged].filter((id) => !stored.has(id));
      assert.deepEqual(missing, [], `round ${round}`);
      // More than five deaths a minute are not repaired unasked; `endpoint()` asks.
    }
    assert.ok(acknowledged.size > 0);
  });

  it("keeps collection, metadata and indexes through a kill right after they were made", async () => {
    await create();
    kill();
    await lost(1);
    const info = await (await client()).getCollection(COLLECTION);
    assert.deepEqual(info.config.metadata, { model: "m" });
    assert.equal(info.payload_schema.parity?.data_type, "keyword");
    await (await client()).upsert(COLLECTION, { wait: true, points: points(1, 10) });
    const { hits } = await (await client()).facet(COLLECTION, { key: "parity", exact: true });
    assert.deepEqual(
      hits.map((hit) => hit.count),
      [5, 5],
    );
  });

  it("keeps deletions and payload changes through a kill", async () => {
    await create();
    const writing = await client();
    await writing.upsert(COLLECTION, { wait: true, points: points(1, 100) });
    await writing.delete(COLLECTION, { wait: true, filter: { must: [{ key: "parity", match: { value: "odd" } }] } });
    await writing.setPayload(COLLECTION, { wait: true, payload: { mark: "x" }, points: [2, 4] });
    kill();
    await lost(1);
    const reading = await client();
    assert.equal((await reading.count(COLLECTION, { exact: true })).count, 50);
    assert.equal(
      (await reading.count(COLLECTION, { filter: { must: [{ key: "mark", match: { value: "x" } }] }, exact: true }))
        .count,
      2,
    );
  });

  it("completes an upsert that was cut off between its parts, and passes over one that had not begun", async () => {
    await create();
    await (await client()).upsert(COLLECTION, { wait: true, points: points(1, 3) });
    const kept = join(dataDir, "engine", "collections", COLLECTION, "redo.json");
    for (const [text, expected] of [
      [JSON.stringify({ points: points(4, 2) }), 5],
      [JSON.stringify({ points: points(6, 2) }).slice(0, -9), 5],
    ] as const) {
      await close();
      writeFileSync(kept, text);
      await open();
      assert.equal((await idsStored()).size, expected);
      assert.equal(existsSync(kept), false);
    }
  });

  it("sets an upsert aside that was cut off and cannot be completed, and opens the collection", async () => {
    await create();
    await (await client()).upsert(COLLECTION, { wait: true, points: points(1, 3) });
    await close();
    const folder = join(dataDir, "engine", "collections", COLLECTION);
    writeFileSync(join(folder, "redo.json"), JSON.stringify({ points: [{ id: 4, vector: { hash: [1] } }] }));
    await open();
    assert.equal((await idsStored()).size, 3);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith("redo")),
      ["redo.failed.json"],
    );
    assert.match(readFileSync(join(dataDir, "engine", "engine.log"), "utf8"), /is set aside: ApiError/);
  });

  it("answers on when collections are removed while they are put on disk", async () => {
    const began = (await engine.endpoint()).url;
    // About when the upkeep comes round: it flushes what has rested for a second.
    for (const restedMs of [1_000, 1_250, 1_500]) {
      await create();
      await (await client()).upsert(COLLECTION, { wait: true, points: points(1, 2_000) });
      await new Promise((resolve) => setTimeout(resolve, restedMs));
      await (await client()).deleteCollection(COLLECTION);
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    assert.deepEqual((await (await client()).getCollections()).collections, []);
    assert.equal((await engine.endpoint()).url, began);
    assert.deepEqual(
      events.map((event) => event.kind),
      ["started"],
    );
    assert.doesNotMatch(readFileSync(join(dataDir, "engine", "engine.log"), "utf8"), /failed/);
  });

  it("leaves nothing of a removed collection behind", async () => {
    await create();
    await (await client()).upsert(COLLECTION, { wait: true, points: points(1, 10) });
    await (await client()).deleteCollection(COLLECTION);
    assert.deepEqual(readdirSync(join(dataDir, "engine", "collections")), []);
  });

  it("optimizes while it answers and takes writes, and all of it is there after a restart", async () => {
    await create({ optimizers_config: { indexing_threshold: 10 } });
    const using = await client();
    await using.upsert(COLLECTION, { wait: true, points: points(1, 2_000) });
    assert.equal((await using.getCollection(COLLECTION)).status, "grey");
    let written = 2_000;
    let answered = 0;
    let ended = false;
    const optimizing = optimize().finally(() => {
      ended = true;
    });
    while (!ended) {
      await using.upsert(COLLECTION, { wait: true, points: points(written + 1, 3) });
      written += 3;
      await using.query(COLLECTION, { query: points(7, 1)[0]?.vector.hash ?? [], using: "hash", limit: 1 });
      answered++;
    }
    assert.equal(await optimizing, true);
    assert.ok(answered > 1, "queries were answered meanwhile");
    for (const restarted of [false, true]) {
      if (restarted) {
        await close();
        await open();
      }
      const info = await (await client()).getCollection(COLLECTION);
      assert.equal(info.points_count, written);
      assert.ok((info.indexed_vectors_count ?? 0) >= 2_000);
      assert.equal((await idsStored()).size, written);
      assert.equal(
        (await (await client()).facet(COLLECTION, { key: "parity", exact: true })).hits.reduce(
          (sum, hit) => sum + hit.count,
          0,
        ),
        written,
      );
    }
  });

  for (const work of ["optimize", "rebuild"] as const) {
    it(`loses nothing when it is killed in the midst of: ${work}`, async () => {
      await create({ optimizers_config: { indexing_threshold: 10 } });
      await (await client()).upsert(COLLECTION, { wait: true, points: points(1, 3_000) });
      const working = optimize(work).catch(() => "cut off");
      await new Promise((resolve) => setTimeout(resolve, 150));
      await (await client()).upsert(COLLECTION, { wait: true, points: points(3_001, 10) });
      kill();
      await lost(1);
      await working;
      assert.equal((await idsStored()).size, 3_010);
      const folder = join(dataDir, "engine", "collections", COLLECTION);
      assert.equal(readdirSync(folder).filter((name) => name.startsWith("shard")).length, 1);
    });
  }

  it("rebuilds while it takes writes, without what was deleted, and all else is there after a restart", async () => {
    await create();
    const using = await client();
    const marked = points(9_999, 1).map((point) => ({ ...point, payload: { name: "MK-DELETED-MK" } }));
    await using.upsert(COLLECTION, { wait: true, points: [...points(1, 2_000), ...marked] });
    await using.delete(COLLECTION, { wait: true, points: [9_999] });
    const marks = () =>
      readdirSync(join(dataDir, "engine"), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .filter((entry) => readFileSync(join(entry.parentPath, entry.name)).includes("MK-DELETED-MK")).length;
    assert.ok(marks() > 0);
    const rebuilding = [optimize("rebuild"), optimize("rebuild")];
    await using.upsert(COLLECTION, { wait: true, points: points(2_001, 3) });
    assert.deepEqual(await Promise.all(rebuilding), [true, true]);
    assert.equal(marks(), 0);
    await using.upsert(COLLECTION, { wait: true, points: points(2_004, 3) });
    await close();
    await open();
    assert.equal((await idsStored()).size, 2_006);
    const [even] = (await (await client()).facet(COLLECTION, { key: "parity", exact: true })).hits;
    assert.equal(even?.count, 1_003);
  });

  it("writes nothing of what it stores to its log", async () => {
    await create();
    const secret = "DOE^JANE";
    const { url, apiKey } = await engine.endpoint();
    const put = (body: unknown) =>
      fetch(`${url}/collections/${COLLECTION}/points?wait=true`, {
        method: "PUT",
        headers: { "api-key": apiKey, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    const [good] = points(1, 1);
    await put({ points: [{ ...good, payload: { name: secret } }] });
    await put({ points: [{ ...good, id: secret }] });
    await put({ points: [{ ...good, vector: { [secret]: [1] } }] });
    await close();
    const log = readFileSync(join(dataDir, "engine", "engine.log"), "utf8");
    assert.ok(!log.includes("DOE") && !log.includes(apiKey));
    assert.match(log, /starts/);
    await open();
  });

  async function optimize(work: "optimize" | "rebuild" = "optimize"): Promise<boolean> {
    const { url, apiKey } = await engine.endpoint();
    const response = await fetch(`${url}/embedded/collections/${COLLECTION}/${work}`, {
      method: "POST",
      headers: { "api-key": apiKey },
    });
    const { result } = (await response.json()) as { result: boolean };
    return result;
  }
});
