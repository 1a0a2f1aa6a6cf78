/** The stored points that the benchmarks of searching search in: generated, the same for all of them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DafhCollection } from "../plugin/index.js";
import { generator, TEST_MODEL } from "../test/plugin/generated.js";
import type { BenchOptions } from "./measure.js";

const POINTS_PER_CALL = 5_000;

export interface BenchCollection {
  readonly collection: DafhCollection;
  readonly dataDir: string;
  /** Also removes the data folder, unless it was given. */
  close(): Promise<void>;
}

/** Opens the collection of `--data`, or of a new temporary folder. */
export async function openBenchCollection(options: BenchOptions): Promise<BenchCollection> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "dafh-bench-")));
  const collection = await DafhCollection.open({ connection: { dataDir }, model: TEST_MODEL, create: true });
  return {
    collection,
    dataDir,
    close: async () => {
      await collection.close();
      if (options.dataDir === null) await rm(dataDir, { recursive: true });
    },
  };
}

/** Stores what is missing of the first `count` generated points, then has them optimized. */
export async function storePoints(collection: DafhCollection, count: number): Promise<void> {
  const present = await collection.count();
  const generated = generator(1);
  for (let first = present; first < count; first += POINTS_PER_CALL) {
    const size = Math.min(POINTS_PER_CALL, count - first);
    await collection.upsert(Array.from({ length: size }, (_, index) => generated.point(first + index)));
    process.stderr.write(`\rstored ${first + size} points`);
  }
  if (present < count) await collection.optimize();
  process.stderr.write("\n");
}
