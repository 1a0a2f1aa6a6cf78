/**
 * What this machine keeps beside the engine: where each instance's file lies, its preview, which files are already
 * ingested, and the site's key for pseudonyms. Paths can name patients, so none of it goes into Qdrant or over HTTP.
 * The engine is the truth about what is stored; losing this folder costs previews, paths and a slower next ingest.
 */
import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, open as openFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { open } from "lmdb";
import { DafhError, type ErrorCode, makeFolder } from "../schemas/index.js";
import { type Lease, leaseHolder } from "./lease.js";
import { overwriteDeleted } from "./overwriting.js";
import { siteKey } from "./site-key.js";

/** A file whose instances the engine has acknowledged. */
export interface FileRecord {
  /** Bytes. */
  readonly size: number;
  readonly mtimeMs: number;
  readonly contentDigest: string;
  readonly modelDigest: string;
  /** What the engine held for this file when it was ingested, in frame order. */
  readonly frames: readonly { readonly id: string; readonly pixelDigest: string }[];
  /** How many frames of it are not stored, since all their pixels have one value. */
  readonly constantFrames: number;
}

/** A file that was refused for what is in it. */
export interface RefusalRecord {
  /** Bytes. */
  readonly size: number;
  readonly mtimeMs: number;
  /** Of whatever the verdict depends on beside the file: another judge looks for itself. */
  readonly judge: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface CatalogueEntry {
  /** Point id. */
  readonly id: string;
  readonly path: string;
  /** From 1. */
  readonly frame: number;
  /** PNG; absent: the preview that is kept stays; null: it is of other pixels and goes. */
  readonly preview?: Uint8Array | null;
}

export interface Catalogue {
  /** 32 bytes, made once for a data folder; only its owner can read the file. */
  readonly pseudonymKey: Uint8Array;
  putInstances(entries: readonly CatalogueEntry[]): Promise<void>;
  /** Forgets where instances lie and how they look. */
  removeInstances(ids: readonly string[]): Promise<void>;
  preview(id: string): Uint8Array | undefined;
  hasPreview(id: string): boolean;
  path(id: string): { readonly path: string; readonly frame: number } | undefined;
  file(path: string): FileRecord | undefined;
  putFile(path: string, record: FileRecord): Promise<void>;
  removeFile(path: string): Promise<void>;
  refusal(path: string): RefusalRecord | undefined;
  putRefusals(records: ReadonlyMap<string, RefusalRecord>): Promise<void>;
  /**
   * Runs `work` while no other process on this data folder runs any: what is read from the engine inside it is still
   * so when it is written. A holder that was killed does not keep the others out.
   */
  exclusively<Result>(work: () => Promise<Result>): Promise<Result>;
  /** An empty file beside the catalogue, readable by its owner alone; nameless, so that nothing of it outlives this process. */
  scratchFile(): Promise<FileHandle>;
  /** What was removed before leaves no byte in the files. Takes as long as writing all of it again; runs exclusively. */
  overwriteDeleted(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens (or makes) the catalogue of a data folder. Several processes may have it open; LMDB keeps them apart and
 * survives a kill at any moment.
 * @throws DafhError FILE_UNREADABLE when the folder cannot be made or written
 */
export function openCatalogue({ dataDir }: { readonly dataDir: string }): Catalogue {
  const folder = join(dataDir, "catalogue");
  try {
    // For the owner only; the mode of a folder that is there already is its owner's decision.
    makeFolder(folder, 0o700);
  } catch (cause) {
    throw new DafhError("FILE_UNREADABLE", "The data folder cannot be made or written.", { path: dataDir }, { cause });
  }
  const root = open({ path: folder, maxDbs: 6 });
  const previews = root.openDB<Uint8Array, string>({ name: "previews", encoding: "binary" });
  const paths = root.openDB<{ path: string; frame: number }, string>({ name: "paths", encoding: "json" });
  const files = root.openDB<FileRecord, string>({ name: "files", encoding: "json" });
  const refusals = root.openDB<RefusalRecord, string>({ name: "refusals", encoding: "json" });
  const leases = root.openDB<Lease, string>({ name: "leases", encoding: "json" });
  const filler = root.openDB<Uint8Array, number>({ name: "filler", encoding: "binary" });
  const exclusively = leaseHolder(leases, "ingest");
  return {
    pseudonymKey: siteKey(dataDir),
    async putInstances(entries) {
      await root.transaction(() => {
        for (const { id, path, frame, preview } of entries) {
          paths.put(id, { path, frame });
          if (preview === null) previews.remove(id);
          else if (preview !== undefined) previews.put(id, preview);
        }
      });
    },
    async removeInstances(ids) {
      await root.transaction(() => {
        for (const id of ids) {
          paths.remove(id);
          previews.remove(id);
        }
      });
    },
    preview: (id) => previews.get(id),
    hasPreview: (id) => previews.doesExist(id),
    path: (id) => paths.get(id),
    file: (path) => files.get(fileKey(path)),
    async putFile(path, record) {
      await files.put(fileKey(path), record);
    },
    async removeFile(path) {
      await files.remove(fileKey(path));
    },
    refusal: (path) => refusals.get(fileKey(path)),
    async putRefusals(records) {
      await root.transaction(() => {
        for (const [path, record] of records) refusals.put(fileKey(path), record);
      });
    },
    async scratchFile() {
      const path = join(folder, `scratch-${randomUUID()}`);
      const file = await openFile(path, "wx+", 0o600);
      await rm(path);
      return file;
    },
    exclusively,
    // Alone: what others write would be taken for the filler's.
    overwriteDeleted: () => exclusively(() => overwriteDeleted(root, [previews, paths, files, refusals], filler)),
    close: () => root.close(),
  };
}

/** LMDB's keys end at 1,978 bytes and a path may be longer, so a path is kept by its digest. */
function fileKey(path: string): string {
  return createHash("sha256").update(path).digest("base64url");
}
