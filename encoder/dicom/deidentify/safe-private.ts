/**
 * Private attributes that may stay under the Retain Safe Private Option: numbers and code strings that PS3.15 lists
 * (Table E.3.10-1), and what SUV needs beyond them. A creator must be spelt exactly as listed; what is kept in its
 * place is the listed spelling.
 */
import { SAFE_PRIVATE_TABLE } from "./profile-table.generated.js";

/** GE PET: the scan's start, which decay correction counts from when a workstation rewrote the series' time. */
const FURTHER: readonly (readonly [number, string, number, string])[] = [[0x0009, "GEMS_PETD_01", 0x0d, "DT"]];

const SAFE: ReadonlyMap<string, string> = new Map(
  [...SAFE_PRIVATE_TABLE, ...FURTHER].map(([group, creator, block, vr]) => [nameOf(group, creator, block), vr]),
);

/** The representation of a safe private attribute, or undefined where it is not known to be safe. */
export function safePrivateRepresentation(group: number, creator: string, block: number): string | undefined {
  return SAFE.get(nameOf(group, creator, block));
}

function nameOf(group: number, creator: string, block: number): string {
  return `${group}|${creator}|${block}`;
}
