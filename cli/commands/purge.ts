/** `dafh purge`: what was deleted from a data folder leaves no byte in its files. The work is the catalogue's and the plugin's. */
import { performance } from "node:perf_hooks";
import { Command } from "commander";
import { type CommandContext, type Flags, perform, type Run, withCommonFlags } from "../command-line.js";
import { EXIT, type ExitCode } from "../output.js";
import { withParts } from "../parts.js";

export function purgeCommand(context: CommandContext): Command {
  return withCommonFlags(new Command("purge"))
    .description("Overwrite what was deleted, or stored under another profile: no byte of it stays in the data folder.")
    .action((flags: Flags) => perform(context, flags, runPurge));
}

async function runPurge({ config, output }: Run): Promise<ExitCode> {
  return withParts(config, { create: false }, async ({ collection, catalogue }) => {
    const startMs = performance.now();
    const { engine, points } = await collection.info();
    await catalogue.overwriteDeleted();
    await collection.overwriteDeleted();
    const seconds = Math.round(performance.now() - startMs) / 1000;
    if (output.json) output.document({ engine, frames: points, catalogue: "purged", index: purged(engine), seconds });
    output.line(`Purged the catalogue${engine === "embedded" ? " and the index" : ""} in ${seconds.toFixed(1)} s.`);
    if (engine === "server") {
      output.note(
        "A Qdrant server removes deleted points from its files in its own time: see docs/deidentification.md.",
      );
    }
    return EXIT.done;
  });
}

const purged = (engine: "embedded" | "server"): string => (engine === "embedded" ? "purged" : "left to the server");
