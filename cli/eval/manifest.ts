/** The manifest of an evaluation: which images there are, what each shows, and whether it is stored or asked. */
import { readFileSync } from "node:fs";
import { isAbsolute, join, normalize, resolve } from "node:path";
import { parse } from "csv-parse/sync";
import { DafhError } from "../../schemas/index.js";

const SPLITS = ["train", "val", "test"] as const;
export type Split = (typeof SPLITS)[number];

export interface EvalImage {
  /** As the manifest has it, from the images folder. */
  readonly path: string;
  /** From 1. */
  readonly frame: number;
  readonly modality: string;
  /** Modality and label together: the same tumour in CT and MR is two classes. */
  readonly className: string;
  readonly label: string;
  readonly split: Split;
  /** The patient, or what stands for one: intervals are drawn over groups, because images of one are alike. */
  readonly group: string;
}

const REQUIRED = ["path", "modality", "label", "split"] as const;

/** @throws DafhError FILE_UNREADABLE, or BAD_OPTION naming the line that cannot be used */
export function readManifest(file: string): EvalImage[] {
  const place = resolve(file);
  let rows: Record<string, string>[];
  try {
    rows = parse(readFileSync(place), { columns: true, bom: true, skip_empty_lines: true, trim: true });
  } catch (cause) {
    const unread = cause instanceof Error && "syscall" in cause;
    const what = cause instanceof Error ? cause.message : String(cause);
    throw unread
      ? new DafhError("FILE_UNREADABLE", "The manifest cannot be read.", { path: place }, { cause })
      : new DafhError("BAD_OPTION", `The manifest is not CSV: ${what}`, { path: place }, { cause });
  }
  if (rows.length === 0) throw new DafhError("BAD_OPTION", "The manifest has no rows.", { path: place });
  const missing = REQUIRED.filter((column) => rows[0]?.[column] === undefined);
  if (missing.length > 0) {
    throw new DafhError("BAD_OPTION", `The manifest has no column ${missing.join(", ")}.`, { path: place });
  }
  const images = rows.map((row, index) => readRow(row, index + 2, place));
  const seen = new Set<string>();
  for (const [index, { path, frame }] of images.entries()) {
    const key = `${path}\n${frame}`;
    if (seen.has(key)) throw faulty(index + 2, place, "names an image that an earlier line names");
    seen.add(key);
  }
  return images;
}

function readRow(row: Record<string, string>, line: number, place: string): EvalImage {
  const { path = "", modality = "", label = "", split = "", group, frame } = row;
  if (path === "" || modality === "" || label === "") {
    throw faulty(line, place, "lacks its path, modality or label");
  }
  const inside = normalize(path);
  if (isAbsolute(inside) || inside.startsWith("..")) throw faulty(line, place, "leads out of the images folder");
  if (!isSplit(split)) throw faulty(line, place, `has split "${split}" instead of ${SPLITS.join(", ")}`);
  const number = frame === undefined || frame === "" ? 1 : Number(frame);
  if (!Number.isInteger(number) || number < 1) throw faulty(line, place, "has a frame that is no number from 1");
  const patient = group === undefined || group === "" ? path : group;
  return { path, frame: number, modality, className: `${modality}/${label}`, label, split, group: patient };
}

export function imagePath(folder: string, { path }: EvalImage): string {
  return join(folder, path);
}

function isSplit(text: string): text is Split {
  return SPLITS.some((split) => split === text);
}

function faulty(line: number, place: string, what: string): DafhError {
  return new DafhError("BAD_OPTION", `The manifest's line ${line} ${what}.`, { path: place, field: `line ${line}` });
}
