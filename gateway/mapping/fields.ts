/**
 * Text fields of a form or a query string → the plain values that a JSON body would hold. What cannot be converted
 * stays as it came, so that `validated` refuses it by the same rules and in the same words.
 */
import { DafhError } from "../../schemas/index.js";

export type TextFields = Readonly<Record<string, unknown>>;
type Conversion = (text: string, field: string) => unknown;

const INTEGER = /^-?\d{1,15}$/;

const integer: Conversion = (text) => (INTEGER.test(text) ? Number(text) : text);
const flag: Conversion = (text) => (text === "true" ? true : text === "false" ? false : text);
const json: Conversion = (text, field) => {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const code = field === "filter" ? "BAD_FILTER" : "BAD_REQUEST";
    throw new DafhError(code, `The field ${field} is not JSON.`, { field }, { cause });
  }
};

const SCALARS: Readonly<Record<string, Conversion>> = {
  limit: integer,
  candidateLimit: integer,
  hammingRadius: integer,
  groupSize: integer,
  frame: integer,
  queryPreview: flag,
  filter: json,
  embedding: json,
};
/** Given several times, or once with commas. */
const LISTS = new Set(["modality"]);

export function plainFromFields(fields: TextFields): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(fields)) {
    // Forms send fields that were left empty.
    if (value === "") continue;
    plain[field] = convert(field, value);
  }
  return plain;
}

function convert(field: string, value: unknown): unknown {
  if (LISTS.has(field)) {
    const texts = Array.isArray(value) ? value : [value];
    return texts.flatMap((text) => (typeof text === "string" ? text.split(",") : [text]));
  }
  return typeof value === "string" ? (SCALARS[field]?.(value, field) ?? value) : value;
}
