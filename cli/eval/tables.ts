/** What an evaluation says, as tables for people. */
import { type Output, printable, table } from "../output.js";
import type { Interval } from "./bootstrap.js";
import type { EvalReport } from "./report.js";
import type { Robustness } from "./robustness.js";

export function printReport(report: EvalReport, output: Output): void {
  const { model, database, queries, summary, codes, robustness, foreign, queriesCalledForeign, seconds } = report;
  output.line(
    `${model.name}: ${queries.images} queries of ${queries.split} against ${database.images} images of train`,
  );
  output.line(report.definition);
  output.line();
  const header = [
    "",
    "MAP@10 micro",
    "95 %",
    "macro",
    "95 %",
    "at relevant",
    "P@1",
    "P@5",
    "P@10",
    "nDCG@10",
    "MAP",
    "hard",
  ];
  const rows = Object.entries(summary).map(([way, one]) => [
    way,
    shown(one.micro),
    between(one.interval95.micro),
    shown(one.macro),
    between(one.interval95.macro),
    shown(one.atRelevant.macro),
    shown(one.precision1.macro),
    shown(one.precision5.macro),
    shown(one.precision10.macro),
    shown(one.ndcg10.macro),
    one.full === null ? "–" : shown(one.full.macro),
    one.hard === undefined ? "–" : shown(one.hard),
  ]);
  for (const line of table(header, rows)) output.line(line);
  output.line("(at relevant and all that follows: macro; hard: the mean over the classes of --hard)");
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
    const cells = foreign.map(({ kind, images, constant, refused, auroc, calledForeign }) => [
      printable(kind),
      images,
      constant,
      refused,
      shown(auroc),
      percent(calledForeign),
    ]);
    for (const line of table(["foreign images", "images", "constant", "refused", "AUROC", "called foreign"], cells))
      output.line(line);
  }
  for (const { path, code, message } of report.refused) output.line(`refused: ${printable(path)} ${code}: ${message}`);
  output.line(
    `${seconds.embedding.toFixed(0)} s embedding, ${seconds.storing.toFixed(0)} s storing, ${seconds.asking.toFixed(0)} s asking`,
  );
}

function printRobustness({ altered, lost }: Robustness, output: Output): void {
  const rows = altered.map(({ name, means, hash, float, refused, lost: { hash: byHash, float: byFloat } }) => [
    name,
    shown(hash.macro),
    shown(byHash),
    shown(float.macro),
    shown(byFloat),
    refused,
    means,
  ]);
  output.line();
  const header = ["altered queries", "hash macro", "lost", "float macro", "lost", "refused", ""];
  for (const line of table(header, rows)) output.line(line);
  for (const way of ["hash", "float"] as const) {
    output.line(`${way}: ${shown(lost[way].mean)} lost on average, ${shown(lost[way].worst)} at worst`);
  }
  output.line();
}

function between({ low, high }: Interval): string {
  return `${shown(low)} to ${shown(high)}`;
}

function shown(value: number): string {
  return Number.isNaN(value) ? "–" : value.toFixed(3);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
