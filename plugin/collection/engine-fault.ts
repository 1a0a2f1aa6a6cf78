/**
 * Reads whatever a call to Qdrant threw: which error of the table it is, and whether the same call may succeed when it
 * is sent again. Pure; `retry.ts` acts on it. Qdrant's own words are kept, cut short; keys and bodies never are.
 */
import { QdrantClientResourceExhaustedError } from "@qdrant/js-client-rest";
import { DafhError } from "../../schemas/index.js";

export interface EngineFault {
  readonly error: DafhError;
  /** May the same call succeed when it is sent again? */
  readonly retryable: boolean;
  /** Did no Qdrant answer at that address? An embedded engine may then be at another by now. */
  readonly unreachable: boolean;
  /** What the server asked to wait, if it did. */
  readonly retryAfterMs: number | null;
}

/** Codes of Node and undici for a connection that failed or broke, none of them for good. */
const CONNECTION_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_SOCKET",
  "UND_ERR_CLOSED",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
]);

/** 501 and 505 say that it never will, 507 that a disk is full; every other fault of the server's may pass. */
const RETRYABLE_STATUS = new Set([408, 425, 429, 500, 502, 503, 504]);

const MOST_WORDS = 300;

/** @param address host and port, for the message */
export function readEngineFault(thrown: unknown, address: string): EngineFault {
  if (thrown instanceof DafhError) return settled(thrown, thrown.code === "ENGINE_UNAVAILABLE");
  if (thrown instanceof QdrantClientResourceExhaustedError) {
    const error = fault("OVERLOADED", `Qdrant at ${address} has too many requests.`, thrown);
    return { error, retryable: true, unreachable: false, retryAfterMs: thrown.retry_after * 1000 };
  }
  const answer = readAnswer(thrown);
  if (answer !== null) return readStatus(answer.status, answer.words, address, thrown);
  const connection = connectionFault(thrown);
  if (connection !== null) {
    const error = fault("ENGINE_UNAVAILABLE", `Qdrant at ${address} cannot be reached (${connection}).`, thrown);
    const retryable = CONNECTION_CODES.has(connection);
    return { error, retryable, unreachable: retryable, retryAfterMs: null };
  }
  // An answer that is no JSON: a proxy's page, or one that was cut off.
  if (thrown instanceof SyntaxError) {
    return settled(fault("ENGINE_UNAVAILABLE", `What answers at ${address} is not Qdrant's JSON.`, thrown), true);
  }
  return settled(fault("ENGINE_REJECTED", `The call to Qdrant at ${address} failed unexpectedly.`, thrown), false);
}

function readStatus(status: number, words: string, address: string, cause: unknown): EngineFault {
  const said = words === "" ? "" : ` It says: ${words}`;
  if (status === 507 || /no space left|out of disk|disk is full/i.test(words)) {
    return settled(fault("DISK_FULL", `Qdrant at ${address} has no room left.${said}`, cause), false);
  }
  if (status === 401 || status === 403) {
    // Of an embedded engine that was replaced, another key or another program answers at the old address.
    const error = fault("ENGINE_REJECTED", `Qdrant at ${address} does not accept the API key (${status}).`, cause);
    return { error, retryable: false, unreachable: true, retryAfterMs: null };
  }
  if (status === 404 && /collection/i.test(words)) {
    return settled(fault("COLLECTION_MISSING", `Qdrant at ${address} has no such collection.${said}`, cause), false);
  }
  if (status === 429) return settled(fault("OVERLOADED", `Qdrant at ${address} is overloaded.${said}`, cause), true);
  if (RETRYABLE_STATUS.has(status)) {
    return settled(fault("ENGINE_UNAVAILABLE", `Qdrant at ${address} failed (${status}).${said}`, cause), true);
  }
  return settled(
    fault("ENGINE_REJECTED", `Qdrant at ${address} refused the request (${status}).${said}`, cause),
    false,
  );
}

function settled(error: DafhError, retryable: boolean): EngineFault {
  return { error, retryable, unreachable: false, retryAfterMs: null };
}

function fault(code: ConstructorParameters<typeof DafhError>[0], message: string, cause: unknown): DafhError {
  return new DafhError(code, message, {}, { cause });
}

/** Status and words of the client's ApiError, known by its shape: its class is not the client's to import. */
function readAnswer(thrown: unknown): { status: number; words: string } | null {
  if (!(thrown instanceof Error) || !("status" in thrown) || typeof thrown.status !== "number") return null;
  const data: unknown = "data" in thrown ? thrown.data : null;
  const status = isObject(data) ? data.status : null;
  const words = isObject(status) ? status.error : null;
  return { status: thrown.status, words: typeof words === "string" ? words.slice(0, MOST_WORDS) : "" };
}

/** fetch wraps what happened to the connection in a TypeError's cause: its code, or its words where it has none. */
function connectionFault(thrown: unknown): string | null {
  if (!(thrown instanceof TypeError) || thrown.cause === undefined) return null;
  let words: string | null = null;
  for (
    let error: unknown = thrown.cause, depth = 0;
    error instanceof Error && depth < 5;
    error = error.cause, depth++
  ) {
    if ("code" in error && typeof error.code === "string") return error.code;
    words ??= error.message;
  }
  return words;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
