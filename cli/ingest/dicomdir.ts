/**
 * The files that a DICOMDIR names (PS3.3 F.3, PS3.10 8.6): their paths from the folder that it lies in. Only the file
 * references are read; what the directory says about patients and studies is left alone.
 */
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import dicomParser, { type DataSet } from "dicom-parser";
import { DafhError } from "../../schemas/index.js";
import type { Found } from "./found.js";
import { fileAt } from "./walk.js";

const MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10";
const DIRECTORY_RECORD_SEQUENCE = "x00041220";
const REFERENCED_FILE_ID = "x00041500";

/** @param head the first kilobyte of the file */
export function isDicomdir(path: string, head: Buffer): boolean {
  if (head.toString("latin1", 128, 132) !== "DICM") return false;
  return basename(path).toUpperCase() === "DICOMDIR" || head.includes(MEDIA_STORAGE_DIRECTORY, 132, "latin1");
}

/** @param path absolute */
export async function* dicomdirFiles(path: string): AsyncGenerator<Found> {
  let references: string[][];
  try {
    references = fileReferences(dicomParser.parseDicom(await readFile(path)));
  } catch (cause) {
    const error = new DafhError("DICOM_CORRUPT", "The DICOMDIR's records cannot be read.", { path }, { cause });
    yield { kind: "refused", path, error };
    return;
  }
  if (references.length === 0) {
    const error = new DafhError("DICOMDIR", "The DICOMDIR names no files.", { path });
    yield { kind: "refused", path, error };
  }
  const root = dirname(path);
  const onDisk = nameFinder();
  for (const components of references) {
    const stated = join(root, ...components);
    if (components.some((name) => name === "" || name === "." || name === ".." || name.includes("/"))) {
      const error = new DafhError("ATTRIBUTE_INVALID", "The DICOMDIR names a file outside its folder.", {
        path,
        tag: "(0004,1500)",
      });
      yield { kind: "refused", path: `${path}#${components.join("/")}`, error };
      continue;
    }
    yield await fileAt((await onDisk(root, components)) ?? stated, root);
  }
}

function fileReferences(dicomdir: DataSet): string[][] {
  const records = dicomdir.elements[DIRECTORY_RECORD_SEQUENCE]?.items ?? [];
  return records.flatMap(({ dataSet }) => {
    const reference = dataSet?.string(REFERENCED_FILE_ID);
    return reference === undefined ? [] : [reference.split("\\").map((component) => component.trim())];
  });
}

/** File ids are upper case by the standard; discs copied to other systems often are not. */
function nameFinder(): (root: string, components: readonly string[]) => Promise<string | undefined> {
  const listings = new Map<string, ReadonlyMap<string, string>>();
  const listing = async (folder: string): Promise<ReadonlyMap<string, string>> => {
    const known = listings.get(folder);
    if (known !== undefined) return known;
    const names = await readdir(folder).catch((): string[] => []); // A folder that is missing holds no names.
    const byUpperCase = new Map(names.map((name) => [name.toUpperCase(), name]));
    for (const name of names) byUpperCase.set(name, name);
    listings.set(folder, byUpperCase);
    return byUpperCase;
  };
  return async (root, components) => {
    let place = root;
    for (const component of components) {
      const names = await listing(place);
      const name = names.get(component) ?? names.get(component.toUpperCase());
      if (name === undefined) return undefined;
      place = join(place, name);
    }
    return place;
  };
}
