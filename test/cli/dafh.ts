/** Runs the compiled `dafh` as its users do: a process of its own, with its streams and its exit code. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../cli/main.js", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Environment = Readonly<Record<string, string>>;

/**
 * Nothing of the developer's own settings reaches the tests. Coverage is counted in the tests' own process alone:
 * merging that of a hundred short ones takes longer than they do.
 */
function environment(own: Environment): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(DAFH_|QDRANT_|ENCODER_|XDG_)/.test(name));
  return { ...Object.fromEntries(inherited), NODE_V8_COVERAGE: "", ...own };
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** The first line on standard output. */
  readonly firstLine: Promise<string>;
}

export function startDafh(args: readonly string[], own: Environment = {}): Started {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: environment(own),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  let onLine: (line: string) => void = () => undefined;
  const firstLine = new Promise<string>((resolve) => {
    onLine = resolve;
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    const [line, ...more] = stdout.split("\n");
    if (more.length > 0) onLine(line ?? "");
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      onLine(stdout);
      resolve({ code, signal, stdout, stderr });
    });
  });
  return { child, ended, firstLine };
}

export function dafh(args: readonly string[], own: Environment = {}): Promise<Ended> {
  return startDafh(args, own).ended;
}

/** One document of a command with --json. */
export async function dafhJson<Document>(
  args: readonly string[],
  own: Environment = {},
): Promise<Ended & { readonly document: Document }> {
  const ended = await dafh([...args, "--json"], own);
  const lines = ended.stdout.trimEnd().split("\n");
  if (lines.length !== 1) throw new Error(`not one document: ${ended.stdout}\n${ended.stderr}`);
  // The cast: what each test then asserts on.
  return { ...ended, document: JSON.parse(ended.stdout) as Document };
}

export interface IngestDocument {
  readonly files: number;
  readonly instances: number;
  readonly frames: number;
  readonly constantFrames: number;
  readonly new: number;
  readonly unchanged: number;
  readonly updated: number;
  readonly replaced: number;
  readonly refused: readonly { readonly path: string; readonly code: string; readonly message: string }[];
  readonly refusedByCode: Readonly<Record<string, number>>;
  readonly labelsUnmet: number;
  readonly profile: string;
  readonly framesUnderOtherProfiles: number;
  readonly interrupted: boolean;
  readonly seconds: number;
}

interface ResultDocument {
  readonly id: string;
  readonly score: number;
  readonly hammingDistance: number;
  readonly rank: number;
  readonly modality?: string;
  readonly sopInstanceUid?: string;
  readonly frame: number;
  readonly path?: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface SearchDocument {
  readonly query: Readonly<Record<string, unknown>>;
  readonly plan: Readonly<Record<string, unknown>>;
  readonly results: readonly ResultDocument[];
  readonly groups?: readonly { readonly key: string; readonly results: readonly ResultDocument[] }[];
  readonly timingsMs: Readonly<Record<string, number | null>>;
}

export interface ErrorDocument {
  readonly error: { readonly code: string; readonly message: string };
}

export const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), "dafh-cli-"));

/** An engine may still be writing its last words. */
export const removeFolder = (folder: string): Promise<void> =>
  rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
