/**
 * Walks folders for files: in one order on every run (names by their bytes, depth first), a folder's names in memory
 * at a time, each folder once however many links lead to it. What a file holds is not looked at here.
 */
import { isUtf8 } from "node:buffer";
import type { Stats } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { DafhError } from "../../schemas/index.js";
import type { Found, FoundFile } from "./found.js";

/**
 * A file system path as bytes, one a character: names that are not UTF-8 survive, and comparing compares bytes.
 * Only `bytesOf` and `shown` look inside.
 */
type BytePath = string;

const bytesOf = (path: BytePath): Buffer => Buffer.from(path, "latin1");

/** For eyes, messages and the catalogue: the name itself where it is UTF-8. */
function shown(path: BytePath): string {
  const bytes = bytesOf(path);
  if (isUtf8(bytes)) return bytes.toString("utf8");
  return path.replace(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

interface Folder {
  readonly path: BytePath;
  /** Sorted last to first, so that the next is popped. */
  readonly names: BytePath[];
}

/**
 * @param root absolute
 * @param skip folders that are not entered, absolute: the product's own data folder may lie inside an image folder
 */
export async function* walkFolder(root: string, skip: readonly string[] = []): AsyncGenerator<Found> {
  const seen = new Set<string>();
  for (const path of skip) {
    const status = await stat(path).catch(() => undefined); // A folder that is not there cannot be entered either.
    if (status !== undefined) seen.add(identity(status));
  }
  const start = Buffer.from(root).toString("latin1");
  const stack: Folder[] = [];
  const enter = async (path: BytePath, status: Stats): Promise<Found | undefined> => {
    if (seen.has(identity(status))) return undefined;
    seen.add(identity(status));
    try {
      const names = await readdir(bytesOf(path), { encoding: "latin1" });
      stack.push({ path, names: names.sort().reverse() });
      return undefined;
    } catch (cause) {
      return unreadable(path, "The folder cannot be read", cause);
    }
  };

  const top = await look(start, root);
  const rootRefusal = "status" in top ? await enter(start, top.status) : top;
  if (rootRefusal !== undefined) yield rootRefusal;
  for (let folder = stack.at(-1); folder !== undefined; folder = stack.at(-1)) {
    const name = folder.names.pop();
    if (name === undefined) {
      stack.pop();
      continue;
    }
    const path = `${folder.path === "/" ? "" : folder.path}/${name}`;
    const found = await look(path, root);
    if (!("status" in found)) yield found;
    else {
      const refusal = await enter(path, found.status);
      if (refusal !== undefined) yield refusal;
    }
  }
}

/** One path named by itself, or by a DICOMDIR. @throws nothing: what cannot be read is a refusal */
export async function fileAt(path: string, root: string): Promise<Found> {
  const found = await look(Buffer.from(path).toString("latin1"), root);
  if (!("status" in found)) return found;
  return { kind: "refused", path, error: new DafhError("FILE_UNREADABLE", "This is a folder, not a file.", { path }) };
}

async function look(path: BytePath, root: string): Promise<Found | { readonly status: Stats }> {
  let status: Stats;
  try {
    status = await stat(bytesOf(path));
  } catch (cause) {
    return unreadable(path, "The file cannot be reached", cause);
  }
  if (status.isDirectory()) return { status };
  // Opening a pipe or a device could wait for ever.
  if (!status.isFile()) return unreadable(path, "This is a pipe, socket or device, not a file");
  return foundFile(path, root, status);
}

function foundFile(path: BytePath, root: string, status: Stats): FoundFile {
  const name = shown(path);
  return {
    kind: "file",
    path: name,
    root,
    size: status.size,
    mtimeMs: status.mtimeMs,
    open: async () => (isUtf8(bytesOf(path)) ? { path: name } : { bytes: await readFile(bytesOf(path)), name }),
  };
}

function unreadable(path: BytePath, what: string, cause?: unknown): Found {
  const reason = cause instanceof Error && "code" in cause ? `: ${cause.code}` : "";
  const error = new DafhError("FILE_UNREADABLE", `${what}${reason}.`, { path: shown(path) }, { cause });
  return { kind: "refused", path: shown(path), error };
}

const identity = (status: Stats): string => `${status.dev}:${status.ino}`;
