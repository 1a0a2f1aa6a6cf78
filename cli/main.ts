#!/usr/bin/env node
/** `dafh` as a process: its arguments, environment, streams and exit code, handed to the program. */
import { runProgram } from "./program.js";

// Whoever reads the output may stop reading, as `head` does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(process.exitCode);
  throw error;
});

await runProgram(process.argv.slice(2), {
  environment: process.env,
  streams: process,
  exitWith: (code) => {
    process.exitCode = code;
  },
});
