/**
 * How long a search by a ready embedding takes through the gateway, and how much of it is not the engine's own time:
 * `node dist/bench/gateway.js [--points N] [--queries N] [--data DIR]`. With --data the points are stored once and kept;
 * `query.js` uses the same ones.
 */
import { Agent, request as httpRequest } from "node:http";
import { pino } from "pino";
import { openCatalogue } from "../catalogue/index.js";
import { openEncoder } from "../encoder/index.js";
import { startGateway } from "../gateway/index.js";
import type { SearchAnswer } from "../schemas/dto.js";
import { generator } from "../test/plugin/generated.js";
import { printTimes, readOptions, timesRow } from "./measure.js";
import { openBenchCollection, storePoints } from "./stored-points.js";

type Variant = [name: string, request: Readonly<Record<string, unknown>>];

const VARIANTS: readonly Variant[] = [
  ["two-stage, C = 200", { candidateLimit: 200 }],
  ["two-stage, C = 200, modality", { candidateLimit: 200, modality: ["CT"] }],
  ["two-stage, C = 1000", { candidateLimit: 1_000 }],
  ["two-stage, C = 200, by series", { candidateLimit: 200, groupBy: "series" }],
  ["hamming", { mode: "hamming" }],
];

const WARM_UP = 50;

const options = readOptions({ points: 100_000, queries: 200 });
const { collection, dataDir, close } = await openBenchCollection(options);
await storePoints(collection, options.points);
const catalogue = openCatalogue({ dataDir });
// Not asked for anything here: the embeddings are ready. A gateway is given one all the same.
const encoder = await openEncoder({ workers: 1 });
const gateway = await startGateway({
  collection,
  catalogue,
  encoder,
  logger: pino({ level: "info" }, pino.destination("/dev/null")),
  config: { port: 0, requestsPerMinute: 0 },
});
const agent = new Agent({ keepAlive: true });

const rows: string[][] = [];
for (const [name, request] of VARIANTS) {
  const generated = generator(2);
  const whole: number[] = [];
  const engine: number[] = [];
  for (let at = 0; at < WARM_UP + options.queries; at++) {
    const { hash, features } = generated.embedding();
    const body = JSON.stringify({ embedding: { hash: base64(hash), features: base64(features) }, ...request });
    const startedMs = performance.now();
    const { timingsMs } = await search(body);
    if (at < WARM_UP) continue;
    whole.push(performance.now() - startedMs);
    engine.push(timingsMs.engine);
  }
  rows.push(timesRow(`gateway: ${name}`, whole, engine));
}

agent.destroy();
await gateway.close();
await encoder.close();
await catalogue.close();
await close();
printTimes(options, rows);

/** By node:http and not fetch, so that what is measured is the gateway and less of its client. */
function search(body: string): Promise<SearchAnswer> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };
    const asked = httpRequest(`${gateway.url}/v1/search`, { method: "POST", agent, headers }, async (response) => {
      const parts: Buffer[] = [];
      for await (const part of response) parts.push(part);
      const text = Buffer.concat(parts).toString("utf8");
      // The cast: the gateway's own answer.
      if (response.statusCode === 200) resolve(JSON.parse(text) as SearchAnswer);
      else reject(new Error(`${response.statusCode}: ${text}`));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

function base64(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
}
