/**
 * 95 % intervals of means over queries. Patients are drawn, not images, because images of one patient are alike; and they
 * are drawn among those with images of the same classes, so that no class vanishes from a draw. Pure.
 */
import { average, type Labelled, type Mean, MINIMUM_QUERIES, perClass } from "./statistics.js";

const RESAMPLES = 1_000;
const SEED = 20_240_711;

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Of one patient's queries of one class. */
interface Part {
  readonly className: string;
  total: number;
  count: number;
}

/** The same draws for every list of the same queries, whatever their values: ways can be compared. */
export function bootstrap(values: readonly Labelled[]): { readonly micro: Interval; readonly macro: Interval } {
  const strata = strataOf(values);
  // By all the queries: a draw of patients with few images must not take a class out of the mean.
  const classes = [...perClass(values)].filter(([, { queries }]) => queries >= MINIMUM_QUERIES).map(([name]) => name);
  const random = randomNumbers(SEED);
  const draws = Array.from({ length: RESAMPLES }, (): Mean => {
    const drawn = strata.flatMap((patients) =>
      patients.flatMap(() => patients[Math.floor(random() * patients.length)] ?? []),
    );
    return meanOfParts(drawn, classes);
  });
  return { micro: interval(draws.map(({ micro }) => micro)), macro: interval(draws.map(({ macro }) => macro)) };
}

/** Patients as the parts of their queries, together with the others that have images of the same classes. */
function strataOf(values: readonly Labelled[]): Part[][][] {
  const patients = new Map<string, Map<string, Part>>();
  for (const { group, className, value } of values) {
    const parts = patients.get(group) ?? new Map<string, Part>();
    patients.set(group, parts);
    const part = parts.get(className) ?? { className, total: 0, count: 0 };
    parts.set(className, part);
    part.total += value;
    part.count++;
  }
  const strata = new Map<string, Part[][]>();
  for (const parts of patients.values()) {
    const key = [...parts.keys()].sort().join("\n");
    strata.set(key, [...(strata.get(key) ?? []), [...parts.values()]]);
  }
  return [...strata.values()];
}

function meanOfParts(parts: readonly Part[], classes: readonly string[]): Mean {
  const sums = new Map<string, { total: number; count: number }>();
  let total = 0;
  let count = 0;
  for (const part of parts) {
    const sum = sums.get(part.className) ?? { total: 0, count: 0 };
    sums.set(part.className, sum);
    sum.total += part.total;
    sum.count += part.count;
    total += part.total;
    count += part.count;
  }
  const means = classes.map((name) => {
    const sum = sums.get(name);
    return sum === undefined ? Number.NaN : sum.total / sum.count;
  });
  return { micro: total / count, macro: average(means) };
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
