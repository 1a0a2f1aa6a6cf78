/** `dafh ingest`: folders, files, zips and DICOMDIRs into the collection. The work is `cli/ingest/`'s. */
import { Command } from "commander";
import { ERRORS, type ErrorCode } from "../../schemas/index.js";
import { type CommandContext, type Flags, perform, type Run, withCommonFlags } from "../command-line.js";
import { type ProfileFlags, pixelsOption, profileOf, withAttributeOptions } from "../deidentify/profile-options.js";
import { NO_LABELS, readLabels } from "../ingest/labels.js";
import { ingest } from "../ingest/pipeline.js";
import { NO_PROGRESS, showProgress } from "../ingest/progress.js";
import { findFiles, requireSome } from "../ingest/sources.js";
import type { IngestSummary } from "../ingest/summary.js";
import { EXIT, type ExitCode, type Output, printable } from "../output.js";
import { withParts } from "../parts.js";
import { stopSignal } from "../stop-signal.js";
import { productVersion } from "../version.js";

interface IngestFlags extends Flags, ProfileFlags {
  readonly labels?: string;
  readonly previews: boolean;
  readonly replace?: boolean;
  readonly secondaryCaptures?: boolean;
  readonly quiet?: boolean;
}

export function ingestCommand(context: CommandContext): Command {
  const command = withCommonFlags(new Command("ingest"))
    .description("Encode images and store them. Running it again goes on where it stopped and skips what is stored.")
    .argument("<path...>", "folders (with all below them), DICOM files, zip archives, DICOMDIRs")
    .option("--labels <csv>", "manifest with the columns path and label; names PNG and JPEG images to take as well")
    .option("--no-previews", "keep no preview images")
    .option("--replace", "take images whose SOP Instance UID is stored with other pixels")
    .option(
      "--secondary-captures",
      "take secondary captures too; those that may have text burned in stay refused without --pixels keep",
    )
    .option("--quiet", "no progress");
  return withAttributeOptions(command, "what is stored")
    .addOption(pixelsOption())
    .action((paths: string[], flags: IngestFlags) => perform(context, flags, (run) => runIngest(run, paths, flags)));
}

async function runIngest(run: Run, paths: readonly string[], flags: IngestFlags): Promise<ExitCode> {
  const { config, output, streams } = run;
  // Before anything is made: a misspelt path leaves no empty collection behind.
  await requireSome(paths);
  const labels = flags.labels === undefined ? NO_LABELS : readLabels(flags.labels);
  const stop = stopSignal(() =>
    output.note("Stopping: what is in flight is being finished. Once more to stop at once."),
  );
  try {
    return await withParts(config, { create: true }, async (parts) => {
      const progress = flags.quiet === true ? NO_PROGRESS : showProgress(streams.stderr);
      const counting = new AbortController();
      const counted = count(paths, [config.dataDir], counting.signal).then(
        (files) => {
          if (files !== undefined) progress.total(files);
        },
        // The count is only for show; what cannot be walked is the ingestion's own to report.
        () => undefined,
      );
      let summary: IngestSummary;
      try {
        const found = findFiles(paths, [config.dataDir]);
        const { replace = false, secondaryCaptures = false, previews } = flags;
        // An encoder elsewhere may be of another version, and does not say so.
        const judge = config.encoderUrl === null ? `${productVersion()} ${parts.info.model.digest}` : null;
        const options = { found, labels, replace, secondaryCaptures, previews, profile: profileOf(flags), judge };
        summary = await ingest({ ...options, onProgress: progress.update, signal: stop.signal }, parts);
      } finally {
        counting.abort();
        await counted;
        progress.stop();
      }
      report(summary, output);
      if (summary.interrupted) return EXIT.failed;
      return summary.refused.length > 0 ? EXIT.someRefused : EXIT.done;
    });
  } finally {
    stop.release();
  }
}

/** Runs ahead of the work, so that the time left can be told; nothing where it was stopped. */
async function count(
  paths: readonly string[],
  skip: readonly string[],
  signal: AbortSignal,
): Promise<number | undefined> {
  let files = 0;
  for await (const _ of findFiles(paths, skip)) {
    if (signal.aborted) return undefined;
    files += 1;
  }
  return files;
}

function report(summary: IngestSummary, output: Output): void {
  if (output.json) output.document(summary);
  else for (const line of reportLines(summary)) output.line(line);
  if (summary.interrupted) output.note("Stopped before the end. Run the same command again to go on.");
}

function reportLines(summary: IngestSummary): string[] {
  const { files, instances, frames, constantFrames, seconds, refused, refusedByCode, labelsUnmet } = summary;
  const kinds = (["new", "unchanged", "updated", "replaced"] as const)
    .filter((kind) => kind === "new" || summary[kind] > 0)
    .map((kind) => `${summary[kind]} ${kind}`);
  const lines = [
    `${files} files in ${seconds.toFixed(1)} s: ${instances} images (${frames} frames), ${kinds.join(", ")}; ${refused.length} refused.`,
  ];
  // The cast: the keys of a record by error code are error codes.
  for (const [code, number] of Object.entries(refusedByCode) as [ErrorCode, number][]) {
    lines.push("", `${code} (${number}): ${ERRORS[code].meaning}`);
    const named = refused.filter((file) => file.code === code);
    // A folder of images holds text files by the thousand; they are no news. Nor would anybody read a thousand others.
    const shown = named.slice(0, code === "NOT_DICOM" ? 5 : 20);
    lines.push(...shown.map(({ path, message }) => `  ${printable(path)}: ${printable(message)}`));
    if (shown.length < named.length) lines.push(`  and ${named.length - shown.length} more (--json names them all)`);
  }
  if (constantFrames > 0) lines.push("", `${constantFrames} frames are left out: all their pixels have one value.`);
  if (summary.framesUnderOtherProfiles > 0) {
    const { framesUnderOtherProfiles, profile } = summary;
    lines.push(
      "",
      `${framesUnderOtherProfiles} stored frames came in under another profile than ${profile}: ingest their files again under it, or give each profile a data folder.`,
    );
  }
  if (labelsUnmet > 0) lines.push("", `${labelsUnmet} rows of the labels manifest name files that were not met.`);
  return lines;
}
