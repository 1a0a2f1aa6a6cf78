/** `dafh doctor`: whether everything that ingestion and search need is there, and for what is not, the way out. */
import { Command } from "commander";
import { type CommandContext, type Flags, perform, type Run, withCommonFlags } from "../command-line.js";
import { examine } from "../doctor/examine.js";
import { EXIT, type ExitCode, printable } from "../output.js";

export function doctorCommand(context: CommandContext): Command {
  return withCommonFlags(new Command("doctor"))
    .description("Check this machine, the engine, the encoder and the data folder.")
    .action((flags: Flags) => perform(context, flags, runDoctor));
}

async function runDoctor({ config, output }: Run): Promise<ExitCode> {
  const findings = await examine(config);
  const failed = findings.some(({ status }) => status === "fail");
  if (output.json) output.document({ ok: !failed, checks: findings });
  for (const { status, name, message, wayOut } of findings) {
    output.line(`${status.padEnd(4)}  ${name}: ${printable(message)}`);
    if (wayOut !== undefined) output.line(`      → ${wayOut}`);
  }
  return failed ? EXIT.failed : EXIT.done;
}
