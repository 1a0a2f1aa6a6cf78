/**
 * A thread's own side: takes one request after the other, answers each, and exits when told to. What the requests
 * are is for the thread's script to say.
 */
import { readlinkSync } from "node:fs";
import { getPriority, setPriority } from "node:os";
import { basename } from "node:path";
import { parentPort } from "node:worker_threads";
import { asDafhError, DafhError, type ErrorBody, type ErrorCode } from "../../schemas/index.js";
import { EXIT, type Reply } from "./protocol.js";

export interface Answered<Answer> {
  readonly answer: Answer;
  /** Buffers whose memory goes to the owner instead of being copied; each must belong to one array alone. */
  readonly transfer?: readonly ArrayBuffer[];
}

/**
 * Answers requests, in order, for as long as the thread lives.
 * @param fallback code of an error that is not a `DafhError`
 * @param beforeExit puts away what must not be torn down with the thread
 */
export function answerRequests<Request, Answer>(
  answer: (request: Request) => Promise<Answered<Answer>> | Answered<Answer>,
  options: { readonly fallback: ErrorCode; readonly beforeExit?: () => Promise<void> },
): void {
  const port = parentPort;
  stepBack();
  if (port === null) throw new Error("this script runs in a worker thread only");
  const handle = async (request: Request | typeof EXIT): Promise<void> => {
    if (request === EXIT) {
      await options.beforeExit?.();
      process.exit(0);
    }
    try {
      const { answer: given, transfer = [] } = await answer(request as Request);
      port.postMessage({ answer: given } satisfies Reply<Answer>, transfer);
    } catch (thrown) {
      const fault = describe(thrown, options.fallback);
      port.postMessage({ fault, retire: isUnsound(thrown) } satisfies Reply<Answer>);
    }
  };
  // One after the other: an exit must not overtake the request that is being answered.
  let last = Promise.resolve();
  port.on("message", (request: Request | typeof EXIT) => {
    last = last.then(() => handle(request));
  });
}

/** How much less urgent a thread is than the event loop that answers requests: a third of its share of a busy core. */
const NICENESS = 5;

/**
 * Lowers the priority of this thread alone, so that what waits for the event loop does not wait for encoding. Linux
 * takes a thread's number where POSIX has a process's; elsewhere threads stay as they are.
 */
function stepBack(): void {
  if (process.platform !== "linux") return;
  try {
    const threadNumber = Number(basename(readlinkSync("/proc/thread-self")));
    setPriority(threadNumber, Math.min(19, getPriority(threadNumber) + NICENESS));
  } catch {
    // A sandbox may be without /proc/thread-self or forbid setpriority. The thread then competes with the event loop on
    // a busy machine, which is no reason not to encode.
  }
}

/** An unforeseen error's own words travel too: its code's meaning alone would not help whoever has to find it. */
function describe(thrown: unknown, fallback: ErrorCode): ErrorBody {
  const body = asDafhError(thrown, fallback).toBody();
  if (thrown instanceof DafhError || !(thrown instanceof Error)) return body;
  return { ...body, message: `${body.message} (${thrown.message})` };
}

/** A WebAssembly module that trapped keeps the heap it trapped with, and an error nobody foresaw could have left anything. */
function isUnsound(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    // WebAssembly.RuntimeError, which TypeScript knows with the browser's types only.
    if (error.name === "RuntimeError") return true;
  }
  return !(thrown instanceof DafhError);
}
