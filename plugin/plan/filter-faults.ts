/**
 * How a fault in a filter is told: where in the filter, what is wrong, never the value itself (a filter's values may
 * be what a person typed about a patient). Shared by the two files that check filters.
 */
import { DafhError } from "../../schemas/index.js";

export function badFilter(place: string, fault: string): DafhError {
  return new DafhError("BAD_FILTER", `${place} ${fault}.`, { field: place });
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A key as it may be shown: long enough to recognise, too short to carry a document. */
export function shown(key: string): string {
  return JSON.stringify(key.length > 40 ? `${key.slice(0, 40)}…` : key);
}

/** @throws DafhError BAD_FILTER where the object has a key beside the allowed ones */
export function requireKeys(record: Record<string, unknown>, place: string, allowed: readonly string[]): void {
  for (const key of Object.keys(record)) {
    if (!allowed.includes(key)) throw badFilter(place, `has ${shown(key)}, which is not one of ${allowed.join(", ")}`);
  }
}
