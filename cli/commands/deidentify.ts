/** `dafh deidentify`: copies of DICOM files without what names a patient (PS3.15 Annex E). The work is `cli/deidentify/`'s. */
import { resolve } from "node:path";
import { Command } from "commander";
import { ERRORS, type ErrorCode } from "../../schemas/index.js";
import { type CommandContext, type Flags, perform, type Run, withCommonFlags } from "../command-line.js";
import { deidentificationKey } from "../deidentify/key.js";
import { chooseOutput } from "../deidentify/output-files.js";
import { type ProfileFlags, pixelsOption, profileOf, withAttributeOptions } from "../deidentify/profile-options.js";
import { type DeidentifySummary, deidentifyFound } from "../deidentify/run.js";
import { findFiles } from "../ingest/sources.js";
import { EXIT, type ExitCode, type Output, printable } from "../output.js";
import { stopSignal } from "../stop-signal.js";

interface DeidentifyFlags extends Flags, ProfileFlags {
  readonly key?: string;
}

export function deidentifyCommand(context: CommandContext): Command {
  const command = withCommonFlags(new Command("deidentify"))
    .description("Write copies of DICOM images without what names a patient (PS3.15 Annex E).")
    .argument("<in>", "a DICOM file, or a folder (with all below it), a zip archive or a DICOMDIR")
    .argument("<out>", "a file for a file; else a folder, where files are named by their new UIDs");
  return withAttributeOptions(command, "what is let through")
    .option("--retain-device-identity", "keep the scanner's serial number and names")
    .option("--clean-descriptors", "keep the known words of descriptions")
    .option("--retain-safe-private", "keep known private numbers (PET factors among them)")
    .addOption(pixelsOption())
    .option("--key <file>", "file of 16 bytes or more that only you can read (else the data folder's site.key)")
    .action((input: string, output: string, flags: DeidentifyFlags) =>
      perform(context, flags, (run) => runDeidentify(run, input, output, flags)),
    );
}

async function runDeidentify(
  { config, output }: Run,
  input: string,
  outputPath: string,
  flags: DeidentifyFlags,
): Promise<ExitCode> {
  const write = await chooseOutput(input, outputPath);
  const key = await deidentificationKey(flags.key, config.dataDir);
  const stop = stopSignal(() => output.note("Stopping after this file. Once more to stop at once."));
  try {
    const summary = await deidentifyFound({
      // What was written is not read again, should OUT lie inside IN.
      found: findFiles([input], [resolve(outputPath), config.dataDir]),
      write,
      profile: profileOf(flags),
      key,
      signal: stop.signal,
    });
    if (output.json) output.document(summary);
    else report(summary, output);
    if (summary.interrupted) return EXIT.failed;
    return summary.refused.length > 0 ? EXIT.someRefused : EXIT.done;
  } finally {
    stop.release();
  }
}

function report(
  { files, written, unchanged, refused, refusedByCode, profile, seconds, interrupted }: DeidentifySummary,
  output: Output,
): void {
  output.line(
    `${files} files in ${seconds.toFixed(1)} s: ${written} written, ${unchanged} there already, ${refused.length} refused (profile ${profile.name}).`,
  );
  // The cast: the keys of a record by error code are error codes.
  for (const [code, number] of Object.entries(refusedByCode) as [ErrorCode, number][]) {
    output.line();
    output.line(`${code} (${number}): ${ERRORS[code].meaning} ${ERRORS[code].wayOut}`);
    for (const file of refused) {
      if (file.code === code) output.line(`  ${printable(file.path)}: ${printable(file.message)}`);
    }
  }
  if (interrupted) output.note("Stopped before the end. Run the same command again to go on.");
}
