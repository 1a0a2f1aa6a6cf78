/** The de-identification of what was found, file by file; each that is refused is named, and the others go on. */
import { readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { type DeidentificationProfile, deidentify } from "../../encoder/index.js";
import { asDafhError, DafhError, ERRORS, type ErrorCode } from "../../schemas/index.js";
import type { Found, FoundFile } from "../ingest/found.js";
import type { WriteOutput } from "./output-files.js";

/** What `dafh deidentify --json` prints. `files` = written + unchanged + refused. */
export interface DeidentifySummary {
  readonly files: number;
  readonly written: number;
  /** There already, byte for byte. */
  readonly unchanged: number;
  readonly refused: readonly { readonly path: string; readonly code: ErrorCode; readonly message: string }[];
  readonly refusedByCode: Readonly<Partial<Record<ErrorCode, number>>>;
  readonly profile: DeidentificationProfile;
  readonly interrupted: boolean;
  readonly seconds: number;
}

export interface DeidentifyRun {
  readonly found: AsyncIterable<Found>;
  readonly write: WriteOutput;
  readonly profile: DeidentificationProfile;
  readonly key: Uint8Array;
  readonly signal: AbortSignal;
}

/** @throws DafhError where it is not the file that is at fault: the next would fail as well */
export async function deidentifyFound({
  found,
  write,
  profile,
  key,
  signal,
}: DeidentifyRun): Promise<DeidentifySummary> {
  const startMs = performance.now();
  const counts = { written: 0, unchanged: 0 };
  const refused: { path: string; code: ErrorCode; message: string }[] = [];
  const refusedByCode: Partial<Record<ErrorCode, number>> = {};
  const refuse = (path: string, { code, message }: DafhError): void => {
    refused.push({ path, code, message });
    refusedByCode[code] = (refusedByCode[code] ?? 0) + 1;
  };
  for await (const one of found) {
    if (signal.aborted) break;
    if (one.kind === "refused") {
      refuse(one.path, one.error);
      continue;
    }
    try {
      counts[await write(deidentify(await bytesOf(one), { profile, key }))] += 1;
    } catch (thrown) {
      const error = asDafhError(thrown, "INTERNAL", { path: one.path });
      if (isFatal(error)) throw error;
      refuse(one.path, error);
    }
  }
  return {
    files: counts.written + counts.unchanged + refused.length,
    ...counts,
    refused,
    refusedByCode,
    profile,
    interrupted: signal.aborted,
    seconds: (performance.now() - startMs) / 1000,
  };
}

/** What Node reads into one buffer on every platform. */
const LARGEST_FILE_BYTES = 2 ** 31 - 1;

async function bytesOf(file: FoundFile): Promise<Uint8Array> {
  if (file.size > LARGEST_FILE_BYTES) {
    throw new DafhError("FILE_TOO_LARGE", `The file has ${file.size} bytes; the limit is ${LARGEST_FILE_BYTES}.`, {
      path: file.path,
    });
  }
  try {
    const source = await file.open();
    return "path" in source ? await readFile(source.path) : source.bytes;
  } catch (thrown) {
    throw asDafhError(thrown, "FILE_UNREADABLE", { path: file.path });
  }
}

/** A conflict is one file's; a full disk, or an option that no file can be handled with, is everyone's. */
function isFatal({ code }: DafhError): boolean {
  return ERRORS[code].kind === "service" || code === "BAD_OPTION";
}
