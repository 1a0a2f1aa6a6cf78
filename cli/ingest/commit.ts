/**
 * Writes a batch of encoded files: decides by what the engine holds, upserts, and only after the engine's
 * acknowledgement notes paths, previews and files in the catalogue. All of it under the catalogue's lease, so that of
 * two processes with conflicting files the second sees the first's. A kill between two steps leaves work to repeat,
 * never a gap.
 */
import { access } from "node:fs/promises";
import type { Catalogue, CatalogueEntry, FileRecord } from "../../catalogue/index.js";
import { type DafhCollection, type DafhPoint, pointId } from "../../plugin/index.js";
import { DafhError, type EncodedFile, type InstancePayload, type ModelInfo } from "../../schemas/index.js";
import { type Decision, decide } from "./decide.js";
import type { FoundFile } from "./found.js";
import type { LabelRow } from "./labels.js";
import { pointsOf } from "./points.js";
import { storedPayloads } from "./stored-payloads.js";
import type { StoredFile } from "./summary.js";

export interface EncodedEntry {
  readonly found: FoundFile;
  readonly row: LabelRow | undefined;
  readonly encoded: EncodedFile;
}

export type CommitOutcome = StoredFile | { readonly kind: "refused"; readonly error: DafhError };

export interface CommitParts {
  readonly collection: DafhCollection;
  readonly catalogue: Catalogue;
  readonly model: ModelInfo;
  readonly replace: boolean;
  /** Name of the profile that the entries' attributes went through. */
  readonly profile: string;
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
      if (decision.kind === "replaced") await deleteOtherFrames(points, stored, parts);
    }
    if (writes.size > 0) await collection.upsert([...writes.values()]);
    const accepted = decided.filter(({ decision }) => decision.kind !== "conflict");
    await forgetIds(idsUnderOtherNames(accepted, catalogue), parts);
    const catalogued = await Promise.all(accepted.map((item) => catalogueEntries(item, catalogue)));
    await catalogue.putInstances(catalogued.flat());
    await Promise.all(
      accepted.map(({ entry, points }) => catalogue.putFile(entry.found.path, fileRecord(entry, points, model))),
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

/** What takes the place of an instance with more frames leaves none of them behind: neither in this batch … */
function dropOtherFrames(writes: Map<string, DafhPoint>, points: readonly DafhPoint[]): void {
  const name = points[0]?.payload.sopInstanceUid;
  const kept = new Set(points.map(({ id }) => id));
  for (const [id, { payload }] of writes) {
    if (name !== undefined && payload.sopInstanceUid === name && !kept.has(id)) writes.delete(id);
  }
}

/** … nor in the engine. */
async function deleteOtherFrames(
  points: readonly DafhPoint[],
  stored: ReadonlyMap<string, InstancePayload>,
  { collection, catalogue }: CommitParts,
): Promise<void> {
  const name = points[0]?.payload.sopInstanceUid;
  if (name === undefined) return;
  const kept = new Set(points.map(({ id }) => id));
  const framesBefore = Math.max(0, ...points.map(({ id }) => stored.get(id)?.frames ?? 1));
  const idsBefore = Array.from({ length: framesBefore }, (_, index) => pointId(name, index + 1));
  await catalogue.removeInstances(idsBefore.filter((id) => !kept.has(id)));
  const must = [{ key: "sopInstanceUid", match: { value: name } }];
  await collection.delete({ filter: { must, must_not: [{ has_id: [...kept] }] } });
}

/** What the very same file was stored as before, which under a profile that gives its instance another name differs. */
function idsBefore({ found, encoded }: EncodedEntry, catalogue: Catalogue): string[] {
  const before = catalogue.file(found.path);
  return before?.contentDigest === encoded.contentDigest ? before.frames.map(({ id }) => id) : [];
}

/** A run that states no label leaves the one that is stored, under whatever id. */
function withLabel(points: readonly DafhPoint[], label: string | undefined): readonly DafhPoint[] {
  if (label === undefined) return points;
  return points.map((point) =>
    point.payload.label === undefined ? { ...point, payload: { ...point.payload, label } } : point,
  );
}

/** Nothing of a file stays under names that another profile gave its instances (UIDs retained or not). */
function idsUnderOtherNames(
  accepted: readonly { readonly entry: EncodedEntry; readonly points: readonly DafhPoint[] }[],
  catalogue: Catalogue,
): string[] {
  const names = new Set(accepted.flatMap(({ points }) => points.map(({ id }) => id)));
  return accepted.flatMap(({ entry }) => idsBefore(entry, catalogue)).filter((id) => !names.has(id));
}

/** Takes back what is stored of a file that a profile refuses and an earlier one did not. */
export async function forgetFile(path: string, parts: Pick<CommitParts, "collection" | "catalogue">): Promise<void> {
  const { catalogue } = parts;
  if (catalogue.file(path) === undefined) return;
  await catalogue.exclusively(async () => {
    await forgetIds(catalogue.file(path)?.frames.map(({ id }) => id) ?? [], parts);
    await catalogue.removeFile(path);
  });
}

async function forgetIds(
  ids: readonly string[],
  { collection, catalogue }: Pick<CommitParts, "collection" | "catalogue">,
): Promise<void> {
  if (ids.length === 0) return;
  await catalogue.removeInstances(ids);
  await collection.delete({ ids });
}

/** An instance stored before keeps the path it has for as long as that file is there: copies do not take turns. */
async function catalogueEntries(
  item: { readonly entry: EncodedEntry; readonly points: readonly DafhPoint[]; readonly decision: Decision },
  catalogue: Catalogue,
): Promise<CatalogueEntry[]> {
  const { found, encoded } = item.entry;
  const keepsPath = item.decision.kind === "unchanged" || item.decision.kind === "updated";
  const entries: CatalogueEntry[] = [];
  for (const [index, { id, payload }] of item.points.entries()) {
    const known = keepsPath ? catalogue.path(id) : undefined;
    const path = known !== undefined && (await isThere(known.path)) ? known.path : found.path;
    // A run without previews leaves those that are there, but never one of other pixels.
    const before = catalogue.file(found.path)?.frames.find((frame) => frame.id === id);
    const isOther =
      item.decision.kind === "replaced" || (before !== undefined && before.pixelDigest !== payload.pixelDigest);
    const preview = encoded.frames[index]?.preview ?? (isOther ? null : undefined);
    entries.push({ id, path, frame: payload.frame ?? index + 1, ...(preview === undefined ? {} : { preview }) });
  }
  return entries;
}

/** For an archive's entry: is the archive there? */
async function isThere(path: string): Promise<boolean> {
  const [file = path] = path.split("!/", 1);
  return access(file).then(
    () => true,
    () => false,
  );
}

function fileRecord({ found, encoded }: EncodedEntry, points: readonly DafhPoint[], model: ModelInfo): FileRecord {
  return {
    size: found.size,
    mtimeMs: found.mtimeMs,
    contentDigest: encoded.contentDigest,
    modelDigest: model.digest,
    frames: points.map(({ id, payload }) => ({ id, pixelDigest: pixelDigestOf(payload) })),
    constantFrames: encoded.constantFrames.length,
  };
}

function pixelDigestOf(payload: InstancePayload): string {
  if (payload.pixelDigest !== undefined) return payload.pixelDigest;
  throw new DafhError("INTERNAL", "An encoded frame came without a pixel digest.");
}

function conflict({ found, encoded }: EncodedEntry, frame: number): DafhError {
  // As the profile lets it through.
  const name = encoded.attributes.sopInstanceUid ?? "none";
  return new DafhError(
    "SOP_INSTANCE_CONFLICT",
    `SOP Instance UID ${name} is stored with other pixels (frame ${frame}); --replace takes this file instead.`,
    { path: found.path, frame },
  );
}
