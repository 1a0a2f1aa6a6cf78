/**
 * A process that uses the embedded engine of a folder, for tests that need several or need to kill one: opens it,
 * prints one line of JSON about what it got, and uses it until its standard input is closed.
 *
 *     node engine-user.js FOLDER LINGER_MS
 */
import { type EngineEvent, openEmbeddedEngine } from "../../plugin/embedded/index.js";

const [dataDir = "", lingerMs = "200"] = process.argv.slice(2);
const events: EngineEvent[] = [];
const engine = await openEmbeddedEngine({
  dataDir,
  lingerMs: Number(lingerMs),
  onEvent: (event) => events.push(event),
});
process.stdout.write(`${JSON.stringify({ ...(await engine.endpoint()), events })}\n`);
process.stdin.resume();
await new Promise((resolve) => process.stdin.once("end", resolve));
await engine.release();
