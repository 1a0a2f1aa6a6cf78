/**
 * Sends a call again while that may help: exponential back-off with jitter, a time-out for each attempt, the caller's
 * signal honoured at every moment. Every call of the plugin gives the same result when it is made twice, so each may be.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { DafhError } from "../../schemas/index.js";
import { type EngineFault, readEngineFault } from "./engine-fault.js";

export interface RetryPolicy {
  readonly attempts: number;
  /** Doubled before each further attempt. */
  readonly firstDelayMs: number;
  readonly mostDelayMs: number;
  /** For one attempt. */
  readonly timeoutMs: number;
}

/** A person waits for it. */
export const READ: RetryPolicy = { attempts: 4, firstDelayMs: 50, mostDelayMs: 1_000, timeoutMs: 30_000 };
/** Hours of encoding wait behind it: outlasts the restart of a server. */
export const WRITE: RetryPolicy = { attempts: 9, firstDelayMs: 100, mostDelayMs: 8_000, timeoutMs: 60_000 };
/** A million points are merged in minutes. */
export const OPTIMIZE: RetryPolicy = { ...WRITE, attempts: 3, timeoutMs: 1_800_000 };

export interface Attempt<Result> {
  readonly address: string;
  run(signal: AbortSignal): Promise<Result>;
  /** Told of every fault, before it is retried or thrown; may change how it is read. */
  onFault(fault: EngineFault): EngineFault;
}

/**
 * @param next called before every attempt; may fail as the attempt itself may
 * @throws DafhError of the last attempt; TIMEOUT when `signal` is aborted (or its reason, where that is a DafhError)
 */
export async function retrying<Result>(
  next: () => Promise<Attempt<Result>>,
  policy: RetryPolicy,
  signal?: AbortSignal,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    if (signal?.aborted) throw abandoned(signal);
    let current: Attempt<Result> | null = null;
    try {
      current = await next();
      return await withDeadline(current.run, current.address, policy.timeoutMs, signal);
    } catch (thrown) {
      if (signal?.aborted) throw abandoned(signal);
      const read = readEngineFault(thrown, current?.address ?? "the data folder");
      const fault = current === null ? read : current.onFault(read);
      if (!fault.retryable || attempt >= policy.attempts) throw fault.error;
      await pause(Math.max(backOffMs(attempt, policy, Math.random()), fault.retryAfterMs ?? 0), signal);
    }
  }
}

/** Between half and all of the doubled delay, so that callers who failed together do not come back together. */
export function backOffMs(attempt: number, policy: RetryPolicy, random: number): number {
  const delay = Math.min(policy.mostDelayMs, policy.firstDelayMs * 2 ** (attempt - 1));
  return delay * (0.5 + random / 2);
}

/**
 * One attempt that ends by itself, by its deadline or with the caller's signal. Its own controller instead of
 * AbortSignal.any: of a signal that lives as long as an ingestion, Node 20 keeps every signal ever derived.
 */
async function withDeadline<Result>(
  run: (signal: AbortSignal) => Promise<Result>,
  address: string,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Result> {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal?.reason);
  const timer = setTimeout(() => {
    const message = `Qdrant at ${address} did not answer within ${timeoutMs / 1000} s.`;
    controller.abort(new DafhError("ENGINE_UNAVAILABLE", message));
  }, timeoutMs);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await run(controller.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

async function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
  } catch (thrown) {
    if (signal?.aborted) throw abandoned(signal);
    throw thrown;
  }
}

function abandoned(signal: AbortSignal): DafhError {
  const reason: unknown = signal.reason;
  if (reason instanceof DafhError) return reason;
  return new DafhError("TIMEOUT", "The caller gave the request up before Qdrant had answered.", {}, { cause: reason });
}
