/** The query of POST /v1/encode, checked. */
import { DafhError } from "../../schemas/index.js";

const LARGEST_PREVIEW = 1024;

export interface EncodeQuery {
  readonly frames?: readonly number[];
  readonly previewSize?: number;
  readonly attention?: boolean;
}

const NAMES = ["frames", "preview", "attention"];

/** @throws DafhError BAD_REQUEST for a name that is not known, BAD_OPTION for a value that is not in range */
export function parseEncodeQuery(query: Record<string, unknown>): EncodeQuery {
  const unknown = Object.keys(query).filter((name) => !NAMES.includes(name));
  if (unknown.length > 0)
    throw new DafhError("BAD_REQUEST", `the query has no "${unknown[0]}": only ${NAMES.join(", ")}`);
  return {
    ...(query.frames === undefined ? {} : { frames: parseFrames(query.frames) }),
    ...(query.preview === undefined ? {} : { previewSize: parsePreview(query.preview) }),
    ...(query.attention === undefined ? {} : { attention: parseSwitch("attention", query.attention) }),
  };
}

function parseFrames(value: unknown): readonly number[] {
  if (typeof value !== "string" || !/^[1-9]\d{0,8}(,[1-9]\d{0,8})*$/.test(value)) {
    throw new DafhError("BAD_OPTION", "frames is a list of numbers from 1, such as 1,2,5", { field: "frames" });
  }
  return value.split(",").map(Number);
}

function parseSwitch(field: string, value: unknown): boolean {
  if (value === "true" || value === "false") return value === "true";
  throw new DafhError("BAD_OPTION", `${field} is true or false`, { field });
}

function parsePreview(value: unknown): number {
  const size = typeof value === "string" && /^\d{1,4}$/.test(value) ? Number(value) : 0;
  if (size >= 1 && size <= LARGEST_PREVIEW) return size;
  throw new DafhError("BAD_OPTION", `preview is a number of pixels from 1 to ${LARGEST_PREVIEW}`, { field: "preview" });
}
