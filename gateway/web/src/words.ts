/** How attributes and numbers are said on this page. */
import type { InstanceAttributes, InstancePayload } from "../../../schemas/index.js";

/** "CT · CHEST · 512 × 512", as far as it is known. */
export function describe(attributes: InstanceAttributes | InstancePayload | undefined): string {
  const { modality, bodyPartExamined, rows, columns } = attributes ?? {};
  const size = rows === undefined || columns === undefined ? undefined : `${columns} × ${rows}`;
  const known = [modality, bodyPartExamined, size].filter((word) => word !== undefined && word !== "");
  return known.length > 0 ? known.join(" · ") : "No attributes";
}

export function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value).toLocaleString("en")} ms`;
}

/** UIDs differ at their end. */
export function shortKey(key: string): string {
  return key.length > 20 ? `…${key.slice(-18)}` : key;
}

/** "bodyPartExamined" → "Body part examined". */
export function fieldTitle(field: string): string {
  const words = field.replace(
    /([a-z])([A-Z])/g,
    (_, before: string, after: string) => `${before} ${after.toLowerCase()}`,
  );
  return words.charAt(0).toUpperCase() + words.slice(1).replace(/\buid\b/, "UID");
}
