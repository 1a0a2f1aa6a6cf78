/**
 * How good a ranking is, where several images may share one distance: every figure is its expectation over all orders of
 * such ties, so that luck has no part in it. Pure arithmetic over tie groups; whose ranking it is, is `ways.ts`'s matter.
 */

/** Images at one distance, and how many of them are of the query's class. */
export interface Tie {
  readonly size: number;
  readonly hits: number;
}

export const DEPTH = 10;

export interface RankingFigures {
  /** AP@10: precision summed at the hits among the ten, over the number of hits among them; 0 where there is none. */
  readonly averagePrecision: number;
  /** The same sum over min(10, relevant images in the database). */
  readonly averagePrecisionOfRelevant: number;
  readonly precision1: number;
  readonly precision5: number;
  readonly precision10: number;
  readonly ndcg10: number;
  /** Average precision over the whole ranking, over all relevant images; null where the ranking is cut. */
  readonly fullAveragePrecision: number | null;
}

/** From sorted distances and whether each image is relevant, nearest first. */
export function tiesOf(distances: ArrayLike<number>, relevant: (index: number) => boolean): Tie[] {
  const ties: { size: number; hits: number; distance: number }[] = [];
  for (let index = 0; index < distances.length; index++) {
    const distance = distances[index] ?? 0;
    let tie = ties.at(-1);
    if (tie === undefined || tie.distance !== distance) {
      tie = { size: 0, hits: 0, distance };
      ties.push(tie);
    }
    tie.size++;
    if (relevant(index)) tie.hits++;
  }
  return ties;
}

/** @param relevant how many images of the query's class the database has */
export function rankingFigures(ties: readonly Tie[], relevant: number, whole: boolean): RankingFigures {
  const hitsWithin = (depth: number): number => expectedSum(ties, depth, () => 1);
  const ideal = sumOver(Math.min(DEPTH, relevant), discount);
  const precisions = (depth: number): number => expectedPrecisions(ties, depth);
  return {
    averagePrecision: expectedAveragePrecision(ties),
    averagePrecisionOfRelevant: relevant === 0 ? 0 : precisions(DEPTH) / Math.min(DEPTH, relevant),
    precision1: hitsWithin(1),
    precision5: hitsWithin(5) / 5,
    precision10: hitsWithin(10) / 10,
    ndcg10: ideal === 0 ? 0 : expectedSum(ties, DEPTH, discount) / ideal,
    fullAveragePrecision: whole && relevant > 0 ? precisions(Number.POSITIVE_INFINITY) / relevant : null,
  };
}

function discount(rank: number): number {
  return 1 / Math.log2(rank + 1);
}

function sumOver(ranks: number, value: (rank: number) => number): number {
  let sum = 0;
  for (let rank = 1; rank <= ranks; rank++) sum += value(rank);
  return sum;
}

/** The sum of `value` over the ranks of the hits among the first `depth`: each place of a tie is a hit in hits / size of its orders. */
function expectedSum(ties: readonly Tie[], depth: number, value: (rank: number) => number): number {
  let sum = 0;
  let before = 0;
  for (const { size, hits } of ties) {
    for (let place = 1; place <= size && before + place <= depth; place++) sum += (hits / size) * value(before + place);
    before += size;
    if (before >= depth) break;
  }
  return sum;
}

/** Precision at each hit among the first `depth`, summed. A hit at a tie's place p has (p − 1)(hits − 1)/(size − 1) others of the tie before it. */
function expectedPrecisions(ties: readonly Tie[], depth: number): number {
  let sum = 0;
  let before = 0;
  let hitsBefore = 0;
  for (const { size, hits } of ties) {
    if (hits > 0) sum += tiePrecisions(before, hitsBefore, size, hits, Math.min(size, depth - before));
    before += size;
    hitsBefore += hits;
    if (before >= depth) break;
  }
  return sum;
}

function tiePrecisions(before: number, hitsBefore: number, size: number, hits: number, seen: number): number {
  let sum = 0;
  for (let place = 1; place <= seen; place++) {
    const others = size > 1 ? ((place - 1) * (hits - 1)) / (size - 1) : 0;
    sum += ((hits / size) * (hitsBefore + 1 + others)) / (before + place);
  }
  return sum;
}

/**
 * The ratio of AP@10 has the number of hits among the ten below the line, which varies where the tenth place cuts through
 * a tie: then each number that can be seen counts by its (hypergeometric) probability.
 */
function expectedAveragePrecision(ties: readonly Tie[]): number {
  let before = 0;
  let hitsBefore = 0;
  let precisions = 0;
  for (const { size, hits } of ties) {
    const places = Math.min(size, DEPTH - before);
    if (places < size) {
      let expected = 0;
      for (let seen = Math.max(0, places - (size - hits)); seen <= Math.min(hits, places); seen++) {
        if (hitsBefore + seen === 0) continue;
        const sum = precisions + (seen === 0 ? 0 : tiePrecisions(before, hitsBefore, places, seen, places));
        expected += (hypergeometric(size, hits, places, seen) * sum) / (hitsBefore + seen);
      }
      return expected;
    }
    if (hits > 0) precisions += tiePrecisions(before, hitsBefore, size, hits, size);
    before += size;
    hitsBefore += hits;
    if (before === DEPTH) break;
  }
  return hitsBefore === 0 ? 0 : precisions / hitsBefore;
}

/** That `places` drawn from `size` with `hits` among them hold exactly `seen` of them. */
function hypergeometric(size: number, hits: number, places: number, seen: number): number {
  return choose(hits, seen) * choose(size - hits, places - seen) * (1 / choose(size, places));
}

/** `chosen` is at most ten, so this stays far below what a double can hold. */
function choose(from: number, chosen: number): number {
  let ways = 1;
  for (let step = 1; step <= chosen; step++) ways = (ways * (from - chosen + step)) / step;
  return ways;
}
