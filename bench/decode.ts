/**
 * Decoding by transfer syntax beside pydicom, in one run and by turns, so that both meet the same machine. Both do the
 * same job: they read a whole file of 512 × 512 from the page cache and make an array of the stored values of all its
 * frames, in 16 bits, with the bits above the value out of the way; the values of the last frame must be equal.
 *
 * - Ours: the file into memory that is there, `openDicom`, then `storedFrame` for each frame. Uncompressed frames are views of the file's bytes once these
 *   were found to have no stray bits; compressed ones are decoded by JavaScript and WebAssembly.
 * - pydicom: `dcmread`, then `pixel_array`: a copy that can be written to, its unused bits shifted out (the default of
 *   pydicom 3). Compressed frames are decoded by native code: of its plugins the one that is fastest here, named in the table.
 *
 * The bar is one thread of each by the processor's time, which a crowded machine disturbs less than the clock: garbage
 * collection and compiling included. The last columns are for the clock, and for our two threads together.
 *
 *     python3 -m venv DIR && DIR/bin/pip install -r bench/requirements-pydicom.txt
 *     node dist/bench/decode.js --python DIR/bin/python [--rounds 15] [--only RLE]
 */
import { spawn } from "node:child_process";
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { initCodecs, openDicom } from "../encoder/dicom/index.js";
import {
  ENCODE,
  type Encode,
  encoded,
  evenly,
  initEncoders,
  type Pixels,
  runLengthEncoded,
} from "../test/encoder/dicom/compressed.js";
import { Encapsulated } from "../test/encoder/dicom/written.js";
import { ctFile, ctSlice, SIZE } from "./ct-slices.js";
import { machine, printTable } from "./measure.js";

/** Frames decoded in a row, for one time: of the quick ones more, so that the time is not the scheduler's. */
const FRAMES_A_ROUND = { quick: 100, slow: 10 };
const WARM_UP_ROUNDS = 12;

interface Job {
  readonly path: string;
  readonly repeats: number;
}
interface Answer {
  readonly seconds: number;
  /** Of the whole process. */
  readonly cpuSeconds: number;
  readonly sha256: string;
  /** Of pydicom; null where it has none for the transfer syntax. */
  readonly plugin?: string | null;
}
type Decoder = (job: Job) => Promise<Answer>;

if (isMainThread) await main();
else parentPort?.on("message", (job: Job) => void decode(job).then((answer) => parentPort?.postMessage(answer)));

let place = new Uint8Array(0);

/** One file after another into the same memory: what is measured is decoding, not the collection of files that were read. */
function readIntoPlace(path: string): Uint8Array {
  const file = openSync(path, "r");
  const { size } = fstatSync(file);
  if (size > place.length) place = new Uint8Array(size);
  const length = readSync(file, place, 0, size, 0);
  closeSync(file);
  return place.subarray(0, length);
}

/** What a decode thread does for a file's pixels, and no more. */
async function decode({ path, repeats }: Job): Promise<Answer> {
  await initCodecs();
  const cpu = process.cpuUsage();
  const started = performance.now();
  for (let repeat = 0; repeat < repeats; repeat++) {
    const instance = openDicom(readIntoPlace(path));
    for (let frame = 1; frame <= instance.frames; frame++) instance.storedFrame(frame);
  }
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const last = openDicom(readFileSync(path));
  return { seconds, cpuSeconds: (user + system) / 1e6, sha256: last.pixelSha256(last.frames) };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      python: { type: "string" },
      rounds: { type: "string", default: "15" },
      only: { type: "string", default: "" },
    },
  });
  const rounds = Number(values.rounds);
  const folder = mkdtempSync(join(tmpdir(), "dafh-decode-"));
  const threads = [0, 1].map(() => threadDecoder());
  const python = values.python === undefined ? undefined : pythonDecoder(values.python);
  try {
    const rows: string[][] = [];
    for (const { name, bytes, frames, pace } of await files()) {
      if (!name.includes(values.only)) continue;
      const path = join(folder, `${name}.dcm`);
      writeFileSync(path, bytes);
      const repeats = FRAMES_A_ROUND[pace] / frames;
      rows.push(await compare(name, { path, repeats }, frames, rounds, threads, python));
    }
    console.log(`${SIZE} × ${SIZE}, ms of CPU a frame, medians of ${rounds} rounds by turns; ${machine()}`);
    if (python !== undefined) console.log(await python.version);
    console.log("");
    const ratios = ["pydicom / ours", "by the clock", "by the clock, our two threads"];
    printTable(["file", "ours", "pydicom", "its plugin", ...ratios], rows);
  } finally {
    for (const thread of threads) thread.end();
    python?.end();
    rmSync(folder, { recursive: true });
  }
}

interface Round {
  readonly one: Answer;
  /** Of two threads that decode as much each, half the time. */
  readonly twoSeconds: number;
  readonly pydicom: Answer | undefined;
}

async function compare(
  name: string,
  job: Job,
  frames: number,
  rounds: number,
  threads: readonly { readonly decode: Decoder }[],
  python: { readonly decode: Decoder } | undefined,
): Promise<string[]> {
  const [first] = threads;
  if (first === undefined) throw new Error("there are threads");
  // Both compile while they run; a decoder of thousands of files has done so long ago.
  for (let round = 0; round < WARM_UP_ROUNDS; round++) await Promise.all(threads.map((thread) => thread.decode(job)));
  const theirs = await python?.decode(job);
  const canCompare = theirs !== undefined && theirs.plugin !== null;
  const done: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    const one = await first.decode(job);
    const pydicom = canCompare ? await python?.decode(job) : undefined;
    const started = performance.now();
    await Promise.all(threads.map((thread) => thread.decode(job)));
    done.push({ one, pydicom, twoSeconds: (performance.now() - started) / 1000 / threads.length });
  }
  const over = (value: (round: Round) => number | undefined, digits = 2): string => {
    const values = done.map(value).filter((each) => each !== undefined);
    return values.length === 0 ? "–" : median(values).toFixed(digits);
  };
  const msAFrame = (seconds: number | undefined): number | undefined =>
    seconds && (seconds * 1000) / job.repeats / frames;
  const ratio = (above: number | undefined, below: number): number | undefined => above && above / below;
  // Lossy codestreams may differ in the last bit between decoders.
  const same = !canCompare || theirs.sha256 === done[0]?.one.sha256 ? "" : " (other values)";
  return [
    name + same,
    over(({ one }) => msAFrame(one.cpuSeconds)),
    over(({ pydicom }) => msAFrame(pydicom?.cpuSeconds)),
    theirs?.plugin ?? "–",
    over(({ one, pydicom }) => ratio(pydicom?.cpuSeconds, one.cpuSeconds)),
    over(({ one, pydicom }) => ratio(pydicom?.seconds, one.seconds)),
    over(({ twoSeconds, pydicom }) => ratio(pydicom?.seconds, twoSeconds)),
  ];
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function threadDecoder(): { readonly decode: Decoder; end(): void } {
  const worker = new Worker(fileURLToPath(import.meta.url));
  const decode: Decoder = (job) =>
    new Promise((resolve, reject) => {
      worker.removeAllListeners().once("message", resolve).once("error", reject);
      worker.postMessage(job);
    });
  return { decode, end: () => void worker.terminate() };
}

function pythonDecoder(python: string): { readonly decode: Decoder; readonly version: Promise<string>; end(): void } {
  const script = fileURLToPath(new URL("../../bench/decode_pydicom.py", import.meta.url));
  const child = spawn(python, [script], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error("the Python process has ended");
    return value;
  };
  const version = line();
  return {
    version,
    async decode(job) {
      await version;
      child.stdin.write(`${JSON.stringify(job)}\n`);
      return JSON.parse(await line()) as Answer;
    },
    end: () => child.stdin.end(),
  };
}

interface File {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly frames: number;
  readonly pace: keyof typeof FRAMES_A_ROUND;
}

async function files(): Promise<File[]> {
  await initEncoders();
  const slices = Array.from({ length: 10 }, (_, index) => ctSlice(index + 1));
  const [one] = slices;
  if (one === undefined) throw new Error("there are slices");
  const pixels = (frames: readonly Pixels[]): Uint8Array => Buffer.concat(frames.map(({ cells }) => cells));
  const compress = (name: string, syntax: string, encode: (frame: Pixels) => Uint8Array) => [
    file(name, syntax, 1, new Encapsulated([encode(one)])),
    file(`${name}, 10 frames`, syntax, 10, new Encapsulated(slices.map(encode))),
  ];
  const by = (encode: Encode) => (frame: Pixels) => encoded(frame, encode);
  return [
    file("uncompressed", "1.2.840.10008.1.2.1", 1, pixels([one])),
    file("uncompressed, 10 frames", "1.2.840.10008.1.2.1", 10, pixels(slices)),
    ...compress("RLE", "1.2.840.10008.1.2.5", (frame) => evenly(runLengthEncoded(frame))),
    ...compress("JPEG-LS", "1.2.840.10008.1.2.4.80", by(ENCODE.jpegLs)),
    ...compress("JPEG lossless", "1.2.840.10008.1.2.4.70", by(ENCODE.jpegLossless)),
    ...compress("JPEG 2000 lossless", "1.2.840.10008.1.2.4.90", by(ENCODE.jpeg2000)),
    ...compress("HTJ2K lossless", "1.2.840.10008.1.2.4.201", by(ENCODE.htj2k)),
  ];
}

function file(name: string, transferSyntax: string, frames: number, pixelData: Uint8Array | Encapsulated): File {
  const pace = /^(uncompressed|RLE)/.test(name) ? "quick" : "slow";
  return { name, frames, pace, bytes: ctFile({ pixelData, frames, transferSyntax }) };
}
