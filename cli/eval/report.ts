/** What an evaluation says, as one JSON document. */
import { bootstrap, type Interval } from "./bootstrap.js";
import type { RankingFigures } from "./ranking.js";
import type { Evaluation } from "./run.js";
import {
  type CodeHealth,
  codeHealth,
  confusion,
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
  readonly robustness: Evaluation["robustness"];
  readonly queriesCalledForeign: number | null;
  readonly foreign: Evaluation["foreign"];
  readonly refused: readonly { readonly path: string; readonly code: string; readonly message: string }[];
  readonly seconds: Evaluation["seconds"];
}

export function reportOf(evaluation: Evaluation, split: string, hard: readonly string[]): EvalReport {
  const { model, queries, database } = evaluation;
  const ways = wayNames(model);
  const summary = Object.fromEntries(ways.map((way) => [way, summaryOf(evaluation, way, hard)]));
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
    robustness: evaluation.robustness,
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
    interval95: bootstrap(valuesOf(queries, way, "averagePrecision")),
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
