/**
 * Checks on values that are let through: a value that is not what its representation says may hold anything, so it
 * does not pass. And the dummies that stand in for what is replaced.
 */
import { parseNumber } from "../values.js";

const BINARY_WIDTH: ReadonlyMap<string, number> = new Map([
  ["US", 2],
  ["SS", 2],
  ["UL", 4],
  ["SL", 4],
  ["FL", 4],
  ["FD", 8],
]);
/** No listed private number has more values; longer ones hold something else. */
const LONGEST_BINARY_BYTES = 1024;

/** HIPAA's safe harbour, 45 CFR 164.514(b)(2)(i)(C): ages of 90 and over are one category. */
const OLDEST_AGE_YEARS = 90;

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

export function ascii(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** Without the padding around it. */
export function trimmed(text: string): string {
  return text.replace(/^[ \0]+|[ \0]+$/g, "");
}

/** The values of an element whose representation has no escapes. */
export function valuesOf(bytes: Uint8Array): string[] {
  return bytes.length === 0 ? [] : latin1(bytes).split("\\").map(trimmed);
}

export function isCodeString(value: string): boolean {
  // Lower case and a little punctuation break the standard but are what scanners write.
  return /^[A-Za-z0-9_ ./+-]{0,16}$/.test(value);
}

export function isNumberString(value: string): boolean {
  return value === "" || parseNumber(value) !== undefined;
}

export function isUid(value: string): boolean {
  return value.length <= 64 && /^\d+(\.\d+)*$/.test(value);
}

export function isBinaryNumber(bytes: Uint8Array, vr: string): boolean {
  const width = BINARY_WIDTH.get(vr);
  return width !== undefined && bytes.length % width === 0 && bytes.length <= LONGEST_BINARY_BYTES;
}

/** AS with ages of 90 and over as 90; undefined where it is none. */
export function cappedAge(value: string): string | undefined {
  if (!/^\d{3}[DWMY]$/.test(value)) return value === "" ? "" : undefined;
  const tooOld = value.endsWith("Y") && Number(value.slice(0, 3)) > OLDEST_AGE_YEARS;
  return tooOld ? `0${OLDEST_AGE_YEARS}Y` : value;
}

/** A value that says nothing, for attributes that may not be empty. Of sequences there is none: they are removed. */
export function dummyOf(vr: string): Uint8Array {
  switch (vr) {
    case "DA":
      return ascii("19000101");
    case "DT":
      return ascii("19000101000000");
    case "TM":
      return ascii("000000");
    case "AS":
      return ascii("000Y");
    case "DS":
    case "IS":
      return ascii("0");
    case "CS":
    case "SH":
    case "AE":
      return ascii("ANONYMIZED");
    case "PN":
    case "LO":
    case "LT":
    case "ST":
    case "UC":
    case "UT":
      return ascii("Anonymized");
    case "UR":
      return ascii("urn:anonymized");
    default:
      return new Uint8Array(8);
  }
}
