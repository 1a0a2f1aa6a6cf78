/**
 * The manifest of --labels: what its rows say about which file. A row names its file by an absolute path, or by one
 * from the manifest's folder or from the ingested folder. What is done with a row is `points.ts`'s matter.
 */
import { readFileSync } from "node:fs";
import { dirname, normalize, relative, resolve } from "node:path";
import { parse } from "csv-parse/sync";
import { DafhError } from "../../schemas/index.js";
import type { FoundFile } from "./found.js";

export interface LabelRow {
  readonly label?: string;
  /** Of an image that is not DICOM, which cannot say so itself. */
  readonly modality?: string;
  readonly bodyPart?: string;
  /** Whose image it is, in the manifest's own terms; only its pseudonym is stored. */
  readonly patient?: string;
  /** Of the file's bytes, hex, lower case. */
  readonly sha256?: string;
  /** "YES" or "NO", as DICOM's attribute of that name: whether text is burned into the pixels. */
  readonly burnedInAnnotation?: string;
}

export interface Labels {
  rowOf(file: Pick<FoundFile, "path" | "root">): LabelRow | undefined;
  readonly rows: number;
  /** Rows whose file was not met so far. */
  unmet(): number;
}

export const NO_LABELS: Labels = { rowOf: () => undefined, rows: 0, unmet: () => 0 };

const COLUMNS = {
  label: ["label"],
  modality: ["modality"],
  bodyPart: ["body_part"],
  patient: ["group", "patient", "patient_id"],
  sha256: ["sha256", "file_sha256"],
  burnedInAnnotation: ["burned_in_annotation"],
} as const satisfies Record<keyof LabelRow, readonly string[]>;

/** @throws DafhError FILE_UNREADABLE, or BAD_OPTION naming the line that cannot be used */
export function readLabels(csvPath: string): Labels {
  const place = resolve(csvPath);
  return parseLabels(readText(place), place);
}

/** @param place absolute path of the manifest: its rows' paths count from its folder */
export function parseLabels(text: string, place: string): Labels {
  const rows = new Map<string, LabelRow>();
  for (const [index, record] of parseCsv(text, place).entries()) {
    // The header is line 1.
    const where = { path: place, field: `line ${index + 2}` };
    const path = record.path?.trim() ?? "";
    if (path === "") throw new DafhError("BAD_OPTION", `The manifest's line ${index + 2} names no path.`, where);
    const key = normalize(path);
    const row = readRow(record, index + 2, place);
    const earlier = rows.get(key);
    if (earlier !== undefined && JSON.stringify(earlier) !== JSON.stringify(row)) {
      throw new DafhError("BAD_OPTION", `The manifest's line ${index + 2} contradicts an earlier one.`, where);
    }
    rows.set(key, row);
  }
  const unmet = new Set(rows.keys());
  return {
    rowOf: ({ path, root }) => {
      const key = [path, relative(dirname(place), path), relative(root, path)].find((name) => rows.has(name));
      if (key === undefined) return undefined;
      unmet.delete(key);
      return rows.get(key);
    },
    rows: rows.size,
    unmet: () => unmet.size,
  };
}

type CsvRecord = Readonly<Record<string, string | undefined>>;

function parseCsv(text: string, place: string): CsvRecord[] {
  let records: CsvRecord[];
  try {
    records = parse<CsvRecord>(text, { columns: true, bom: true, skip_empty_lines: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DafhError("BAD_OPTION", `The labels manifest is not CSV: ${reason}`, { path: place }, { cause });
  }
  const [first] = records;
  for (const column of ["path", "label"]) {
    if (first !== undefined && !(column in first)) {
      throw new DafhError("BAD_OPTION", `The labels manifest has no column "${column}".`, { path: place });
    }
  }
  return records;
}

function readRow(record: CsvRecord, line: number, place: string): LabelRow {
  const row: { -readonly [Name in keyof LabelRow]: string } = {};
  for (const [name, columns] of Object.entries(COLUMNS) as [keyof LabelRow, readonly string[]][]) {
    const value = columns.map((column) => record[column]?.trim()).find((cell) => cell !== undefined && cell !== "");
    if (value !== undefined) row[name] = value;
  }
  if (row.modality !== undefined) row.modality = row.modality.toUpperCase();
  if (row.bodyPart !== undefined) row.bodyPart = row.bodyPart.toUpperCase();
  if (row.burnedInAnnotation !== undefined) {
    row.burnedInAnnotation = row.burnedInAnnotation.toUpperCase();
    if (!["YES", "NO"].includes(row.burnedInAnnotation)) {
      throw new DafhError("BAD_OPTION", `The manifest's line ${line} has neither YES nor NO in burned_in_annotation.`, {
        path: place,
        field: "burned_in_annotation",
      });
    }
  }
  if (row.sha256 !== undefined) {
    row.sha256 = row.sha256.toLowerCase();
    if (!/^[0-9a-f]{64}$/.test(row.sha256)) {
      throw new DafhError("BAD_OPTION", `The manifest's line ${line} has no SHA-256 in hex.`, {
        path: place,
        field: "sha256",
      });
    }
  }
  return row;
}

function readText(place: string): string {
  try {
    return readFileSync(place, "utf8");
  } catch (cause) {
    throw new DafhError("FILE_UNREADABLE", "The labels manifest cannot be read.", { path: place }, { cause });
  }
}
