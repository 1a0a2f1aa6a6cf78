/** How often, how long and how many at once: what one client may ask of the parts that all share. */
import type { RequestHandler } from "express";
import { rateLimit as expressRateLimit } from "express-rate-limit";
import { DafhError } from "../../schemas/index.js";
import { scopeOf } from "../context.js";

export function rateLimit(requestsPerMinute: number): RequestHandler {
  if (requestsPerMinute === 0) return (_request, _response, next) => next();
  return expressRateLimit({
    windowMs: 60_000,
    limit: requestsPerMinute,
    standardHeaders: "draft-8",
    legacyHeaders: false,
    // The address of the connection counts, whatever X-Forwarded-For claims.
    validate: { xForwardedForHeader: false },
    handler: (_request, _response, next) =>
      next(new DafhError("RATE_LIMITED", `More than ${requestsPerMinute} requests in a minute from this address.`)),
  });
}

/** Ends the request's signal when its time is over, reading a slow body included. */
export function deadline(timeoutMs: number): RequestHandler {
  return (_request, response, next) => {
    const { abort } = scopeOf(response);
    const timer = setTimeout(
      () => abort.abort(new DafhError("TIMEOUT", `The request was not answered within ${timeoutMs} ms.`)),
      timeoutMs,
    );
    response.once("close", () => clearTimeout(timer));
    next();
  };
}

/** Settles as `work` does, or rejects with the signal's reason as soon as it is aborted. */
export async function untilAborted<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
  signal.throwIfAborted();
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    if (stop !== undefined) signal.removeEventListener("abort", stop);
  }
}

/** Admits `limit` at a time and refuses the next: a queue of uploads would be a queue of megabytes. */
export class Gate {
  #inside = 0;

  constructor(
    private readonly limit: number,
    private readonly onChange: (inside: number) => void,
  ) {}

  /** @throws DafhError OVERLOADED */
  async within<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#inside >= this.limit) {
      throw new DafhError("OVERLOADED", `${this.limit} uploaded images are being searched for at this moment.`);
    }
    this.onChange(++this.#inside);
    try {
      return await work();
    } finally {
      this.onChange(--this.#inside);
    }
  }
}
