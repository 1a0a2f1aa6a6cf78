/** Where the real DICOM files lie, and what to do where they do not: skip, and say so. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const packageRoot = fileURLToPath(new URL("../../../../", import.meta.url));
const dataRoot = process.env.DAFH_TEST_DATA ?? path.join(packageRoot, "..", "shared", "data");

export const dicomRoot = path.join(dataRoot, "dicom");
const available = existsSync(path.join(dicomRoot, "manifest.csv"));

/** A suite over the shared data; without it the suite is skipped under a title that says why. */
export function describeWithSharedData(title: string, suite: () => void): void {
  if (available) describe(title, suite);
  // Mocha runs a skipped suite's body, and these bodies read the data.
  else describe(title, () => it.skip("[skipped: no shared data; set DAFH_TEST_DATA]"));
}

export function readShared(file: string): Uint8Array {
  return readFileSync(path.join(dicomRoot, file));
}

/** Rows of a CSV file by column name; the files quote fields that hold commas. */
export function readTable(file: string): Record<string, string>[] {
  const [header = "", ...lines] = readFileSync(path.join(dicomRoot, file), "utf8").trim().split("\n");
  const names = header.split(",");
  return lines.map((line) => {
    const fields = [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
      ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? "",
    );
    return Object.fromEntries(names.map((name, index) => [name, fields[index] ?? ""]));
  });
}
