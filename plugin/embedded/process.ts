/**
 * Starts the engine's process and reads the files by which a running one is found. Which process is used, and when
 * one is started, is decided in `index.ts`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Address } from "./lease.js";
import type { EngineRuntime } from "./runtime.js";

/** The exit status that says: another process serves this folder. */
const LOCKED_EXIT_STATUS = 75;
const LOG_TAIL_LINES = 15;

/** Where the engine of this folder last said that it listens; undefined where none did. It may be gone since. */
export function readAddress(folder: string): Address | undefined {
  try {
    const endpoint: unknown = JSON.parse(readFileSync(join(folder, "endpoint.json"), "utf8"));
    if (typeof endpoint !== "object" || endpoint === null) return undefined;
    const { port, key } = endpoint as Partial<Record<string, unknown>>;
    return typeof port === "number" && typeof key === "string" && key !== "" ? { port, key } : undefined;
  } catch {
    return undefined; // never started, or a file that is of no use: both mean that one must be started
  }
}

export type ProcessState =
  | { readonly kind: "running" }
  /** Another process has the folder. */
  | { readonly kind: "locked" }
  /** `cause` may name paths of this machine: for who runs it, not for who asks over the network. */
  | { readonly kind: "failed"; readonly reason: string; readonly cause: Error };

/** An engine that this process started. It outlives this process for as long as others hold leases. */
export class EngineProcess {
  #state: ProcessState = { kind: "running" };
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #logStart: number;

  constructor(runtime: EngineRuntime, folder: string, lingerMs: number) {
    this.#log = join(folder, "engine.log");
    this.#logStart = existsSync(this.#log) ? statSync(this.#log).size : 0;
    const log = openSync(this.#log, "a", 0o600);
    this.#child = spawn(
      runtime.python,
      // -I: neither the user's environment nor the current folder decides what is imported.
      [
        "-I",
        runtime.server,
        ...["--packages", runtime.packages],
        ...["--folder", folder],
        ...["--version", runtime.version],
        ...["--linger-seconds", String(lingerMs / 1000)],
      ],
      // A session of its own: an interrupt at the terminal ends the client, and the engine when nobody else uses it.
      { detached: true, stdio: ["ignore", log, log], cwd: folder, windowsHide: true },
    );
    closeSync(log);
    this.#child.unref();
    this.#child.on("error", (error: NodeJS.ErrnoException) => {
      this.#state = { kind: "failed", reason: `it could not be started (${error.code ?? error.name})`, cause: error };
    });
    this.#child.on("exit", (status, signal) => {
      this.#state =
        status === LOCKED_EXIT_STATUS
          ? { kind: "locked" }
          : {
              kind: "failed",
              reason: `it ended (${signal ?? `exit status ${status}`}); see engine.log in the data folder`,
              cause: new Error(this.#tail()),
            };
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** What the process wrote since it was started. */
  #tail(): string {
    // The data folder may have been removed while the engine still lingered.
    if (!existsSync(this.#log)) return "The engine's log is gone.";
    const text = readFileSync(this.#log).subarray(this.#logStart).toString("utf8").trim();
    if (text === "") return "The engine wrote nothing to its log.";
    return `The engine's last lines:\n${text.split("\n").slice(-LOG_TAIL_LINES).join("\n")}`;
  }
}
