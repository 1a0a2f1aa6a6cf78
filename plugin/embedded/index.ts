/**
 * The embedded engine of a data folder: a local process that speaks Qdrant's REST interface (`server/`), started when
 * it is first needed, shared by every process that opens the same folder, started again when it dies, gone when
 * nobody uses it. What is sent to it is the collection's matter.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DafhError, makeFolder } from "../../schemas/index.js";
import { takeLease } from "./lease.js";
import { EngineProcess, readAddress } from "./process.js";
import { type EngineRuntime, findRuntime } from "./runtime.js";

export type EngineEvent =
  | { readonly kind: "started" | "joined"; readonly pid: number; readonly port: number; readonly milliseconds: number }
  /** The process ended, or closed the lease. It is started again. */
  | { readonly kind: "lost" }
  | { readonly kind: "restart-failed"; readonly error: DafhError };

export interface EmbeddedEngineOptions {
  /** The engine keeps its files in `engine/` below it. */
  readonly dataDir: string;
  readonly onEvent?: (event: EngineEvent) => void;
  /** How long the process stays after the last one has released it; 5,000 unless told. */
  readonly lingerMs?: number;
  /** How long a start may take; 60,000 unless told. Long, since another process may have to finish first. */
  readonly startTimeoutMs?: number;
}

export interface EmbeddedEngine {
  /**
   * Where the running engine answers; starts it where it does not run. Ask again after a failed request: the port
   * and the key may have changed.
   * @throws DafhError ENGINE_NOT_INSTALLED, PYTHON_MISSING, ENGINE_UNAVAILABLE
   */
  endpoint(): Promise<{ url: string; apiKey: string }>;
  /** This user is done with it. The process ends when all are. */
  release(): Promise<void>;
}

const POLL_MS = 20;
/** Pause before another try at a folder that another process has. */
const LOCKED_PAUSE_MS = 100;
/** After so many losses within a minute it is no longer started unasked. */
const RESTARTS_A_MINUTE = 5;

/**
 * Opens the engine of a data folder and waits until it answers.
 * @throws DafhError ENGINE_NOT_INSTALLED, PYTHON_MISSING, ENGINE_UNAVAILABLE
 */
export async function openEmbeddedEngine(options: EmbeddedEngineOptions): Promise<EmbeddedEngine> {
  const folder = join(options.dataDir, "engine");
  try {
    makeFolder(folder, 0o700);
  } catch (cause) {
    throw new DafhError(
      "ENGINE_UNAVAILABLE",
      `The data folder cannot be made: ${messageOf(cause)}`,
      { path: folder },
      { cause },
    );
  }
  const engine = new Supervisor(folder, findRuntime(), options);
  await engine.endpoint();
  return engine;
}

interface Held {
  readonly url: string;
  readonly apiKey: string;
  readonly release: () => void;
}

class Supervisor implements EmbeddedEngine {
  #held: Held | undefined;
  #starting: Promise<Held> | undefined;
  #released = false;
  #losses: number[] = [];
  readonly #lingerMs: number;
  readonly #startTimeoutMs: number;
  readonly #onEvent: (event: EngineEvent) => void;

  constructor(
    readonly folder: string,
    readonly runtime: EngineRuntime,
    options: EmbeddedEngineOptions,
  ) {
    this.#lingerMs = options.lingerMs ?? 5_000;
    this.#startTimeoutMs = options.startTimeoutMs ?? 60_000;
    this.#onEvent = options.onEvent ?? (() => {});
  }

  async endpoint(): Promise<{ url: string; apiKey: string }> {
    if (this.#released) throw this.#unavailable("it was released");
    if (this.#held === undefined) {
      this.#starting ??= this.#ensure().finally(() => {
        this.#starting = undefined;
      });
      await this.#starting;
    }
    if (this.#held === undefined) throw this.#unavailable("it ended as soon as it had started");
    return { url: this.#held.url, apiKey: this.#held.apiKey };
  }

  async release(): Promise<void> {
    this.#released = true;
    // A start that is under way ends by itself; what it got is given back below.
    await this.#starting?.catch(() => undefined);
    this.#held?.release();
    this.#held = undefined;
  }

  /** Joins the engine that runs, or starts one, until a lease is held. */
  async #ensure(): Promise<Held> {
    const begun = performance.now();
    let process: EngineProcess | undefined;
    let waitingFor = "it did not answer";
    while (performance.now() - begun < this.#startTimeoutMs) {
      const address = readAddress(this.folder);
      const answer = address && (await takeLease(address, this.runtime.version, () => this.#lost()));
      if (address && answer?.kind === "granted") {
        this.#held = { url: `http://127.0.0.1:${address.port}`, apiKey: address.key, release: answer.release };
        const kind = process?.pid === answer.pid ? "started" : "joined";
        this.#onEvent({ kind, pid: answer.pid, port: address.port, milliseconds: performance.now() - begun });
        return this.#held;
      }
      if (answer?.kind === "refused" && answer.version !== this.runtime.version) {
        waitingFor = `version ${answer.version} of the engine serves this folder, this is ${this.runtime.version}`;
        if (answer.leases > 0) throw this.#unavailable(`${waitingFor}; end the ${answer.leases} that use it first`);
      }
      const state = process?.state;
      if (state?.kind === "failed") throw this.#unavailable(state.reason, state.cause);
      if (state?.kind === "locked") {
        // Another one starts, or the one before is putting its data on disk: it is waited for, then tried again.
        process = undefined;
        await sleep(LOCKED_PAUSE_MS);
        continue;
      }
      process ??= this.#start();
      await sleep(POLL_MS);
    }
    throw this.#unavailable(`${waitingFor} within ${this.#startTimeoutMs / 1000} s`);
  }

  #start(): EngineProcess {
    return new EngineProcess(this.runtime, this.folder, this.#lingerMs);
  }

  #lost(): void {
    this.#held = undefined;
    if (this.#released) return;
    this.#onEvent({ kind: "lost" });
    const now = performance.now();
    this.#losses = [...this.#losses.filter((at) => now - at < 60_000), now];
    if (this.#losses.length > RESTARTS_A_MINUTE) return;
    // At once, and on the same port where it is free: requests that are tried again then find it where it was.
    this.endpoint().catch((thrown: unknown) => {
      const error = thrown instanceof DafhError ? thrown : this.#unavailable(messageOf(thrown));
      if (!this.#released) this.#onEvent({ kind: "restart-failed", error });
    });
  }

  #unavailable(reason: string, cause?: Error): DafhError {
    const message = `The embedded engine is not available: ${reason}`;
    return new DafhError("ENGINE_UNAVAILABLE", message, { path: this.folder }, cause === undefined ? {} : { cause });
  }
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
