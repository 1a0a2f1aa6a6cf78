/**
 * Dates moved by whole days, so that times of day, intervals and what is computed from them (SUV) stay as they are.
 * What is no date is not let through: undefined.
 */
import { parseDay, parseTime } from "../values.js";

const DAY_MS = 86_400_000;

/** DA or DT, as precise as it was; TM has no day and is checked only. */
export function shiftTemporal(text: string, vr: "DA" | "DT" | "TM", days: number): string | undefined {
  const value = text.trim();
  if (value === "") return "";
  if (vr === "TM") return parseTime(value) === undefined ? undefined : value;
  if (vr === "DA") return shiftDate(value, days);
  const match = /^(\d{4,14})((?:\.\d{1,6})?(?:[+-]\d{4})?)$/.exec(value);
  const [, digits = "", rest = ""] = match ?? [];
  if (match === null || digits.length % 2 === 1) return undefined;
  // A year or a month alone counts from its first day, and stays as coarse as it was.
  const moved = shiftDate(digits.length >= 8 ? digits.slice(0, 8) : `${digits}0101`.slice(0, 8), days);
  return moved === undefined ? undefined : `${moved.slice(0, Math.min(8, digits.length))}${digits.slice(8)}${rest}`;
}

/** Is it what its representation says, and nothing else? */
export function isTemporal(text: string, vr: "DA" | "DT" | "TM"): boolean {
  return shiftTemporal(text, vr, 0) !== undefined;
}

function shiftDate(value: string, days: number): string | undefined {
  const day = parseDay(value);
  if (day === undefined) return undefined;
  const moved = new Date((day + days) * DAY_MS);
  return Number.isNaN(moved.getTime()) ? undefined : moved.toISOString().slice(0, 10).replaceAll("-", "");
}
