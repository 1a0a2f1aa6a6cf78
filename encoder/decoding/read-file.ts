/** Reads one file from disk, whole, with its size checked before a byte is read. */
import { type FileHandle, open, stat } from "node:fs/promises";
import { DafhError } from "../../schemas/index.js";

/** @throws DafhError FILE_UNREADABLE, FILE_EMPTY or FILE_TOO_LARGE */
export async function readWholeFile(path: string, limitBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  let file: FileHandle | undefined;
  try {
    // Before opening: opening a named pipe waits for its writer.
    if (!(await stat(path)).isFile()) throw new DafhError("FILE_UNREADABLE", "this is not a regular file", { path });
    file = await open(path);
    const { size } = await file.stat();
    if (size === 0) throw new DafhError("FILE_EMPTY", "the file has no bytes", { path });
    if (size > limitBytes) {
      throw new DafhError("FILE_TOO_LARGE", `the file has ${size} bytes; the limit is ${limitBytes}`, { path });
    }
    return await file.readFile();
  } catch (cause) {
    if (cause instanceof DafhError) throw cause;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown reason";
    throw new DafhError("FILE_UNREADABLE", `the file cannot be read: ${code}`, { path }, { cause });
  } finally {
    await file?.close();
  }
}
