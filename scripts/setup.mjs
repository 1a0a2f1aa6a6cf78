/**
 * Gets a clone ready: npm packages by the lock file, the embedded engine's Python packages, the build. Each step looks
 * first whether it is needed and says what it does. Plain Node, no dependencies: this runs before there are any.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setupEngine } from "./setup-engine.mjs";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const OLDEST_NODE = [20, 19];
/** What the build reads. */
const SOURCES = [
  ...["schemas", "catalogue", "plugin", "encoder", "gateway", "cli", "test", "bench", "docs/examples"],
  ...["tsconfig.json", "package.json", "package-lock.json"],
];
const NOT_BUILT = new Set(["node_modules", "training", "models", "server", "__pycache__"]);
const BUILD_STAMP = join(ROOT, "dist", ".sources");

/** What is missing and how to get it: shown without a stack. */
export class SetupError extends Error {}

/**
 * @param say takes one line about what is being done; a second run says one line a step
 * @param engine install the embedded engine; a Qdrant server does without it, and without Python
 */
export async function setUp(say = (line) => console.error(line), { engine = true } = {}) {
  checkNode();
  await step(say, "npm packages", packagesAreStale(), () =>
    run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
      missing: "npm was not found. It comes with Node.js: https://nodejs.org",
    }),
  );
  if (engine) {
    const { installed } = await setupEngine({ log: say }).catch((cause) => {
      throw new SetupError(cause.message, { cause });
    });
    if (!installed) say("embedded engine: ready");
  } else say("embedded engine: not needed (QDRANT_URL is set)");
  const sources = digestOfSources();
  await step(say, "build", !existsSync(BUILD_STAMP) || readFileSync(BUILD_STAMP, "utf8") !== sources, async () => {
    // What was built from a file that is gone must not stay.
    rmSync(join(ROOT, "dist"), { recursive: true, force: true });
    await run("npm", ["run", "--silent", "build"]);
    writeFileSync(BUILD_STAMP, sources);
  });
}

/** Runs a program to its end; its output goes to standard error, so that standard output stays the caller's. */
export function run(program, args, { missing = `${program} was not found.`, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", 2, 2], ...options });
    child.once("error", (cause) => {
      reject(cause.code === "ENOENT" ? new SetupError(missing) : cause);
    });
    child.once("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new SetupError(`${[program, ...args].join(" ")} ended with ${signal ?? `exit code ${code}`}.`));
    });
  });
}

/** For the scripts' own ends: a SetupError as its message, anything else with its stack. */
export function exitWith(error) {
  console.error(error instanceof SetupError ? `\n${error.message}` : error);
  process.exit(1);
}

async function step(say, name, needed, work) {
  if (!needed) {
    say(`${name}: ready`);
    return;
  }
  say(`${name} …`);
  const startMs = performance.now();
  await work();
  say(`${name}: done in ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw new SetupError(
    `Node.js ${process.versions.node} is too old: ${OLDEST_NODE.join(".")} or newer is needed. https://nodejs.org`,
  );
}

/** npm notes what it installed in node_modules/.package-lock.json, however it was asked to install. */
function packagesAreStale() {
  const noted = join(ROOT, "node_modules", ".package-lock.json");
  if (!existsSync(noted)) return true;
  const packagesOf = (file) => JSON.parse(readFileSync(file, "utf8")).packages;
  const installed = packagesOf(noted);
  return Object.entries(packagesOf(join(ROOT, "package-lock.json"))).some(([place, wanted]) => {
    if (place === "") return false;
    const found = installed[place];
    // Optional packages are those of other platforms.
    return found === undefined ? wanted.optional !== true : found.version !== wanted.version;
  });
}

function digestOfSources() {
  const hash = createHash("sha256");
  const add = (path) => {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(ROOT, path)))
      .update("\0");
  };
  const walk = (folder) => {
    const entries = readdirSync(join(ROOT, folder), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = `${folder}/${entry.name}`;
      if (NOT_BUILT.has(entry.name)) continue;
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile()) add(path);
    }
  };
  for (const source of SOURCES.filter((path) => existsSync(join(ROOT, path)))) {
    if (source.endsWith(".json")) add(source);
    else walk(source);
  }
  return hash.digest("hex");
}
