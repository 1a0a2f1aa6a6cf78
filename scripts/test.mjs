/**
 * `npm test`: sets up, then runs the compiled tests with coverage. `npm test -- cli plugin` runs those folders only.
 * The last line is "N passed, N failed", with ", N skipped" where some were.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { exitWith, ROOT, run, SetupError, setUp } from "./setup.mjs";

const COUNTS = join(ROOT, "coverage", "counts.json");
const TESTS = join(ROOT, "dist", "test");
const folders = process.argv.slice(2).map((name) => join(TESTS, name));

try {
  rmSync(join(ROOT, "coverage"), { recursive: true, force: true });
  await setUp();
} catch (error) {
  exitWith(error);
}
try {
  const c8 = join(ROOT, "node_modules", "c8", "bin", "c8.js");
  const runner = [
    process.execPath,
    join(ROOT, "scripts", "run-mocha.mjs"),
    COUNTS,
    ...(folders.length > 0 ? folders : [TESTS]),
  ];
  const coverage = ["--reporter", "text-summary", "--reporter", "lcovonly", "--exclude", "dist/test/**"];
  await run(process.execPath, [c8, ...coverage, ...runner], { stdio: ["ignore", 1, 2] });
} catch (error) {
  if (!(error instanceof SetupError)) exitWith(error);
  process.exitCode = 1;
}
if (existsSync(COUNTS)) {
  const { passed, failed, skipped } = JSON.parse(readFileSync(COUNTS, "utf8"));
  if (failed > 0) process.exitCode = 1;
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
} else {
  process.exitCode = 1;
  console.log("0 passed, 1 failed");
}
