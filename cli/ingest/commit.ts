/**
 * Writes a batch of encoded files of few frames: decides by what the engine holds, upserts, and only after the engine's
 * acknowledgement notes paths, previews and files in the catalogue. All of it under the catalogue's lease, so that of
 * two processes with conflicting files the second sees the first's. A kill between two steps leaves work to repeat,
 * never a gap.
 */
import type { Catalogue } from "../../catalogue/index.js";
import type { DafhPoint } from "../../plugin/index.js";
import type { EncodedFile, InstancePayload } from "../../schemas/index.js";
import {
  type CommitOutcome,
  type CommitParts,
  catalogueEntries,
  conflict,
  deleteOtherFrames,
  digestsBefore,
  type Entry,
  fileRecord,
  forgetIds,
  frameRecord,
  storedBefore,
  withLabel,
} from "./commit-steps.js";
import { type Decision, decide } from "./decide.js";
import { pointsOf } from "./points.js";
import { storedPayloads } from "./stored-payloads.js";

export interface EncodedEntry extends Entry {
  readonly encoded: EncodedFile;
}

/** @returns an outcome an entry, in order */
export async function commit(entries: readonly EncodedEntry[], parts: CommitParts): Promise<CommitOutcome[]> {
  const { collection, catalogue, model, replace, profile } = parts;
  const prepared = entries.map((entry) => ({
    entry,
    points: pointsOf(entry.encoded, { model, pseudonymKey: catalogue.pseudonymKey, profile, row: entry.row }),
  }));
  return catalogue.exclusively(async () => {
    const stored = await storedPayloads(
      collection,
      prepared.flatMap(({ entry, points }) => [...points.map(({ id }) => id), ...idsBefore(entry, catalogue)]),
    );
    const writes = new Map<string, DafhPoint>();
    const decided = prepared.map(({ entry, points: stated }) => {
      const labels = idsBefore(entry, catalogue).flatMap((id) => stored.get(id)?.label ?? []);
      const points = withLabel(stated, labels[0]);
      const decision = decide(points, (id) => writes.get(id)?.payload ?? stored.get(id), replace);
      if (decision.kind === "replaced") dropOtherFrames(writes, points);
      for (const point of pointsToWrite(decision)) writes.set(point.id, point);
      return { entry, points, decision };
    });
    for (const { points, decision } of decided) {
      if (decision.kind !== "replaced") continue;
      const name = points[0]?.payload.sopInstanceUid;
      await deleteOtherFrames({ name, ids: idsOf(points) }, framesStored(points, stored), parts);
    }
    if (writes.size > 0) await collection.upsert([...writes.values()]);
    const accepted = decided.filter(({ decision }) => decision.kind !== "conflict");
    await forgetIds(idsUnderOtherNames(accepted, catalogue), parts);
    const catalogued = await Promise.all(
      accepted.map(({ entry, points, decision: { kind } }) => {
        const item = { path: entry.found.path, kind, digestsBefore: digestsBefore(entry, catalogue) };
        return catalogueEntries(item, points, entry.encoded.frames, catalogue);
      }),
    );
    await catalogue.putInstances(catalogued.flat());
    await Promise.all(
      accepted.map(({ entry, points }) =>
        catalogue.putFile(entry.found.path, fileRecord(entry, points.map(frameRecord), model)),
      ),
    );
    return decided.map(({ entry, points, decision }): CommitOutcome => {
      if (decision.kind === "conflict") return { kind: "refused", error: conflict(entry, decision.frame) };
      const constantFrames = entry.encoded.constantFrames.length;
      return { kind: decision.kind, frames: points.length, constantFrames };
    });
  });
}

function pointsToWrite(decision: Decision): readonly DafhPoint[] {
  switch (decision.kind) {
    case "new":
    case "updated":
    case "replaced":
      return decision.points;
    case "unchanged":
    case "conflict":
      return [];
  }
}

/** As `deleteOtherFrames` does in the engine, in this batch. */
function dropOtherFrames(writes: Map<string, DafhPoint>, points: readonly DafhPoint[]): void {
  const name = points[0]?.payload.sopInstanceUid;
  const kept = idsOf(points);
  for (const [id, { payload }] of writes) {
    if (name !== undefined && payload.sopInstanceUid === name && !kept.has(id)) writes.delete(id);
  }
}

function idsOf(points: readonly DafhPoint[]): ReadonlySet<string> {
  return new Set(points.map(({ id }) => id));
}

function framesStored(points: readonly DafhPoint[], stored: ReadonlyMap<string, InstancePayload>): number {
  return Math.max(0, ...points.map(({ id }) => stored.get(id)?.frames ?? 1));
}

function idsBefore(entry: Entry, catalogue: Catalogue): string[] {
  return [...storedBefore(entry, catalogue).keys()];
}

/** Nothing of a file stays under names that another profile gave its instances (UIDs retained or not). */
function idsUnderOtherNames(
  accepted: readonly { readonly entry: Entry; readonly points: readonly DafhPoint[] }[],
  catalogue: Catalogue,
): string[] {
  const names = new Set(accepted.flatMap(({ points }) => points.map(({ id }) => id)));
  return accepted.flatMap(({ entry }) => idsBefore(entry, catalogue)).filter((id) => !names.has(id));
}
