/**
 * The files inside a zip archive, read one at a time and never unpacked to disk. An archive is somebody else's bytes:
 * sizes are checked before anything is inflated, and yauzl holds the inflated bytes to the stated size.
 */
import { stat } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { type Entry, getFileNameLowLevel, openPromise } from "yauzl";
import { asDafhError, DafhError } from "../../schemas/index.js";
import type { Found } from "./found.js";

export interface ArchiveLimits {
  readonly entries: number;
  /** Bytes of one entry, inflated: it is held in memory while it is encoded. */
  readonly entryBytes: number;
  /** Inflated over deflated bytes, asked only of entries over `ratioFromBytes`: an empty image deflates well too. */
  readonly ratio: number;
  readonly ratioFromBytes: number;
}

export const ARCHIVE_LIMITS: ArchiveLimits = {
  entries: 1_000_000,
  entryBytes: 1 << 30,
  ratio: 200,
  ratioFromBytes: 16 << 20,
};

// Names are decoded below, one by one: yauzl would end the whole archive at the first odd name, and no name is ever
// used as a path here.
const OPTIONS = { lazyEntries: true, autoClose: false, decodeStrings: false, validateEntrySizes: true } as const;

/** @param archive absolute path */
export async function* zipEntries(archive: string, limits: ArchiveLimits = ARCHIVE_LIMITS): AsyncGenerator<Found> {
  const refuse = (path: string, error: DafhError): Found => ({ kind: "refused", path, error });
  let entries = 0;
  let deflatedBytes = 0;
  try {
    const { mtimeMs, size: archiveBytes } = await stat(archive);
    const zip = await openPromise(archive, OPTIONS);
    try {
      for await (const entry of zip.eachEntry()) {
        const name = entryName(entry);
        if (name.endsWith("/")) continue;
        const path = `${archive}!/${name}`;
        entries += 1;
        deflatedBytes += entry.compressedSize;
        if (entries > limits.entries) {
          throw new DafhError("LIMIT_EXCEEDED", `The archive has more than ${limits.entries} entries.`);
        }
        // Entries that overlap let a small archive state any number of bytes.
        if (deflatedBytes > archiveBytes) {
          throw new DafhError("LIMIT_EXCEEDED", "The archive's entries state more bytes than the archive has.");
        }
        const fault = entryFault(entry, limits);
        if (fault !== undefined) {
          yield refuse(path, new DafhError(fault.code, fault.message, { path }));
          continue;
        }
        const open = async () => ({ bytes: await readEntry(archive, entry, path), name: path });
        yield { kind: "file", path, root: archive, size: entry.uncompressedSize, mtimeMs, open };
      }
    } finally {
      zip.close();
    }
  } catch (thrown) {
    const error = thrown instanceof DafhError ? thrown : corrupt(thrown);
    yield refuse(archive, new DafhError(error.code, error.message, { path: archive }, { cause: thrown }));
  }
}

function entryFault(entry: Entry, limits: ArchiveLimits) {
  const { uncompressedSize, compressedSize } = entry;
  if (entry.isEncrypted()) return { code: "FILE_UNREADABLE", message: "The archive's entry is encrypted." } as const;
  if (uncompressedSize > limits.entryBytes) {
    const message = `The archive's entry has ${uncompressedSize} bytes; ${limits.entryBytes} are taken at most.`;
    return { code: "FILE_TOO_LARGE", message } as const;
  }
  if (uncompressedSize > limits.ratioFromBytes && uncompressedSize > compressedSize * limits.ratio) {
    const message = `The archive's entry inflates ${Math.round(uncompressedSize / Math.max(1, compressedSize))}-fold.`;
    return { code: "LIMIT_EXCEEDED", message } as const;
  }
  return undefined;
}

/** Opened for each entry, so that no archive stays open while its entries wait their turn. */
async function readEntry(archive: string, entry: Entry, path: string): Promise<Uint8Array> {
  try {
    const zip = await openPromise(archive, OPTIONS);
    try {
      return await buffer(await zip.openReadStreamPromise(entry));
    } finally {
      zip.close();
    }
  } catch (thrown) {
    throw asDafhError(corrupt(thrown), "FILE_UNREADABLE", { path });
  }
}

function entryName(entry: Entry): string {
  return getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, false);
}

/** yauzl's messages name the structure that is wrong and nothing of the content. */
function corrupt(thrown: unknown): DafhError {
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new DafhError("FILE_UNREADABLE", `The zip archive cannot be read: ${reason}.`, {}, { cause: thrown });
}
