/**
 * Passes on the files that need encoding. A file is known when the catalogue has it unchanged under this network and
 * the engine still holds every frame of it with those pixels, let through by the same profile: the catalogue remembers, the engine decides.
 */
import type { Catalogue, FileRecord } from "../../catalogue/index.js";
import type { DafhCollection } from "../../plugin/index.js";
import type { InstancePayload } from "../../schemas/index.js";
import type { Found, FoundFile } from "./found.js";
import { FRAMES_IN_MEMORY } from "./frame-store.js";
import type { Labels } from "./labels.js";
import { imageAttributes } from "./points.js";
import { inParts, storedPayloads } from "./stored-payloads.js";
import type { StoredFile } from "./summary.js";

const FILES_AT_ONCE = 128;

export interface KnownFileParts {
  readonly collection: DafhCollection;
  readonly catalogue: Catalogue;
  readonly modelDigest: string;
  readonly labels: Labels;
  /** Its name. */
  readonly profile: string;
  readonly onKnown: (file: StoredFile) => void;
}

export async function* passUnknown(found: AsyncIterable<Found>, parts: KnownFileParts): AsyncGenerator<Found> {
  const { collection, labels } = parts;
  for await (const files of inGroups(found, FILES_AT_ONCE)) {
    const records = files.map((file) => (file.kind === "file" ? matchingRecord(file, parts) : undefined));
    const stored = await storedPayloads(
      collection,
      records.flatMap((record) => (record === undefined || isLarge(record) ? [] : record.frames.map(({ id }) => id))),
    );
    const relabelled = new Map<string, string[]>();
    for (const [index, file] of files.entries()) {
      const record = records[index];
      if (file.kind === "refused" || record === undefined) {
        yield file;
        continue;
      }
      const label = labels.rowOf(file)?.label;
      const expected = { label, statements: stated(file, parts), profile: parts.profile };
      const payloadsOf = isLarge(record) ? (ids: string[]) => storedPayloads(collection, ids) : async () => stored;
      const outdated = await otherwiseLabelled(record, payloadsOf, expected);
      if (outdated === undefined) {
        yield file;
        continue;
      }
      if (label !== undefined && outdated.length > 0) {
        relabelled.set(label, [...(relabelled.get(label) ?? []), ...outdated]);
      }
      const { frames, constantFrames } = record;
      parts.onKnown({ kind: outdated.length > 0 ? "updated" : "unchanged", frames: frames.length, constantFrames });
    }
    for (const [label, ids] of relabelled) await collection.setPayload(ids, { label });
  }
}

/** Looked up by itself, and by parts. */
function isLarge({ frames }: FileRecord): boolean {
  return frames.length > FRAMES_IN_MEMORY;
}

interface Expected {
  readonly label: string | undefined;
  readonly statements: InstancePayload;
  readonly profile: string;
}

/** The frames whose stored label is another; undefined where not all frames are stored as they should be. */
async function otherwiseLabelled(
  record: FileRecord,
  payloadsOf: (ids: string[]) => Promise<ReadonlyMap<string, InstancePayload>>,
  { label, statements, profile }: Expected,
): Promise<string[] | undefined> {
  const outdated: string[] = [];
  for (const frames of inParts(record.frames)) {
    const ids = frames.map(({ id }) => id);
    const stored = await payloadsOf(ids);
    if (!areStored(frames, stored, statements, profile)) return undefined;
    outdated.push(...ids.filter((id) => label !== undefined && stored.get(id)?.label !== label));
  }
  return outdated;
}

function matchingRecord(file: FoundFile, { catalogue, modelDigest, labels }: KnownFileParts): FileRecord | undefined {
  const row = labels.rowOf(file);
  // Whatever was said of it before: it may have to be taken back.
  if (row?.burnedInAnnotation === "YES") return undefined;
  const record = catalogue.file(file.path);
  if (record === undefined || record.size !== file.size || record.mtimeMs !== file.mtimeMs) return undefined;
  if (record.modelDigest !== modelDigest) return undefined;
  const sha256 = row?.sha256;
  return sha256 === undefined || sha256.startsWith(record.contentDigest) ? record : undefined;
}

/** What the manifest says of the file if it is a picture; DICOM speaks for itself. */
function stated(file: FoundFile, { labels, catalogue }: KnownFileParts): InstancePayload {
  const row = labels.rowOf(file);
  return row === undefined ? {} : imageAttributes(row, catalogue.pseudonymKey);
}

function areStored(
  frames: FileRecord["frames"],
  stored: ReadonlyMap<string, InstancePayload>,
  statements: InstancePayload,
  profile: string,
): boolean {
  return frames.every(({ id, pixelDigest }) => {
    const payload = stored.get(id);
    if (payload?.pixelDigest !== pixelDigest || payload.profile !== profile) return false;
    const isPicture = payload.sopClassUid === undefined;
    const { modality, bodyPartExamined, patientKey } = isPicture ? statements : {};
    return (
      (modality === undefined || modality === payload.modality) &&
      (bodyPartExamined === undefined || bodyPartExamined === payload.bodyPartExamined) &&
      (patientKey === undefined || patientKey === payload.patientKey)
    );
  });
}

async function* inGroups<Item>(items: AsyncIterable<Item>, size: number): AsyncGenerator<Item[]> {
  let group: Item[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length === size) {
      yield group;
      group = [];
    }
  }
  if (group.length > 0) yield group;
}
