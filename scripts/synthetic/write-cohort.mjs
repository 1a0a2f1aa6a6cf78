/**
 * Writes the synthetic cohort as DICOM files. Needs the development dependency dcmjs; started by the demo and by
 * tests, or by hand: node scripts/synthetic/write-cohort.mjs FOLDER
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import dcmjs from "dcmjs";
import { COHORT_DEFAULTS, cohort } from "./cohort.mjs";

/** @returns how many files were written */
export async function writeCohort(folder, { onFile = () => undefined, ...size } = COHORT_DEFAULTS) {
  let files = 0;
  for (const { path, dataset } of cohort({ ...COHORT_DEFAULTS, ...size })) {
    const place = join(folder, path);
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, dcmjs.data.datasetToBuffer(dataset));
    files += 1;
    onFile(files);
  }
  return files;
}

if (import.meta.url === pathToFileURL(resolve(process.argv[1] ?? "")).href) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) {
    console.error("usage: node scripts/synthetic/write-cohort.mjs FOLDER");
    process.exit(2);
  }
  console.log(`${await writeCohort(folder)} files written to ${folder}`);
}
