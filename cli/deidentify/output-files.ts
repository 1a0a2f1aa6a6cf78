/**
 * Where de-identified files go. In a folder they are named by their new UIDs, since the names of folders and files
 * name patients too. A file is there whole or not at all, and none that exists is overwritten.
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, link, open, readFile, realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { DeidentifiedFile } from "../../encoder/index.js";
import { DafhError, makeFolder } from "../../schemas/index.js";

type Written = "written" | "unchanged";

/** @returns what became of the file @throws DafhError SOP_INSTANCE_CONFLICT, DISK_FULL or FILE_UNREADABLE */
export type WriteOutput = (file: DeidentifiedFile) => Promise<Written>;

/** STUDY/SERIES/INSTANCE.dcm under `folder`. */
function intoFolder(folder: string): WriteOutput {
  return async (file) => {
    const { studyInstanceUid = "no-study", seriesInstanceUid = "no-series", sopInstanceUid } = file;
    const place = join(folder, studyInstanceUid, seriesInstanceUid, `${sopInstanceUid}.dcm`);
    const taken = "Another file of the same SOP Instance UID is there; give it an output folder of its own.";
    return storing(place, async () => {
      makeFolder(dirname(place));
      return putNew(place, file, new DafhError("SOP_INSTANCE_CONFLICT", taken, { path: place }));
    });
  };
}

/** The file that was named. */
function intoFile(place: string): WriteOutput {
  const taken = "OUT exists and holds something else, which is not written over; name another file.";
  return (file) => storing(place, () => putNew(place, file, new DafhError("BAD_OPTION", taken, { path: place })));
}

/** Writes a file where none is. @throws `taken` where one with other bytes is */
async function putNew(place: string, file: DeidentifiedFile, taken: DafhError): Promise<Written> {
  const aside = await writeAside(place, file);
  try {
    // Unlike renaming, linking fails where something is.
    await link(aside, place);
    return "written";
  } catch (thrown) {
    if (!hasCode(thrown, "EEXIST")) throw thrown;
    if (await holds(place, file)) return "unchanged";
    throw taken;
  } finally {
    await rm(aside, { force: true });
  }
}

/**
 * A file goes into the file OUT, or into the folder OUT where there is one; a folder (or zip, or DICOMDIR) into a folder.
 * @throws DafhError BAD_OPTION where the input would be written over, FILE_UNREADABLE where there is none
 */
export async function chooseOutput(input: string, output: string): Promise<WriteOutput> {
  const [from, to] = [resolve(input), resolve(output)];
  const source = await stat(from).catch((cause: unknown) => {
    throw new DafhError("FILE_UNREADABLE", "The input does not exist or cannot be reached.", { path: from }, { cause });
  });
  const target = await stat(to).catch(() => undefined); // What is not there yet is made.
  if (target !== undefined && (await realpath(from)) === (await realpath(to))) {
    throw new DafhError("BAD_OPTION", "OUT is the input itself.", { field: "OUT" });
  }
  const isBundle = source.isDirectory() || /\.zip$/i.test(from) || /^dicomdir$/i.test(basename(from));
  if (target?.isDirectory() === true) return intoFolder(to);
  if (target !== undefined && isBundle) {
    throw new DafhError("BAD_OPTION", "OUT is a file; it takes a folder.", { field: "OUT" });
  }
  if (target !== undefined && target.dev === source.dev && target.ino === source.ino) {
    throw new DafhError("BAD_OPTION", "OUT is another name of the input itself.", { field: "OUT" });
  }
  return isBundle || output.endsWith("/") ? intoFolder(to) : intoFile(to);
}

async function writeAside(place: string, { parts }: DeidentifiedFile): Promise<string> {
  const aside = `${place}.${process.pid}.${randomBytes(4).toString("hex")}.part`;
  let file: FileHandle | undefined;
  try {
    file = await open(aside, "wx");
    // In one call, a file of many parts could go past what the system takes at once.
    for (const part of parts) await file.writeFile(part);
    await file.sync();
    return aside;
  } catch (thrown) {
    await rm(aside, { force: true });
    throw thrown;
  } finally {
    await file?.close();
  }
}

async function holds(place: string, { parts, byteLength }: DeidentifiedFile): Promise<boolean> {
  const status = await stat(place).catch(() => undefined);
  if (status?.isFile() !== true || status.size !== byteLength) return false;
  const existing = await readFile(place);
  let offset = 0;
  for (const part of parts) {
    if (existing.compare(part, 0, part.length, offset, offset + part.length) !== 0) return false;
    offset += part.length;
  }
  return true;
}

async function storing<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof DafhError) throw cause;
    if (hasCode(cause, "ENOSPC"))
      throw new DafhError("DISK_FULL", "There is no room for the file.", { path }, { cause });
    throw new DafhError("FILE_UNREADABLE", "The output cannot be written there.", { path: dirname(path) }, { cause });
  }
}

function hasCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === code;
}
