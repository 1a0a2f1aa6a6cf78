/** A large uncompressed file: its frames are read one by one, and are what reading it whole gives. */
import assert from "node:assert/strict";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../../encoder/decoding/digests.js";
import { DEFAULT_DECODING_LIMITS, DecodePool } from "../../encoder/decoding/index.js";
import { openLargeFile } from "../../encoder/decoding/large-file.js";
import { readWholeFile } from "../../encoder/decoding/read-file.js";
import { initCodecs, openDicom } from "../../encoder/dicom/index.js";
import { SMALL_IMAGE, writeFile } from "./dicom/written.js";

const SIDE = 256;
const FRAME_BYTES = SIDE * SIDE * 2;
const LIMIT = 2 ** 31 - 1;

/** Sparse: every frame is 0 but for its number in its first pixel. */
async function writeLarge(path: string, frames: number, missingBytes = 0): Promise<void> {
  const { PixelData: _pixels, ...rest } = SMALL_IMAGE;
  const head = writeFile({ ...rest, Rows: SIDE, Columns: SIDE, NumberOfFrames: String(frames) });
  const element = Buffer.from([0xe0, 0x7f, 0x10, 0, 0x4f, 0x57, 0, 0, 0, 0, 0, 0]);
  element.writeUInt32LE(frames * FRAME_BYTES, 8);
  const file = await open(path, "w");
  const start = head.length + element.length;
  await file.truncate(start + frames * FRAME_BYTES - missingBytes);
  await file.write(Buffer.concat([head, element]), 0, start, 0);
  for (let frame = 1; frame < frames; frame++) {
    const number = Buffer.alloc(2);
    number.writeUInt16LE(frame);
    await file.write(number, 0, 2, start + (frame - 1) * FRAME_BYTES);
  }
  await file.close();
}

describe("a large file", function () {
  this.timeout(60_000);
  let folder: string;
  before(async () => {
    await initCodecs();
    folder = await mkdtemp(join(tmpdir(), "dafh-large-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("is read frame by frame, and gives what reading it whole gives", async () => {
    const path = join(folder, "large.dcm");
    await writeLarge(path, 520);
    const large = openLargeFile(path, LIMIT);
    assert.ok(large !== undefined);
    const digests = [1, 127, 128, 519].map((frame) => large.opened.frame(frame).sha256);
    let contentDigest: string | undefined;
    let steps = 0;
    for (; contentDigest === undefined; steps++) contentDigest = large.hashMore();
    assert.equal(steps, 2, "in steps, each of which renews the time limit");
    large.close();
    const bytes = await readWholeFile(path, LIMIT);
    const whole = openDicom(bytes);
    assert.deepEqual(
      digests,
      [1, 127, 128, 519].map((frame) => whole.pixelSha256(frame)),
    );
    assert.equal(contentDigest, sha256(bytes).slice(0, 32));
    const pool = new DecodePool(1, DEFAULT_DECODING_LIMITS);
    try {
      const lease = await pool.acquire({ path });
      assert.equal((await lease.open(undefined)).contentDigest, contentDigest);
      await lease.release();
    } finally {
      await pool.close();
    }
  });

  it("is left to reading it whole where it is cut off, small or not there", async () => {
    const path = join(folder, "cut.dcm");
    await writeLarge(path, 520, 10);
    assert.equal(openLargeFile(path, LIMIT), undefined);
    await writeLarge(path, 3);
    assert.equal(openLargeFile(path, LIMIT), undefined);
    assert.equal(openLargeFile(join(folder, "none.dcm"), LIMIT), undefined);
  });
});
