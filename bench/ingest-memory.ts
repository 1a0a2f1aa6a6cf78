/**
 * Does the memory of an ingestion grow with the files? Writes CT files, runs `dafh ingest` on them as users do, and
 * samples every second the resident memory of that process and of the engine, beside the points stored so far. Pages of
 * files that are mapped (LMDB's, with the previews) are the system's cache and stand apart. Ends with 1 where the
 * memory of `dafh` is not flat after the first quarter, or the engine's grows by more than it stores.
 *
 *     node dist/bench/ingest-memory.js [--files 2000]
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ctFile, ctSlice, SIZE } from "./ct-slices.js";
import { machine, printTable } from "./measure.js";

/** How much larger the last quarter's median may be than the second's. A leak of one frame a file would double it. */
const GROWTH_ALLOWED = 1.05;
/** A point's vectors take 2 KiB with their quantized forms, its payload and indexes about as much. */
const ENGINE_BYTES_A_POINT = 8 * 1024;
const MIB = 1024 ** 2;

interface Resident {
  readonly ownMiB: number;
  readonly mappedMiB: number;
}

interface Sample {
  readonly seconds: number;
  readonly files: number;
  readonly cli: Resident;
  readonly engine: Resident;
}

const { values } = parseArgs({ options: { files: { type: "string", default: "2000" } } });
const files = Number(values.files);
const folder = mkdtempSync(join(tmpdir(), "dafh-memory-"));
try {
  const images = join(folder, "images");
  writeImages(images);
  const samples = await ingest(images, join(folder, "data"));
  report(samples);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Each another image: the same body, rolled by rows. */
function writeImages(images: string): void {
  mkdirSync(images);
  const { cells } = ctSlice(1);
  for (let number = 0; number < files; number++) {
    const from = ((number * 7) % SIZE) * SIZE * 2;
    const rolled = Buffer.concat([cells.subarray(from), cells.subarray(0, from)]);
    rolled.writeUInt16LE(number % 4096, (number % (SIZE * SIZE)) * 2);
    writeFileSync(
      join(images, `${String(number).padStart(5, "0")}.dcm`),
      ctFile({ pixelData: rolled, sopInstanceUid: `1.2.3.1.${number + 1}` }),
    );
  }
}

async function ingest(images: string, data: string): Promise<Sample[]> {
  const main = fileURLToPath(new URL("../cli/main.js", import.meta.url));
  const child = spawn(process.execPath, [main, "ingest", images, "--data", data, "--quiet"], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  let code: number | null | undefined;
  child.once("exit", (status) => {
    code = status;
  });
  const started = performance.now();
  const samples: Sample[] = [];
  while (code === undefined) {
    const cli = resident(child.pid);
    const engine = await engineOf(data).catch(() => undefined); // Not started yet, or ending.
    if (cli !== undefined && engine !== undefined) {
      samples.push({ seconds: Math.round((performance.now() - started) / 1000), cli, ...engine });
    }
    await delay(1_000);
  }
  if (code !== 0) throw new Error(`dafh ingest ended with ${code}`);
  return samples;
}

async function engineOf(data: string): Promise<{ readonly files: number; readonly engine: Resident } | undefined> {
  const place = join(data, "engine", "endpoint.json");
  if (!existsSync(place)) return undefined;
  const { pid, port, key } = JSON.parse(readFileSync(place, "utf8")) as { pid: number; port: number; key: string };
  const response = await fetch(`http://127.0.0.1:${port}/collections/dafh/points/count`, {
    method: "POST",
    headers: { "api-key": key, "content-type": "application/json" },
    body: JSON.stringify({ exact: true }),
  });
  const { result } = (await response.json()) as { result: { count: number } };
  const engine = resident(pid);
  return engine === undefined ? undefined : { files: result.count, engine };
}

/** undefined once the process has ended. */
function resident(pid: number | undefined): Resident | undefined {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return undefined;
  }
  const mib = (name: string): number =>
    Math.round((Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024) / MIB);
  return { ownMiB: mib("RssAnon"), mappedMiB: mib("RssFile") + mib("RssShmem") };
}

function report(samples: readonly Sample[]): void {
  const rows: string[][] = [];
  for (const { seconds, files: done, cli, engine } of samples) {
    if (done < (rows.length * files) / 20) continue;
    rows.push([seconds, done, cli.ownMiB, cli.mappedMiB, engine.ownMiB, engine.mappedMiB].map(String));
  }
  console.log(`${files} files of ${SIZE} × ${SIZE}, resident MiB; ${machine()}\n`);
  printTable(["s", "files", "dafh", "dafh, mapped files", "engine", "engine, mapped files"], rows);
  const second = samples.filter((one) => one.files >= files / 4 && one.files < files / 2);
  const last = samples.filter((one) => one.files >= (files * 3) / 4);
  const of = (some: readonly Sample[], value: (one: Sample) => number): number => median(some.map(value));
  const [cliThen, cliNow] = [second, last].map((some) => of(some, ({ cli }) => cli.ownMiB)) as [number, number];
  const flat = cliNow <= cliThen * GROWTH_ALLOWED;
  console.log(`\ndafh: ${cliThen} MiB in the second quarter, ${cliNow} MiB in the last: ${flat ? "flat" : "GROWS"}`);
  const stored = of(last, (one) => one.files) - of(second, (one) => one.files);
  const grown = of(last, ({ engine }) => engine.ownMiB) - of(second, ({ engine }) => engine.ownMiB);
  const bytesAPoint = Math.round((grown * MIB) / stored);
  const fits = bytesAPoint <= ENGINE_BYTES_A_POINT;
  console.log(`engine: ${bytesAPoint} bytes a stored point: ${fits ? "what it stores" : "MORE THAN IT STORES"}`);
  if (!flat || !fits) process.exitCode = 1;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}
