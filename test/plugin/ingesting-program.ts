/**
 * A program that opens a collection and stores points from a number on, for tests that need another process:
 * `node ingesting-program.js DATA_FOLDER FIRST COUNT`. Prints a line for each batch that was acknowledged.
 */
import { DafhCollection } from "../../plugin/index.js";
import { generator, TEST_MODEL } from "./generated.js";

const [dataDir, first, count] = process.argv.slice(2);
if (dataDir === undefined) throw new Error("no data folder given");
const generated = generator(Number(first));
const collection = await DafhCollection.open({ connection: { dataDir }, model: TEST_MODEL, create: true });
for (let start = Number(first); start < Number(first) + Number(count); start += 100) {
  await collection.upsert(Array.from({ length: 100 }, (_, index) => generated.point(start + index)));
  console.log(`acknowledged ${start}`);
}
await collection.close();
