/**
 * What this machine keeps beside the engine: where each instance's file lies, its preview, which files are already
 * ingested, and the site's key for pseudonyms. Paths can name patients, so none of it goes into Qdrant or over HTTP.
 */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";
import { DafhError } from "../schemas/index.js";

/** A file whose instances the engine has acknowledged. */
export interface FileRecord {
  readonly size: number;
  readonly mtimeMs: number;
  readonly contentDigest: string;
  readonly modelDigest: string;
  /** Point ids of its frames. */
  readonly ids: readonly string[];
}

export interface CatalogueEntry {
  /** Point id. */
  readonly id: string;
  readonly path: string;
  /** From 1. */
  readonly frame: number;
  /** PNG. */
  readonly preview?: Uint8Array;
}

export interface Catalogue {
  /** 32 bytes, made once for a data folder; only its owner can read the file. */
  readonly pseudonymKey: Uint8Array;
  putInstances(entries: readonly CatalogueEntry[]): Promise<void>;
  preview(id: string): Uint8Array | undefined;
  path(id: string): { readonly path: string; readonly frame: number } | undefined;
  file(path: string): FileRecord | undefined;
  putFile(path: string, record: FileRecord): Promise<void>;
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
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(dataDir, 0o700);
  } catch (cause) {
    throw new DafhError("FILE_UNREADABLE", "The data folder cannot be made or written.", { path: dataDir }, { cause });
  }
  const root = open({ path: folder, maxDbs: 3 });
  const previews = root.openDB<Uint8Array, string>({ name: "previews", encoding: "binary" });
  const paths = root.openDB<{ path: string; frame: number }, string>({ name: "paths", encoding: "json" });
  const files = root.openDB<FileRecord, string>({ name: "files", encoding: "json" });
  return {
    pseudonymKey: siteKey(dataDir),
    async putInstances(entries) {
      await root.transaction(() => {
        for (const { id, path, frame, preview } of entries) {
          paths.put(id, { path, frame });
          if (preview !== undefined) previews.put(id, preview);
        }
      });
    },
    preview: (id) => previews.get(id),
    path: (id) => paths.get(id),
    file: (path) => files.get(fileKey(path)),
    async putFile(path, record) {
      await files.put(fileKey(path), record);
    },
    close: () => root.close(),
  };
}

/** LMDB takes keys of up to 1,978 bytes; a longer path is kept by its end, which differs where its start does not. */
function fileKey(path: string): string {
  return path.length <= 600 ? path : path.slice(-600);
}

/** Read, or made in one step that a second process cannot see half done: written aside, then linked into place. */
function siteKey(dataDir: string): Uint8Array {
  const place = join(dataDir, "site.key");
  const aside = `${place}.${process.pid}.${randomBytes(4).toString("hex")}`;
  const file = openSync(aside, "wx", 0o600);
  try {
    writeSync(file, randomBytes(32));
    fsyncSync(file);
    linkSync(aside, place);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") {
      throw new DafhError("FILE_UNREADABLE", "The site's key cannot be written.", { path: place }, { cause });
    }
  } finally {
    closeSync(file);
    rmSync(aside, { force: true });
  }
  const key = readFileSync(place);
  if (key.length !== 32) throw new DafhError("FILE_UNREADABLE", "The site's key is damaged.", { path: place });
  return key;
}
