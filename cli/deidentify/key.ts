/** The key that a de-identification is made with: a file of the user's, or the data folder's own. */
import { readFile, stat } from "node:fs/promises";
import { openCatalogue } from "../../catalogue/index.js";
import { DafhError } from "../../schemas/index.js";

/** @throws DafhError BAD_OPTION where others may read the file, FILE_UNREADABLE */
export async function deidentificationKey(keyFile: string | undefined, dataDir: string): Promise<Uint8Array> {
  if (keyFile === undefined) {
    const catalogue = openCatalogue({ dataDir });
    try {
      return catalogue.pseudonymKey;
    } finally {
      await catalogue.close();
    }
  }
  try {
    const { mode } = await stat(keyFile);
    // Windows has no such bits.
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new DafhError("BAD_OPTION", "The key can be read by others; give it the mode 0600.", { path: keyFile });
    }
    return await readFile(keyFile);
  } catch (cause) {
    if (cause instanceof DafhError) throw cause;
    throw new DafhError("FILE_UNREADABLE", "The key cannot be read.", { path: keyFile }, { cause });
  }
}
