/** Value representations: what PS3.6 says of a tag, and which representations may stand for each other in real files. */
import { TAGS_BY_REPRESENTATION } from "./representation-table.generated.js";

const REPRESENTATION: ReadonlyMap<number, string> = new Map(
  Object.entries(TAGS_BY_REPRESENTATION).flatMap(([vr, tags]) =>
    tags
      .trim()
      .split(/\s+/)
      .map((tag): [number, string] => [Number.parseInt(tag, 16), vr]),
  ),
);

/** undefined for attributes that the standard does not know. */
export function standardRepresentation(tag: number): string | undefined {
  return REPRESENTATION.get(tag);
}

const FAMILIES = [
  ["OB", "OW", "OF", "OD", "OL", "OV", "US", "SS"],
  ["US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "DS", "IS"],
  ["LO", "SH", "ST", "LT", "UT", "UC", "CS"],
  ["DA", "DT"],
];

/** Writers mix up what is alike. What is not alike (a name written as bytes) hides what it holds. */
export function isAlike(found: string, standard: string): boolean {
  return found === standard || FAMILIES.some((family) => family.includes(found) && family.includes(standard));
}

const TEXT_PADDING = 0x20;

/** What fills a value up to even length (PS3.5 6.2). */
export function paddingOf(vr: string): number {
  return vr === "UI" || vr === "UN" || vr.startsWith("O") ? 0 : TEXT_PADDING;
}
