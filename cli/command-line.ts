/**
 * What the commands share at the edge: the flags that every one takes, option values turned into checked ones, and the
 * one place where a command's failure becomes an exit code. What a command does is its own file's matter.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type CliConfig, type CommonFlags, readConfig } from "./config.js";
import { EXIT, type ExitCode, type Output, outputTo, reportFailure, type Streams } from "./output.js";

/** What a command runs in; the process, but for tests. */
export interface CommandContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly streams: Streams;
  readonly exitWith: (code: ExitCode) => void;
}

export interface Flags extends CommonFlags {
  readonly json?: boolean;
}

export interface Run {
  readonly config: CliConfig;
  readonly output: Output;
  readonly streams: Streams;
}

export function withCommonFlags(command: Command): Command {
  return command
    .option("--data <dir>", "data folder (else DAFH_DATA, else ~/.local/share/qdrant-dafh)")
    .option("--json", "print JSON: one document, or one a line with several inputs");
}

/** Runs a command's work and turns what comes of it into the exit code. */
export async function perform(
  context: CommandContext,
  flags: Flags,
  work: (run: Run) => Promise<ExitCode>,
): Promise<void> {
  const output = outputTo(context.streams, flags.json === true);
  try {
    const config = readConfig(flags, context.environment);
    context.exitWith(await work({ config, output, streams: context.streams }));
  } catch (thrown) {
    context.exitWith(reportFailure(thrown, output));
  }
}

/** For commands over several inputs: every one is tried, and 3 says that some were refused. */
export function exitCodeOf(refused: number): ExitCode {
  return refused === 0 ? EXIT.done : EXIT.someRefused;
}

export function wholeNumberOption(flags: string, description: string, least: number, most: number): Option {
  return new Option(flags, `${description} (${least} to ${most})`).argParser((text: string) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It takes a whole number from ${least} to ${most}.`);
  });
}

export function frameOption(purpose: string): Option {
  return wholeNumberOption("--frame <n>", `frame ${purpose}; 1 unless told`, 1, 1_000_000);
}

/** `CT,MR` in any case. DICOM's term for PET is PT; a search for "PET" would silently find nothing. */
export function modalityOption(): Option {
  return new Option("--modality <list>", "only these DICOM modalities, such as CT,MR,PT").argParser((text: string) => {
    const values = text.split(",").map((value) => value.trim().toUpperCase());
    if (values.some((value) => !/^[A-Z0-9_]{1,16}$/.test(value))) {
      throw new InvalidArgumentError("It takes DICOM modalities with commas between, such as CT,MR,PT.");
    }
    if (values.includes("PET")) throw new InvalidArgumentError("DICOM's term for PET is PT.");
    return values;
  });
}
