/**
 * What to do with an encoded file, given what the engine holds under the same ids. Pure: reading and writing are
 * `commit.ts`'s matter.
 */
import type { DafhPoint } from "../../plugin/index.js";
import type { InstancePayload } from "../../schemas/index.js";

/**
 * `new`: some frame of it is not stored. `unchanged`: all of it is. `updated`: the same pixels under another header or
 * label. `replaced`: other pixels, by leave of --replace. `conflict`: other pixels, without it.
 */
export type Decision =
  | { readonly kind: "new" | "updated" | "replaced"; readonly points: readonly DafhPoint[] }
  | { readonly kind: "unchanged" }
  | { readonly kind: "conflict"; readonly frame: number };

/** How points differ from what is stored under their ids. */
export interface Difference {
  readonly missing: boolean;
  readonly changed: boolean;
  /** The first whose pixels are others, in another file. */
  readonly conflictingFrame: number | undefined;
}

export const NO_DIFFERENCE: Difference = { missing: false, changed: false, conflictingFrame: undefined };

/** The payload under an id, as of now: what this run already decided to write included. */
type Stored = (id: string) => InstancePayload | undefined;

export function decide(points: readonly DafhPoint[], stored: Stored, replace: boolean): Decision {
  const difference = differenceOf(points, stored);
  const kind = kindOf(difference, replace);
  switch (kind) {
    case "conflict":
      return { kind, frame: difference.conflictingFrame ?? 1 };
    case "unchanged":
      return { kind };
    case "new":
    case "updated":
    case "replaced":
      return { kind, points: points.map((point) => withStoredLabel(point, stored(point.id))) };
  }
}

/** @param before of the points of the same file that were looked at before */
export function differenceOf(points: readonly DafhPoint[], stored: Stored, before = NO_DIFFERENCE): Difference {
  let { missing, changed, conflictingFrame } = before;
  for (const { id, payload } of points) {
    const known = stored(id);
    if (known === undefined) missing = true;
    else if (known.contentDigest !== payload.contentDigest) {
      changed = true;
      if (known.pixelDigest !== payload.pixelDigest) conflictingFrame ??= payload.frame ?? 1;
    } else if (
      known.pixelDigest !== payload.pixelDigest ||
      known.profile !== payload.profile ||
      !sameStatements(known, payload)
    ) {
      // The very same file: this version reads its pixels otherwise than the one that stored it, another profile lets
      // more or less of it through, or a manifest says something new about it.
      changed = true;
    }
  }
  return { missing, changed, conflictingFrame };
}

export function kindOf({ missing, changed, conflictingFrame }: Difference, replace: boolean): Decision["kind"] {
  if (conflictingFrame !== undefined) return replace ? "replaced" : "conflict";
  if (missing) return "new";
  return changed ? "updated" : "unchanged";
}

/** What a labels manifest may state. */
const STATED = ["label", "modality", "bodyPartExamined", "patientKey"] as const;

/** A run that says nothing of a field leaves the stored value. */
function sameStatements(known: InstancePayload, incoming: InstancePayload): boolean {
  return STATED.every((field) => incoming[field] === undefined || incoming[field] === known[field]);
}

export function withStoredLabel(point: DafhPoint, known: InstancePayload | undefined): DafhPoint {
  if (known?.label === undefined || point.payload.label !== undefined) return point;
  return { ...point, payload: { ...point.payload, label: known.label } };
}
