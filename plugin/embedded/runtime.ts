/**
 * Where the embedded engine's Python, packages and server are, and which version they make up. Reads only;
 * scripts/setup-engine.mjs installs.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DafhError } from "../../schemas/index.js";

export interface EngineRuntime {
  /** The Python that the packages were installed for. */
  readonly python: string;
  /** Folder of the installed packages. */
  readonly packages: string;
  /** Folder of the server's source. */
  readonly server: string;
  /** Changes with the server's source and its packages: only equal versions share a data folder. */
  readonly version: string;
}

const MARKER = "engine.json";

/**
 * @throws DafhError ENGINE_NOT_INSTALLED; PYTHON_MISSING where the Python that it was installed for is gone
 */
export function findRuntime(packageRoot: string = ownPackageRoot()): EngineRuntime {
  const embedded = join(packageRoot, "plugin", "embedded");
  const server = join(embedded, "server");
  const requirements = readFileSync(join(embedded, "requirements.txt"));
  const digest = createHash("sha256").update(requirements).digest("hex");
  const installed = join(packageRoot, ".python");
  let missingPython: string | undefined;
  for (const name of existsSync(installed) ? readdirSync(installed) : []) {
    const packages = join(installed, name);
    const marker = readMarker(join(packages, MARKER));
    if (marker === undefined || marker.requirements !== digest) continue;
    if (existsSync(marker.python)) {
      return { python: marker.python, packages, server, version: sourceVersion(server, requirements) };
    }
    missingPython = marker.python;
  }
  if (missingPython !== undefined) {
    throw new DafhError(
      "PYTHON_MISSING",
      `The Python that the embedded engine was installed for is gone (${missingPython}). Run npm run setup:engine again.`,
    );
  }
  throw new DafhError("ENGINE_NOT_INSTALLED", `The embedded engine's packages are not installed under ${installed}.`);
}

function readMarker(path: string): { requirements: string; python: string } | undefined {
  if (!existsSync(path)) return undefined;
  const marker: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (typeof marker !== "object" || marker === null) return undefined;
  const { requirements, python } = marker as Partial<Record<string, unknown>>;
  return typeof requirements === "string" && typeof python === "string" ? { requirements, python } : undefined;
}

function sourceVersion(server: string, requirements: Uint8Array): string {
  const hash = createHash("sha256").update(requirements);
  const sources = readdirSync(server).filter((name) => name.endsWith(".py"));
  for (const name of sources.sort()) hash.update(name).update(readFileSync(join(server, name)));
  return hash.digest("hex").slice(0, 16);
}

/** The folder of package.json: this file is compiled into a folder of its own beside the sources. */
function ownPackageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new DafhError("ENGINE_NOT_INSTALLED", "The package's own folder cannot be found.");
    folder = parent;
  }
  return folder;
}
