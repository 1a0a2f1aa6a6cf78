/** SIGKILL at any moment, of the engine or of the program that stores: nothing acknowledged is lost, nothing is doubled. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DafhCollection } from "../../plugin/index.js";
import { openTestEngine, type TestEngine } from "./engine.js";
import { generator, TEST_MODEL } from "./generated.js";

const PROGRAM = fileURLToPath(new URL("ingesting-program.js", import.meta.url));

/** A living one: on a crowded machine the one that was killed before may not be replaced yet, and is waited for. */
async function killEngine(engine: TestEngine): Promise<void> {
  for (const deadline = performance.now() + 20_000; ; ) {
    const { pid } = JSON.parse(await readFile(join(engine.dataDir, "engine", "endpoint.json"), "utf8"));
    try {
      process.kill(pid, "SIGKILL");
      return;
    } catch (thrown) {
      if (!(thrown instanceof Error && "code" in thrown && thrown.code === "ESRCH")) throw thrown;
      assert.ok(performance.now() < deadline, "the engine that was killed is not replaced");
      await sleep(20);
    }
  }
}

/** Runs the program until `acknowledgements` batches are acknowledged and kills it; 4 of them = to its end. */
function storeUntilKilled(dataDir: string, acknowledgements: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, dataDir, "0", "400"], { stdio: ["ignore", "pipe", "inherit"] });
    const acknowledged: number[] = [];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.trim().split("\n")) acknowledged.push(Number(line.split(" ")[1]));
      if (acknowledged.length >= acknowledgements && acknowledgements < 4) child.kill("SIGKILL");
    });
    child.on("error", reject);
    child.on("close", () => resolve(acknowledged));
  });
}

describe("storing", function () {
  this.timeout(120_000);
  let engine: TestEngine;

  beforeEach(async () => {
    engine = await openTestEngine();
  });
  afterEach(async () => {
    await engine.close();
  });

  it("outlives an engine that is killed again and again in the middle of it", async () => {
    const generated = generator(41);
    const points = Array.from({ length: 4_000 }, (_, index) => generated.point(index));
    const connection = { dataDir: engine.dataDir };
    const collection = await DafhCollection.open({ connection, model: TEST_MODEL, create: true });
    let storing = true;
    const upsert = (async () => {
      for (let at = 0; at < points.length; at += 500) {
        await collection.upsert(points.slice(at, at + 500));
        // Whatever was killed meanwhile: what is acknowledged is there.
        const acknowledged = points.slice(0, at + 500).map((point) => point.id);
        assert.equal((await collection.fetch(acknowledged)).length, acknowledged.length);
      }
    })().finally(() => {
      storing = false;
    });
    let kills = 0;
    while (storing && kills < 3) {
      await Promise.race([sleep(400 + 250 * kills), upsert]);
      if (!storing) break;
      await killEngine(engine);
      kills++;
    }
    await upsert;
    assert.ok(kills > 0, "the engine was never killed");
    assert.equal(await collection.count(), points.length);
    const [first] = points;
    assert.ok(first !== undefined);
    const { hits } = await collection.search({ query: { embedding: first.embedding }, mode: "hamming", limit: 1 });
    assert.equal(hits[0]?.hammingDistance, 0);
    await collection.close();
  });

  it("ends a search well that was under way when the engine was killed", async () => {
    const generated = generator(42);
    const connection = { dataDir: engine.dataDir };
    const collection = await DafhCollection.open({ connection, model: TEST_MODEL, create: true });
    await collection.upsert(Array.from({ length: 200 }, (_, index) => generated.point(index)));
    await killEngine(engine);
    const searches = Array.from({ length: 20 }, () =>
      collection.search({ query: { embedding: generated.embedding() } }),
    );
    for (const { hits } of await Promise.all(searches)) assert.equal(hits.length, 10);
    await collection.close();
  });

  it("loses nothing acknowledged when the storing program is killed, and is complete when it runs again", async () => {
    const acknowledged = new Set<number>();
    for (const acknowledgements of [1, 2, 3]) {
      for (const first of await storeUntilKilled(engine.dataDir, acknowledgements)) acknowledged.add(first);
      const connection = { dataDir: engine.dataDir };
      const collection = await DafhCollection.open({ connection, model: TEST_MODEL, create: true });
      const generated = generator(0);
      const ids = Array.from({ length: 400 }, (_, index) => generated.point(index).id);
      for (const start of acknowledged) {
        assert.equal((await collection.fetch(ids.slice(start, start + 100))).length, 100);
      }
      await collection.close();
    }
    await storeUntilKilled(engine.dataDir, 4);
    const { count } = await engine.client.count("dafh");
    assert.equal(count, 400);
  });
});
