/** The synthetic cohort for tests: the demo's own generator, with leave to change a dataset before it is written. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import dcmjs from "dcmjs";

export interface SyntheticImage {
  /** Relative, with forward slashes: SYN-01/CT_CHEST/01.dcm. */
  readonly path: string;
  /** As dcmjs takes it: attributes by their keyword. */
  readonly dataset: Readonly<Record<string, unknown>> & {
    readonly SOPInstanceUID: string;
    readonly PixelData: ArrayBuffer;
  };
}

export interface CohortSize {
  readonly patients: number;
  /** Of each of the nine series of a patient. */
  readonly slices: number;
}

interface CohortModule {
  cohort(size: CohortSize): Iterable<SyntheticImage>;
}

export async function syntheticImages(size: CohortSize): Promise<SyntheticImage[]> {
  const generator = new URL("../../../scripts/synthetic/cohort.mjs", import.meta.url).href;
  // The cast: a module of plain JavaScript, whose one use is here.
  const { cohort } = (await import(generator)) as CohortModule;
  return [...cohort(size)];
}

/** @param changes attributes to overwrite */
export async function writeImage(folder: string, image: SyntheticImage, changes: object = {}): Promise<string> {
  const path = join(folder, image.path);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, dcmjs.data.datasetToBuffer({ ...image.dataset, ...changes }));
  return path;
}

/** The same image with one pixel changed much. */
export function otherPixels({ dataset }: SyntheticImage): { readonly PixelData: ArrayBuffer } {
  const values = new Uint16Array(dataset.PixelData.slice(0));
  const middle = values.length / 2 + 60;
  values[middle] = ((values[middle] ?? 0) + 500) % 65_536;
  return { PixelData: values.buffer };
}
