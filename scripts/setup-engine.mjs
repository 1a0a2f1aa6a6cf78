/**
 * Installs the embedded engine: the pinned wheels of plugin/embedded/requirements.txt, hashes checked, into `.python/`
 * of this package, never into the system. `npm run setup:engine` runs it; the demo and the tests call `setupEngine`.
 * A second run finds everything in place and does nothing. plugin/embedded/runtime.ts finds what this installed.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE_ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const REQUIREMENTS = join(PACKAGE_ROOT, "plugin", "embedded", "requirements.txt");
const INSTALLED = join(PACKAGE_ROOT, ".python");
/** Written last into an installation: a folder without it is not one. */
const MARKER = "engine.json";
const CANDIDATES = ["python3", "python3.13", "python3.12", "python3.11", "python3.10", "python"];
const LOWEST_MINOR = 10;

const HOW_TO_GET_PYTHON =
  "Install Python 3.10 or newer with pip (Debian and Ubuntu: apt install python3 python3-pip; macOS: brew install python; " +
  "Windows: python.org), or set QDRANT_URL to use a Qdrant server instead.";

/** A failure whose message is all that the user needs. */
class SetupError extends Error {}

/** The first Python that is new enough, as `{command, path, version, hasPip}`; those with pip come first. */
export function findPython() {
  let withoutPip;
  for (const command of CANDIDATES) {
    const probe = spawnSync(
      command,
      [
        "-c",
        "import sys,importlib.util as u;print(sys.executable);print('%d.%d.%d'%sys.version_info[:3]);print(u.find_spec('pip') is not None)",
      ],
      { encoding: "utf8", timeout: 30_000 },
    );
    if (probe.status !== 0) continue;
    const [path = "", version = "", pip] = probe.stdout.trim().split(/\r?\n/);
    const [major, minor] = version.split(".").map(Number);
    if (major !== 3 || minor < LOWEST_MINOR || !existsSync(path)) continue;
    const found = { command, path, version, hasPip: pip === "True" };
    if (found.hasPip) return found;
    withoutPip ??= found;
  }
  return withoutPip;
}

/** SHA-256 of the requirements: what an installation must have been made from. */
function requirementsDigest() {
  return createHash("sha256").update(readFileSync(REQUIREMENTS)).digest("hex");
}

/** An installation that fits the requirements and whose Python is still there, or undefined. */
function findInstallation(digest) {
  if (!existsSync(INSTALLED)) return undefined;
  for (const name of readdirSync(INSTALLED)) {
    const marker = join(INSTALLED, name, MARKER);
    if (!existsSync(marker)) continue;
    const { requirements, python, pythonVersion } = JSON.parse(readFileSync(marker, "utf8"));
    if (requirements !== digest || !existsSync(python)) continue;
    // The system may have moved on to another Python at the same path, for which the wheels are not.
    const now = spawnSync(python, ["-c", "import sys;print('%d.%d'%sys.version_info[:2])"], { encoding: "utf8" });
    if (now.status === 0 && pythonVersion.startsWith(`${now.stdout.trim()}.`)) return join(INSTALLED, name);
  }
  return undefined;
}

/**
 * Installs the engine where it is not installed. `log` is told what is being done.
 * @returns {Promise<{folder: string, installed: boolean}>} the folder, and whether this call installed it
 */
export async function setupEngine({ log = console.error } = {}) {
  const digest = requirementsDigest();
  const present = findInstallation(digest);
  if (present !== undefined) return { folder: present, installed: false };
  const python = findPython();
  if (python === undefined) throw new SetupError(`No Python 3.10 or newer was found. ${HOW_TO_GET_PYTHON}`);
  if (!python.hasPip) {
    throw new SetupError(`Python ${python.version} (${python.path}) has no pip. ${HOW_TO_GET_PYTHON}`);
  }
  log(
    `Installing the embedded engine's packages for Python ${python.version} under .python/ (about 20 MB to download) …`,
  );
  const started = Date.now();
  mkdirSync(INSTALLED, { recursive: true });
  // Made aside and renamed when complete, so that a run that is cut off, or two at once, leave nothing half-made.
  const unfinished = mkdtempSync(join(INSTALLED, ".unfinished-"));
  try {
    await runPip(python.path, unfinished, log);
    writeFileSync(
      join(unfinished, MARKER),
      `${JSON.stringify({ requirements: digest, python: python.path, pythonVersion: python.version })}\n`,
    );
    const [major, minor] = python.version.split(".");
    const folder = join(INSTALLED, `py${major}.${minor}-${digest.slice(0, 12)}`);
    place(unfinished, folder, digest);
    removeOthers(folder, digest);
    log(`Installed the embedded engine in ${((Date.now() - started) / 1000).toFixed(1)} s.`);
    return { folder, installed: true };
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/** Moves a finished installation to its place; one that another run put there meanwhile is as good. */
function place(unfinished, folder, digest) {
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    if (findInstallation(digest) === folder) return;
    if (!existsSync(folder)) throw error;
    // What stands there is of a Python that is gone.
    rmSync(folder, { recursive: true, force: true });
    renameSync(unfinished, folder);
  }
}

/** Removes what was installed from the same requirements for a Python of before: the engine would take either. */
function removeOthers(folder, digest) {
  for (const name of readdirSync(INSTALLED)) {
    const other = join(INSTALLED, name);
    const marker = join(other, MARKER);
    // Unfinished ones are another run's.
    if (other === folder || name.startsWith(".") || !existsSync(marker)) continue;
    if (JSON.parse(readFileSync(marker, "utf8")).requirements !== digest) continue;
    rmSync(other, { recursive: true, force: true });
  }
}

function runPip(python, target, log) {
  const pipArguments = ["-m", "pip", "install", "--target", target, "--require-hashes", "--only-binary", ":all:"];
  const quiet = [
    "--no-deps",
    "--no-input",
    "--disable-pip-version-check",
    "--no-warn-script-location",
    "--progress-bar",
    "off",
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(python, [...pipArguments, ...quiet, "-r", REQUIREMENTS], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PIP_ROOT_USER_ACTION: "ignore" },
    });
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      for (const line of text.split("\n"))
        if (/^(Collecting|Installing)/.test(line)) log(`  ${line.split(" (from")[0]}`);
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      errors = (errors + text).slice(-4000);
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new SetupError(`pip could not install the embedded engine (exit status ${code}):\n${errors.trim()}`));
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { installed } = await setupEngine();
    if (!installed) console.error("The embedded engine is already installed.");
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
