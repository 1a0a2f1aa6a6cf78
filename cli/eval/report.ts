/** What an evaluation says: one JSON document, and the same as tables for people. */
import { type Output, printable, table } from "../output.js";
import type { RankingFigures } from "./ranking.js";
import type { AlteredFigures, Evaluation } from "./run.js";
import {
  bootstrap,
  type CodeHealth,
  codeHealth,
  confusion,
  type Interval,
  type Mean,
  MINIMUM_QUERIES,
  meanOf,
  perClass,
  valuesOf,
} from "./statistics.js";
import { wayNames } from "./ways.js";

const DEFINITION =
  "AP@10 is the precision at each hit among the ten, summed, over the number of hits among them; 0 where there is none. " +
  "atRelevant has min(10, relevant) below the line instead. Images at one Hamming distance have no order: every figure is " +
  "its expectation over all orders. micro is the mean over queries, macro the mean over the classes with at least " +
  `${MINIMUM_QUERIES} queries. Intervals: 95 %, 1,000 draws of patients within each class.`;

interface WaySummary extends Mean {
  readonly interval95: { readonly micro: Interval; readonly macro: Interval };
  readonly atRelevant: Mean;
  readonly precision1: Mean;
  readonly precision5: Mean;
  readonly precision10: Mean;
  readonly ndcg10: Mean;
  /** MAP over the whole ranking; null where the ranking is cut at the candidates. */
  readonly full: Mean | null;
  /** Mean over the classes of --hard. */
  readonly hard?: number;
}

export interface EvalReport {
  readonly definition: string;
  readonly model: { readonly name: string; readonly digest: string };
  readonly database: { readonly split: "train"; readonly images: number };
  readonly queries: { readonly split: string; readonly images: number };
  readonly summary: Readonly<Record<string, WaySummary>>;
  readonly perClass: Readonly<
    Record<string, { readonly queries: number; readonly small: boolean } & Record<string, unknown>>
  >;
  readonly confusion: Record<string, Record<string, number>>;
  readonly codes: CodeHealth;
  readonly engineAgrees: boolean;
  readonly robustness: {
    readonly unaltered: { hash: Mean; float: Mean };
    readonly altered: readonly AlteredFigures[];
  } | null;
  readonly queriesCalledForeign: number | null;
  readonly foreign: Evaluation["foreign"];
  readonly refused: readonly { readonly path: string; readonly code: string; readonly message: string }[];
  readonly seconds: Evaluation["seconds"];
}

export function reportOf(evaluation: Evaluation, split: string, hard: readonly string[]): EvalReport {
  const { model, queries, database } = evaluation;
  const ways = wayNames(model);
  const summary = Object.fromEntries(ways.map((way) => [way, summaryOf(evaluation, way, hard)]));
  const hashWay = `hash${model.hashBits}`;
  const plain = (way: string): Mean => meanOf(valuesOf(queries, way, "averagePrecision"));
  return {
    definition: DEFINITION,
    model: { name: model.name, digest: model.digest },
    database: { split: "train", images: database.size },
    queries: { split, images: queries.length },
    summary,
    perClass: perClassOf(evaluation, ways),
    confusion: confusion(queries),
    codes: codeHealth([...database.values()], model.hashBits),
    engineAgrees: queries.every(({ codesAgree }) => codesAgree),
    robustness:
      evaluation.altered.length === 0
        ? null
        : { unaltered: { hash: plain(hashWay), float: plain("float") }, altered: evaluation.altered },
    queriesCalledForeign: evaluation.queriesCalledForeign,
    foreign: evaluation.foreign,
    refused: evaluation.refused.map(({ item, error }) => ({
      path: item.path,
      code: error.code,
      message: error.message,
    })),
    seconds: evaluation.seconds,
  };
}

function summaryOf({ queries }: Evaluation, way: string, hard: readonly string[]): WaySummary {
  const mean = (name: keyof RankingFigures): Mean => meanOf(valuesOf(queries, way, name));
  const full = valuesOf(queries, way, "fullAveragePrecision");
  const classes = perClass(valuesOf(queries, way, "averagePrecision"));
  const ofHard = hard.map((name) => classes.get(name)?.mean ?? Number.NaN);
  return {
    ...mean("averagePrecision"),
    interval95: bootstrap(queries, way, "averagePrecision"),
    atRelevant: mean("averagePrecisionOfRelevant"),
    precision1: mean("precision1"),
    precision5: mean("precision5"),
    precision10: mean("precision10"),
    ndcg10: mean("ndcg10"),
    full: full.length === 0 ? null : meanOf(full),
    ...(hard.length === 0 ? {} : { hard: ofHard.reduce((sum, value) => sum + value, 0) / ofHard.length }),
  };
}

function perClassOf({ queries }: Evaluation, ways: readonly string[]): EvalReport["perClass"] {
  const classes = perClass(valuesOf(queries, ways[0] ?? "", "averagePrecision"));
  const ofWay = new Map(ways.map((way) => [way, perClass(valuesOf(queries, way, "averagePrecision"))]));
  return Object.fromEntries(
    [...classes].map(([name, { queries: count }]) => [
      name,
      {
        queries: count,
        small: count < MINIMUM_QUERIES,
        ...Object.fromEntries(ways.map((way) => [way, ofWay.get(way)?.get(name)?.mean ?? null])),
      },
    ]),
  );
}

export function printReport(report: EvalReport, output: Output): void {
  const { model, database, queries, summary, codes, robustness, foreign, queriesCalledForeign, seconds } = report;
  output.line(
    `${model.name}: ${queries.images} queries of ${queries.split} against ${database.images} images of train`,
  );
  output.line(report.definition);
  output.line();
  const header = ["", "MAP@10 micro", "macro", "95 %", "at relevant", "P@1", "P@5", "P@10", "nDCG@10", "MAP", "hard"];
  const rows = Object.entries(summary).map(([way, one]) => [
    way,
    shown(one.micro),
    shown(one.macro),
    `${shown(one.interval95.macro.low)} to ${shown(one.interval95.macro.high)}`,
    shown(one.atRelevant.macro),
    shown(one.precision1.macro),
    shown(one.precision5.macro),
    shown(one.precision10.macro),
    shown(one.ndcg10.macro),
    one.full === null ? "–" : shown(one.full.macro),
    one.hard === undefined ? "–" : shown(one.hard),
  ]);
  for (const line of table(header, rows)) output.line(line);
  output.line("(all but the first column: macro)");
  output.line();
  const ways = Object.keys(summary);
  const classRows = Object.entries(report.perClass).map(([name, one]) => [
    `${printable(name)}${one.small ? " (few)" : ""}`,
    one.queries,
    ...ways.map((way) => shown(Number(one[way]))),
  ]);
  for (const line of table(["MAP@10", "queries", ...ways], classRows)) output.line(line);
  output.line();
  for (const [name, shares] of Object.entries(report.confusion)) {
    const first = Object.entries(shares).slice(0, 4);
    const found = first.map(([other, share]) => `${printable(other)} ${Math.round(share * 100)} %`);
    output.line(`${printable(name)} finds ${found.join(", ")}`);
  }
  output.line();
  const range = `${percent(codes.leastOnes)} to ${percent(codes.mostOnes)} ones`;
  const verdict = codes.healthy ? "healthy" : "NOT healthy (30 to 70 % ones, correlation to 0.8)";
  output.line(`bits over train: ${range}, largest correlation ${shown(codes.largestCorrelation)}: ${verdict}`);
  if (!report.engineAgrees) output.line("The engine's Hamming distances are NOT those of the stored codes.");
  if (robustness !== null) printRobustness(robustness, output);
  if (queriesCalledForeign !== null) output.line(`queries called foreign: ${percent(queriesCalledForeign)}`);
  if (foreign.length > 0) {
    const cells = foreign.map(({ kind, images, refused, auroc, calledForeign }) => [
      printable(kind),
      images,
      refused,
      shown(auroc),
      percent(calledForeign),
    ]);
    for (const line of table(["foreign images", "images", "refused", "AUROC", "called foreign"], cells))
      output.line(line);
  }
  for (const { path, code, message } of report.refused) output.line(`refused: ${printable(path)} ${code}: ${message}`);
  output.line(
    `${seconds.embedding.toFixed(0)} s embedding, ${seconds.storing.toFixed(0)} s storing, ${seconds.asking.toFixed(0)} s asking`,
  );
}

function printRobustness({ unaltered, altered }: NonNullable<EvalReport["robustness"]>, output: Output): void {
  const losses = altered.map(({ hash, float }) => ({
    hash: unaltered.hash.macro - hash.macro,
    float: unaltered.float.macro - float.macro,
  }));
  const rows = altered.map(({ name, means, hash, float }, index) => [
    name,
    shown(hash.macro),
    shown(losses[index]?.hash ?? Number.NaN),
    shown(float.macro),
    shown(losses[index]?.float ?? Number.NaN),
    means,
  ]);
  for (const line of table(["altered queries", "hash macro", "lost", "float macro", "lost", ""], rows))
    output.line(line);
  for (const way of ["hash", "float"] as const) {
    const lost = losses.map((loss) => loss[way]);
    const mean = lost.reduce((sum, value) => sum + value, 0) / lost.length;
    output.line(`${way}: ${shown(mean)} lost on average, ${shown(Math.max(...lost))} at worst`);
  }
  output.line();
}

function shown(value: number): string {
  return Number.isNaN(value) ? "–" : value.toFixed(3);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
