/** What retrieval loses when every query is altered, one alteration at a time, and the database is left as it is. */
import { readFile } from "node:fs/promises";
import type { Encoder, ModelInfo } from "../../schemas/index.js";
import { ALTERATIONS } from "./alterations.js";
import { type EmbedAllOptions, type Embedded, embedAll } from "./embed.js";
import { type EvalImage, imagePath } from "./manifest.js";
import { average, type Labelled, type Mean, meanOf } from "./statistics.js";
import { measureLocally, type StoredImage } from "./ways.js";

/** MAP@10 by the whole code, and by floats. */
interface Figures {
  readonly hash: Mean;
  readonly float: Mean;
}

interface Losses {
  readonly mean: number;
  readonly worst: number;
}

interface AlteredFigures extends Figures {
  readonly name: string;
  readonly means: string;
  /** Altered so that the encoder refuses them: they find nothing. */
  readonly refused: number;
  /** Of macro, against the queries as they are. */
  readonly lost: { readonly hash: number; readonly float: number };
}

export interface Robustness {
  /** Queries altered. */
  readonly images: number;
  readonly unaltered: Figures;
  readonly altered: readonly AlteredFigures[];
  /** Over the alterations. */
  readonly lost: { readonly hash: Losses; readonly float: Losses };
}

export interface RobustnessOptions extends EmbedAllOptions {
  readonly imagesFolder: string;
}

export async function measureRobustness(
  encoder: Encoder,
  { hashBits }: ModelInfo,
  database: readonly StoredImage[],
  queries: readonly Embedded<EvalImage>[],
  { imagesFolder, onProgress, signal }: RobustnessOptions,
): Promise<Robustness> {
  const figuresOf = (embedded: readonly Embedded<EvalImage>[], refused: readonly EvalImage[]): Figures => {
    const hash = refused.map((image) => labelled(image, 0));
    const float = [...hash];
    for (const { item, embedding } of embedded) {
      const measured = measureLocally(database, embedding, item.className, hashBits);
      hash.push(labelled(item, measured.hash.averagePrecision));
      float.push(labelled(item, measured.float.averagePrecision));
    }
    return { hash: meanOf(hash), float: meanOf(float) };
  };
  const unaltered = figuresOf(queries, []);
  const images = queries.map(({ item }) => item);
  const altered: AlteredFigures[] = [];
  for (const { name, means, alter } of ALTERATIONS) {
    const { embedded, refused } = await embedAll(encoder, images, name, {
      sourceOf: async (image) => ({ bytes: await alter(await readFile(imagePath(imagesFolder, image))) }),
      onProgress,
      signal,
    });
    const figures = figuresOf(
      embedded,
      refused.map(({ item }) => item),
    );
    const lost = {
      hash: unaltered.hash.macro - figures.hash.macro,
      float: unaltered.float.macro - figures.float.macro,
    };
    altered.push({ name, means, ...figures, refused: refused.length, lost });
  }
  const lostBy = (way: "hash" | "float"): Losses => {
    const all = altered.map(({ lost }) => lost[way]);
    return { mean: average(all), worst: Math.max(...all) };
  };
  return { images: images.length, unaltered, altered, lost: { hash: lostBy("hash"), float: lostBy("float") } };
}

function labelled({ className, group }: EvalImage, value: number): Labelled {
  return { className, group, value };
}
