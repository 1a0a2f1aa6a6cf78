/**
 * Ingestion under SIGKILL: of the ingester and of the embedded engine, at random moments. Run again to its end, every
 * image is there once, none is missing, and nothing that was acknowledged is lost. Also two ingesters at once.
 */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pino } from "pino";
import { openCatalogue } from "../../catalogue/index.js";
import { type EncoderService, openEncoder, startEncoderService } from "../../encoder/index.js";
import { DafhCollection, pointId } from "../../plugin/index.js";
import type { Encoder, ModelInfo } from "../../schemas/index.js";
import { gradients, writeStack } from "../encoder/written-dicom.js";
import { otherPixels, type SyntheticImage, syntheticImages, writeImage } from "./cohort.js";
import {
  dafh,
  dafhJson,
  type IngestDocument,
  newFolder,
  removeFolder,
  type SearchDocument,
  startDafh,
} from "./dafh.js";
import { seeded } from "./seeded.js";

const KILLS = 10;
const SEED = 20_251_103;

describe("ingestion and SIGKILL", function () {
  this.timeout(300_000);
  let cohort: SyntheticImage[];
  let paths: string[];
  let model: ModelInfo;
  let encoder: Encoder;
  let service: EncoderService;
  let images: string;
  let folder: string;
  let data: string;

  before(async () => {
    images = await newFolder();
    cohort = await syntheticImages({ patients: 4, slices: 6 });
    paths = await Promise.all(cohort.map((image) => writeImage(images, image)));
    encoder = await openEncoder();
    ({ model } = await encoder.info());
    service = await startEncoderService({ host: "127.0.0.1", port: 0, encoder, logger: pino({ level: "silent" }) });
  });
  after(async () => {
    await service.close();
    await encoder.close();
    await removeFolder(images);
  });
  beforeEach(async () => {
    folder = await newFolder();
    data = join(folder, "data");
  });
  afterEach(() => removeFolder(folder));

  const copyOf = ({ path, dataset }: SyntheticImage, copy: string): SyntheticImage => ({
    path: `copy-${copy}/${path}`,
    dataset: { ...dataset, SOPInstanceUID: `${dataset.SOPInstanceUID.slice(0, 60)}.${copy}` },
  });
  const idOf = ({ dataset }: SyntheticImage) => pointId(dataset.SOPInstanceUID, 1);
  // Loading the network in each of thirty processes would be most of the time; what is killed is what stores.
  const ingest = (place = images) =>
    startDafh(["ingest", place, "--data", data, "--retain-uids", "--json", "--quiet"], { ENCODER_URL: service.url });

  async function withCollection<Result>(work: (collection: DafhCollection) => Promise<Result>): Promise<Result> {
    const collection = await DafhCollection.open({ connection: { dataDir: data }, model, create: true });
    try {
      return await work(collection);
    } finally {
      await collection.close();
    }
  }

  /** The ids of files that an ingester noted as done: the engine had acknowledged them before. */
  async function acknowledged(files: readonly string[] = paths): Promise<string[]> {
    const catalogue = openCatalogue({ dataDir: data });
    const ids = files.flatMap((path) => catalogue.file(path)?.frames.map(({ id }) => id) ?? []);
    await catalogue.close();
    return ids;
  }

  async function assertStored(ids: readonly string[]): Promise<void> {
    const stored = await withCollection((collection) => collection.fetch(ids));
    assert.equal(stored.length, ids.length, "an acknowledged image is gone");
  }

  /** Runs the ingestion to its end and checks that every image is there once. */
  async function assertCompletes(expected: readonly SyntheticImage[] = cohort, place = images): Promise<void> {
    const { code, stderr } = await ingest(place).ended;
    assert.equal(code, 0, stderr);
    const ids = expected.map(idOf);
    await withCollection(async (collection) => {
      assert.equal(await collection.count(), ids.length);
      assert.equal((await collection.fetch(ids)).length, ids.length);
    });
  }

  /** Where the engine of the data folder answers, once it does. */
  async function enginePid(): Promise<number> {
    for (;;) {
      try {
        const { port, key } = JSON.parse(await readFile(join(data, "engine", "endpoint.json"), "utf8"));
        const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { "api-key": key } });
        const { pid } = (await response.json()) as { pid: number };
        return pid;
      } catch {
        await delay(20); // Not started yet, or between two starts.
      }
    }
  }

  it(`of the ingester at ${KILLS} random moments leaves every image to be there once`, async () => {
    const random = seeded(SEED);
    // Each image three times under UIDs of its own: enough that ten runs do not finish it.
    const many = cohort.flatMap((image) => ["1", "2", "3"].map((copy) => copyOf(image, copy)));
    const place = join(folder, "images");
    const files = await Promise.all(many.map((image) => writeImage(place, image)));
    let interrupted = 0;
    // The engine stays, as it does beside a gateway: each round begins with the ingestion itself.
    await withCollection(async (collection) => {
      for (let kill = 0; kill < KILLS; kill++) {
        const before = await acknowledged(files);
        const ingester = ingest(place);
        // By turns: while the first batch is made, at whatever moment, and around the acknowledgement of one.
        if (kill % 2 === 0) await Promise.race([delay(300 + random() * 1_500), ingester.ended]);
        else {
          while (ingester.child.exitCode === null && (await collection.count()) <= before.length) await delay(5);
          await delay(random() * 60);
        }
        ingester.child.kill("SIGKILL");
        if ((await ingester.ended).signal === "SIGKILL") interrupted += 1;
        const after = await acknowledged(files);
        assert.ok(after.length >= before.length);
        await assertStored(after);
      }
    });
    assert.equal(interrupted, KILLS, "every one of them was killed at work");
    await assertCompletes(many, place);
    const { document } = await dafhJson<IngestDocument>(["ingest", place, "--data", data, "--retain-uids"]);
    assert.deepEqual([document.new, document.unchanged, document.refused.length], [0, many.length, 0]);
  });

  it("of the ingester while it writes the frames of one file leaves them to be there once", async () => {
    const frames = 200;
    const path = join(folder, "stack.dcm");
    const sopInstanceUid = "1.2.826.0.1.3680043.10.2";
    await writeFile(path, writeStack({ rows: 8, columns: 8, frames: gradients(8, 8, frames), sopInstanceUid }));
    const ids = Array.from({ length: frames }, (_, index) => pointId(sopInstanceUid, index + 1));
    await withCollection(async (collection) => {
      const ingester = ingest(path);
      while (ingester.child.exitCode === null && (await collection.count()) === 0) await delay(2);
      ingester.child.kill("SIGKILL");
      assert.equal((await ingester.ended).signal, "SIGKILL");
      const written = await collection.count();
      assert.ok(written > 0 && written < frames, `${written} frames`);
      assert.deepEqual(await acknowledged([path]), [], "a file that is not whole is not done");
      const { code, stderr } = await ingest(path).ended;
      assert.equal(code, 0, stderr);
      assert.equal((await collection.fetch(ids)).length, frames);
      assert.equal(await collection.count(), frames);
    });
    assert.deepEqual(await acknowledged([path]), ids);
  });

  it(`of the embedded engine at ${KILLS} random moments loses nothing that was acknowledged`, async () => {
    const random = seeded(SEED + 1);
    let kills = 0;
    while (kills < KILLS) {
      const ingester = ingest();
      const ended = ingester.ended.then(() => true);
      while (kills < KILLS) {
        const pid = await Promise.race([enginePid(), ended]);
        if (pid === true) break;
        if (await Promise.race([delay(random() * 1_200).then(() => false), ended])) break;
        process.kill(pid as number, "SIGKILL");
        kills += 1;
      }
      const { code, stderr } = await ingester.ended;
      // It may give up when the engine dies too often; it says so, and what it noted as done is there.
      assert.ok(code === 0 || (code === 1 && stderr.includes("ENGINE_UNAVAILABLE")), stderr);
      await assertStored(await acknowledged());
    }
    await assertCompletes();
  });

  it("is not what Ctrl-C does: what is in flight is finished, and the next run goes on", async () => {
    const ingester = ingest();
    while ((await acknowledged()).length === 0) await delay(20);
    ingester.child.kill("SIGINT");
    const { code, stdout, stderr } = await ingester.ended;
    assert.equal(code, 1);
    assert.match(stderr, /Run the same command again to go on/);
    const summary = JSON.parse(stdout) as IngestDocument;
    assert.equal(summary.interrupted, true);
    assert.ok(summary.new > 0 && summary.new < cohort.length, `${summary.new} of ${cohort.length}`);
    assert.equal((await acknowledged()).length, summary.new);
    await assertCompletes();
  });

  it("has no part in two ingesters at once on one data folder, with searches meanwhile", async () => {
    const [one, two] = [ingest(), ingest()];
    const query = paths.find((path) => path.includes("MR_KNEE")) ?? "";
    const search = () => dafhJson<SearchDocument>(["search", query, "--data", data, "--limit", "1"]);
    await Promise.race([one.ended, two.ended, delay(3_000)]);
    const meanwhile = await search();
    assert.ok(meanwhile.code === 0 || meanwhile.stdout.includes("COLLECTION_MISSING"), meanwhile.stderr);
    const summaries = (await Promise.all([one.ended, two.ended])).map(({ code, stdout, stderr }) => {
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout) as IngestDocument;
    });
    // Each image is new to exactly one of them.
    assert.equal(
      summaries.reduce((sum, summary) => sum + summary.new, 0),
      cohort.length,
    );
    assert.equal(
      summaries.reduce((sum, summary) => sum + summary.unchanged, 0),
      cohort.length,
    );
    assert.equal((await search()).document.results[0]?.path, query);
    await assertCompletes();
  });

  it("nor do two ingesters take conflicting images for one another's", async () => {
    const some = cohort.slice(0, 40);
    const [mine, theirs] = [join(folder, "mine"), join(folder, "theirs")];
    await Promise.all(
      some.flatMap((image) => [writeImage(mine, image), writeImage(theirs, image, otherPixels(image))]),
    );
    const results = await Promise.all([mine, theirs].map((place) => dafh(["ingest", place, "--data", data, "--json"])));
    const [first, second] = results.map(({ stdout }) => JSON.parse(stdout) as IngestDocument);
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(first.new + second.new, some.length, "each UID is stored by one of the two");
    const conflicts = [...first.refused, ...second.refused];
    assert.equal(conflicts.length, some.length, "and refused from the other");
    assert.ok(conflicts.every(({ code }) => code === "SOP_INSTANCE_CONFLICT"));
    await withCollection(async (collection) => assert.equal(await collection.count(), some.length));
  });
});
