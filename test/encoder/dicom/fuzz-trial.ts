/**
 * One damaged file through the product's own decoding pool, and everything that must hold while it is there. What it
 * finds is for the caller to count or to fail on.
 */
import { DEFAULT_DECODING_LIMITS, DecodePool } from "../../../encoder/decoding/index.js";
import { DafhError } from "../../../schemas/index.js";
import type { CorpusFile } from "./fuzz-corpus.js";

const FILE_LIMIT_MS = 2_000;
const MEMORY_LIMIT_BYTES = 1024 ** 3;
const FRAMES_TRIED = 3;
const KEY = new Uint8Array(32).fill(7);

export interface Trial {
  /** "decoded", or the code that it was refused with. */
  readonly outcome: string;
  /** The processor's, not the clock's: a decoder that hangs is at work, and a crowded machine is not its fault. */
  readonly ms: number;
  /** What should not have been; undefined: all is well. */
  readonly finding: string | undefined;
}

export class TrialPool {
  replaced = 0;
  #strays: string[] = [];
  readonly #pool = new DecodePool(
    1,
    { ...DEFAULT_DECODING_LIMITS, stepMs: 10_000 },
    { onRestart: () => this.replaced++ },
  );
  readonly #onStray = (thrown: unknown): void => {
    this.#strays.push(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
  };

  constructor() {
    process.on("unhandledRejection", this.#onStray);
    process.on("uncaughtException", this.#onStray);
  }

  async try({ name, bytes }: CorpusFile): Promise<Trial> {
    const trial = await this.#once(name, bytes);
    // What compiled or collected garbage meanwhile counts too: a hang hangs again.
    return trial.finding?.startsWith("slow") === true ? this.#once(name, bytes) : trial;
  }

  /** The pixels of an undamaged file by their digests: what a failed codec left behind must not change them. */
  async digests({ name, bytes }: CorpusFile): Promise<string> {
    const lease = await this.#pool.acquire({ bytes, name });
    try {
      const { frames } = await lease.open(KEY);
      const digests: string[] = [];
      for (let frame = 1; frame <= frames; frame++) {
        const { pixelDigest, input } = await lease.frame(frame, undefined);
        digests.push(`${pixelDigest}/${input.reduce((sum, value) => sum + value, 0)}`);
      }
      return digests.join();
    } finally {
      await lease.release();
    }
  }

  async close(): Promise<void> {
    await this.#pool.close();
    process.off("unhandledRejection", this.#onStray);
    process.off("uncaughtException", this.#onStray);
  }

  async #once(name: string, bytes: Uint8Array): Promise<Trial> {
    let outcome = "decoded";
    let finding: string | undefined;
    const lease = await this.#pool.acquire({ bytes, name });
    const cpu = process.cpuUsage();
    try {
      const { frames } = await lease.open(KEY);
      lease.expectFrames(FRAMES_TRIED);
      for (let frame = 1; frame <= Math.min(frames, FRAMES_TRIED); frame++) {
        await lease.inspect(frame);
        await lease.frame(frame, 64);
      }
    } catch (thrown) {
      outcome = thrown instanceof DafhError ? thrown.code : "no DafhError";
      finding = wrong(thrown, name);
    } finally {
      await lease.release();
    }
    const { user, system } = process.cpuUsage(cpu);
    const ms = (user + system) / 1000;
    const memory = process.memoryUsage.rss();
    const stray = this.#strays.pop();
    if (stray !== undefined) finding = `unhandled: ${stray}`;
    else if (memory > MEMORY_LIMIT_BYTES) finding = `memory: ${Math.round(memory / 1024 ** 2)} MiB`;
    else if (ms > FILE_LIMIT_MS) finding ??= `slow: ${Math.round(ms)} ms (${outcome})`;
    return { outcome, ms, finding };
  }
}

/** A refusal is well when it is one of the table's, of the file's own fault, and names the file. */
function wrong(thrown: unknown, name: string): string | undefined {
  if (!(thrown instanceof DafhError)) return `no DafhError: ${thrown instanceof Error ? thrown.stack : String(thrown)}`;
  const { code, message, where } = thrown;
  switch (code) {
    case "INTERNAL":
    case "DECODER_CRASHED":
    case "ENCODER_UNAVAILABLE":
    case "DECODE_TIMEOUT":
      return `${code}: ${message}`;
    default:
      return where.path === name ? undefined : `${code} does not name the file: ${message}`;
  }
}
