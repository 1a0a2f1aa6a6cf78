/** What the benchmarks share: options, percentiles, the table they print, and the machine they ran on. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

export interface BenchOptions {
  readonly points: number;
  readonly queries: number;
  /** Kept between runs where given; else a temporary folder. */
  readonly dataDir: string | null;
}

/** `--points N --queries N --data DIR` */
export function readOptions(defaults: { readonly points: number; readonly queries: number }): BenchOptions {
  const { values } = parseArgs({
    options: { points: { type: "string" }, queries: { type: "string" }, data: { type: "string" } },
  });
  return {
    points: Number(values.points ?? defaults.points),
    queries: Number(values.queries ?? defaults.queries),
    dataDir: values.data ?? null,
  };
}

/** The value that `share` of the values do not exceed (nearest rank). */
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Times of many searches as a row of a table: the whole, the engine's own part, and what is added to it. */
export function timesRow(name: string, wholeMs: readonly number[], engineMs: readonly number[]): string[] {
  const addedMs = wholeMs.map((whole, index) => whole - (engineMs[index] ?? 0));
  const cell = (values: readonly number[]) =>
    `${percentile(values, 0.5).toFixed(2)} / ${percentile(values, 0.95).toFixed(2)}`;
  return [name, ...[wholeMs, engineMs, addedMs].map(cell)];
}

export function printTimes(options: BenchOptions, rows: readonly (readonly string[])[]): void {
  console.log(
    `${options.points} points, ${options.queries} queries each, ms (median / 95th percentile), ${machine()}\n`,
  );
  printTable(["search", "whole", "in the engine", "added"], rows);
}

export function machine(): string {
  return `Node ${process.version}, ${availableParallelism()} cores, ${process.platform} ${process.arch}`;
}

export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  console.log(`| ${header.join(" | ")} |`);
  console.log(`|${header.map(() => "---").join("|")}|`);
  for (const row of rows) console.log(`| ${row.join(" | ")} |`);
}
