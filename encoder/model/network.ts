/**
 * The network as the rest of the encoder sees it: one input in, one embedding out. Underneath, sessions in threads
 * of their own share the inputs of all callers out in batches; where inputs come from is not its matter.
 */
import { type AttentionMap, DafhError, type Embedding, type ModelInfo } from "../../schemas/index.js";
import { Thread, ThreadEnded } from "../threads/thread.js";
import type { ModelDescription } from "./description.js";
import type { Provider, SessionAnswer, SessionRequest, SessionThreadData } from "./session-requests.js";

const SESSION_THREAD = new URL("./session-thread.js", import.meta.url);

/**
 * An image's bits must not depend on what else is asked for at the moment. A CPU session takes one image at a time: larger
 * batches gain nothing there (bench/encode.md), and multiply matrices by other kernels, which may round a value near zero to
 * the other side. On a GPU, where batches pay, every batch is filled up to one size for the same reason.
 */
const BATCHING: Record<Provider, { readonly maxBatch: number; readonly padTo: number }> = {
  cuda: { maxBatch: 16, padTo: 16 },
  cpu: { maxBatch: 1, padTo: 1 },
};

export interface NetworkBatch {
  /** Images, not counting what it was filled up with. */
  readonly size: number;
  /** Time inside ONNX Runtime. */
  readonly runMs: number;
}

export interface NetworkEvents {
  onBatch?(batch: NetworkBatch): void;
  onRestart?(): void;
  onPrint?(text: string): void;
}

export interface NetworkResult {
  readonly embedding: Embedding;
  readonly attention: AttentionMap | undefined;
  readonly foreignScore: number | undefined;
  /** This input's share of its batch's time. */
  readonly networkMs: number;
}

interface Waiting {
  readonly input: Float32Array<ArrayBuffer>;
  readonly signal: AbortSignal | undefined;
  resolve(result: NetworkResult): void;
  reject(error: unknown): void;
}

type SessionThread = Thread<SessionRequest, SessionAnswer>;

export class Network {
  readonly info: ModelInfo;
  readonly provider: Provider;
  readonly sessions: number;
  /** How many inputs a session takes at once. */
  readonly maxBatch: number;

  readonly #description: ModelDescription;
  readonly #events: NetworkEvents;
  readonly #idle: SessionThread[];
  readonly #all: Set<SessionThread>;
  readonly #queue: Waiting[] = [];
  #closing: Promise<void> | undefined;
  /** Set once no session is left and none can be started. */
  #failure: unknown;

  private constructor(
    description: ModelDescription,
    started: { threads: SessionThread[]; provider: Provider },
    events: NetworkEvents,
  ) {
    this.info = description.info;
    this.provider = started.provider;
    this.sessions = started.threads.length;
    this.maxBatch = BATCHING[started.provider].maxBatch;
    this.#description = description;
    this.#events = events;
    this.#idle = [...started.threads];
    this.#all = new Set(started.threads);
  }

  /**
   * @param sessions how many on the CPU; on a GPU there is one
   * @throws DafhError MODEL_UNREADABLE
   */
  static async open(description: ModelDescription, sessions: number, events: NetworkEvents = {}): Promise<Network> {
    keepRuntimeSilent();
    const first = await startSession(description, ["cuda", "cpu"], events);
    const others = first.provider === "cpu" ? sessions - 1 : 0;
    const rest = await Promise.all(Array.from({ length: others }, () => startSession(description, ["cpu"], events)));
    const threads = [first, ...rest].map(({ thread }) => thread);
    return new Network(description, { threads, provider: first.provider }, events);
  }

  /** @throws DafhError where no session is left and none can be started */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Runs one input. Callers bound how many they have under way: the queue itself has no limit.
   * @param input S × S values; its memory is handed over, so it must own its buffer and is empty afterwards
   * @throws DafhError ENCODER_UNAVAILABLE; the signal's reason
   */
  run(input: Float32Array<ArrayBuffer>, signal?: AbortSignal): Promise<NetworkResult> {
    if (this.#closing !== undefined) return Promise.reject(closed());
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#queue.push({ input, signal, resolve, reject });
      this.#dispatch();
    });
  }

  /** Rejects what waits, lets the batches under way finish, and ends the threads. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const { reject } of this.#queue.splice(0)) reject(closed());
    await Promise.all([...this.#all].map((thread) => thread.exit()));
  }

  /**
   * Nothing waits for a batch to fill: an idle session takes what is there, and what arrives while all are busy is
   * the next batch. So batches grow with the load and a lone image is never held back.
   */
  #dispatch(): void {
    for (let waiting = this.#dropAborted(); waiting > 0; waiting = this.#dropAborted()) {
      const thread = this.#idle.pop();
      if (thread === undefined) return;
      if (!thread.usable) {
        void this.#replace(thread);
        continue;
      }
      const share = Math.ceil(waiting / (this.#idle.length + 1));
      void this.#runBatch(thread, this.#queue.splice(0, Math.min(share, this.maxBatch)));
    }
  }

  /** @returns how many are left */
  #dropAborted(): number {
    for (let index = this.#queue.length - 1; index >= 0; index--) {
      const signal = this.#queue[index]?.signal;
      if (signal?.aborted) for (const { reject } of this.#queue.splice(index, 1)) reject(signal.reason);
    }
    return this.#queue.length;
  }

  async #runBatch(thread: SessionThread, batch: readonly Waiting[]): Promise<void> {
    const inputs = batch.map(({ input }) => input);
    try {
      const answer = await thread.call(
        { kind: "run", inputs, padTo: BATCHING[this.provider].padTo },
        { transfer: inputs.map(({ buffer }) => buffer) },
      );
      if (answer.kind !== "ran") throw new DafhError("ENCODER_UNAVAILABLE", "a session gave no result");
      this.#events.onBatch?.({ size: batch.length, runMs: answer.runMs });
      batch.forEach(({ resolve }, row) => {
        resolve({ ...this.#row(answer, row), networkMs: answer.runMs / batch.length });
      });
    } catch (thrown) {
      const error = thrown instanceof ThreadEnded ? sessionEnded(thrown) : thrown;
      for (const { reject } of batch) reject(error);
    }
    if (thread.usable) {
      this.#idle.push(thread);
      this.#dispatch();
    } else await this.#replace(thread);
  }

  #row(answer: SessionAnswer & { kind: "ran" }, row: number): Omit<NetworkResult, "networkMs"> {
    const { hashBits, featureSize } = this.info;
    const { attentionSize: side } = this.#description;
    const values = answer.attention?.slice(row * side * side, (row + 1) * side * side);
    return {
      embedding: {
        hash: answer.hash.slice(row * hashBits, (row + 1) * hashBits),
        features: answer.features.slice(row * featureSize, (row + 1) * featureSize),
      },
      attention: values === undefined ? undefined : { rows: side, columns: side, values },
      foreignScore: answer.foreign?.[row],
    };
  }

  async #replace(dead: SessionThread): Promise<void> {
    this.#all.delete(dead);
    if (this.#closing !== undefined) return;
    this.#events.onRestart?.();
    try {
      const { thread } = await startSession(this.#description, [this.provider], this.#events);
      this.#all.add(thread);
      this.#idle.push(thread);
      if (this.#closing !== undefined) await thread.exit();
      else this.#dispatch();
    } catch (error) {
      // With other sessions left the encoder goes on, slower; with none, nobody would ever answer what waits.
      if (this.#all.size > 0) return;
      this.#failure = error;
      for (const { reject } of this.#queue.splice(0)) reject(error);
    }
  }
}

/**
 * Since 1.29 ONNX Runtime's official Linux builds report to their maker which models run on which machine, and keep an
 * identifier of the machine in the home folder, unless this variable is set. It is read once, in native code, which
 * sees the environment of the main thread only; hence here and not in the session's thread.
 */
function keepRuntimeSilent(): void {
  process.env.ORT_DISABLE_TELEMETRY = "1";
}

async function startSession(
  description: ModelDescription,
  providers: readonly Provider[],
  events: NetworkEvents,
): Promise<{ thread: SessionThread; provider: Provider }> {
  const { onnxPath, inputSize, attentionSize, info } = description;
  const workerData: SessionThreadData = {
    onnxPath,
    inputSize,
    hashBits: info.hashBits,
    featureSize: info.featureSize,
    attentionSize,
  };
  const thread: SessionThread = new Thread(SESSION_THREAD, {
    workerData,
    onPrint: (text) => events.onPrint?.(text),
  });
  try {
    const answer = await thread.call({ kind: "load", providers });
    if (answer.kind !== "loaded") throw new DafhError("MODEL_UNREADABLE", "a session did not load");
    return { thread, provider: answer.provider };
  } catch (thrown) {
    if (thread.usable) await thread.exit();
    throw thrown instanceof ThreadEnded ? sessionEnded(thrown) : thrown;
  }
}

function sessionEnded(ended: ThreadEnded): DafhError {
  return new DafhError("ENCODER_UNAVAILABLE", `the network's thread ended: ${ended.message}`, {}, { cause: ended });
}

function closed(): DafhError {
  return new DafhError("ENCODER_UNAVAILABLE", "the encoder has been closed");
}
