/** Means of the figures of queries, the confusion of classes, the health of codes, and AUROC. Pure. */
import type { RankingFigures } from "./ranking.js";
import type { QueryFigures, StoredImage } from "./ways.js";

/** A class with fewer queries says too little for the macro mean and is listed apart. */
export const MINIMUM_QUERIES = 10;

export interface Mean {
  readonly micro: number;
  readonly macro: number;
}

/** One query's figure. */
export interface Labelled {
  readonly className: string;
  /** Its patient. */
  readonly group: string;
  readonly value: number;
}

export function valuesOf(queries: readonly QueryFigures[], way: string, name: keyof RankingFigures): Labelled[] {
  return queries.flatMap(({ query, ways }) => {
    const value = ways.get(way)?.[name] ?? null;
    return value === null ? [] : [{ className: query.className, group: query.group, value }];
  });
}

/** Macro: the mean over the classes with at least MINIMUM_QUERIES queries; NaN where there is none. */
export function meanOf(values: readonly Labelled[]): Mean {
  const large = [...perClass(values).values()].filter(({ queries }) => queries >= MINIMUM_QUERIES);
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

export function average(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
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
