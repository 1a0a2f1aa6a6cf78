/** `dafh inspect`: what the decoder sees in files and folders, without network or collection. The decoding is the encoder's. */
import { stat } from "node:fs/promises";
import { Command } from "commander";
import { type Inspection, openInspector } from "../../encoder/index.js";
import {
  type CommandContext,
  exitCodeOf,
  type Flags,
  frameOption,
  perform,
  type Run,
  withCommonFlags,
} from "../command-line.js";
import { eachInput } from "../each-input.js";
import { folderLines, inspectFolder } from "../inspect/folder.js";
import { type ExitCode, printable } from "../output.js";

interface InspectFlags extends Flags {
  readonly frame?: number;
}

export function inspectCommand(context: CommandContext): Command {
  return withCommonFlags(new Command("inspect"))
    .description(
      "Show what the decoder sees: attributes, stored pixel statistics, units; of a folder, its series in spatial order.",
    )
    .argument("<path...>", "DICOM, PNG or JPEG files, and folders")
    .addOption(frameOption("to decode"))
    .action((files: string[], flags: InspectFlags) =>
      perform(context, flags, (run) => runInspect(run, files, flags.frame ?? 1)),
    );
}

async function runInspect({ output }: Run, files: readonly string[], frame: number): Promise<ExitCode> {
  const inspector = openInspector();
  try {
    let refusedInFolders = 0;
    const refused = await eachInput(files, output, async (path) => {
      if (await isFolder(path)) {
        const folder = await inspectFolder(inspector, path);
        refusedInFolders += folder.refused.length;
        if (output.json) output.document(folder);
        else for (const line of folderLines(folder)) output.line(line);
        return;
      }
      const inspection = await inspector.inspect({ path }, frame);
      if (output.json) output.document({ path, ...inspection });
      else for (const line of inspectionLines(path, inspection)) output.line(line);
    });
    return exitCodeOf(refused + refusedInFolders);
  } finally {
    await inspector.close();
  }
}

/** What cannot be reached is no folder here: the decoder says what is wrong with it. */
async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

function inspectionLines(path: string, inspection: Inspection): string[] {
  const { attributes, stored, ...rest } = inspection;
  const fields = { ...rest, ...attributes };
  const names = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  return [
    printable(path),
    ...names.map(
      ([name, value]) => `  ${name}: ${printable(typeof value === "string" ? value : JSON.stringify(value))}`,
    ),
    `  stored values: ${stored.min} to ${stored.max}, mean ${stored.mean.toFixed(2)}, SHA-256 ${stored.sha256}`,
  ];
}
