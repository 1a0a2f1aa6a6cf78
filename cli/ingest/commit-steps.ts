/**
 * What both ways of writing files do alike: what was stored of the very same file before, what is forgotten, what the
 * catalogue is told. When each of it happens is for `commit.ts` and `commit-large.ts`.
 */
import { access } from "node:fs/promises";
import type { Catalogue, CatalogueEntry, FileRecord } from "../../catalogue/index.js";
import { type DafhCollection, type DafhPoint, pointId } from "../../plugin/index.js";
import { DafhError, type EncodedFile, type EncodedFrame, type ModelInfo } from "../../schemas/index.js";
import type { Decision } from "./decide.js";
import type { FoundFile } from "./found.js";
import type { LabelRow } from "./labels.js";
import type { StoredFile } from "./summary.js";

/** A file to write, without its frames. */
export interface Entry {
  readonly found: FoundFile;
  readonly row: LabelRow | undefined;
  readonly encoded: Omit<EncodedFile, "frames">;
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

/**
 * Pixel digests by id of what the very same file was stored as before, which under a profile that gives its instance
 * another name are other ids.
 */
export function storedBefore({ found, encoded }: Entry, catalogue: Catalogue): ReadonlyMap<string, string> {
  const before = catalogue.file(found.path);
  const frames = before?.contentDigest === encoded.contentDigest ? before.frames : [];
  return new Map(frames.map(({ id, pixelDigest }) => [id, pixelDigest]));
}

/** Pixel digests by id of what any file of this path was stored as before. */
export function digestsBefore({ found }: Entry, catalogue: Catalogue): ReadonlyMap<string, string> {
  return new Map(catalogue.file(found.path)?.frames.map(({ id, pixelDigest }) => [id, pixelDigest]));
}

/** A run that states no label leaves the one that is stored, under whatever id. */
export function withLabel(points: readonly DafhPoint[], label: string | undefined): readonly DafhPoint[] {
  if (label === undefined) return points;
  return points.map((point) =>
    point.payload.label === undefined ? { ...point, payload: { ...point.payload, label } } : point,
  );
}

/**
 * What takes the place of an instance with more frames leaves none of them behind.
 * @param framesBefore how many the stored one has
 */
export async function deleteOtherFrames(
  instance: { readonly name: string | undefined; readonly ids: ReadonlySet<string> },
  framesBefore: number,
  { collection, catalogue }: CommitParts,
): Promise<void> {
  const { name, ids } = instance;
  if (name === undefined) return;
  const idsBefore = Array.from({ length: framesBefore }, (_, index) => pointId(name, index + 1));
  await catalogue.removeInstances(idsBefore.filter((id) => !ids.has(id)));
  const must = [{ key: "sopInstanceUid", match: { value: name } }];
  await collection.delete({ filter: { must, must_not: [{ has_id: [...ids] }] } });
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

export async function forgetIds(
  ids: readonly string[],
  { collection, catalogue }: Pick<CommitParts, "collection" | "catalogue">,
): Promise<void> {
  if (ids.length === 0) return;
  await catalogue.removeInstances(ids);
  await collection.delete({ ids });
}

/** An instance stored before keeps the path it has for as long as that file is there: copies do not take turns. */
export async function catalogueEntries(
  item: { readonly path: string; readonly kind: Decision["kind"]; readonly digestsBefore: ReadonlyMap<string, string> },
  points: readonly DafhPoint[],
  frames: readonly EncodedFrame[],
  catalogue: Catalogue,
): Promise<CatalogueEntry[]> {
  const keepsPath = item.kind === "unchanged" || item.kind === "updated";
  const isThere = new Map<string, boolean>();
  const entries: CatalogueEntry[] = [];
  for (const [index, { id, payload }] of points.entries()) {
    const known = keepsPath ? catalogue.path(id)?.path : undefined;
    if (known !== undefined && !isThere.has(known)) isThere.set(known, await canBeReached(known));
    const path = known !== undefined && isThere.get(known) === true ? known : item.path;
    // A run without previews leaves those that are there, but never one of other pixels.
    const before = item.digestsBefore.get(id);
    const isOther = item.kind === "replaced" || (before !== undefined && before !== payload.pixelDigest);
    const preview = frames[index]?.preview ?? (isOther ? null : undefined);
    entries.push({ id, path, frame: payload.frame ?? index + 1, ...(preview === undefined ? {} : { preview }) });
  }
  return entries;
}

/** For an archive's entry: is the archive there? */
async function canBeReached(path: string): Promise<boolean> {
  const [file = path] = path.split("!/", 1);
  return access(file).then(
    () => true,
    () => false,
  );
}

export function fileRecord({ found, encoded }: Entry, frames: FileRecord["frames"], model: ModelInfo): FileRecord {
  return {
    size: found.size,
    mtimeMs: found.mtimeMs,
    contentDigest: encoded.contentDigest,
    modelDigest: model.digest,
    frames,
    constantFrames: encoded.constantFrames.length,
  };
}

export function frameRecord({ id, payload }: DafhPoint): FileRecord["frames"][number] {
  if (payload.pixelDigest !== undefined) return { id, pixelDigest: payload.pixelDigest };
  throw new DafhError("INTERNAL", "An encoded frame came without a pixel digest.");
}

export function conflict({ found, encoded }: Entry, frame: number): DafhError {
  // As the profile lets it through.
  const name = encoded.attributes.sopInstanceUid ?? "none";
  return new DafhError(
    "SOP_INSTANCE_CONFLICT",
    `SOP Instance UID ${name} is stored with other pixels (frame ${frame}); --replace takes this file instead.`,
    { path: found.path, frame },
  );
}
