/** Means of the figures of queries, their intervals by bootstrap over patients, the confusion, and the health of codes. Pure. */
import type { RankingFigures } from "./ranking.js";
import type { QueryFigures, StoredImage } from "./ways.js";

/** A class with fewer queries says too little for the macro mean and is listed apart. */
export const MINIMUM_QUERIES = 10;
const RESAMPLES = 1_000;
const SEED = 20_240_711;

export interface Mean {
  readonly micro: number;
  readonly macro: number;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

type FigureName = Exclude<keyof RankingFigures, "fullAveragePrecision">;

export interface Labelled {
  readonly className: string;
  readonly value: number;
}

export function valuesOf(queries: readonly QueryFigures[], way: string, name: keyof RankingFigures): Labelled[] {
  return queries.flatMap(({ query, ways }) => {
    const value = ways.get(way)?.[name] ?? null;
    return value === null ? [] : [{ className: query.className, value }];
  });
}

/** Macro: the mean over the classes with at least MINIMUM_QUERIES queries, or over those named; NaN where there is none. */
export function meanOf(values: readonly Labelled[], macroClasses?: ReadonlySet<string>): Mean {
  const large = [...perClass(values)]
    .filter(([name, { queries }]) => macroClasses?.has(name) ?? queries >= MINIMUM_QUERIES)
    .map(([, ofClass]) => ofClass);
  return { micro: average(values.map(({ value }) => value)), macro: average(large.map(({ mean }) => mean)) };
}

export function perClass(
  values: readonly Labelled[],
): Map<string, { readonly mean: number; readonly queries: number }> {
  const groups = new Map<string, number[]>();
  for (const { className, value } of values) {
    const group = groups.get(className);
    if (group === undefined) groups.set(className, [value]);
    else group.push(value);
  }
  const sorted = [...groups].sort(([one], [other]) => (one < other ? -1 : 1));
  return new Map(sorted.map(([name, group]) => [name, { mean: average(group), queries: group.length }]));
}

function average(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * 95 % percentile intervals of micro and macro: patients are drawn with replacement, within each class, because images of
 * one patient are alike and a class must not vanish from a draw.
 */
export function bootstrap(
  queries: readonly QueryFigures[],
  way: string,
  name: FigureName,
): { readonly micro: Interval; readonly macro: Interval } {
  const patients = new Map<string, Map<string, number[]>>();
  for (const { query, ways } of queries) {
    const value = ways.get(way)?.[name];
    if (value === undefined) continue;
    const ofClass = patients.get(query.className) ?? new Map<string, number[]>();
    patients.set(query.className, ofClass);
    const ofPatient = ofClass.get(query.group) ?? [];
    ofClass.set(query.group, ofPatient);
    ofPatient.push(value);
  }
  const classes = [...patients].map(([className, ofClass]) => ({ className, groups: [...ofClass.values()] }));
  // A draw of small patients must not take a class out of the mean.
  const counted = [...perClass(valuesOf(queries, way, name))].filter(
    ([, ofClass]) => ofClass.queries >= MINIMUM_QUERIES,
  );
  const macroClasses = new Set(counted.map(([className]) => className));
  const random = randomNumbers(SEED);
  const draws = Array.from({ length: RESAMPLES }, () =>
    meanOf(
      classes.flatMap(({ className, groups }) =>
        groups.flatMap(() => {
          const drawn = groups[Math.floor(random() * groups.length)] ?? [];
          return drawn.map((value) => ({ className, value }));
        }),
      ),
      macroClasses,
    ),
  );
  return { micro: interval(draws.map(({ micro }) => micro)), macro: interval(draws.map(({ macro }) => macro)) };
}

function interval(draws: readonly number[]): Interval {
  const sorted = [...draws].sort((one, other) => one - other);
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
  return { low: at(0.025), high: at(0.975) };
}

/** Mulberry32: a seeded generator, so that a report can be made again to the last digit. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Of each class of queries: the share of each class among the ten nearest by floats, the largest first. */
export function confusion(queries: readonly QueryFigures[]): Record<string, Record<string, number>> {
  const found = new Map<string, { total: number; counts: Map<string, number> }>();
  for (const { query, nearestClasses } of queries) {
    const row = found.get(query.className) ?? { total: 0, counts: new Map<string, number>() };
    found.set(query.className, row);
    for (const name of nearestClasses) {
      row.total++;
      row.counts.set(name, (row.counts.get(name) ?? 0) + 1);
    }
  }
  const sorted = [...found].sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(
    sorted.map(([name, { total, counts }]) => {
      const shares = [...counts]
        .sort(([, one], [, other]) => other - one)
        .map(([other, count]) => [other, count / total]);
      return [name, Object.fromEntries(shares)];
    }),
  );
}

export interface CodeHealth {
  /** Share of ones of each bit over the database. */
  readonly ones: readonly number[];
  readonly leastOnes: number;
  readonly mostOnes: number;
  /** Of two bits, without its sign. */
  readonly largestCorrelation: number;
  /** Each bit between 30 and 70 % ones, no two correlated above .8. */
  readonly healthy: boolean;
}

export function codeHealth(database: readonly StoredImage[], bits: number): CodeHealth {
  const columns = Array.from({ length: bits }, (_, bit) =>
    database.map(({ code }) => ((code[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1),
  );
  const ones = columns.map((column) => average(column));
  let largestCorrelation = 0;
  for (const [one, column] of columns.entries()) {
    for (let other = one + 1; other < bits; other++) {
      largestCorrelation = Math.max(largestCorrelation, Math.abs(correlation(column, columns[other] ?? [])));
    }
  }
  const leastOnes = Math.min(...ones);
  const mostOnes = Math.max(...ones);
  return {
    ones,
    leastOnes,
    mostOnes,
    largestCorrelation,
    healthy: leastOnes >= 0.3 && mostOnes <= 0.7 && largestCorrelation <= 0.8,
  };
}

function correlation(one: readonly number[], other: readonly number[]): number {
  const [meanOne, meanOther] = [average(one), average(other)];
  const both = average(one.map((value, index) => value * (other[index] ?? 0)));
  const spread = Math.sqrt(meanOne * (1 - meanOne) * meanOther * (1 - meanOther));
  return spread === 0 ? 0 : (both - meanOne * meanOther) / spread;
}

/** That a score drawn from `high` is above one drawn from `low`, ties counting half. */
export function auroc(low: readonly number[], high: readonly number[]): number {
  const all = [...low.map((score) => ({ score, isHigh: false })), ...high.map((score) => ({ score, isHigh: true }))];
  all.sort((one, other) => one.score - other.score);
  let below = 0;
  let won = 0;
  for (let start = 0; start < all.length; ) {
    let end = start;
    while (end < all.length && all[end]?.score === all[start]?.score) end++;
    const tied = all.slice(start, end);
    const highs = tied.filter(({ isHigh }) => isHigh).length;
    won += highs * (below + (tied.length - highs) / 2);
    below += tied.length - highs;
    start = end;
  }
  return won / (low.length * high.length);
}
