/**
 * Makes a folder and those above it. The one effect in this folder: every part that keeps files needs it, and no other
 * folder is below them all.
 */
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Unlike Node's own recursive `mkdir`, which tries for ever where an existing folder takes no children (Node 20, /proc).
 * @param mode of the folders that are made; those that are there keep theirs
 * @throws the file system's error
 */
export function makeFolder(path: string, mode = 0o777): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent, mode);
  try {
    mkdirSync(path, { mode });
  } catch (thrown) {
    // Another process may have been first.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw thrown;
  }
}
