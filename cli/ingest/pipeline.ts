/**
 * The ingestion from end to end: find → skip what is known → encode, several at once → commit in batches, in the order
 * of finding. Every step pulls from the one before, so nothing piles up, and a batch is written while the next is
 * being encoded.
 */
import { performance } from "node:perf_hooks";
import type { Catalogue } from "../../catalogue/index.js";
import type { DeidentificationProfile } from "../../encoder/index.js";
import type { DafhCollection } from "../../plugin/index.js";
import type { Encoder, EncoderInfo } from "../../schemas/index.js";
import { profileName } from "../deidentify/profile-options.js";
import { commit, type EncodedEntry } from "./commit.js";
import { commitLarge, type LargeEntry } from "./commit-large.js";
import { type CommitOutcome, type CommitParts, type Entry, forgetFile } from "./commit-steps.js";
import { type EncodeResult, encodeFound } from "./encode-file.js";
import type { Found } from "./found.js";
import { inOrder } from "./in-order.js";
import { passUnknown } from "./known-files.js";
import type { Labels } from "./labels.js";
import { Refusals } from "./refusals.js";
import { type IngestSummary, Tally } from "./summary.js";

export interface IngestOptions {
  readonly found: AsyncIterable<Found>;
  readonly labels: Labels;
  /** Take images whose SOP Instance UID is stored with other pixels. */
  readonly replace: boolean;
  readonly previews: boolean;
  /** Take secondary captures as well. */
  readonly secondaryCaptures: boolean;
  /** What is let through to whatever is stored or said. */
  readonly profile: DeidentificationProfile;
  /** What refusals depend on beside the file; null: none is remembered for the next run. */
  readonly judge: string | null;
  readonly onProgress: (tally: Tally) => void;
  /** Stops finding; what is in flight is finished and committed. */
  readonly signal: AbortSignal;
}

export interface IngestParts {
  readonly collection: DafhCollection;
  readonly catalogue: Catalogue;
  readonly encoder: Encoder;
  readonly info: EncoderInfo;
}

const PREVIEW_PIXELS = 256;
const BATCH_FRAMES = 64;
/** A slow stream of files is committed at least this often, so that a kill costs little. */
const BATCH_MS = 2_000;
/** Files in hand for each worker: one it works on, and enough behind it to fill its micro-batches. */
const FILES_PER_WORKER = 4;

/** @throws DafhError where no further file could succeed; what was committed before stays */
export async function ingest(options: IngestOptions, parts: IngestParts): Promise<IngestSummary> {
  const { collection, catalogue, encoder, info } = parts;
  const startMs = performance.now();
  const tally = new Tally(options.onProgress);
  const profile = profileName(options.profile);
  const unknown = passUnknown(untilAborted(options.found, options.signal), {
    collection,
    catalogue,
    modelDigest: info.model.digest,
    labels: options.labels,
    profile,
    onKnown: (file) => tally.stored(file),
  });
  const encodeParts = {
    encoder,
    labels: options.labels,
    profile: options.profile,
    secondaryCaptures: options.secondaryCaptures,
    key: catalogue.pseudonymKey,
    scratchFile: () => catalogue.scratchFile(),
    ...(options.previews ? { previewSize: PREVIEW_PIXELS } : {}),
  };
  const judge = [options.judge, profile, ...(options.secondaryCaptures ? ["secondary captures"] : [])].join(" ");
  const refusals = options.judge === null ? undefined : new Refusals(catalogue, judge);
  const encodeOrRefuse = async (found: Found): Promise<EncodeResult> => {
    // What a manifest says of a file may have changed what becomes of it.
    const remembers = found.kind === "file" && options.labels.rowOf(found) === undefined ? refusals : undefined;
    if (found.kind === "refused" || remembers === undefined) return encode(found);
    const error = remembers.of(found);
    if (error !== undefined) return { kind: "refused", path: found.path, error };
    const result = await encode(found);
    if (result.kind === "refused") await remembers.note(found, result.error);
    return result;
  };
  const encode = (found: Found) => encodeFound(found, encodeParts);
  const results = inOrder(unknown, info.workers * FILES_PER_WORKER, encodeOrRefuse, async (result) => {
    if (result.kind === "encoded") await result.entry.frames.close();
  });
  const writer = batchWriter({ collection, catalogue, model: info.model, replace: options.replace, profile }, tally);
  try {
    for await (const result of results) {
      if (result.kind === "encoded") await writer.add(result.entry);
      else {
        if (result.error.code === "BURNED_IN_TEXT") await forgetFile(result.path, { collection, catalogue });
        tally.refused(result.path, result.error);
      }
    }
  } finally {
    // Also where a fault ends the run: what is encoded is committed, and no commit goes on under parts that are closed.
    await writer.finish();
    await refusals?.write();
  }
  return tally.summary({
    labelsUnmet: options.labels.unmet(),
    profile,
    framesUnderOtherProfiles: await collection.count({ must_not: [{ key: "profile", match: { value: profile } }] }),
    interrupted: options.signal.aborted,
    seconds: Math.round(performance.now() - startMs) / 1000,
  });
}

/** Gathers encoded files and commits them; one commit runs while the next batch gathers, never two. */
function batchWriter(parts: CommitParts, tally: Tally) {
  let batch: EncodedEntry[] = [];
  let frames = 0;
  let sinceMs = 0;
  let running: Promise<void> = Promise.resolve();

  const note = (entries: readonly Entry[], outcomes: readonly CommitOutcome[]): void => {
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.kind === "refused") tally.refused(entries[index]?.found.path ?? "", outcome.error);
      else tally.stored(outcome);
    }
  };
  const start = async (write: () => Promise<void>): Promise<void> => {
    await running;
    running = write();
    running.catch(() => undefined); // Thrown where it is awaited: at the next flush, or at the end.
  };
  const flush = (): Promise<void> => {
    const entries = batch;
    batch = [];
    frames = 0;
    return start(async () => {
      if (entries.length > 0) note(entries, await commit(entries, parts));
    });
  };
  const writeLarge = (entry: LargeEntry): Promise<void> =>
    start(async () => {
      try {
        note([entry], [await commitLarge(entry, parts)]);
      } finally {
        await entry.frames.close();
      }
    });
  return {
    async add(entry: LargeEntry): Promise<void> {
      const { few } = entry.frames;
      if (few === undefined) {
        await flush();
        await writeLarge(entry);
        return;
      }
      if (batch.length === 0) sinceMs = performance.now();
      batch.push({ ...entry, encoded: { ...entry.encoded, frames: few } });
      frames += few.length;
      if (frames >= BATCH_FRAMES || performance.now() - sinceMs > BATCH_MS) await flush();
    },
    async finish(): Promise<void> {
      await flush();
      await running;
    },
  };
}

async function* untilAborted<Item>(items: AsyncIterable<Item>, signal: AbortSignal): AsyncGenerator<Item> {
  for await (const item of items) {
    if (signal.aborted) return;
    yield item;
  }
}
