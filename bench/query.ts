/**
 * How long a search takes beside the time that the engine itself reports, for every mode, with 100,000 stored points:
 * `node dist/bench/query.js [--points N] [--queries N] [--data DIR]`. With --data the points are stored once and kept.
 */
import type { Embedding, SearchRequest } from "../schemas/index.js";
import { generator } from "../test/plugin/generated.js";
import { printTimes, readOptions, timesRow } from "./measure.js";
import { openBenchCollection, storePoints } from "./stored-points.js";

type Variant = [name: string, request: Omit<SearchRequest, "query">];

const VARIANTS: readonly Variant[] = [
  ["two-stage, C = 200", { candidateLimit: 200 }],
  ["two-stage, C = 200, modality", { candidateLimit: 200, modality: ["CT"] }],
  ["two-stage, C = 1000", { candidateLimit: 1_000 }],
  ["two-stage, C = 200, by series", { candidateLimit: 200, groupBy: "series" }],
  ["hamming", { mode: "hamming" }],
  ["float, exact", { mode: "float" }],
];

const WARM_UP = 20;

const options = readOptions({ points: 100_000, queries: 200 });
const { collection, close } = await openBenchCollection(options);
await storePoints(collection, options.points);

const rows: string[][] = [];
for (const [name, request] of VARIANTS) {
  const queries = embeddings(WARM_UP + options.queries);
  const total: number[] = [];
  const engine: number[] = [];
  for (const [index, embedding] of queries.entries()) {
    const started = performance.now();
    const { timingsMs } = await collection.search({ query: { embedding }, ...request });
    if (index < WARM_UP) continue;
    total.push(performance.now() - started);
    engine.push(timingsMs.engine);
  }
  rows.push(timesRow(`plugin: ${name}`, total, engine));
}
await close();
printTimes(options, rows);

function embeddings(count: number): Embedding[] {
  const generated = generator(2);
  return Array.from({ length: count }, () => generated.embedding());
}
