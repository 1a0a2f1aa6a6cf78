/**
 * From the paths of the command line to the files to ingest: a folder is walked, a zip and a DICOMDIR are opened, a
 * file is itself. Everything is found as it is asked for; nothing is collected.
 */
import { open, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { DafhError } from "../../schemas/index.js";
import { dicomdirFiles, isDicomdir } from "./dicomdir.js";
import type { Found } from "./found.js";
import { fileAt, walkFolder } from "./walk.js";
import { zipEntries } from "./zip-archive.js";

/** @param skip folders that are not entered */
export async function* findFiles(paths: readonly string[], skip: readonly string[]): AsyncGenerator<Found> {
  for (const path of paths.map((given) => resolve(given))) {
    const status = await stat(path).catch(() => undefined); // What is missing is refused by name, by fileAt.
    if (status?.isDirectory() === true) yield* walkFolder(path, skip);
    else if (status?.isFile() === true) yield* namedFile(path);
    else yield await fileAt(path, dirname(path));
  }
}

/**
 * A misspelt path is bad usage where it is all that was named; beside others it is one refusal among their files.
 * @throws DafhError FILE_UNREADABLE where none of the paths is there
 */
export async function requireSome(paths: readonly string[]): Promise<void> {
  const reasons = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        () => undefined,
        (cause: unknown) => ({ path: resolve(path), cause }),
      ),
    ),
  );
  const [first] = reasons;
  if (first === undefined || reasons.includes(undefined)) return;
  const what =
    paths.length === 1 ? "The path does not exist or cannot be reached." : "None of the paths can be reached.";
  throw new DafhError("FILE_UNREADABLE", what, { path: first.path }, { cause: first.cause });
}

async function* namedFile(path: string): AsyncGenerator<Found> {
  let head: Buffer;
  try {
    head = await readHead(path, 1024);
  } catch (cause) {
    const error = new DafhError("FILE_UNREADABLE", "The file cannot be opened.", { path }, { cause });
    yield { kind: "refused", path, error };
    return;
  }
  if (isZip(head)) yield* zipEntries(path);
  else if (isDicomdir(path, head)) yield* dicomdirFiles(path);
  else yield await fileAt(path, dirname(path));
}

/** The first bytes of a file, fewer where it is shorter. */
export async function readHead(path: string, length: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** A local file header or, in an empty archive, the end of the central directory (APPNOTE 4.3.7, 4.3.16). */
export function isZip(head: Uint8Array): boolean {
  const [first, second, third, fourth] = head;
  return first === 0x50 && second === 0x4b && ((third === 3 && fourth === 4) || (third === 5 && fourth === 6));
}
