/**
 * Runs the test files of folders under mocha and leaves the counts in a file: node run-mocha.mjs COUNTS FOLDER...
 * DAFH_TEST_JOBS=2 runs two files at a time, for a machine with cores to spare: each file has engines, folders and
 * ports of its own.
 */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import Mocha from "mocha";

const jobs = Number(process.env.DAFH_TEST_JOBS ?? 1);

const [countsFile, ...folders] = process.argv.slice(2);
const mocha = new Mocha({
  ui: "bdd",
  reporter: "spec",
  timeout: 60_000,
  slow: 5_000,
  forbidOnly: true,
  parallel: jobs > 1,
  jobs,
});
for (const folder of folders) {
  const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".test.js"));
  for (const file of files.sort()) mocha.addFile(join(folder, file));
}
if (jobs === 1) await mocha.loadFilesAsync();
const runner = mocha.run((failures) => {
  const { passes, pending } = runner.stats;
  mkdirSync(dirname(countsFile), { recursive: true });
  writeFileSync(countsFile, JSON.stringify({ passed: passes, failed: failures, skipped: pending }));
  process.exitCode = failures > 0 ? 1 : 0;
  // A test that leaves a server or a thread behind would keep the run from ending: it is told, and ended.
  setTimeout(() => {
    console.error("Something a test started is still running 15 s after the last test; ending.");
    process.exit(1);
  }, 15_000).unref();
});
