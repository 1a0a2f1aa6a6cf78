/**
 * An evaluation from images and manifest to figures: embeds, stores `train` in an engine of its own, asks every query
 * of one split through the plugin. What is printed of it is `report.ts`'s matter.
 */
import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { type DafhCollection, type DafhPoint, pointId } from "../../plugin/index.js";
import { codeToHex, DafhError, type Encoder, type ModelInfo, packCode } from "../../schemas/index.js";
import { ALTERATIONS } from "./alterations.js";
import { type Embedded, embedAll, type Refused } from "./embed.js";
import { type ForeignImage, foreignImagesOf, generatedForeignImages } from "./foreign.js";
import { type EvalImage, imagePath, type Split } from "./manifest.js";
import { auroc, type Labelled, type Mean, meanOf } from "./statistics.js";
import { measureLocally, measureQuery, type QueryFigures, type StoredImage } from "./ways.js";

/** The database; images of other splits are asked, or left out. */
const DATABASE: Split = "train";
const QUERIES_AT_ONCE = 4;

export interface EvalOptions {
  readonly imagesFolder: string;
  readonly images: readonly EvalImage[];
  readonly queries: Split;
  readonly robustness: boolean;
  /** A folder of foreign images; null for the generated ones alone; undefined for none. */
  readonly foreignFolder: string | null | undefined;
  onProgress(what: string, done: number, of: number): void;
  readonly signal?: AbortSignal;
}

export interface AlteredFigures {
  readonly name: string;
  readonly means: string;
  readonly hash: Mean;
  readonly float: Mean;
}

export interface ForeignFigures {
  readonly kind: string;
  readonly images: number;
  /** Refused by the encoder, as an image of one value is: told apart without a score. */
  readonly refused: number;
  readonly auroc: number;
  readonly calledForeign: number;
}

export interface Evaluation {
  readonly model: ModelInfo;
  readonly database: ReadonlyMap<string, StoredImage>;
  readonly imageOf: ReadonlyMap<string, EvalImage>;
  readonly queries: readonly QueryFigures[];
  readonly refused: readonly Refused<EvalImage>[];
  readonly altered: readonly AlteredFigures[];
  /** Share of the queries that are called foreign; null where the network has no such score. */
  readonly queriesCalledForeign: number | null;
  readonly foreign: readonly ForeignFigures[];
  readonly seconds: { readonly embedding: number; readonly storing: number; readonly asking: number };
}

export async function evaluate(
  encoder: Encoder,
  collection: DafhCollection,
  options: EvalOptions,
): Promise<Evaluation> {
  const { model } = await encoder.info();
  const wanted = options.images.filter(({ split }) => split === DATABASE || split === options.queries);
  const startMs = performance.now();
  const { embedded, refused } = await embedAll(encoder, wanted, {
    sourceOf: async (image) => ({ path: imagePath(options.imagesFolder, image) }),
    frameOf: ({ frame }) => frame,
    onProgress: (done) => options.onProgress("embedding", done, wanted.length),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const embeddedMs = performance.now();
  const ofDatabase = embedded.filter(({ item }) => item.split === DATABASE);
  const ofQueries = embedded.filter(({ item }) => item.split === options.queries);
  if (ofDatabase.length === 0 || ofQueries.length === 0) {
    const lacking = ofDatabase.length === 0 ? DATABASE : options.queries;
    throw new DafhError("BAD_OPTION", `The manifest has no readable image of split ${lacking}.`);
  }
  await collection.upsert(ofDatabase.map((image) => pointOf(image, model)));
  const database = await readBack(collection, ofDatabase);
  const storedMs = performance.now();
  const queries = await askAll(collection, database, ofQueries, options, model);
  const askedMs = performance.now();
  return {
    model,
    database,
    imageOf: new Map(ofDatabase.map(({ item }) => [idOf(item), item])),
    queries,
    refused,
    altered: options.robustness ? await alteredFigures(encoder, [...database.values()], ofQueries, options, model) : [],
    ...(await foreignFigures(encoder, ofQueries, options)),
    seconds: {
      embedding: (embeddedMs - startMs) / 1_000,
      storing: (storedMs - embeddedMs) / 1_000,
      asking: (askedMs - storedMs) / 1_000,
    },
  };
}

/** By the manifest's row, not by what the image says: two rows may name copies of one image. */
function idOf({ path, frame }: EvalImage): string {
  return pointId(`evaluation:${path}`, frame);
}

function pointOf({ item, embedding }: Embedded<EvalImage>, model: ModelInfo): DafhPoint {
  const { modality, label, frame } = item;
  const code = codeToHex(packCode(embedding.hash));
  return { id: idOf(item), embedding, payload: { modality, label, frame, code, modelDigest: model.digest } };
}

async function readBack(
  collection: DafhCollection,
  images: readonly Embedded<EvalImage>[],
): Promise<ReadonlyMap<string, StoredImage>> {
  const classOf = new Map(images.map(({ item }) => [idOf(item), item.className]));
  const stored = await collection.fetch([...classOf.keys()], { withEmbedding: true });
  const database = new Map<string, StoredImage>();
  for (const { id, embedding } of stored) {
    const className = classOf.get(id);
    if (className === undefined || embedding === undefined) continue;
    database.set(id, { id, className, code: packCode(embedding.hash), features: embedding.features });
  }
  if (database.size !== classOf.size) {
    throw new DafhError("INTERNAL", `Of ${classOf.size} stored images ${database.size} came back.`);
  }
  return database;
}

async function askAll(
  collection: DafhCollection,
  database: ReadonlyMap<string, StoredImage>,
  asked: readonly Embedded<EvalImage>[],
  options: EvalOptions,
  { prefixBits, hashBits }: ModelInfo,
): Promise<QueryFigures[]> {
  const results: (QueryFigures | undefined)[] = asked.map(() => undefined);
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < asked.length; index = next++) {
      const query = asked[index];
      if (query === undefined) return;
      options.signal?.throwIfAborted();
      results[index] = await measureQuery(collection, database, query, { prefixBits, hashBits });
      options.onProgress("asking", ++done, asked.length);
    }
  };
  await Promise.all(Array.from({ length: QUERIES_AT_ONCE }, work));
  return results.filter((result) => result !== undefined);
}

async function alteredFigures(
  encoder: Encoder,
  database: readonly StoredImage[],
  asked: readonly Embedded<EvalImage>[],
  { imagesFolder, onProgress, signal }: EvalOptions,
  { hashBits }: ModelInfo,
): Promise<AlteredFigures[]> {
  const figures: AlteredFigures[] = [];
  for (const { name, means, alter } of ALTERATIONS) {
    const items = asked.map(({ item }) => item);
    const { embedded } = await embedAll(encoder, items, {
      sourceOf: async (image) => ({ bytes: await alter(await readFile(imagePath(imagesFolder, image))) }),
      frameOf: () => 1,
      onProgress: (done) => onProgress(name, done, items.length),
      ...(signal === undefined ? {} : { signal }),
    });
    const hash: Labelled[] = [];
    const float: Labelled[] = [];
    for (const { item, embedding } of embedded) {
      const measured = measureLocally(database, embedding, item.className, hashBits);
      hash.push({ className: item.className, value: measured.hash.averagePrecision });
      float.push({ className: item.className, value: measured.float.averagePrecision });
    }
    figures.push({ name, means, hash: meanOf(hash), float: meanOf(float) });
  }
  return figures;
}

async function foreignFigures(
  encoder: Encoder,
  asked: readonly Embedded<EvalImage>[],
  { foreignFolder, onProgress, signal }: EvalOptions,
): Promise<Pick<Evaluation, "queriesCalledForeign" | "foreign">> {
  const known = scoresOf(asked);
  if (known.length === 0) return { queriesCalledForeign: null, foreign: [] };
  const queriesCalledForeign = shareForeign(known);
  if (foreignFolder === undefined) return { queriesCalledForeign, foreign: [] };
  const images = [
    ...(foreignFolder === null ? [] : await foreignImagesOf(foreignFolder)),
    ...(await generatedForeignImages()),
  ];
  const { embedded, refused } = await embedAll(encoder, images, {
    sourceOf: async ({ source }) => (typeof source === "string" ? { path: source } : { bytes: source }),
    frameOf: () => 1,
    onProgress: (done) => onProgress("foreign images", done, images.length),
    ...(signal === undefined ? {} : { signal }),
  });
  const kinds = [...new Set(images.map(({ kind }) => kind))];
  const foreign = kinds.map((kind) => foreignKind(kind, known, embedded, refused));
  return { queriesCalledForeign, foreign };
}

function foreignKind(
  kind: string,
  known: readonly number[],
  embedded: readonly Embedded<ForeignImage>[],
  refused: readonly Refused<ForeignImage>[],
): ForeignFigures {
  const scores = scoresOf(embedded.filter(({ item }) => item.kind === kind));
  const left = refused.filter(({ item }) => item.kind === kind).length;
  const all = [...scores, ...Array.from({ length: left }, () => Number.POSITIVE_INFINITY)];
  return { kind, images: all.length, refused: left, auroc: auroc(known, all), calledForeign: shareForeign(all) };
}

function scoresOf(embedded: readonly Embedded<unknown>[]): number[] {
  return embedded.map(({ foreignScore }) => foreignScore).filter((score) => score !== undefined);
}

function shareForeign(scores: readonly number[]): number {
  return scores.filter((score) => score > 1).length / scores.length;
}

/** Only for images that are files: DICOM has no alterations here. @throws DafhError UNSUPPORTED_IMAGE */
export async function requirePictures(imagesFolder: string, images: readonly EvalImage[]): Promise<void> {
  const [first] = images;
  if (first === undefined) return;
  try {
    await sharp(imagePath(imagesFolder, first)).metadata();
  } catch (cause) {
    throw new DafhError("UNSUPPORTED_IMAGE", "Robustness is measured on PNG and JPEG images.", {}, { cause });
  }
}
