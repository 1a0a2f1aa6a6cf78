/** How well the encoder's foreign score tells images that are none of the network's from the queries, kind by kind. */
import { readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { Encoder, ImageSource } from "../../schemas/index.js";
import { type EmbedAllOptions, type Embedded, embedAll } from "./embed.js";
import { generatedImages } from "./generated.js";
import { auroc } from "./statistics.js";

/** What the score's definition calls foreign (`EncodedFrame` in schemas). */
const BOUND = 1;

export interface ForeignFigures {
  readonly kind: string;
  readonly images: number;
  /** Of one value all over, which the encoder refuses: told apart without a score. */
  readonly constant: number;
  /** Refused for other reasons, and in none of the figures: a folder may hold what is no image. */
  readonly refused: number;
  readonly auroc: number;
  readonly calledForeign: number;
}

interface ForeignImage {
  readonly kind: string;
  readonly source: ImageSource;
}

interface Scored {
  readonly kind: string;
  /** Infinite where the image is constant. */
  readonly score: number;
}

export interface ForeignOptions extends EmbedAllOptions {
  /** Foreign images, a sub-folder a kind; undefined for the generated ones alone. */
  readonly folder: string | undefined;
}

/** Nothing where the network has no such score. */
export async function measureForeign(
  encoder: Encoder,
  queries: readonly Embedded<unknown>[],
  { folder, onProgress, signal }: ForeignOptions,
): Promise<ForeignFigures[]> {
  const known = foreignScores(queries);
  if (known.length === 0) return [];
  const ofFolder = folder === undefined ? [] : await imagesOf(folder);
  const generated = (await generatedImages()).map(({ kind, bytes }): ForeignImage => ({ kind, source: { bytes } }));
  const { embedded, refused } = await embedAll(encoder, [...ofFolder, ...generated], "foreign images", {
    sourceOf: async ({ source }) => source,
    onProgress,
    signal,
  });
  const constant = refused.filter(({ error }) => error.code === "IMAGE_CONSTANT");
  const unread = refused.filter(({ error }) => error.code !== "IMAGE_CONSTANT");
  const scored = [
    ...embedded.map(({ item, foreignScore = 0 }): Scored => ({ kind: item.kind, score: foreignScore })),
    ...constant.map(({ item }): Scored => ({ kind: item.kind, score: Number.POSITIVE_INFINITY })),
  ];
  const kinds = [...new Set([...ofFolder, ...generated].map(({ kind }) => kind))];
  return kinds.map((kind) => {
    const scores = scored.filter((one) => one.kind === kind).map(({ score }) => score);
    return {
      kind,
      images: scores.length,
      constant: constant.filter(({ item }) => item.kind === kind).length,
      refused: unread.filter(({ item }) => item.kind === kind).length,
      auroc: auroc(known, scores),
      calledForeign: shareForeign(scores),
    };
  });
}

export function foreignScores(embedded: readonly Embedded<unknown>[]): number[] {
  return embedded.map(({ foreignScore }) => foreignScore).filter((score) => score !== undefined);
}

export function shareForeign(scores: readonly number[]): number {
  return scores.filter((score) => score > BOUND).length / scores.length;
}

/** Files below `folder`, by the first part of their path. */
async function imagesOf(folder: string): Promise<ForeignImage[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files.sort().map((path) => {
    const [first = "", ...deeper] = relative(folder, path).split(sep);
    return { kind: deeper.length === 0 ? "files" : first, source: { path } };
  });
}
