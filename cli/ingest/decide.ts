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

/** @param stored the payload under an id, as of now: what this run already decided to write included */
export function decide(
  points: readonly DafhPoint[],
  stored: (id: string) => InstancePayload | undefined,
  replace: boolean,
): Decision {
  let missing = false;
  let changed = false;
  let conflictingFrame: number | undefined;
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
  if (conflictingFrame !== undefined && !replace) return { kind: "conflict", frame: conflictingFrame };
  if (!missing && !changed) return { kind: "unchanged" };
  const kind = conflictingFrame !== undefined ? "replaced" : missing ? "new" : "updated";
  return { kind, points: points.map((point) => withStoredLabel(point, stored(point.id))) };
}

/** What a labels manifest may state. */
const STATED = ["label", "modality", "bodyPartExamined", "patientKey"] as const;

/** A run that says nothing of a field leaves the stored value. */
function sameStatements(known: InstancePayload, incoming: InstancePayload): boolean {
  return STATED.every((field) => incoming[field] === undefined || incoming[field] === known[field]);
}

function withStoredLabel(point: DafhPoint, known: InstancePayload | undefined): DafhPoint {
  if (known?.label === undefined || point.payload.label !== undefined) return point;
  return { ...point, payload: { ...point.payload, label: known.label } };
}
