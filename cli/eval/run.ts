/**
 * An evaluation from images and manifest to figures: embeds, stores `train` in an engine, asks every query of one split
 * through the plugin. What is printed of it is `report.ts`'s matter.
 */
import { type DafhCollection, type DafhPoint, pointId } from "../../plugin/index.js";
import { codeToHex, DafhError, type Encoder, type ModelInfo, packCode } from "../../schemas/index.js";
import { type EmbedAllOptions, type Embedded, eachOf, embedAll, type Refused } from "./embed.js";
import { type ForeignFigures, foreignScores, measureForeign, shareForeign } from "./foreign.js";
import { type EvalImage, imagePath, type Split } from "./manifest.js";
import { measureRobustness, type Robustness } from "./robustness.js";
import { measureQuery, type QueryFigures, type StoredImage } from "./ways.js";

/** The database; images of other splits are asked, or left out. */
const DATABASE: Split = "train";
const QUERIES_AT_ONCE = 4;

export interface EvalOptions extends EmbedAllOptions {
  readonly imagesFolder: string;
  readonly images: readonly EvalImage[];
  readonly queries: Split;
  readonly robustness: boolean;
  /** Whether to ask for images that are foreign too: generated ones, and those of `foreignFolder`. */
  readonly foreign: boolean;
  readonly foreignFolder: string | undefined;
}

export interface Evaluation {
  readonly model: ModelInfo;
  readonly database: ReadonlyMap<string, StoredImage>;
  readonly imageOf: ReadonlyMap<string, EvalImage>;
  readonly queries: readonly QueryFigures[];
  readonly refused: readonly Refused<EvalImage>[];
  readonly robustness: Robustness | null;
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
  const { imagesFolder, onProgress, signal } = options;
  const { model } = await encoder.info();
  const wanted = options.images.filter(({ split }) => split === DATABASE || split === options.queries);
  const startMs = performance.now();
  const { embedded, refused } = await embedAll(encoder, wanted, "embedding", {
    sourceOf: async (image) => ({ path: imagePath(imagesFolder, image) }),
    frameOf: ({ frame }) => frame,
    onProgress,
    signal,
  });
  const embeddedMs = performance.now();
  const ofDatabase = embedded.filter(({ item }) => item.split === DATABASE);
  const ofQueries = embedded.filter(({ item }) => item.split === options.queries);
  if (ofDatabase.length === 0 || ofQueries.length === 0) {
    const lacking = ofDatabase.length === 0 ? DATABASE : options.queries;
    throw new DafhError("BAD_OPTION", `The manifest has no readable image of split ${lacking}.`);
  }
  // PNG and JPEG: there are no alterations of DICOM here.
  const alterable = options.robustness ? ofQueries.filter(({ kind }) => kind === "image") : [];
  if (options.robustness && alterable.length === 0) {
    throw new DafhError("BAD_OPTION", "--robustness alters PNG and JPEG images, and no query is one.");
  }
  await collection.upsert(ofDatabase.map((image) => pointOf(image, model)));
  const database = await readBack(collection, ofDatabase);
  const storedMs = performance.now();
  let asked = 0;
  const queries = await eachOf(ofQueries, QUERIES_AT_ONCE, async (query) => {
    signal.throwIfAborted();
    const figures = await measureQuery(collection, database, query, model);
    onProgress("asking", ++asked, ofQueries.length);
    return figures;
  });
  const askedMs = performance.now();
  const scores = foreignScores(ofQueries);
  return {
    model,
    database,
    imageOf: new Map(ofDatabase.map(({ item }) => [idOf(item), item])),
    queries,
    refused,
    robustness: options.robustness
      ? await measureRobustness(encoder, model, [...database.values()], alterable, options)
      : null,
    queriesCalledForeign: scores.length === 0 ? null : shareForeign(scores),
    foreign: options.foreign
      ? await measureForeign(encoder, ofQueries, { folder: options.foreignFolder, onProgress, signal })
      : [],
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
