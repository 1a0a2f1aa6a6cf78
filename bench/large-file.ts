/**
 * Memory that a large multi-frame file takes: writes one (RLE, JPEG-LS or uncompressed) into a temporary folder, has a
 * decode thread give every frame as ingestion does, and prints the peak resident memory of the process. `--whole` sends
 * the file's bytes instead of its path, which is what reading it whole costs.
 *
 *     node dist/bench/large-file.js [--syntax rle|jpeg-ls|uncompressed] [--mebibytes 400] [--whole]
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DEFAULT_DECODING_LIMITS, DecodePool } from "../encoder/decoding/index.js";
import {
  ENCODE,
  encoded,
  evenly,
  initEncoders,
  type Pixels,
  runLengthEncoded,
} from "../test/encoder/dicom/compressed.js";
import { Encapsulated } from "../test/encoder/dicom/written.js";
import { ctFile, ctSlice } from "./ct-slices.js";
import { machine, printTable } from "./measure.js";

const MIB = 1024 ** 2;
const SYNTAXES = {
  rle: { uid: "1.2.840.10008.1.2.5", encode: (frame: Pixels) => evenly(runLengthEncoded(frame)) },
  "jpeg-ls": { uid: "1.2.840.10008.1.2.4.80", encode: (frame: Pixels) => encoded(frame, ENCODE.jpegLs) },
  uncompressed: { uid: "1.2.840.10008.1.2.1", encode: ({ cells }: Pixels) => cells },
};

const { values } = parseArgs({
  options: {
    syntax: { type: "string", default: "rle" },
    mebibytes: { type: "string", default: "400" },
    whole: { type: "boolean", default: false },
  },
});
const syntax = SYNTAXES[values.syntax as keyof typeof SYNTAXES];
if (syntax === undefined) throw new Error(`--syntax is one of ${Object.keys(SYNTAXES).join(", ")}`);
const folder = mkdtempSync(join(tmpdir(), "dafh-large-"));
try {
  await initEncoders();
  const path = join(folder, "large.dcm");
  const frames = await write(path, Number(values.mebibytes) * MIB);
  const before = peakMiB();
  const pool = new DecodePool(1, DEFAULT_DECODING_LIMITS);
  const started = performance.now();
  const lease = await pool.acquire(values.whole ? { bytes: readFileSync(path), disposable: true } : { path });
  await lease.open(undefined);
  lease.expectFrames(frames);
  const openedMs = performance.now() - started;
  for (let frame = 1; frame <= frames; frame++) await lease.frame(frame, undefined);
  const msAFrame = (performance.now() - started - openedMs) / frames;
  await lease.release();
  await pool.close();
  console.log(`${machine()}\n`);
  const cells = [values.syntax, values.mebibytes, frames, before, peakMiB(), Math.round(openedMs), msAFrame.toFixed(1)];
  const header = ["file", "MiB", "frames", "peak RSS before, MiB", "peak RSS after, MiB", "ms to open", "ms a frame"];
  printTable(header, [cells.map(String)]);
} finally {
  rmSync(folder, { recursive: true });
}

/** Ten slices over and over, until the file is as large as asked; gives the number of frames. */
async function write(path: string, bytes: number): Promise<number> {
  const slices = Array.from({ length: 10 }, (_, index) => ctSlice(index + 1)).map(syntax.encode);
  const isOpen = syntax !== SYNTAXES.uncompressed;
  const tenBytes = slices.reduce((sum, slice) => sum + slice.length + (isOpen ? 8 : 0), 0);
  const rounds = Math.ceil(bytes / tenBytes);
  const pixelData = isOpen ? new Encapsulated(slices) : Buffer.concat(slices);
  const one = Buffer.from(ctFile({ pixelData, frames: rounds * 10, transferSyntax: syntax.uid }));
  const end = isOpen ? 8 : 0;
  const body = one.subarray(one.length - tenBytes - end, one.length - end);
  const head = one.subarray(0, one.length - tenBytes - end);
  // Of a stated length it is the four bytes before the pixels.
  if (!isOpen) head.writeUInt32LE(rounds * tenBytes, head.length - 4);
  const file = await open(path, "w");
  await file.write(head);
  for (let round = 0; round < rounds; round++) await file.write(body);
  await file.write(one.subarray(one.length - end));
  await file.close();
  return rounds * 10;
}

function peakMiB(): number {
  const kibibytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return Math.round((Number(kibibytes) * 1024) / MIB);
}
