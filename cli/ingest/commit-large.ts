/**
 * Writes one encoded file of many frames, some of them at a time: looks through all of them first, since a conflict in
 * the last refuses the first as well, then upserts, and notes the file in the catalogue when the engine has acknowledged
 * the last. Under the catalogue's lease, as `commit.ts`.
 */
import type { FileRecord } from "../../catalogue/index.js";
import type { DafhPoint } from "../../plugin/index.js";
import type { EncodedFrame, InstancePayload } from "../../schemas/index.js";
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
import { type Difference, differenceOf, kindOf, NO_DIFFERENCE, withStoredLabel } from "./decide.js";
import type { FrameStore } from "./frame-store.js";
import { pointsOf } from "./points.js";
import { inParts, storedPayloads } from "./stored-payloads.js";

export interface LargeEntry extends Entry {
  readonly frames: FrameStore;
}

/** Some of a file's frames, as points, with what is stored under their ids. */
interface Portion {
  readonly frames: readonly EncodedFrame[];
  readonly points: readonly DafhPoint[];
  readonly stored: ReadonlyMap<string, InstancePayload>;
}

export async function commitLarge(entry: LargeEntry, parts: CommitParts): Promise<CommitOutcome> {
  const { collection, catalogue, model, replace } = parts;
  const { path } = entry.found;
  return catalogue.exclusively(async () => {
    const before = storedBefore(entry, catalogue);
    const label = await labelBefore([...before.keys()], parts);
    const seen = await lookThrough(portions(entry, label, parts));
    const kind = kindOf(seen.difference, replace);
    if (kind === "conflict") {
      return { kind: "refused", error: conflict(entry, seen.difference.conflictingFrame ?? 1) };
    }
    if (kind === "replaced") await deleteOtherFrames({ name: seen.name, ids: seen.ids }, seen.framesStored, parts);
    const item = { path, kind, digestsBefore: digestsBefore(entry, catalogue) };
    const records: FileRecord["frames"][number][] = [];
    for await (const { frames, points, stored } of portions(entry, label, parts)) {
      if (kind !== "unchanged")
        await collection.upsert(points.map((point) => withStoredLabel(point, stored.get(point.id))));
      await catalogue.putInstances(await catalogueEntries(item, points, frames, catalogue));
      records.push(...points.map(frameRecord));
    }
    await forgetIds(
      [...before.keys()].filter((id) => !seen.ids.has(id)),
      parts,
    );
    await catalogue.putFile(path, fileRecord(entry, records, model));
    return { kind, frames: records.length, constantFrames: entry.encoded.constantFrames.length };
  });
}

async function* portions(
  { frames, encoded, row }: LargeEntry,
  label: string | undefined,
  { collection, catalogue, model, profile }: CommitParts,
): AsyncGenerator<Portion> {
  const context = { model, pseudonymKey: catalogue.pseudonymKey, profile, row };
  for await (const portion of frames.portions()) {
    const points = withLabel(pointsOf({ ...encoded, frames: portion }, context), label);
    yield {
      frames: portion,
      points,
      stored: await storedPayloads(
        collection,
        points.map(({ id }) => id),
      ),
    };
  }
}

interface Seen {
  readonly difference: Difference;
  readonly ids: ReadonlySet<string>;
  /** The instance's, under which its points are. */
  readonly name: string | undefined;
  /** How many frames the instance that is stored under this name has. */
  readonly framesStored: number;
}

async function lookThrough(all: AsyncIterable<Portion>): Promise<Seen> {
  const ids = new Set<string>();
  let difference = NO_DIFFERENCE;
  let name: string | undefined;
  let framesStored = 0;
  for await (const { points, stored } of all) {
    difference = differenceOf(points, (id) => stored.get(id), difference);
    name ??= points[0]?.payload.sopInstanceUid;
    for (const { id } of points) {
      ids.add(id);
      framesStored = Math.max(framesStored, stored.get(id)?.frames ?? 1);
    }
  }
  return { difference, ids, name, framesStored };
}

/** A label is a file's, so the first that is stored speaks for all. */
async function labelBefore(ids: readonly string[], { collection }: CommitParts): Promise<string | undefined> {
  for (const part of inParts(ids)) {
    for (const { label } of (await storedPayloads(collection, part)).values()) if (label !== undefined) return label;
  }
  return undefined;
}
