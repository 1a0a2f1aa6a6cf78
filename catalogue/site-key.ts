/**
 * The key that patients' pseudonyms are made with: random, one for a data folder, readable by its owner alone. What a
 * pseudonym is made of is the encoder's matter.
 */
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DafhError } from "../schemas/index.js";

const KEY_BYTES = 32;

/**
 * Read, or made in one step that a second process cannot see half done: written aside, then linked into place.
 * @returns 32 bytes
 * @throws DafhError FILE_UNREADABLE
 */
export function siteKey(dataDir: string): Uint8Array {
  const place = join(dataDir, "site.key");
  const key = read(place) ?? make(place);
  if (key.length !== KEY_BYTES) {
    throw new DafhError("FILE_UNREADABLE", `The site's key has ${key.length} bytes, not ${KEY_BYTES}.`, {
      path: place,
    });
  }
  return key;
}

function read(place: string): Uint8Array | undefined {
  try {
    return readFileSync(place);
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return undefined;
    throw new DafhError("FILE_UNREADABLE", "The site's key cannot be read.", { path: place }, { cause });
  }
}

function make(place: string): Uint8Array {
  const aside = `${place}.${process.pid}.${randomBytes(4).toString("hex")}`;
  try {
    const file = openSync(aside, "wx", 0o600);
    try {
      writeSync(file, randomBytes(KEY_BYTES));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    linkSync(aside, place);
  } catch (cause) {
    // EEXIST: another process was first, and its key is the one.
    if (!hasCode(cause, "EEXIST")) {
      throw new DafhError("FILE_UNREADABLE", "The site's key cannot be written.", { path: place }, { cause });
    }
  } finally {
    rmSync(aside, { force: true });
  }
  return readFileSync(place);
}

function hasCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === code;
}
