/**
 * Decoding by transfer syntax beside pydicom, in one run and by turns, so that both meet the same machine: whole files
 * of 512 × 512 from the page cache to an array of stored values. Both must give the same values.
 *
 *     python3 -m venv DIR && DIR/bin/pip install -r bench/requirements-pydicom.txt
 *     node dist/bench/decode.js --python DIR/bin/python [--rounds 15]
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

/** Frames decoded in a row, for one time. */
const FRAMES_A_ROUND = 10;
const WARM_UP_ROUNDS = 4;

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

/** What a decode thread does for a file's pixels, and no more. */
async function decode({ path, repeats }: Job): Promise<Answer> {
  await initCodecs();
  let values: Int32Array = new Int32Array(0);
  const cpu = process.cpuUsage();
  const started = performance.now();
  for (let repeat = 0; repeat < repeats; repeat++) {
    const instance = openDicom(readFileSync(path));
    for (let frame = 1; frame <= instance.frames; frame++) values = instance.storedFrame(frame).values;
  }
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { seconds, cpuSeconds: (user + system) / 1e6, sha256: createHash("sha256").update(values).digest("hex") };
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { python: { type: "string" }, rounds: { type: "string", default: "15" } } });
  const folder = mkdtempSync(join(tmpdir(), "dafh-decode-"));
  const threads = [0, 1].map(() => threadDecoder());
  const python = values.python === undefined ? undefined : pythonDecoder(values.python);
  try {
    const rows: string[][] = [];
    for (const { name, bytes, frames } of await files()) {
      const path = join(folder, `${name}.dcm`);
      writeFileSync(path, bytes);
      rows.push(
        await compare(name, { path, repeats: FRAMES_A_ROUND / frames }, frames, Number(values.rounds), threads, python),
      );
    }
    console.log(`${SIZE} × ${SIZE}, ms a frame, median of ${values.rounds} rounds by turns; ${machine()}`);
    if (python !== undefined) console.log(await python.version);
    console.log("");
    const ours = ["one thread", "its CPU", "two threads"];
    const theirs = ["pydicom", "its CPU", "its plugin"];
    const ratios = ["pydicom / one thread", "by CPU", "pydicom / two threads"];
    printTable(["file", ...ours, ...theirs, ...ratios], rows);
  } finally {
    for (const thread of threads) thread.end();
    python?.end();
    rmSync(folder, { recursive: true });
  }
}

async function compare(
  name: string,
  job: Job,
  frames: number,
  rounds: number,
  threads: readonly { readonly decode: Decoder }[],
  python: { readonly decode: Decoder } | undefined,
): Promise<string[]> {
  const times: Record<"one" | "oneCpu" | "two" | "python" | "pythonCpu", number[]> = {
    ...{ one: [], oneCpu: [], two: [], python: [], pythonCpu: [] },
  };
  const [first] = threads;
  if (first === undefined) throw new Error("there are threads");
  const ours = await first.decode(job);
  // Both compile while they run; a decoder of thousands of files has done so long ago.
  for (let round = 0; round < WARM_UP_ROUNDS; round++) await Promise.all(threads.map((thread) => thread.decode(job)));
  const theirs = await python?.decode(job);
  for (let round = 0; round < rounds; round++) {
    const { seconds, cpuSeconds } = await first.decode(job);
    times.one.push(seconds);
    times.oneCpu.push(cpuSeconds);
    const started = performance.now();
    await Promise.all(threads.map((thread) => thread.decode(job)));
    times.two.push((performance.now() - started) / 1000 / threads.length);
    if (python === undefined || theirs?.plugin === null) continue;
    const answer = await python.decode(job);
    times.python.push(answer.seconds);
    times.pythonCpu.push(answer.cpuSeconds);
  }
  const msPerFrame = (seconds: readonly number[]): number =>
    ((seconds.toSorted((a, b) => a - b)[seconds.length >> 1] ?? Number.NaN) * 1000) / job.repeats / frames;
  // Lossy codestreams may differ in the last bit between decoders.
  const same = theirs === undefined || theirs.plugin === null || theirs.sha256 === ours.sha256 ? "" : " (other values)";
  const shown = (seconds: readonly number[]): string => (seconds.length === 0 ? "–" : msPerFrame(seconds).toFixed(2));
  const ratio = (python: readonly number[], ours: readonly number[]): string =>
    python.length === 0 ? "–" : (msPerFrame(python) / msPerFrame(ours)).toFixed(2);
  return [
    name + same,
    ...[times.one, times.oneCpu, times.two, times.python, times.pythonCpu].map(shown),
    theirs?.plugin ?? "–",
    ...[ratio(times.python, times.one), ratio(times.pythonCpu, times.oneCpu), ratio(times.python, times.two)],
  ];
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

async function files(): Promise<{ readonly name: string; readonly bytes: Uint8Array; readonly frames: number }[]> {
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

function file(name: string, transferSyntax: string, frames: number, pixelData: Uint8Array | Encapsulated) {
  return { name, frames, bytes: ctFile({ pixelData, frames, transferSyntax }) };
}
