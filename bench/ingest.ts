/**
 * How fast ready embeddings are stored through the plugin in the embedded engine: K = 64, D = 256, payloads as wide as a
 * CT slice's. `node dist/bench/ingest.js [--points N] [--data DIR]`. Making the embeddings is not timed.
 */
import { generator } from "../test/plugin/generated.js";
import { machine, readOptions } from "./measure.js";
import { openBenchCollection } from "./stored-points.js";

/** As many as one call stores; like the CLI, which hands them over as they are encoded. */
const POINTS_PER_CALL = 5_000;

const options = readOptions({ points: 50_000, queries: 0 });
const { collection, close } = await openBenchCollection(options);
const before = await collection.count();
const generated = generator(1);
let storing = 0;
const rates: number[] = [];
let cpuMicroseconds = 0;
for (let first = 0; first < options.points; first += POINTS_PER_CALL) {
  const count = Math.min(POINTS_PER_CALL, options.points - first);
  const points = Array.from({ length: count }, (_, index) => generated.point(before + first + index));
  const cpu = process.cpuUsage();
  const started = performance.now();
  await collection.upsert(points);
  const seconds = (performance.now() - started) / 1000;
  const used = process.cpuUsage(cpu);
  cpuMicroseconds += used.user + used.system;
  storing += seconds;
  rates.push(count / seconds);
}
const stored = (await collection.count()) - before;
const started = performance.now();
await collection.optimize();
const optimizing = (performance.now() - started) / 1000;
await close();

console.log(`${stored} points stored in ${storing.toFixed(2)} s: ${Math.round(stored / storing)} points/s`);
console.log(`slowest ${POINTS_PER_CALL} points: ${Math.round(Math.min(...rates))} points/s`);
console.log(
  `${Math.round(cpuMicroseconds / stored)} µs of this process's CPU a point; optimizing afterwards ${optimizing.toFixed(1)} s`,
);
console.log(machine());
