/**
 * The decode threads, lent to one file at a time. A thread that hung, crashed or may be unsound is replaced; what is
 * done with the frames is the caller's matter.
 */
import { DafhError, type ImageSource } from "../../schemas/index.js";
import { Slots } from "../slots.js";
import { Thread } from "../threads/thread.js";
import { DecodeLease, type DecodeThread } from "./lease.js";
import type { DecodingLimits } from "./limits.js";

/** Loading the codecs takes a fifth of a second; this is for a machine that is overwhelmed. */
const START_MS = 60_000;

const DECODE_THREAD = new URL("./decode-thread.js", import.meta.url);

export interface DecodingEvents {
  onRestart?(): void;
  onPrint?(text: string): void;
}

export class DecodePool {
  readonly #limits: DecodingLimits;
  readonly #events: DecodingEvents;
  /** One for each thread that may be lent. */
  readonly #seats: Slots;
  readonly #all = new Set<DecodeThread>();
  readonly #idle: DecodeThread[] = [];
  #waitingBytes = 0;
  #closedFor: DafhError | undefined;

  /** Threads start with the first files. */
  constructor(threads: number, limits: DecodingLimits, events: DecodingEvents = {}) {
    this.#seats = new Slots(threads);
    this.#limits = limits;
    this.#events = events;
  }

  get threads(): number {
    return this.#seats.count;
  }

  /** Files that wait for a thread. */
  get waiting(): number {
    return this.#seats.waiting;
  }

  /**
   * Waits for a thread; whoever gets one gives it back by `release`, whatever happens.
   * @throws DafhError OVERLOADED or ENCODER_UNAVAILABLE; the signal's reason
   */
  async acquire(source: ImageSource, signal?: AbortSignal): Promise<DecodeLease> {
    await this.#seat("bytes" in source ? source.bytes.byteLength : 0, signal);
    try {
      const thread = this.#idleThread() ?? (await this.#start());
      return new DecodeLease(thread, source, this.#limits, () => this.#giveBack(thread));
    } catch (thrown) {
      this.#seats.release();
      throw thrown;
    }
  }

  /** Starts every thread now. @throws DafhError ENCODER_UNAVAILABLE where one does not start */
  async warmUp(): Promise<void> {
    const leases = await Promise.all(Array.from({ length: this.threads }, () => this.acquire({ path: "" })));
    await Promise.all(leases.map((lease) => lease.release()));
  }

  /** Ends the threads at once: files that are being decoded or wait are rejected. */
  async close(): Promise<void> {
    this.#closedFor ??= new DafhError("ENCODER_UNAVAILABLE", "the encoder has been closed");
    this.#seats.close(this.#closedFor);
    await Promise.all([...this.#all].map((thread) => thread.terminate()));
  }

  async #seat(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    const { waitingFiles, waitingBytes } = this.#limits;
    const full = this.#seats.taken === this.#seats.count;
    if (full && (this.waiting >= waitingFiles || this.#waitingBytes + bytes > waitingBytes)) {
      const held = `${this.waiting} files (${this.#waitingBytes} bytes in memory)`;
      throw new DafhError("OVERLOADED", `${held} wait to be decoded already`);
    }
    this.#waitingBytes += bytes;
    try {
      await this.#seats.acquire(signal);
    } finally {
      this.#waitingBytes -= bytes;
    }
  }

  #idleThread(): DecodeThread | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.usable) return idle;
      this.#forget(idle);
    }
    return undefined;
  }

  #giveBack(thread: DecodeThread): void {
    if (thread.usable) this.#idle.push(thread);
    else this.#forget(thread);
    this.#seats.release();
  }

  #forget(thread: DecodeThread): void {
    this.#all.delete(thread);
    if (this.#closedFor === undefined) this.#events.onRestart?.();
  }

  async #start(): Promise<DecodeThread> {
    const { fileBytes, heapMegabytes } = this.#limits;
    const thread: DecodeThread = new Thread(DECODE_THREAD, {
      workerData: { fileBytes },
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytes },
      onPrint: (text) => this.#events.onPrint?.(text),
    });
    this.#all.add(thread);
    try {
      await thread.call({ kind: "ready" }, { timeLimitMs: START_MS });
      return thread;
    } catch (cause) {
      this.#all.delete(thread);
      await thread.terminate();
      if (this.#closedFor !== undefined) throw this.#closedFor;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new DafhError("ENCODER_UNAVAILABLE", `a decode thread does not start: ${reason}`, {}, { cause });
    }
  }
}
