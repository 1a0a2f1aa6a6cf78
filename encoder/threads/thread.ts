/**
 * The owner's side of a worker thread that answers one request at a time: limits its time, notices its end, and says
 * why it ended. What to do about a dead thread is for the pool that owns it.
 */
import { type ResourceLimits, Worker } from "node:worker_threads";
import { DafhError } from "../../schemas/index.js";
import { EXIT, type Reply } from "./protocol.js";

/** The thread ended, or was ended, before it answered. */
export class ThreadEnded extends Error {
  override readonly name = "ThreadEnded";
  constructor(
    readonly reason: "crashed" | "timeout" | "closed",
    message: string,
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
  }
}

export interface ThreadOptions {
  readonly workerData?: unknown;
  readonly resourceLimits?: ResourceLimits;
  /** Gets what code inside the thread prints: codecs do, and standard output belongs to the command. */
  readonly onPrint?: (text: string) => void;
}

interface Waiting<Answer> {
  resolve(answer: Answer): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout | undefined;
}

export class Thread<Request, Answer> {
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  #waiting: Waiting<Answer> | undefined;
  #end: ThreadEnded | undefined;

  constructor(script: URL, options: ThreadOptions = {}) {
    const { workerData, resourceLimits, onPrint } = options;
    this.#worker = new Worker(script, {
      workerData,
      // Options that were meant for the program, such as --input-type, can keep a thread from starting.
      execArgv: [],
      stdout: true,
      stderr: true,
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
    });
    for (const stream of [this.#worker.stdout, this.#worker.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => onPrint?.(text));
    }
    this.#worker.on("message", (reply: Reply<Answer>) => this.#settle(reply));
    this.#worker.on("error", (cause) => this.#die(new ThreadEnded("crashed", messageOf(cause), { cause })));
    this.#exited = new Promise((resolve) => {
      this.#worker.on("exit", (code) => {
        this.#die(new ThreadEnded("crashed", `the thread exited with code ${code}`));
        resolve();
      });
    });
  }

  /** False once it has ended or is ending: no further call will be answered. */
  get usable(): boolean {
    return this.#end === undefined;
  }

  /**
   * Sends one request and waits for its answer; the owner must not send another meanwhile.
   * @throws DafhError as the thread threw it; ThreadEnded when it ended first or took longer than `timeLimitMs`
   */
  call(
    request: Request,
    options: { readonly transfer?: readonly ArrayBuffer[]; readonly timeLimitMs?: number } = {},
  ): Promise<Answer> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    if (this.#waiting !== undefined) return Promise.reject(new Error("a thread takes one request at a time"));
    const { transfer = [], timeLimitMs } = options;
    return new Promise((resolve, reject) => {
      const timer =
        timeLimitMs === undefined
          ? undefined
          : setTimeout(() => this.#kill(new ThreadEnded("timeout", `no answer in ${timeLimitMs} ms`)), timeLimitMs);
      this.#waiting = { resolve, reject, timer };
      this.#worker.postMessage(request, transfer);
    });
  }

  /** Ends it at once, wherever it is. Only for threads that run no ONNX session: such a run would abort the process. */
  async terminate(): Promise<void> {
    this.#kill(new ThreadEnded("closed", "the thread was closed"));
    await this.#exited;
  }

  /** Lets the request in hand finish, then has the thread put its things away and exit by itself. */
  async exit(): Promise<void> {
    this.#worker.postMessage(EXIT);
    await this.#exited;
  }

  #settle(reply: Reply<Answer>): void {
    const waiting = this.#take();
    if ("answer" in reply) {
      waiting?.resolve(reply.answer);
      return;
    }
    if (reply.retire) {
      this.#die(new ThreadEnded("crashed", reply.fault.message));
      this.#worker.postMessage(EXIT);
    }
    waiting?.reject(DafhError.fromBody(reply.fault));
  }

  #kill(end: ThreadEnded): void {
    this.#die(end);
    void this.#worker.terminate();
  }

  /** The first reason stands. */
  #die(end: ThreadEnded): void {
    this.#end ??= end;
    this.#take()?.reject(this.#end);
  }

  #take(): Waiting<Answer> | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    clearTimeout(waiting?.timer);
    return waiting;
  }
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
