/** All commands as one program: parses a command line and hands it to one of them. Exit codes: see `output.ts`. */
import { Command, CommanderError } from "commander";
import { DafhError } from "../schemas/index.js";
import type { CommandContext } from "./command-line.js";
import { deidentifyCommand } from "./commands/deidentify.js";
import { doctorCommand } from "./commands/doctor.js";
import { encodeCommand } from "./commands/encode.js";
import { encoderCommand } from "./commands/encoder.js";
import { evalCommand } from "./commands/eval.js";
import { ingestCommand } from "./commands/ingest.js";
import { inspectCommand } from "./commands/inspect.js";
import { purgeCommand } from "./commands/purge.js";
import { searchCommand } from "./commands/search.js";
import { serveCommand } from "./commands/serve.js";
import { examplesOf } from "./examples.js";
import { EXIT, outputTo } from "./output.js";
import { productVersion } from "./version.js";

const MORE_HELP = `
Exit codes: 0 done, 1 failed, 2 bad usage, 3 done with some inputs refused.
Environment: DAFH_DATA, QDRANT_URL, QDRANT_API_KEY, ENCODER_URL, DAFH_COLLECTION, DAFH_MODEL.`;

/** @param words the command line after the program's name */
export async function runProgram(words: readonly string[], context: CommandContext): Promise<void> {
  const { streams } = context;
  const program = new Command("dafh")
    .description("Find the medical images that look like this one.")
    .version(productVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
    })
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText("after", MORE_HELP);
  for (const make of [
    ingestCommand,
    searchCommand,
    inspectCommand,
    deidentifyCommand,
    encodeCommand,
    evalCommand,
    serveCommand,
    encoderCommand,
    doctorCommand,
    purgeCommand,
  ]) {
    const command = make(context).copyInheritedSettings(program);
    program.addCommand(command.addHelpText("after", examplesOf(command.name())));
  }
  try {
    await program.parseAsync(words, { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    // Help and version end here too, with code 0; what was wrong otherwise is on standard error already.
    context.exitWith(thrown.exitCode === 0 ? EXIT.done : EXIT.badUsage);
    if (thrown.exitCode !== 0 && words.includes("--json")) {
      const message = thrown.message.replace(/^error: /, "");
      outputTo(streams, true).document({ error: new DafhError("BAD_OPTION", message).toBody() });
    }
  }
}
