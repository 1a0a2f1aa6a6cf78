/**
 * Damages files and sends them through the decoding pool, for as long as one likes. Each finding names its seed; the
 * same corpus and seed give the same bytes again. Goes on where it was stopped or killed; a file that ends the whole
 * process is a finding of the next run.
 *
 *     node dist/bench/fuzz.js --files 50000 [--seed 1] [--corpus DIR] [--state FILE]
 *     node dist/bench/fuzz.js --replay SEED [--corpus DIR] [--write FILE]
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type CorpusFile, writtenCorpus } from "../test/encoder/dicom/fuzz-corpus.js";
import { damaged } from "../test/encoder/dicom/fuzz-damage.js";
import { TrialPool } from "../test/encoder/dicom/fuzz-trial.js";
import { machine } from "./measure.js";

/** Small files only: the damage is to structure, and many small files meet more of it than few large ones. */
const LARGEST_BYTES = 100_000;
const CLEAN_EVERY = 200;
const SAVE_EVERY = 200;

interface State {
  readonly from: number;
  /** The next seed. */
  next: number;
  seconds: number;
  replaced: number;
  slowest: { readonly seed: number; readonly ms: number };
  peakRssMiB: number;
  readonly outcomes: Record<string, number>;
  readonly findings: { readonly seed: number; readonly file: string; readonly what: string }[];
}

const { values } = parseArgs({
  options: {
    files: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
    corpus: { type: "string" },
    state: { type: "string" },
    replay: { type: "string" },
    write: { type: "string" },
  },
});
const written = await writtenCorpus();
const corpus = [...written, ...(values.corpus === undefined ? [] : realFiles(values.corpus))];

if (values.replay === undefined) await campaign(Number(values.files), Number(values.seed), values.state);
else await replay(Number(values.replay));

async function campaign(files: number, seed: number, stateFile: string | undefined): Promise<void> {
  const state = resumed(stateFile, seed);
  const marker = stateFile === undefined ? undefined : `${stateFile}.running`;
  if (marker !== undefined && existsSync(marker)) {
    const deadly = Number(readFileSync(marker, "utf8"));
    note(state, deadly, "the process ended while this file was decoded");
    state.next = Math.max(state.next, deadly + 1);
  }
  let stopping = false;
  process.on("SIGINT", () => {
    stopping = true;
  });
  const pool = new TrialPool();
  const clean = new Map<string, string>();
  const until = state.from + files;
  const startedMs = performance.now() - state.seconds * 1000;
  const replacedBefore = state.replaced;
  const save = (): void => {
    state.seconds = Math.round((performance.now() - startedMs) / 1000);
    state.replaced = replacedBefore + pool.replaced;
    if (stateFile !== undefined) writeFileSync(stateFile, JSON.stringify(state, undefined, 1));
  };
  for (; state.next < until && !stopping; state.next++) {
    const file = damaged(corpus, state.next);
    if (marker !== undefined) writeFileSync(marker, String(state.next));
    const { outcome, ms, finding } = await pool.try(file);
    state.outcomes[outcome] = (state.outcomes[outcome] ?? 0) + 1;
    if (ms > state.slowest.ms) state.slowest = { seed: state.next, ms: Math.round(ms) };
    state.peakRssMiB = Math.max(state.peakRssMiB, Math.round(process.memoryUsage.rss() / 1024 ** 2));
    if (finding !== undefined) note(state, state.next, finding);
    if (state.next % CLEAN_EVERY === 0) await checkSound(pool, clean, state);
    if (state.next % SAVE_EVERY === 0) save();
  }
  save();
  await pool.close();
  if (marker !== undefined) rmSync(marker, { force: true });
  report(state);
  process.exitCode = state.findings.length > 0 ? 1 : 0;
}

/** Undamaged files between the damaged ones, by turns: their pixels must not change. */
async function checkSound(pool: TrialPool, clean: Map<string, string>, state: State): Promise<void> {
  for (const file of written) {
    const digests = await pool.digests(file).catch((error: unknown) => String(error));
    const before = clean.get(file.name) ?? digests;
    clean.set(file.name, before);
    if (digests !== before) note(state, state.next, `afterwards ${file.name} decodes otherwise: ${digests}`);
  }
}

async function replay(seed: number): Promise<void> {
  const file = damaged(corpus, seed);
  if (values.write !== undefined) writeFileSync(values.write, file.bytes);
  const pool = new TrialPool();
  console.log(JSON.stringify({ seed, file: file.name, bytes: file.bytes.length, ...(await pool.try(file)) }));
  await pool.close();
}

function resumed(stateFile: string | undefined, seed: number): State {
  if (stateFile !== undefined && existsSync(stateFile)) return JSON.parse(readFileSync(stateFile, "utf8")) as State;
  return {
    from: seed,
    next: seed,
    seconds: 0,
    replaced: 0,
    slowest: { seed, ms: 0 },
    peakRssMiB: 0,
    outcomes: {},
    findings: [],
  };
}

function note(state: State, seed: number, what: string): void {
  const finding = { seed, file: damaged(corpus, seed).name, what };
  state.findings.push(finding);
  console.log(`FINDING ${JSON.stringify(finding)}`);
}

function realFiles(folder: string): CorpusFile[] {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size <= LARGEST_BYTES)
    .sort();
  return paths.map((path) => ({ name: path, bytes: readFileSync(path) }));
}

function report(state: State): void {
  const { from, next, seconds, replaced, slowest, peakRssMiB, outcomes, findings } = state;
  console.log(
    `${next - from} files (seeds ${from} to ${next - 1}) in ${seconds} s, ${corpus.length} originals; ${machine()}`,
  );
  for (const [outcome, count] of Object.entries(outcomes).sort(([, a], [, b]) => b - a)) {
    console.log(`${String(count).padStart(8)} ${outcome}`);
  }
  console.log(
    `slowest ${slowest.ms} ms (seed ${slowest.seed}), largest resident memory ${peakRssMiB} MiB, ${replaced} threads replaced`,
  );
  console.log(`${findings.length} findings`);
}
