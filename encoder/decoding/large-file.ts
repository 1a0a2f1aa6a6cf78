/**
 * A large file whose frames are read from disk one by one: only its beginning, with the dataset, is held. That serves
 * uncompressed and encapsulated pixel data; a deflated dataset, or what is no DICOM, is for `read-file.ts` and is read whole.
 */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { DafhError } from "../../schemas/index.js";
import { openDicom } from "../dicom/index.js";
import { first128Bits } from "./digests.js";
import { type OpenedFile, openInstance } from "./opened-file.js";

/** Below, one read of the whole is quicker. */
const LARGE_BYTES = 64 * 1024 * 1024;
/** The functional groups of 10,000 frames take about 6 MiB. */
const BEGINNING_BYTES = 16 * 1024 * 1024;
const CHUNK_BYTES = 4 * 1024 * 1024;
/** A step of hashing: even a disk of 3 MB a second reads as much in time. */
const HASHED_BYTES = 64 * 1024 * 1024;

export interface LargeFile {
  readonly opened: OpenedFile;
  /** The file's digest, once as many calls have each hashed a part of it. */
  hashMore(): string | undefined;
  close(): void;
}

/** undefined where the file is not large, or cannot be read so: then it is to be read whole, which says what is wrong. */
export function openLargeFile(path: string, limitBytes: number): LargeFile | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isFile() || stats.size < LARGE_BYTES || stats.size > limitBytes) return undefined;
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    const { size } = fstatSync(file);
    const read = (offset: number, length: number): Uint8Array => readAt(file, offset, length);
    const instance = openDicom(read(0, BEGINNING_BYTES), { rest: { size, read } });
    return {
      opened: openInstance(instance),
      hashMore: hashing(size, read),
      close: () => closeSync(file),
    };
  } catch (thrown) {
    closeSync(file);
    if (thrown instanceof DafhError) return undefined;
    throw thrown;
  }
}

/** @throws DafhError FILE_UNREADABLE or DICOM_TRUNCATED where the file has become another one meanwhile */
function readAt(file: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    let count: number;
    try {
      count = readSync(file, bytes, done, length - done, offset + done);
    } catch (cause) {
      throw new DafhError("FILE_UNREADABLE", "the file cannot be read any longer", {}, { cause });
    }
    if (count === 0) throw new DafhError("DICOM_TRUNCATED", "the file has become shorter while it was read");
    done += count;
  }
  return bytes;
}

function hashing(size: number, read: (offset: number, length: number) => Uint8Array): () => string | undefined {
  const hash = createHash("sha256");
  let offset = 0;
  return () => {
    for (const end = Math.min(size, offset + HASHED_BYTES); offset < end; ) {
      const part = read(offset, Math.min(CHUNK_BYTES, end - offset));
      hash.update(part);
      offset += part.length;
    }
    return offset < size ? undefined : first128Bits(hash.digest("hex"));
  };
}
