/**
 * Every way of ranking the database for a query, through the plugin. What the plugin has a search for is searched: the
 * two stages and the floats. It has none for prefixes of the code, and cuts every list at 1,000: rankings by codes, and whole
 * rankings by floats, are made from what is stored, read back through it, and the search by the whole code is compared with them.
 */
import { type DafhCollection, hammingDistance, packCode, prefixCode, type SearchResponse } from "../../plugin/index.js";
import type { Embedding, ModelInfo } from "../../schemas/index.js";
import type { Embedded } from "./embed.js";
import type { EvalImage } from "./manifest.js";
import { DEPTH, type RankingFigures, rankingFigures, type Tie, tiesOf } from "./ranking.js";

const CANDIDATES = [50, 100, 1_000] as const;

export interface StoredImage {
  readonly id: string;
  readonly className: string;
  readonly code: Uint8Array;
  /** Of length 1, as Qdrant returns them. */
  readonly features: Float32Array;
}

export interface QueryFigures {
  readonly query: EvalImage;
  readonly ways: ReadonlyMap<string, RankingFigures>;
  /** Classes of the ten nearest by floats, for the confusion. */
  readonly nearestClasses: readonly string[];
  /** Ids of the ten nearest of the product's own search (two stages), for the picture sheet. */
  readonly nearest: readonly string[];
  /** Whether the engine's search by the whole code gave the distances that its stored codes have. */
  readonly codesAgree: boolean;
}

export function wayNames({ prefixBits }: ModelInfo): string[] {
  return [...prefixBits.map((bits) => `hash${bits}`), ...CANDIDATES.map((count) => `hashToFloat${count}`), "float"];
}

export async function measureQuery(
  collection: DafhCollection,
  stored: ReadonlyMap<string, StoredImage>,
  query: Embedded<EvalImage>,
  { prefixBits }: ModelInfo,
): Promise<QueryFigures> {
  const { className } = query.item;
  const database = [...stored.values()];
  const relevant = database.filter((image) => image.className === className).length;
  const ways = new Map<string, RankingFigures>();
  const code = packCode(query.embedding.hash);
  for (const bits of prefixBits) {
    ways.set(`hash${bits}`, rankingFigures(codeTies(database, code, bits, className), relevant, true));
  }
  const isHit = (id: string): boolean => stored.get(id)?.className === className;
  const search = (mode: "two-stage" | "hamming" | "float", candidateLimit?: number): Promise<SearchResponse> =>
    collection.search({
      query: { embedding: query.embedding },
      mode,
      limit: DEPTH,
      ...(candidateLimit === undefined ? {} : { candidateLimit }),
    });
  let nearest: readonly string[] = [];
  for (const count of CANDIDATES) {
    const { hits } = await search("two-stage", count);
    const ties = hits.map(({ id }): Tie => ({ size: 1, hits: isHit(id) ? 1 : 0 }));
    ways.set(`hashToFloat${count}`, rankingFigures(ties, relevant, false));
    if (count === 100) nearest = hits.map(({ id }) => id);
  }
  const byFloat = await search("float");
  const floatTies = byFloat.hits.map(({ id }): Tie => ({ size: 1, hits: isHit(id) ? 1 : 0 }));
  const whole = rankingFigures(floatRanking(database, query.embedding, className), relevant, true);
  ways.set("float", {
    ...rankingFigures(floatTies, relevant, false),
    fullAveragePrecision: whole.fullAveragePrecision,
  });
  const byCode = await search("hamming");
  return {
    query: query.item,
    ways,
    nearestClasses: byFloat.hits.map(({ id }) => stored.get(id)?.className ?? "?"),
    nearest,
    codesAgree: agrees(byCode, database, code),
  };
}

/** By the first `bits` of the code alone, and by floats alone, without the engine: for the many altered queries of `robustness.ts`. */
export function measureLocally(
  database: readonly StoredImage[],
  embedding: Embedding,
  className: string,
  bits: number,
): { readonly hash: RankingFigures; readonly float: RankingFigures } {
  const relevant = database.filter((image) => image.className === className).length;
  return {
    hash: rankingFigures(codeTies(database, packCode(embedding.hash), bits, className), relevant, false),
    float: rankingFigures(floatRanking(database, embedding, className), relevant, false),
  };
}

function codeTies(database: readonly StoredImage[], code: Uint8Array, bits: number, className: string): Tie[] {
  const asked = prefixCode(code, bits);
  const sizes = new Uint32Array(bits + 1);
  const hits = new Uint32Array(bits + 1);
  for (const image of database) {
    const distance = hammingDistance(asked, prefixCode(image.code, bits));
    sizes[distance] = (sizes[distance] ?? 0) + 1;
    if (image.className === className) hits[distance] = (hits[distance] ?? 0) + 1;
  }
  return Array.from(sizes, (size, distance) => ({ size, hits: hits[distance] ?? 0 })).filter(({ size }) => size > 0);
}

function floatRanking(database: readonly StoredImage[], { features }: Embedding, className: string): Tie[] {
  const similarities = database.map((image) => dot(image.features, features));
  const order = Array.from(database.keys()).sort((one, other) => (similarities[other] ?? 0) - (similarities[one] ?? 0));
  const sorted = order.map((index) => similarities[index] ?? 0);
  return tiesOf(sorted, (rank) => database[order[rank] ?? 0]?.className === className);
}

function dot(one: Float32Array, other: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < one.length; index++) sum += (one[index] ?? 0) * (other[index] ?? 0);
  return sum;
}

/** The engine's first distances must be the smallest that the stored codes have. */
function agrees({ hits }: SearchResponse, database: readonly StoredImage[], code: Uint8Array): boolean {
  const distances = database.map((image) => hammingDistance(code, image.code)).sort((one, other) => one - other);
  return hits.every(({ hammingDistance: distance }, rank) => distance === distances[rank]);
}
