/** Files of more frames than are kept in memory: ingested whole or not at all, and no more held than of small ones. */
import assert from "node:assert/strict";
import { open, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FRAMES_IN_MEMORY, FrameStore } from "../../cli/ingest/frame-store.js";
import { DEIDENTIFICATION_PROFILES } from "../../encoder/index.js";
import { pointId } from "../../plugin/index.js";
import type { EncodedFrame } from "../../schemas/index.js";
import { gradients, type WrittenStack, writeStack } from "../encoder/written-dicom.js";
import { newFolder, removeFolder } from "./dafh.js";
import { type IngestFlags, Workplace } from "./ingesting.js";

const UID = "1.2.826.0.1.3680043.10.1";
const retainingUids = { ...DEIDENTIFICATION_PROFILES.strict, retainUids: true };
const FRAMES = FRAMES_IN_MEMORY + 20;

describe("a file of many frames", function () {
  this.timeout(120_000);
  let workplace: Workplace;
  let folder: string;
  let path: string;

  before(async () => {
    workplace = await Workplace.open();
  });
  after(() => workplace.close());
  beforeEach(async () => {
    await workplace.startAnew();
    folder = await newFolder();
    path = join(folder, "stack.dcm");
  });
  afterEach(() => removeFolder(folder));

  const frames = gradients(8, 8, FRAMES);
  const write = (changes: Partial<WrittenStack> = {}) =>
    writeFile(path, writeStack({ rows: 8, columns: 8, frames, sopInstanceUid: UID, ...changes }));
  /** What it comes to: its kind, or the code that it is refused with. */
  const ingest = async (flags: IngestFlags = {}): Promise<string> => {
    const summary = await workplace.ingest(path, { profile: retainingUids, ...flags });
    const kinds = (["new", "unchanged", "updated", "replaced"] as const).filter((kind) => summary[kind] === 1);
    return [...kinds, ...summary.refused.map(({ code }) => code)].join();
  };
  const digests = async () => {
    const stored = await workplace.collection.fetch(frames.map((_, index) => pointId(UID, index + 1)));
    return new Map(stored.map(({ payload }) => [payload.frame, payload.pixelDigest]));
  };

  it("is stored once, every frame with its preview, and leaves nothing else in the data folder", async () => {
    await write();
    assert.equal(await ingest(), "new");
    assert.equal(await workplace.collection.count(), FRAMES);
    for (const frame of [1, FRAMES_IN_MEMORY, FRAMES_IN_MEMORY + 1, FRAMES]) {
      assert.ok(workplace.catalogue.hasPreview(pointId(UID, frame)), `frame ${frame}`);
    }
    assert.equal(await ingest(), "unchanged");
    assert.equal(await workplace.collection.count(), FRAMES);
    const kept = await readdir(join(workplace.folder, "data", "catalogue"));
    assert.deepEqual(
      kept.filter((name) => name.startsWith("scratch")),
      [],
    );
  });

  it("is stored not at all where its last frame cannot be read", async () => {
    const sopInstanceUid = `${UID}.1`;
    await write({ brokenFrame: FRAMES, sopInstanceUid });
    assert.equal(await ingest(), "PIXEL_DATA_CORRUPT");
    assert.equal(await workplace.collection.count(), 0);
    assert.ok(!workplace.catalogue.hasPreview(pointId(sopInstanceUid, 1)));
    assert.equal(workplace.catalogue.file(path), undefined);
  });

  it("is a conflict for its last frame alone, and a replacement leaves nothing of the longer one", async () => {
    await write();
    await ingest();
    const before = await digests();
    const [first, ...others] = frames as [Uint16Array, ...Uint16Array[]];
    await write({ frames: [...others, first] });
    assert.equal(await ingest(), "SOP_INSTANCE_CONFLICT");
    assert.deepEqual(await digests(), before);
    await write({ frames: others });
    assert.equal(await ingest({ replace: true }), "replaced");
    const after = await digests();
    assert.deepEqual([after.size, after.get(1)], [FRAMES - 1, before.get(2)]);
    assert.ok(!workplace.catalogue.hasPreview(pointId(UID, FRAMES)));
  });

  it("keeps its label under another profile, which leaves nothing under the old names", async () => {
    const labels = join(folder, "labels.csv");
    await writeFile(labels, "path,label\nstack.dcm,phantom\n");
    await write();
    await ingest({ labels });
    assert.equal(await workplace.ingest(path).then(({ updated, new: fresh }) => updated + fresh), 1);
    assert.equal(await workplace.collection.count(), FRAMES);
    assert.equal((await digests()).size, 0);
    assert.equal(await workplace.collection.count({ must: [{ key: "label", match: { value: "phantom" } }] }), FRAMES);
  });
});

describe("the frames of a file until they are written", () => {
  const frame = (number: number): EncodedFrame => ({
    frame: number,
    embedding: { hash: Float32Array.of(number, 0.1), features: Float32Array.of(number) },
    pixelDigest: String(number),
    preview: Uint8Array.of(number & 0xff),
  });

  it("come back as they were, as often as they are asked for, and begin anew when cleared", async () => {
    const folder = await newFolder();
    let opened = 0;
    const store = new FrameStore(() => open(join(folder, `${++opened}`), "wx+"));
    const all = Array.from({ length: 3 * FRAMES_IN_MEMORY + 1 }, (_, index) => frame(index + 1));
    for (const one of all.slice(0, FRAMES_IN_MEMORY)) await store.add(one);
    assert.equal(opened, 0, "few need no file");
    assert.deepEqual(store.few, all.slice(0, FRAMES_IN_MEMORY));
    store.clear();
    for (const one of all) await store.add(one);
    assert.deepEqual([store.few, opened], [undefined, 1]);
    for (const _ of ["once", "and again"]) {
      const read: EncodedFrame[] = [];
      for await (const portion of store.portions()) {
        assert.ok(portion.length <= FRAMES_IN_MEMORY);
        read.push(...portion);
      }
      assert.deepEqual(read, all);
    }
    await store.close();
    await removeFolder(folder);
  });

  it("say that there is no room for them", async () => {
    const full = Object.assign(new Error("no space left"), { code: "ENOSPC" });
    const store = new FrameStore(() => Promise.reject(full));
    for (let number = 1; number <= FRAMES_IN_MEMORY; number++) await store.add(frame(number));
    await assert.rejects(store.add(frame(0)), { code: "DISK_FULL" });
  });
});
